package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
)

// watch looks at a group for as long as it is let: round after round it asks the
// parent and every signer everything, and holds whatever caches may have against
// each other. The test fails at its end if anything would have been bogus to
// anybody, or a signer that should be there gave no answer.
type watch struct {
	g      *group
	ask    []question
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu       sync.Mutex
	away     map[string]time.Time // signers that were killed, and until when they may be silent; zero: still
	rounds   int
	verified int
	faults   map[string]time.Time // the first time of each
	onFault  chan struct{}        // closed at the first
}

// startWatch begins to look, with all questions if none are given; stop ends it, at
// the latest with the test.
func startWatch(t *testing.T, g *group, ask ...question) *watch {
	if len(ask) == 0 {
		ask = questions
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{g: g, ask: ask, cancel: cancel, away: map[string]time.Time{}, faults: map[string]time.Time{}, onFault: make(chan struct{})}
	signers := slices.Clone(g.Signers)
	w.ended.Go(func() { w.run(ctx, signers) })
	t.Cleanup(func() { w.stop(t) })
	return w
}

// stop ends the watch and fails the test for what it saw.
func (w *watch) stop(t *testing.T) {
	w.cancel()
	w.ended.Wait()
	w.check(t)
	require.Greater(t, w.rounds, 3, "rounds of questions")
}

// check fails the test for what has been seen so far.
func (w *watch) check(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fault := range slices.SortedFunc(maps.Keys(w.faults), func(a, b string) int { return w.faults[a].Compare(w.faults[b]) }) {
		t.Errorf("%s: %s", w.faults[fault].UTC().Format("15:04:05.000"), fault)
	}
	clear(w.faults)
}

// fault notes what would be bogus, or is missing.
func (w *watch) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if _, known := w.faults[text]; known || len(w.faults) > 100 {
		return
	}
	if len(w.faults) == 0 {
		select {
		case <-w.onFault:
		default:
			close(w.onFault)
		}
	}
	w.faults[text] = time.Now()
}

// expect says whether a signer must answer what it is asked from now on.
func (w *watch) expect(s lab.Signer, answers bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away[s.Name] = time.Time{}
	if answers {
		w.away[s.Name] = time.Now()
	}
}

func (w *watch) expected(s lab.Signer, askedAt time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	until, killed := w.away[s.Name]
	return !killed || !until.IsZero() && askedAt.After(until)
}

// pause is the least between two rounds: the caches of the lab live for two seconds.
const pause = 100 * time.Millisecond

func (w *watch) run(ctx context.Context, signers []lab.Signer) {
	c := newCaches()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		began := time.Now()
		w.lookAtParent(c)
		var wait sync.WaitGroup
		var mu sync.Mutex // of c
		for _, s := range signers {
			wait.Go(func() { w.lookAt(s, c, &mu) })
		}
		wait.Wait()
		for _, fault := range c.judge(began) {
			w.fault("%s", fault)
		}
		w.mu.Lock()
		w.rounds++
		w.verified = c.verified
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// lookAtParent takes in the DS RRset, and that there is none.
func (w *watch) lookAtParent(c *caches) {
	askedAt := time.Now()
	ds, err := w.g.chain(askedAt)
	if err != nil {
		w.fault("parent: %v", err)
		return
	}
	remember(c.ds, content(nil, ds), "the parent", ds, seconds(ds.TTL), askedAt, time.Now())
}

// lookAt asks a signer everything.
func (w *watch) lookAt(s lab.Signer, c *caches, mu *sync.Mutex) {
	for _, q := range w.ask {
		askedAt := time.Now()
		resp, err := exchangeOnce(s.Address, q.full(), q.t)
		if closed(err) {
			askedAt = time.Now()
			resp, err = exchangeOnce(s.Address, q.full(), q.t)
		}
		if err == nil && resp.Rcode != dns.RcodeSuccess && resp.Rcode != dns.RcodeNameError {
			err = fmt.Errorf("answers %s", dns.RcodeToString[resp.Rcode])
		}
		if err != nil {
			if w.expected(s, askedAt) {
				w.fault("signer %s, %s: %v", s.Name, q, err)
			}
			return
		}
		came := time.Now()
		id := content(resp, zone.RRset{}) + s.Name
		mu.Lock()
		if q.t == dns.TypeDNSKEY {
			keys, err := dnskeys(resp)
			if err != nil {
				w.fault("signer %s, %s: %v", s.Name, q, err)
			}
			remember(c.keys, id, "signer "+s.Name, keys, life(resp), askedAt, came)
		} else {
			remember(c.answers, id, "signer "+s.Name, asked{q, resp}, life(resp), askedAt, came)
		}
		mu.Unlock()
	}
}

// dnskeys takes the DNSKEY RRset out of a response. One that says that there is
// none gives one without records.
func dnskeys(resp *dns.Msg) (zone.RRset, error) {
	sets, err := zone.FromRRs(resp.Answer)
	if err != nil || len(sets) == 0 {
		return zone.RRset{Name: apex, Type: zone.TypeDNSKEY}, err
	}
	return sets[0], nil
}

// life is for how long a cache keeps a response as a whole.
func life(resp *dns.Msg) time.Duration {
	least := uint32(math.MaxInt32)
	for _, rr := range slices.Concat(resp.Answer, resp.Ns) {
		least = min(least, rr.Header().Ttl)
		if soa, ok := rr.(*dns.SOA); ok && len(resp.Answer) == 0 {
			least = min(least, soa.Minttl)
		}
	}
	return seconds(least)
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

// content tells responses and RRsets apart by all that is in them.
func content(resp *dns.Msg, s zone.RRset) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s", s.TTL, s.Rdata, s.Sigs)
	if resp != nil {
		m := *resp
		m.Id = 0
		text, err := m.Pack()
		if err != nil {
			panic(err) // it was unpacked a moment ago
		}
		h.Write(text)
	}
	return string(h.Sum(nil))
}
