package e2e

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
)

var (
	apex   = zone.MustName("example.test.")
	parent = zone.MustName("test.")
)

// exchange asks one server over UDP, and over TCP when the answer says so. It asks once
// more when the connection is closed: resolvers do, too.
func exchange(address, name string, t uint16) (*dns.Msg, error) {
	resp, err := exchangeOnce(address, name, t)
	if closed(err) {
		resp, err = exchangeOnce(address, name, t)
	}
	return resp, err
}

// closed reports whether a server has ended a connection in the midst of a question: one
// that reads its configuration or a zone anew may do that.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func exchangeOnce(address, name string, t uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, t).SetEdns0(1232, true)
	q.RecursionDesired = false
	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: 1232}
		resp, _, err := client.Exchange(q, address)
		if err != nil || !resp.Truncated {
			return resp, err
		}
	}
	return nil, fmt.Errorf("%s: truncated over TCP", address)
}

// fetch gives an RRset of the answer section with its signatures.
func fetch(address, name string, t uint16) (zone.RRset, error) {
	resp, err := exchange(address, name, t)
	if err != nil {
		return zone.RRset{}, fmt.Errorf("%s %s at %s: %w", name, dns.TypeToString[t], address, err)
	}
	sets, err := zone.FromRRs(resp.Answer)
	if err != nil {
		return zone.RRset{}, err
	}
	for _, s := range sets {
		if s.Type == zone.Type(t) && s.Name == zone.MustName(name) {
			return s, nil
		}
	}
	return zone.RRset{}, fmt.Errorf("%s has no %s %s (%s)", address, name, dns.TypeToString[t], dns.RcodeToString[resp.Rcode])
}

// chain follows the trust from the anchor of `test.` to the DS RRset of the
// child, as a resolver does that knows nothing else. Without records the child is
// proved to be insecure.
func (g *group) chain(at time.Time) (zone.RRset, error) {
	var anchors []dns.RR
	for _, line := range g.Parent.Anchors {
		rr, err := dns.NewRR(line)
		if err != nil {
			return zone.RRset{}, err
		}
		anchors = append(anchors, rr)
	}
	anchor, err := zone.FromRRs(anchors)
	if err != nil {
		return zone.RRset{}, err
	}
	keys, err := fetch(g.Parent.Address, g.Parent.Zone, dns.TypeDNSKEY)
	if err != nil {
		return zone.RRset{}, err
	}
	if _, err := validate.Entry(keys, anchor[0], parent, at); err != nil {
		return zone.RRset{}, fmt.Errorf("keys of the parent: %w", err)
	}
	resp, err := exchange(g.Parent.Address, g.Zone, dns.TypeDS)
	if err != nil {
		return zone.RRset{}, err
	}
	if err := validate.Response(resp, dns.Question{Name: g.Zone, Qtype: dns.TypeDS, Qclass: dns.ClassINET}, parent, keys, at); err != nil {
		return zone.RRset{}, fmt.Errorf("DS at the parent: %w", err)
	}
	sets, err := zone.FromRRs(resp.Answer)
	if err != nil || len(sets) == 0 {
		return zone.RRset{Name: apex, Type: zone.TypeDS, TTL: uint32(life(resp) / time.Second)}, err
	}
	return sets[0], nil
}

// matrix asks the signers all questions and holds each answer against the
// DNSKEY RRset of each: a cache may hold any of them. It returns what would not validate.
// A round that took longer than caches keep those proves nothing by its faults: they are
// looked for again.
func (g *group) matrix(signers ...lab.Signer) (err error) {
	for range 10 {
		began := time.Now()
		var ttl time.Duration
		if ttl, err = g.look(began, signers...); err == nil || ttl == 0 || time.Since(began) < ttl {
			return err
		}
	}
	return err
}

// look is one round of matrix. Where the error is one of validation, ttl is for how long caches
// keep what was seen first.
func (g *group) look(now time.Time, signers ...lab.Signer) (ttl time.Duration, err error) {
	ds, err := g.chain(now)
	if err != nil {
		return 0, err
	}
	ttl = seconds(ds.TTL)
	keys := make(map[string]zone.RRset, len(signers))
	for _, s := range signers {
		if keys[s.Name], err = fetch(s.Address, g.Zone, dns.TypeDNSKEY); err != nil {
			return 0, err
		}
		ttl = min(ttl, seconds(keys[s.Name].TTL))
		if _, err := validate.Entry(keys[s.Name], ds, apex, now); err != nil {
			return ttl, fmt.Errorf("keys of signer %s under the DS at the parent: %w", s.Name, err)
		}
	}
	return ttl, hold(keys, now, signers...)
}

// hold asks the signers everything, and holds each answer against each set of keys.
func hold(keys map[string]zone.RRset, now time.Time, signers ...lab.Signer) error {
	var faults []string
	for _, answering := range signers {
		for _, q := range questions {
			resp, err := exchange(answering.Address, q.full(), q.t)
			if err != nil {
				return fmt.Errorf("signer %s, %s: %w", answering.Name, q, err)
			}
			for of, set := range keys {
				if q.t == dns.TypeDNSKEY && of != answering.Name {
					continue // signed by its own entry key, which the DS must reach
				}
				if err := validate.Response(resp, dns.Question{Name: q.full(), Qtype: q.t, Qclass: dns.ClassINET}, apex, set, now); err != nil {
					faults = append(faults, fmt.Sprintf("%s at signer %s under the keys of signer %s: %v", q, answering.Name, of, err))
				}
			}
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d answers would be bogus:\n%s", len(faults), strings.Join(faults, "\n"))
	}
	return nil
}

// red sees that the matrix can be: without the key that a signer signs its data
// with, each of its answers is bogus to whoever asked for the keys elsewhere.
func (g *group) red(t *testing.T) {
	a, b := g.Signers[0], g.Signers[1]
	now := time.Now()
	set, err := fetch(a.Address, g.Zone, dns.TypeDNSKEY)
	require.NoError(t, err)
	soa, err := fetch(b.Address, g.Zone, dns.TypeSOA)
	require.NoError(t, err)
	theirs, err := validate.Signatures(soa, set, apex, now)
	require.NoError(t, err)
	var rest []string
	for rdata := range set.Rdata.All() {
		if !slices.Contains(theirs, zone.DNSKEY(rdata)) {
			rest = append(rest, rdata)
		}
	}
	set.Rdata = zone.Pack(rest...)
	keys := map[string]zone.RRset{"a, who forgot b": set}
	const signedByKSK = 3 // DNSKEY, CDS and CDNSKEY: that key is still there
	require.ErrorContains(t, hold(keys, now, b), fmt.Sprintf("%d answers would be bogus", len(questions)-signedByKSK))
	require.NoError(t, hold(keys, now, a))
}

// green waits until the matrix is: it must be at once where nothing was broken.
func (g *group) green(t *testing.T, within time.Duration, signers ...lab.Signer) {
	var err error
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err = g.matrix(signers...); err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			require.NoError(t, err)
		}
	}
}

// serial is that of the zone at one signer.
func serial(s lab.Signer) (uint32, error) {
	soa, err := fetch(s.Address, "example.test.", dns.TypeSOA)
	if err != nil {
		return 0, err
	}
	if !soa.Exists() {
		return 0, errors.New("an SOA RRset without a record")
	}
	return soa.Rdata.Serial(), nil
}
