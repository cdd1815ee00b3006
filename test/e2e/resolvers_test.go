//go:build interop

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// resolvers are two Unbounds that trust the lab's parent alone and want every
// algorithm that the DS RRset has. One keeps what it learns for as long as it may,
// the other forgets everything before each round. Both are asked every 100 ms, for
// as long as they are let, and not one answer may be SERVFAIL or insecure.
type resolvers struct {
	keeping, forgetting *unbound

	w      *watch
	cancel context.CancelFunc
	ended  sync.WaitGroup

	queries  atomic.Int64
	bogus    atomic.Int64 // SERVFAIL
	insecure atomic.Int64 // without AD where it must be there
	silent   atomic.Int64 // no answer at all
	open     atomic.Bool  // the zone may be insecure: AD is not asked for
	slowest  atomic.Int64 // round, in nanoseconds
}

// startResolvers asks until stop, at the latest until the end of the test.
func startResolvers(t *testing.T, g *group, w *watch) *resolvers {
	ctx, cancel := context.WithCancel(context.Background())
	r := &resolvers{keeping: startUnbound(t, g, g.Signers...), forgetting: startUnbound(t, g, g.Signers...), w: w, cancel: cancel}
	t.Cleanup(func() { r.stop(t) })
	r.ended.Go(func() { r.run(ctx, r.keeping, false) })
	r.ended.Go(func() { r.run(ctx, r.forgetting, true) })
	return r
}

// stop ends the asking and fails the test for what was wrong.
func (r *resolvers) stop(t *testing.T) {
	r.cancel()
	r.ended.Wait()
	r.check(t)
	require.Greater(t, r.queries.Load(), int64(100))
}

func (r *resolvers) check(t *testing.T) {
	r.w.check(t)
	require.Zero(t, r.bogus.Load(), "answers SERVFAIL")
	require.Zero(t, r.insecure.Load(), "answers that are not secure")
	require.Zero(t, r.silent.Load(), "questions without an answer")
}

// asks are of every kind: a record, a name that nobody asked for before and that is
// not there, no such type, a wildcard, the keys, the SOA.
func asks(round int, keeps bool) []question {
	label := fmt.Sprintf("%t-%d", keeps, round)
	return []question{
		{"www", dns.TypeA, positive, dns.RcodeSuccess},
		{"no-" + label, dns.TypeA, denied, dns.RcodeNameError},
		{"www", dns.TypeMX, denied, dns.RcodeSuccess},
		{"any-" + label + ".wild", dns.TypeA, positive, dns.RcodeSuccess},
		{"@", dns.TypeDNSKEY, positive, dns.RcodeSuccess},
		{"@", dns.TypeSOA, positive, dns.RcodeSuccess},
	}
}

func (r *resolvers) run(ctx context.Context, u *unbound, forgets bool) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for round := 0; ; round++ {
		began := time.Now()
		if forgets {
			if err := u.forget(); err != nil {
				r.w.fault("%v", err)
			}
		}
		var wait sync.WaitGroup
		for _, q := range asks(round, !forgets) {
			wait.Go(func() { r.ask(u, q, forgets) })
		}
		wait.Wait()
		r.slowest.Store(max(r.slowest.Load(), int64(time.Since(began))))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ask puts one question, and notes with Unbound's own words what is wrong with the answer.
func (r *resolvers) ask(u *unbound, q question, forgets bool) {
	who := "the Unbound that keeps"
	if forgets {
		who = "the Unbound that forgets"
	}
	open := r.open.Load()
	r.queries.Add(1)
	resp, err := u.patiently(q)
	switch {
	case err != nil:
		r.silent.Add(1)
		r.w.fault("%s, %s: %v", who, q, err)
	case resp.Rcode != q.rcode:
		r.bogus.Add(1)
		r.w.fault("%s, %s: %s\n%s\n%s", who, q, dns.RcodeToString[resp.Rcode], resp, u.words())
	case !resp.AuthenticatedData && !open && !r.open.Load():
		r.insecure.Add(1)
		r.w.fault("%s, %s: not secure\n%s\n%s", who, q, resp, u.words())
	}
}

// patiently asks over UDP, again when nothing comes for long: the machine may be busy.
func (u *unbound) patiently(q question) (resp *dns.Msg, err error) {
	m := new(dns.Msg).SetQuestion(q.full(), q.t).SetEdns0(4096, true)
	m.AuthenticatedData = true
	for range 6 {
		client := &dns.Client{Timeout: 5 * time.Second, UDPSize: 4096}
		if resp, _, err = client.Exchange(m, u.address); err == nil && !resp.Truncated {
			return resp, nil
		}
	}
	if err == nil {
		return u.ask(q)
	}
	return nil, err
}

// words are the last that Unbound had to say about validation.
func (u *unbound) words() string {
	text, err := os.ReadFile(u.log)
	if err != nil {
		return err.Error()
	}
	var said []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "validation failure") {
			said = append(said, line)
		}
	}
	return strings.Join(said[max(0, len(said)-3):], "")
}
