package xfr_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const lettered = `
Example.      60 SOA  NS.example. Root.example. 7 1 2 3 4
example.      60 NS   Ns.Example.
example.      60 NS   ns2.example.
ns.EXAMPLE.   60 A    192.0.2.1
ns.EXAMPLE.   60 A    192.0.2.2
Ns.example.   60 RRSIG A ` + sig + `
NS.Sub.Example. 60 PTR My\032Printer.Example.
ns2.sub.example. 60 PTR x.
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 4 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A`

// Transfers carry the letters of the zone, owners among them, and so do snapshots
// and differences on disk.
func TestLettersAreCarried(t *testing.T) {
	v := zone.MustVersion(lettered)
	require.Contains(t, text(v), "NS.Sub.Example.\t60\tIN\tPTR\tMy\\ Printer.Example.\n")
	for _, size := range []int{100, 32 << 10} {
		got, _, err := xfr.Collect(v.Apex(), messages(xfr.AXFR(v, size)))
		require.NoError(t, err)
		require.Equal(t, text(v), text(got))

		var rrs []dns.RR
		for m := range xfr.Packed(v, asked(v, 1), size) {
			var unpacked dns.Msg
			require.NoError(t, unpacked.Unpack(m))
			rrs = append(rrs, unpacked.Answer...)
		}
		got, _, err = xfr.Collect(v.Apex(), messages(func(yield func([]dns.RR) bool) { yield(rrs) }))
		require.NoError(t, err)
		require.Equal(t, text(v), text(got))
	}
	var file bytes.Buffer
	require.NoError(t, xfr.Write(&file, v))
	require.Equal(t, byte(2), file.Bytes()[9])
	got, err := xfr.Read(&file)
	require.NoError(t, err)
	require.Empty(t, zone.Compare(v, got).Changes)

	small := zone.MustVersion(strings.ReplaceAll(strings.ToLower(lettered), strings.ToLower(sig), sig))
	file.Reset()
	require.NoError(t, xfr.Write(&file, small))
	require.Equal(t, byte(1), file.Bytes()[9], "what has no capitals is read by older programs, too")
	was, err := xfr.Read(&file)
	require.NoError(t, err)
	require.Empty(t, zone.Compare(small, was).Changes)

	// A difference of letters alone is told to secondaries: the record goes, and comes.
	b := v.Edit()
	b.Put(v.SOA().WithSerial(8))
	ns, _ := small.RRset(v.Apex(), zone.TypeNS)
	b.Put(ns)
	a, _ := small.RRset(zone.MustName("ns.example."), zone.TypeA)
	b.Put(a)
	d := zone.Compare(v, b.Version())
	var lines []string
	for rrs := range xfr.IXFR(1<<16, d) {
		for _, rr := range rrs {
			lines = append(lines, strings.ReplaceAll(rr.String(), "\t", " "))
		}
	}
	require.Equal(t, []string{
		"Example. 60 IN SOA NS.example. Root.example. 8 1 2 3 4",
		"Example. 60 IN SOA NS.example. Root.example. 7 1 2 3 4",
		"example. 60 IN NS Ns.Example.",
		"ns.EXAMPLE. 60 IN A 192.0.2.1",
		"ns.EXAMPLE. 60 IN A 192.0.2.2",
		"ns.EXAMPLE. 60 IN RRSIG A 13 2 3600 20300101000000 20200101000000 4711 example. AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"Example. 60 IN SOA NS.example. Root.example. 8 1 2 3 4",
		"example. 60 IN NS ns.example.",
		"ns.example. 60 IN A 192.0.2.1",
		"ns.example. 60 IN A 192.0.2.2",
		"ns.example. 60 IN RRSIG A 13 2 3600 20300101000000 20200101000000 4711 example. AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		"Example. 60 IN SOA NS.example. Root.example. 8 1 2 3 4",
	}, lines)
	file.Reset()
	require.NoError(t, xfr.WriteDiff(&file, d))
	read, err := xfr.ReadDiff(&file)
	require.NoError(t, err)
	require.Equal(t, d, read)
}
