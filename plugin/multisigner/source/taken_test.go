package source_test

import (
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const signedParts = `@ 3600 DNSKEY 257 3 13 AAAA
@ 3600 CDS 1 13 2 00
@ 3600 CDNSKEY 257 3 13 AAAA
@ 0 NSEC3PARAM 1 0 0 -
@ 0 TYPE65534 \# 5 0D00000001
@ 3600 RRSIG SOA 13 2 3600 20300101000000 20200101000000 1 example.org. AAAA
a 300 RRSIG A 13 3 300 20300101000000 20200101000000 1 example.org. AAAA
a 300 NSEC b.example.org. A
lonely 300 RRSIG A 13 3 300 20300101000000 20200101000000 1 example.org. AAAA
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom 4 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom 4 RRSIG NSEC3 13 3 4 20300101000000 20200101000000 1 example.org. AAAA
`

// What the signer makes is not in the content, and counted; below the apex the type that
// BIND keeps there is nobody's but the owner's.
func TestTake(t *testing.T) {
	plain := content(seven)
	taken := source.Take(plain)
	require.Same(t, plain, taken.Content)
	require.Empty(t, taken.Dropped.String())
	require.False(t, taken.Dropped.Signed())

	taken = source.Take(content(seven + signedParts))
	require.Empty(t, zone.Compare(plain, taken.Content).Changes)
	require.Equal(t, "11 of type RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, CDS, CDNSKEY and TYPE65534", taken.Dropped.String())
	require.Equal(t, 11, taken.Dropped.Records())
	require.True(t, taken.Dropped.Signed())

	owners := seven + "b 300 TYPE65534 \\# 1 00\n"
	require.Empty(t, zone.Compare(content(owners), source.Take(content(owners)).Content).Changes)
}

// Differences without what the signer makes lead from content to content, whatever comes
// and goes; and so it is the same to take a zone anew.
func TestTakeDifferences(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(apexNS+"a 300 A 192.0.2.7\nb 300 A 192.0.2.8\nc 300 TXT \"c\"\n"+signedParts), "\n")
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		version := func(serial int) *zone.Version {
			text := fmt.Sprintf("soa %d\n", serial)
			for _, line := range lines {
				if rng.IntN(3) > 0 {
					text += line + "\n"
				}
			}
			if rng.IntN(3) == 0 {
				text = fmt.Sprintf("soa %d\n", serial) + apexNS
			}
			return content(text)
		}
		taken := source.Take(version(1))
		for serial := 2; serial < 6; serial++ {
			next := version(serial)
			d := zone.Compare(taken.Came, next)
			content, err := taken.Content.Apply(source.Unsigned(d))
			require.NoError(t, err, "seed %d", seed)
			after, err := taken.Apply(d)
			require.NoError(t, err, "seed %d", seed)
			anew := source.Take(next)
			require.Empty(t, zone.Compare(anew.Came, after.Came).Changes, "seed %d", seed)
			require.Empty(t, zone.Compare(anew.Content, after.Content).Changes, "seed %d", seed)
			require.Empty(t, zone.Compare(anew.Content, content).Changes, "seed %d", seed)
			require.Equal(t, anew.Dropped, after.Dropped, "seed %d", seed)
			_, err = after.Apply(d)
			require.Error(t, err, "it does not begin there")
			taken = after
		}
	}
}

// zonemd is the zone with a ZONEMD that is true of it.
func zonemd(text string) string {
	v := content(text)
	return text + fmt.Sprintf("@ 3600 ZONEMD %d 1 1 %x\n", v.Serial(), v.Digest(sha512.New384()))
}

// What came is held against its ZONEMD, signatures and all, after differences too; then
// the ZONEMD is not in the content.
func TestFetchDigest(t *testing.T) {
	before, after := zonemd(seven+signedParts), zonemd(nine+signedParts)
	wrong := strings.Replace(after, "c 300 A 192.0.2.3", "c 300 A 192.0.2.4", 1)
	soaOf := func(text string) string { return strings.SplitAfter(text, "\n")[0] }
	// All of each goes and comes: only what differs is told.
	ixfr := func(from, to string) string {
		gone, come := soaOf(from), soaOf(to)
		for line := range strings.Lines(from[len(gone):]) {
			if !strings.Contains(to, line) {
				gone += line
			}
		}
		for line := range strings.Lines(to[len(come):]) {
			if !strings.Contains(from, line) {
				come += line
			}
		}
		return soaOf(to) + gone + come + soaOf(to)
	}
	for _, tc := range []struct {
		name, text string
		ixfr       bool
		want       primary.Outcome
		says       string
	}{
		{"whole and right", after, false, primary.Took, ""},
		{"whole and wrong", wrong, false, primary.Rejected, "does not match its ZONEMD"},
		{"differences and right", after, true, primary.Took, ""},
		{"differences and wrong", wrong, true, primary.Rejected, "does not match its ZONEMD"},
		{"differences without a new one", nine + signedParts + before[strings.Index(before, "@ 3600 ZONEMD"):], true, primary.Rejected, "is of serial 7, the zone of 9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := script{dns.TypeSOA: {"soa 9\n"}, dns.TypeAXFR: {tc.text + soaOf(tc.text)}, dns.TypeIXFR: {"rcode REFUSED"}}
			if tc.ixfr {
				s[dns.TypeIXFR] = []string{ixfr(before, tc.text)}
			}
			have := source.Take(content(before))
			got := fetch(t, s.serve(t), have, primary.Fetch{})
			require.Equal(t, tc.want, got.Result.Outcome, got.String())
			require.Equal(t, tc.ixfr, len(got.Diffs) > 0, got.String())
			if tc.says != "" {
				require.Contains(t, got.Result.Why, tc.says)
				require.Equal(t, uint32(9), got.Result.Serial)
				return
			}
			require.Empty(t, zone.Compare(content(nine), got.Taken.Content).Changes)
			require.Contains(t, problemsOf(got), "the primary serves a signed zone")
		})
	}
}

func problemsOf(f source.Fetched) string {
	var text []string
	for _, p := range f.Problems {
		text = append(text, p.String())
	}
	return strings.Join(text, "\n")
}

// The first visit takes all; plans say what else is taken, and what is not.
func TestFetchPlans(t *testing.T) {
	full := script{dns.TypeSOA: {"soa 9\n"}, dns.TypeAXFR: {all}}
	old := script{dns.TypeSOA: {"soa 6\n"}, dns.TypeAXFR: {"soa 6\n" + apexNS + "soa 6\n"}}
	for _, tc := range []struct {
		name   string
		script script
		have   string
		plan   primary.Fetch
		want   primary.Outcome
		asked  []string
	}{
		{"nothing yet", full, "", primary.Fetch{}, primary.Took, []string{"SOA", "AXFR"}},
		{"IXFR has failed before", full, seven, primary.Fetch{Whole: true}, primary.Took, []string{"SOA", "AXFR"}},
		{"refused before", full, seven, primary.Fetch{Bad: 9, HasBad: true}, primary.Rejected, []string{"SOA"}},
		{"refused before, and nothing yet", full, "", primary.Fetch{Bad: 9, HasBad: true}, primary.Rejected, []string{"SOA"}},
		{"forced", old, seven, primary.Fetch{Forced: true}, primary.Took, []string{"SOA", "AXFR"}},
		{"forced, and current", full, nine, primary.Fetch{Forced: true}, primary.Took, []string{"SOA", "AXFR"}},
		{"nothing to serve", script{dns.TypeSOA: {"soa 9\n"}, dns.TypeAXFR: {"soa 9\nsoa 9\n"}}, "", primary.Fetch{}, primary.Rejected, []string{"SOA", "AXFR"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.script.serve(t)
			var have source.Taken
			if tc.have != "" {
				have = source.Take(content(tc.have))
			}
			got := fetch(t, s, have, tc.plan)
			require.Equal(t, tc.want, got.Result.Outcome, got.String())
			asked, connections := s.seen()
			require.Equal(t, tc.asked, asked)
			require.Equal(t, 1, connections)
			if tc.want == primary.Took {
				require.Equal(t, got.Result.Serial, got.Taken.Came.Serial())
				require.Equal(t, primary.Timers{Refresh: 7200, Retry: 600, Expire: 864000}, got.Result.SOA)
			}
		})
	}
}

// Records that are not in the zone are left out, with one warning.
func TestFetchSkips(t *testing.T) {
	s := script{dns.TypeSOA: {"soa 9\n"}, dns.TypeAXFR: {nine + "x.test. 60 A 192.0.2.1\ny.test. 60 A 192.0.2.1\nsoa 9\n"}}
	got := fetch(t, s.serve(t), source.Taken{}, primary.Fetch{})
	require.Equal(t, primary.Took, got.Result.Outcome, got.String())
	require.Equal(t, 2, got.Skipped)
	require.Empty(t, zone.Compare(content(nine), got.Taken.Content).Changes)
	require.Equal(t, "warning: x.test.: the name is not in example.org.: the record is left out (2 in all)", problemsOf(got))
}

// The end that was asked for by the option comes to whoever decides.
func TestFetchAsksExpire(t *testing.T) {
	s := script{dns.TypeSOA: {"soa 9\n"}, dns.TypeAXFR: {all}}.serve(t)
	got := fetch(t, s, source.Taken{}, primary.Fetch{})
	require.False(t, got.Result.Expires)
	require.Len(t, s.options, 2)
	for _, options := range s.options {
		require.Len(t, options, 1)
		require.Equal(t, uint16(dns.EDNS0EXPIRE), options[0].Option())
	}
	require.Less(t, got.Lasted, time.Minute)
}
