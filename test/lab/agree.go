package lab

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// reportEvery is how often a lab that is not ready says what keeps it.
const reportEvery = 10 * time.Second

// agree waits until the parent's DS RRset and every signer's DNSKEY RRset make a
// chain to the answers of every signer. It has no bound: what holds it up is
// said from time to time, and whoever waits may stop it.
func (l *layout) agree(ctx context.Context, running *processes, stdout io.Writer) error {
	spoken := time.Now()
	return every(ctx, 200*time.Millisecond, func() (bool, error) {
		if err := running.fault(); err != nil {
			return false, err
		}
		why := l.disagreement(ctx)
		if why != nil && ctx.Err() == nil && time.Since(spoken) > reportEvery {
			spoken = time.Now()
			fmt.Fprintf(stdout, "  still waiting: %v\n", why)
		}
		return why == nil, nil
	})
}

// disagreement says what is missing yet, or nil.
func (l *layout) disagreement(ctx context.Context) error {
	parentDS, err := ask(ctx, l.Parent.Address, l.Zone, dns.TypeDS)
	if err != nil {
		return fmt.Errorf("parent at %s: %w", l.Parent.Address, err)
	}
	if len(parentDS.records) == 0 {
		return fmt.Errorf("the parent has no DS for %s (its log: %s)", l.Zone, lastLine(l.path("parent", "log")))
	}
	dnskeys, soas := make([]answer, len(l.Signers)), make([]answer, len(l.Signers))
	for i, s := range l.Signers {
		if dnskeys[i], err = ask(ctx, s.Address, l.Zone, dns.TypeDNSKEY); err != nil {
			return fmt.Errorf("signer %s at %s: DNSKEY: %w", s.Name, s.Address, err)
		}
		if soas[i], err = ask(ctx, s.Address, l.Zone, dns.TypeSOA); err != nil {
			return fmt.Errorf("signer %s at %s: SOA: %w", s.Name, s.Address, err)
		}
	}
	now := time.Now()
	for i, s := range l.Signers {
		if !dnskeys[i].signedBy(named(dnskeys[i], parentDS), now) {
			return fmt.Errorf("the DS at the parent does not reach signer %s", s.Name)
		}
		for j, t := range l.Signers {
			if !soas[j].signedBy(dnskeys[i].keys(), now) {
				return fmt.Errorf("signer %s does not publish the key that signer %s signs with", s.Name, t.Name)
			}
		}
	}
	l.ds = l.ds[:0]
	for _, rr := range parentDS.records {
		if ds, ok := rr.(*dns.DS); ok {
			l.ds = append(l.ds, ds)
		}
	}
	return nil
}

// answer is an RRset as one server gave it.
type answer struct {
	records []dns.RR
	sigs    []*dns.RRSIG
}

// ask puts one question over TCP, which needs no second try.
func ask(ctx context.Context, address, name string, t uint16) (answer, error) {
	q := new(dns.Msg).SetQuestion(name, t).SetEdns0(dns.MaxMsgSize, true)
	q.RecursionDesired = false
	client := &dns.Client{Net: "tcp", Timeout: 2 * time.Second}
	resp, _, err := client.ExchangeContext(ctx, q, address)
	if err != nil {
		return answer{}, err
	}
	if resp.Rcode != dns.RcodeSuccess {
		return answer{}, fmt.Errorf("answers %s", dns.RcodeToString[resp.Rcode])
	}
	var a answer
	for _, rr := range resp.Answer {
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == t {
			a.sigs = append(a.sigs, sig)
		} else if rr.Header().Rrtype == t {
			a.records = append(a.records, rr)
		}
	}
	return a, nil
}

func (a answer) keys() []*dns.DNSKEY {
	var keys []*dns.DNSKEY
	for _, rr := range a.records {
		if key, ok := rr.(*dns.DNSKEY); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// named are the keys that the DS RRset speaks of.
func named(dnskey, ds answer) []*dns.DNSKEY {
	return slices.DeleteFunc(dnskey.keys(), func(key *dns.DNSKEY) bool {
		return !slices.ContainsFunc(ds.records, func(rr dns.RR) bool {
			ds, ok := rr.(*dns.DS)
			if !ok {
				return false
			}
			made := key.ToDS(ds.DigestType)
			return made != nil && made.Digest == ds.Digest && made.KeyTag == ds.KeyTag
		})
	})
}

func (a answer) signedBy(keys []*dns.DNSKEY, now time.Time) bool {
	for _, sig := range a.sigs {
		for _, key := range keys {
			if sig.KeyTag == key.KeyTag() && sig.ValidityPeriod(now) && sig.Verify(key, a.records) == nil {
				return true
			}
		}
	}
	return false
}
