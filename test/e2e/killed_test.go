//go:build interop

package e2e

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
)

// hour is an hour of the lab's, at its fast pace.
const hour = 5 * time.Second

// moment is one in a rollover, as the signers' status tells of it.
type moment struct {
	name  string
	waits *regexp.Regexp // what a signer waits to do, and for what
	holds bool           // the step needs the peer
}

func at(name, waits string, holds bool) moment { return moment{name, regexp.MustCompile(waits), holds} }

// Keys of both signers roll, and one of the two dies in the middle of each step.
func TestKilled(t *testing.T) {
	t.Parallel()
	const parent = "(have the DS of every signer|withdraw .* for .*(CDS|the parent))"
	for _, tc := range []struct {
		kind    string
		args    []string
		moments []moment
	}{
		{"ZSK", nil, []moment{
			at("published", "sign the zone with ZSK .* for every signer to publish", true),
			at("waiting for the TTL", "sign the zone with ZSK .* to leave the caches", true),
			at("signing with the new key", "withdraw ZSK .* (for all our servers|to leave the caches)", false),
			at("before withdrawal", "withdraw ZSK .* to leave the caches", false),
			at("before dropping the peer's", "drop .*'s ZSK", true),
		}},
		{"KSK", nil, []moment{
			at("published", "change the DS to KSK", true),
			at("waiting for the TTL", "change the DS to KSK .* to leave the caches", true),
			at("waiting for the parent", parent, true),
			at("before withdrawal", "withdraw KSK .* DS RRsets .* to leave the caches", true),
		}},
		{"CSK", []string{"--keys", "csk"}, []moment{
			at("published", "sign the zone with CSK .* for every signer to publish", true),
			at("waiting for the TTL", "sign the zone with CSK .* to leave the caches", true),
			at("waiting for the parent", parent, true),
			at("before withdrawal", "withdraw CSK .* to leave the caches", true),
		}},
		{"algorithm", nil, []moment{
			at("signing with both", "publish the keys of algorithm", true),
			at("both published", "ask for the DS of algorithm", true),
			at("waiting for the parent", "(have the DS of every signer|withdraw the keys of algorithm .* for .*(CDS|the parent))", true),
			at("before withdrawal", "withdraw the keys of algorithm .* to leave the caches", true),
			at("before the last signatures", "stop signing with algorithm", true),
		}},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			s := startStory(t, tc.args...)
			for i, m := range tc.moments {
				s.change(t, tc.kind, func() { s.outage(t, m, i%2) })
				t.Log(m.name, "survived")
			}
			s.gone(t)
			s.end(t, map[string]int{tc.kind: len(s.Signers) * len(tc.moments)})
		})
	}
}

// The same on rarer ways, one after the other in one group.
func TestKilledOnRarerWays(t *testing.T) {
	t.Parallel()
	s := startStory(t)
	done := map[string]int{}
	for i, way := range []struct {
		kind string
		moment
	}{
		{"split to CSK", at("waiting for the TTL", "sign the zone with CSK .* to leave the caches", true)},
		{"CSK to split", at("before withdrawal", "withdraw CSK .* to leave the caches", true)},
		{"KSK by double DS", at("waiting for the DS", "change the DS to KSK", true)},
		{"compromised ZSK", at("published", "sign the zone with ZSK", true)},
		{"compromised KSK", at("before withdrawal", "withdraw KSK", true)},
		{"insecure", at("asking for the end of the DS", "go insecure", true)},
		{"secure", at("before the DS", "(publish CDS|have the DS|ask the parent)", true)},
	} {
		s.change(t, way.kind, func() { s.outage(t, way.moment, i%2) })
		done[way.kind] += len(s.Signers)
		t.Log(way.kind, way.name, "survived")
	}
	s.gone(t)
	s.end(t, done)
}

// outage kills one of two signers at a moment that the other tells of. While it is
// away the other does nothing that needs it, and afterwards both go on.
func (s *story) outage(t *testing.T, m moment, victim int) {
	t.Helper()
	other, dead := s.Signers[1-victim], &s.Signers[victim]
	s.until(t, fmt.Sprintf("%s to wait to %s", other.Name, m.waits), func() (bool, string) {
		z, _ := s.see(other)
		return slices.ContainsFunc(z.Waits, func(w status.Wait) bool { return m.waits.MatchString(w.What + " for " + w.Why) }), ""
	})
	s.fell(t, dead)
	s.until(t, other.Name+" to notice", func() (bool, string) {
		z, ok := s.see(other)
		return ok && slices.ContainsFunc(z.Peers[0].Addresses, func(a status.Address) bool { return a.State == "unreachable" }), ""
	})
	held := s.whatNeedsTheOther(t, other)
	s.pass(t, hour, func() {
		require.Equal(t, held, s.whatNeedsTheOther(t, other), "%s while %s was away", other.Name, dead.Name)
	})
	z, ok := s.see(other)
	require.True(t, ok)
	if m.holds {
		require.True(t, slices.ContainsFunc(z.Waits, func(w status.Wait) bool {
			return slices.ContainsFunc(w.Holding, func(who string) bool { return who == dead.Name || strings.HasPrefix(who, dead.Name+" ") })
		}), "%s does not say that it waits for %s: %+v", other.Name, dead.Name, z.Waits)
	}
	s.rise(t, dead)
}

// fell kills a signer.
func (s *story) fell(t *testing.T, dead *lab.Signer) {
	s.w.expect(*dead, false)
	s.kill(t, dead)
}

// rise starts it again, and waits until it answers everybody.
func (s *story) rise(t *testing.T, dead *lab.Signer) {
	t.Helper()
	s.restart(t, dead)
	t.Cleanup(func() { s.stop(t) }) // before what was restarted ends
	s.until(t, dead.Name+" to answer again", func() (bool, string) {
		_, err := fetch(dead.Address, s.Zone, dns.TypeSOA)
		return err == nil, fmt.Sprint(err)
	})
	s.w.expect(*dead, true)
	s.outages++
}

// pass lets time pass, and looks again and again.
func (s *story) pass(t *testing.T, d time.Duration, look func()) {
	t.Helper()
	over := time.After(d)
	for {
		look()
		s.r.check(t)
		select {
		case <-over:
			return
		case <-time.After(pause):
		}
	}
}

// Keys that live for seconds roll at both signers, and now one, now the other is
// killed at any moment and stays away for anything up to two hours of the lab's.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	s := startStory(t, "--lifetime-zsk", "20s", "--lifetime-ksk", "40s")
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	outages := 12
	if all {
		outages = 120
	}
	for range outages {
		s.pass(t, upTo(2*hour), func() {})
		dead := &s.Signers[random.IntN(len(s.Signers))]
		s.fell(t, dead)
		s.pass(t, upTo(2*hour), func() {})
		s.rise(t, dead)
	}
	// Then the keys still roll, at both.
	before := s.withdrawn()
	s.until(t, "the keys of both signers to roll again", func() (bool, string) {
		for name, n := range s.withdrawn() {
			if n < before[name]+1 {
				return false, name
			}
		}
		return true, ""
	})
	s.end(t, s.rolls())
}

// whatNeedsTheOther is what a signer may not change while its peer is away: the keys
// that its data is signed with, those of the peer that it publishes, and the DS RRset.
func (s *story) whatNeedsTheOther(t *testing.T, signer lab.Signer) string {
	tags, err := signersOf(signer)
	require.NoError(t, err)
	z, ok := s.see(signer)
	require.True(t, ok)
	var theirs []uint16
	for _, k := range z.Keys {
		if !k.Own && k.State == "published" {
			theirs = append(theirs, k.Tag)
		}
	}
	slices.Sort(theirs)
	ds, err := s.chain(time.Now())
	require.NoError(t, err)
	return fmt.Sprintf("signed by %v, peer's keys %v, %s", tags, theirs, zone.Text(ds.WithSigs("")))
}
