package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// patience is how long one question may take, and how often it is put: a server
// that needs longer is unreachable for this look, and the next look is soon.
const (
	patience = time.Second
	tries    = 2
)

// Look asks every address of every nameserver for what the child wants of its
// parent, all at once. There is one Answer per address, in a fixed order.
func Look(ctx context.Context, child string, nameservers map[string][]string) []Answer {
	var answers []Answer
	for host, addresses := range nameservers {
		for _, addr := range addresses {
			answers = append(answers, Answer{Host: host, Addr: addr})
		}
	}
	slices.SortFunc(answers, func(a, b Answer) int { return strings.Compare(a.Host+a.Addr, b.Host+b.Addr) })
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() { answers[i].ask(ctx, child) })
	}
	wait.Wait()
	return answers
}

func (a *Answer) ask(ctx context.Context, child string) {
	for _, q := range []struct {
		t   uint16
		set *Set
	}{{dns.TypeDNSKEY, &a.DNSKEY}, {dns.TypeCDS, &a.CDS}, {dns.TypeCDNSKEY, &a.CDNSKEY}, {dns.TypeSOA, &a.SOA}} {
		set, err := query(ctx, a.Addr, child, q.t)
		if err != nil {
			a.Err = fmt.Sprintf("%s: %v", dns.TypeToString[q.t], err)
			return
		}
		*q.set = set
	}
}

// query asks addr over UDP, and over TCP when the answer does not fit.
func query(ctx context.Context, addr, name string, t uint16) (Set, error) {
	q := new(dns.Msg).SetQuestion(name, t).SetEdns0(1232, true)
	q.RecursionDesired = false
	var (
		resp *dns.Msg
		err  error
	)
	for range tries {
		if resp, err = exchange(ctx, "udp", addr, q); err == nil {
			break
		}
	}
	if err == nil && resp.Truncated {
		resp, err = exchange(ctx, "tcp", addr, q)
	}
	if err != nil {
		return Set{}, err
	}
	return read(resp, q.Question[0])
}

func exchange(ctx context.Context, network, addr string, q *dns.Msg) (*dns.Msg, error) {
	client := &dns.Client{Net: network, Timeout: patience, UDPSize: 1232}
	resp, _, err := client.ExchangeContext(ctx, q, addr)
	return resp, err
}

// read takes the RRset out of a response. What does not come with authority, or is
// neither the RRset nor a proper NODATA (RFC 2308 2.2), is an error: unknown is not absent.
func read(resp *dns.Msg, q dns.Question) (Set, error) {
	switch {
	case resp.Rcode != dns.RcodeSuccess:
		return Set{}, fmt.Errorf("answers %s", dns.RcodeToString[resp.Rcode])
	case !resp.Authoritative:
		return Set{}, fmt.Errorf("answers without authority")
	case len(resp.Question) != 1 || !strings.EqualFold(resp.Question[0].Name, q.Name) || resp.Question[0].Qtype != q.Qtype:
		return Set{}, fmt.Errorf("answers another question")
	}
	var set Set
	for _, rr := range resp.Answer {
		h := rr.Header()
		if !strings.EqualFold(h.Name, q.Name) || h.Class != dns.ClassINET {
			continue
		}
		h.Name = q.Name
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == q.Qtype {
			set.Sigs = append(set.Sigs, sig)
		} else if h.Rrtype == q.Qtype {
			set.Records = append(set.Records, rr)
		}
	}
	if len(set.Records) == 0 && !slices.ContainsFunc(resp.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA }) {
		return Set{}, fmt.Errorf("answers neither records nor their absence")
	}
	return set, nil
}
