package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

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
