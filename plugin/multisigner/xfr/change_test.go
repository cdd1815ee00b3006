package xfr_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// answers is a transfer in one message of these lines.
func answers(text string) iter.Seq2[*dns.Msg, error] {
	m := new(dns.Msg)
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return func(yield func(*dns.Msg, error) bool) { yield(m, nil) }
}

// some makes a version at random: of few names, with signatures that cover something and
// some that cover nothing, hashed names, and letters of either case.
func some(rng *rand.Rand, serial uint32) *zone.Version {
	var b strings.Builder
	fmt.Fprintf(&b, "example. 60 SOA ns.example. . %d 1 2 3 4\nexample. 60 NS ns.example.\n", serial)
	for range rng.IntN(12) {
		name := []string{"a", "B", "b", "c.a", "*.a", "d"}[rng.IntN(6)] + ".example."
		t := []string{"A", "TXT", "MX", "NS"}[rng.IntN(4)]
		ttl := 60 * (1 + len(name)%2)
		data := map[string]string{"A": "192.0.2.%d", "TXT": "\"x%d\"", "MX": "10 Mx%d.example.", "NS": "ns%d.example."}[t]
		fmt.Fprintf(&b, "%s %d %s "+data+"\n", name, ttl, t, rng.IntN(3))
		if rng.IntN(2) == 0 {
			fmt.Fprintf(&b, "%s %d RRSIG %s 13 2 60 20300101000000 20200101000000 %d example. AAAA\n", name, ttl, []string{"A", "TXT", "MX", "NS", "SRV"}[rng.IntN(5)], rng.IntN(2))
		}
	}
	if rng.IntN(2) == 0 {
		fmt.Fprintf(&b, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 4 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n")
		if rng.IntN(2) == 0 {
			fmt.Fprintf(&b, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 4 RRSIG NSEC3 13 2 60 20300101000000 20200101000000 1 example. AAAA\n")
		}
	}
	return zone.MustVersion(b.String())
}

// chain is the differences between versions as one IXFR (RFC 1995 4).
func chain(versions []*zone.Version, size int) iter.Seq2[*dns.Msg, error] {
	last := versions[len(versions)-1].SOA().RRs()
	rrs := append([]dns.RR{}, last...)
	for i, v := range versions[1:] {
		var one []dns.RR
		for batch := range xfr.IXFR(60_000, zone.Compare(versions[i], v)) {
			one = append(one, batch...)
		}
		rrs = append(rrs, one[1:len(one)-1]...) // without the SOAs around it
	}
	rrs = append(rrs, last...)
	return func(yield func(*dns.Msg, error) bool) {
		for len(rrs) > 0 {
			n := min(size, len(rrs))
			if !yield(&dns.Msg{Answer: rrs[:n]}, nil) {
				return
			}
			rrs = rrs[n:]
		}
	}
}

// Whatever has changed in however many steps, the answer to an IXFR leads to what the
// primary has, as the differences in it do one by one; and what does not fit what we have
// is refused.
func TestCollectChange(t *testing.T) {
	refused := 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 7))
		versions := []*zone.Version{some(rng, 1<<32-2)}
		for i := range 1 + rng.IntN(4) {
			versions = append(versions, some(rng, 1<<32-1+uint32(i)))
		}
		size := 1 + rng.IntN(50)
		c, err := xfr.CollectChange(versions[0].Apex(), versions[0], chain(versions, size))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, xfr.Differs, c.Kind)
		require.Len(t, c.Diffs, len(versions)-1)
		require.Equal(t, versions[len(versions)-1].Serial(), c.Serial)
		at := versions[0]
		for i, d := range c.Diffs {
			require.Equal(t, [2]uint32{versions[i].Serial(), versions[i+1].Serial()}, [2]uint32{d.From, d.To})
			at, err = at.Apply(d)
			require.NoError(t, err)
			require.Empty(t, respelled(zone.Compare(versions[i+1], at)), "seed %d, step %d", seed, i)
		}
		require.Empty(t, zone.Compare(at, c.Version).Changes)

		other := some(rng, 1<<32-2)
		c, err = xfr.CollectChange(other.Apex(), other, chain(versions, size))
		if err == nil {
			continue // what they remove is there by chance, and what they add is not
		}
		refused++
		require.ErrorIs(t, err, xfr.ErrNeedsWhole)
		require.Zero(t, c)
	}
	require.Greater(t, refused, 200)
}

// respelled leaves out changes of letters' case: which spelling of a name counts depends
// on what came first.
func respelled(d zone.Diff) []zone.Change {
	var left []zone.Change
	for _, c := range d.Changes {
		c.Old.Spelling, c.New.Spelling = "", ""
		if c.Old != c.New {
			left = append(left, c)
		}
	}
	return left
}

// An answer that ends early gives nothing, wherever that is; one that ends by an error
// gives that.
func TestChangeCutShort(t *testing.T) {
	before, after := seed, nextSeed()
	for _, whole := range []bool{false, true} {
		var messages []*dns.Msg
		stream := chain([]*zone.Version{before, after}, 1)
		if whole {
			stream = func(yield func(*dns.Msg, error) bool) {
				for batch := range xfr.AXFR(after, 1) {
					if !yield(&dns.Msg{Answer: batch}, nil) {
						return
					}
				}
			}
		}
		for m := range stream {
			messages = append(messages, m)
		}
		for n := range messages {
			broken := errors.New("cut")
			for _, end := range []error{nil, broken} {
				c, err := xfr.CollectChange(before.Apex(), before, func(yield func(*dns.Msg, error) bool) {
					for _, m := range messages[:n] {
						if !yield(m, nil) {
							return
						}
					}
					if end != nil {
						yield(nil, end)
					}
				})
				require.Error(t, err, "%d of %d messages", n, len(messages))
				require.Zero(t, c)
				if end != nil {
					require.ErrorIs(t, err, broken)
				}
			}
		}
	}
}

const (
	soa7 = "example. 60 SOA ns.example. . 7 1 2 3 4\n"
	soa8 = "example. 60 SOA ns.example. . 8 1 2 3 4\n"
	soa9 = "example. 60 SOA ns.example. . 9 1 2 3 4\n"
)

// What an answer may be, and what it must not.
func TestChangeKinds(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		kind         xfr.Kind
		skipped      int
		says         string
	}{
		{"current", soa7, xfr.Current, 0, ""},
		{"older", "example. 60 SOA ns.example. . 6 1 2 3 4\n", xfr.Current, 0, ""},
		{"one newer SOA", soa8, 0, 0, "one SOA, which is newer"},
		{"a zone of its SOA alone", soa8 + soa8, xfr.Whole, 0, ""},
		{"a whole zone", soa8 + "example. 60 NS ns.example.\n" + soa8, xfr.Whole, 0, ""},
		{"only the SOA changes", soa8 + soa7 + soa8 + soa8, xfr.Differs, 0, ""},
		{"two steps", soa9 + soa7 + soa8 + soa8 + soa9 + soa9, xfr.Differs, 0, ""},
		{"a record out of the zone", soa8 + soa7 + "x.test. 60 A 192.0.2.1\n" + soa8 + "x.test. 60 A 192.0.2.2\n" + soa8, xfr.Differs, 2, ""},
		{"records out of a whole zone", soa8 + "x.test. 60 A 192.0.2.1\nexample. 60 NS ns.example.\ntest. 60 SOA . . 1 1 1 1 1\n" + soa8, xfr.Whole, 2, ""},
		{"not the zone's SOA", "test. 60 SOA . . 1 1 1 1 1\n", 0, 0, "ends before its closing SOA"},
		{"no SOA", "example. 60 NS ns.example.\n", 0, 0, "the first record is not the zone's SOA"},
		{"an end that is not the beginning", soa8 + soa7 + soa8 + "example. 60 SOA ns.example. . 8 1 2 3 5\n", 0, 0, "the closing SOA is not the opening one"},
		{"a gap between steps", soa9 + soa7 + soa8 + soa7 + soa9 + soa9, 0, 0, "begin at another SOA of serial 7 than ours of 8"},
		{"no step forward", soa9 + soa7 + soa7 + soa7 + soa9 + soa9, 0, 0, "leads from serial 7 to 7"},
		{"no end", soa9 + soa7 + soa9, 0, 0, "ends before its closing SOA"},
		{"more after the end", soa8 + soa7 + soa8 + soa8 + soa8, 0, 0, "records after the closing SOA"},
		{"another class", soa8 + soa7 + "x.example. 60 CH TXT \"x\"\n" + soa8 + soa8, 0, 0, "is of class CH"},
		{"a type that no zone has", soa8 + soa7 + soa8 + "x.example. 60 TYPE255 \\# 0\n" + soa8, 0, 0, "which no zone has"},
		{"a record twice", soa8 + soa7 + soa8 + "x.example. 60 A 192.0.2.1\nx.example. 60 A 192.0.2.1\n" + soa8, 0, 0, "add a record x.example. A that is there already"},
		{"a signature that is not there", soa8 + soa7 + "ns.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 2 example. AAAA\n" + soa8 + soa8, 0, 0, "remove a record ns.example. RRSIG that is not there"},
		{"a type that is not there", soa8 + soa7 + "ns.example. 60 TXT \"\"\n" + soa8 + soa8, 0, 0, "remove a record ns.example. TXT that is not there"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := xfr.CollectChange(seed.Apex(), seed, answers(tc.answer))
			if tc.says != "" {
				require.ErrorContains(t, err, tc.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.kind, c.Kind)
			require.Equal(t, tc.skipped, c.Skipped)
			if tc.skipped > 0 {
				require.Equal(t, zone.MustName("x.test."), c.Outside)
			}
		})
	}
}

// A change of more than half of the zone is left to a full transfer, but for small zones.
func TestChangeTooLarge(t *testing.T) {
	var b strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&b, "x%d.example. 60 A 192.0.2.1\n", i)
	}
	_, err := xfr.CollectChange(seed.Apex(), seed, answers(soa8+soa7+soa8+b.String()+soa8))
	require.ErrorIs(t, err, xfr.ErrNeedsWhole)
	require.ErrorContains(t, err, "more than 1000 records")
	var endless strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&endless, "example. 60 SOA ns.example. . %d 1 2 3 4\nexample. 60 SOA ns.example. . %d 1 2 3 4\n", 7+i, 8+i)
	}
	_, err = xfr.CollectChange(seed.Apex(), seed, answers("example. 60 SOA ns.example. . 99999 1 2 3 4\n"+endless.String()))
	require.ErrorIs(t, err, xfr.ErrNeedsWhole)
	require.ErrorContains(t, err, "more than 10000 differences")
}

// FuzzChange reads whatever a primary may answer to an IXFR. What is accepted leads, by
// its own differences, to what it says; and that is a zone which can be written.
func FuzzChange(f *testing.F) {
	add := func(messages iter.Seq2[*dns.Msg, error]) {
		var stream []byte
		for m := range messages {
			wire, err := m.Pack()
			require.NoError(f, err)
			stream = append(append(stream, byte(len(wire)>>8), byte(len(wire))), wire...)
		}
		f.Add(stream)
	}
	add(chain([]*zone.Version{seed, nextSeed()}, 100))
	add(chain([]*zone.Version{seed, nextSeed()}, 1))
	for _, text := range []string{soa7, soa8 + soa8, soa9 + soa7 + soa8 + soa8 + soa9 + soa9, soa8 + soa7 + soa7, soa8 + "example. 60 NS ns.example.\nx.test. 60 A 192.0.2.1\n" + soa8} {
		add(answers(text))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		c, err := xfr.CollectChange(seed.Apex(), seed, unpacked(stream))
		if err != nil {
			require.Zero(t, c)
			return
		}
		at := seed
		for _, d := range c.Diffs {
			at, err = at.Apply(d)
			require.NoError(t, err)
			require.True(t, zone.SerialAfter(d.To, d.From))
		}
		if c.Kind == xfr.Differs {
			require.Empty(t, zone.Compare(at, c.Version).Changes)
		}
		if c.Kind != xfr.Current {
			require.Equal(t, c.Version.Serial(), c.Serial)
		}
		got, _, err := xfr.Collect(c.Version.Apex(), messages(xfr.AXFR(c.Version, 500)))
		require.NoError(t, err)
		require.Empty(t, respelled(zone.Compare(c.Version, got)))
	})
}
