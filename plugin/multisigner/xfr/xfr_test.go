package xfr_test

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const sig = "13 2 3600 20300101000000 20200101000000 4711 example. AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="

// awkward has everything that a transfer may get wrong: signatures beside and
// without what they cover, glue, a cut, empty non-terminals, hashed owners, a
// wildcard, unknown types, escapes, an RRset larger than a message of 512 octets.
var awkward = zone.MustVersion(`
example.            3600 SOA   ns.example. root.example. 7 3600 600 86400 300
example.            3600 RRSIG SOA ` + sig + `
example.            3600 NS    ns.example.
example.            3600 NS    a.ns.cut.example.
example.            3600 RRSIG NS ` + sig + `
example.            0    NSEC3PARAM 1 0 0 -
example.            60   TYPE65534 \# 5 0D12340001
ns.example.         60   A     192.0.2.1
*.example.          60   TXT   "any" "\000\255\"quoted\""
cut.example.        60   NS    a.ns.cut.example.
cut.example.        60   DS    4711 13 2 0000000000000000000000000000000000000000000000000000000000000000
a.ns.cut.example.   60   AAAA  2001:db8::1
orphan.example.     60   RRSIG A ` + sig + `
orphan.example.     60   RRSIG AAAA ` + sig + `
orphan.example.     60   TXT   "no A here"
we\.ird\000.example. 60  MX    10 ns.example.
` + large() + `
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 300 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 300 RRSIG NSEC3 ` + sig)

func large() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "large.example. 60 TXT \"%02d %s\"\n", i, strings.Repeat("x", 50))
	}
	return b.String()
}

// messages makes a transfer's messages of answer sections.
func messages(batches iter.Seq[[]dns.RR]) iter.Seq2[*dns.Msg, error] {
	return func(yield func(*dns.Msg, error) bool) {
		for rrs := range batches {
			if !yield(&dns.Msg{Answer: rrs}, nil) {
				return
			}
		}
	}
}

// text is a version as a zone file, for comparing.
func text(v *zone.Version) string {
	var b strings.Builder
	for _, nodes := range []iter.Seq[*zone.Node]{v.All(), v.Hashed()} {
		for n := range nodes {
			for s := range n.All() {
				b.WriteString(zone.Text(s))
			}
		}
	}
	return b.String()
}

// What goes out as AXFR comes in as the same version, whatever the size of messages.
func TestAXFRThereAndBack(t *testing.T) {
	for _, size := range []int{1, 100, 512, 60_000} {
		v, _, err := xfr.Collect(awkward.Apex(), messages(xfr.AXFR(awkward, size)))
		require.NoError(t, err)
		require.Equal(t, text(awkward), text(v), "messages of %d octets", size)
		require.Empty(t, zone.Compare(awkward, v).Changes)
	}
}

// A batch fits the size it was asked for, and the SOA opens and closes the whole:
// receivers end at the second one (RFC 5936 2.2).
func TestAXFRShape(t *testing.T) {
	var all []dns.RR
	count := 0
	for rrs := range xfr.AXFR(awkward, 512) {
		size := 0
		for _, rr := range rrs {
			end, err := dns.PackRR(rr, make([]byte, 1<<16), 0, nil, false)
			require.NoError(t, err)
			size += end
		}
		require.LessOrEqual(t, size, 512)
		all = append(all, rrs...)
		count++
	}
	require.Greater(t, count, 4)
	require.Equal(t, awkward.Records()+1, len(all))
	require.Equal(t, dns.TypeSOA, all[0].Header().Rrtype)
	require.Equal(t, all[0].String(), all[len(all)-1].String())
	require.Equal(t, 2, countSOA(all))
}

func countSOA(rrs []dns.RR) (n int) {
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeSOA {
			n++
		}
	}
	return n
}

// Packed messages hold the same records as those for the library's packer, and
// keep to their size with names compressed.
func TestPackedAgreesWithAXFR(t *testing.T) {
	var plain, packed []string
	for rrs := range xfr.AXFR(awkward, 60_000) {
		for _, rr := range rrs {
			plain = append(plain, rr.String())
		}
	}
	first := true
	for wire := range xfr.Packed(awkward, asked(awkward, 4711), 400) {
		m := new(dns.Msg)
		require.NoError(t, m.Unpack(wire))
		require.Equal(t, uint16(4711), m.Id)
		require.True(t, m.Response && m.Authoritative)
		require.LessOrEqual(t, len(wire), 400)
		require.Equal(t, first, len(m.Question) == 1 && m.Question[0] == dns.Question{Name: "example.", Qtype: dns.TypeAXFR, Qclass: dns.ClassINET})
		first = false
		for _, rr := range m.Answer {
			packed = append(packed, rr.String())
		}
	}
	require.Equal(t, plain, packed)
}

// What is written to the disk is read as it was.
func TestSnapshotThereAndBack(t *testing.T) {
	big := awkward.Edit()
	for i := range 5000 { // more than a message
		n := zone.MustName(fmt.Sprintf("n%d.sub%d.example.", i, i%7))
		big.Put(zone.RRset{Name: n, Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02\x01")})
	}
	// A record that fits no message of the wire is kept all the same.
	big.Put(zone.RRset{Name: zone.MustName("huge.example."), Type: 65280, TTL: 1, Rdata: zone.Pack(strings.Repeat("x", 65535))})
	for _, v := range []*zone.Version{awkward, big.Version()} {
		var file bytes.Buffer
		require.NoError(t, xfr.Write(&file, v))
		file.WriteString("what follows is not touched")
		got, err := xfr.Read(&file)
		require.NoError(t, err)
		require.Equal(t, text(v), text(got))
		require.Empty(t, zone.Compare(v, got).Changes)
		require.Equal(t, "what follows is not touched", file.String())
	}
}

// A file that is damaged anywhere is refused, and the error says where: a signed
// version with one octet changed would be served as bogus.
func TestDamagedSnapshot(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, xfr.Write(&file, awkward))
	whole := file.Bytes()
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x20
		_, err := xfr.Read(bytes.NewReader(damaged))
		require.Error(t, err, "octet %d", i)
	}
	for i := range whole {
		_, err := xfr.Read(bytes.NewReader(whole[:i]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at octet %d", i)
	}
	for _, tc := range []struct {
		at   int
		says string
	}{
		{0, `snapshot: it begins with "Ms-zone\n", not with "ms-zone\n"`},
		{9, "snapshot: it has format 33, this program reads 1"},
		{11, "snapshot: it holds something else"},
		{40, "snapshot: message 1, at octet 20: its checksum is wrong: the file is damaged here"},
		{len(whole) - 1, fmt.Sprintf("snapshot: message 1, at octet %d: the checksum over all is wrong", len(whole))},
	} {
		damaged := slices.Clone(whole)
		damaged[tc.at] ^= 0x20
		_, err := xfr.Read(bytes.NewReader(damaged))
		require.ErrorContains(t, err, tc.says)
	}
}

// Checksums that are right do not make a file right: one record less than its end
// says, or an RRset that stands twice, is refused.
func TestSnapshotThatDoesNotAddUp(t *testing.T) {
	a := zone.MustVersion("example. 1 SOA a. b. 1 2 3 4 5\na.example. 1 A 192.0.2.1\na.example. 1 TXT x")
	for wire := range xfr.Packed(a, asked(a, 0), 1<<15) {
		_, err := xfr.Read(bytes.NewReader(framed(wire, 4, true)))
		require.NoError(t, err)
		_, err = xfr.Read(bytes.NewReader(framed(wire, 5, true)))
		require.ErrorContains(t, err, "4 records, where its end says 5")

		m := new(dns.Msg)
		require.NoError(t, m.Unpack(wire))
		m.Answer = append(m.Answer[:3:3], m.Answer[1], m.Answer[3])
		wire, err = m.Pack()
		require.NoError(t, err)
		_, err = xfr.Read(bytes.NewReader(framed(wire, 5, true)))
		require.ErrorContains(t, err, "4 records, of which 3 are different")
	}
}

// edited is the version after awkward: records come, go and change.
func edited() *zone.Version {
	b := awkward.Edit()
	soa := awkward.SOA()
	for rdata := range soa.Rdata.All() {
		soa.Rdata = zone.Pack(zone.SOAWithSerial(rdata, 3)) // before the old one as octets
	}
	b.Put(soa)
	b.Delete(zone.MustName("cut.example."), zone.TypeDS)
	b.Put(zone.RRset{Name: zone.MustName("new.example."), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02\x01")})
	b.Put(zone.RRset{Name: zone.MustName("ns.example."), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\xc0\x00\x02\x01", "\xc0\x00\x02\x02")})
	ns, _ := awkward.RRset(awkward.Apex(), zone.TypeNS)
	ns.TTL = 7
	b.Put(ns)
	hashed, _ := awkward.RRset(zone.MustName("0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example."), zone.TypeNSEC3)
	hashed.Sigs = ""
	b.Put(hashed)
	return b.Version()
}

// A journal of differences brings back the version it leads to, ends cleanly, and
// tells an end that a power failure tore off from damage.
func TestJournal(t *testing.T) {
	first, second := awkward, edited()
	there, back := zone.Compare(first, second), zone.Compare(second, first)
	var file bytes.Buffer
	require.NoError(t, xfr.WriteDiff(&file, there))
	one := file.Len()
	require.NoError(t, xfr.WriteDiff(&file, back))
	journal := file.Bytes()

	r := bytes.NewReader(journal)
	got, err := xfr.ReadDiff(r)
	require.NoError(t, err)
	require.Equal(t, there, got)
	v, err := first.Apply(got)
	require.NoError(t, err)
	require.Equal(t, text(second), text(v))
	got, err = xfr.ReadDiff(r)
	require.NoError(t, err)
	require.Equal(t, back, got)
	_, err = xfr.ReadDiff(r)
	require.Equal(t, io.EOF, err)

	for i := one + 1; i < len(journal); i++ {
		torn := bytes.NewReader(journal[one:i])
		_, err = xfr.ReadDiff(torn)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at octet %d", i)
	}
	for i := range one {
		damaged := slices.Clone(journal[:one])
		damaged[i] ^= 1
		_, err = xfr.ReadDiff(bytes.NewReader(damaged))
		require.Error(t, err)
	}

	require.ErrorContains(t, xfr.WriteDiff(io.Discard, zone.Compare(nil, first)), "does not replace the SOA")
	_, err = xfr.Read(bytes.NewReader(journal))
	require.ErrorContains(t, err, "mixed up")
}

// An IXFR names what goes and what comes, and nothing that stays.
func TestIXFR(t *testing.T) {
	var lines []string
	for rrs := range xfr.IXFR(60_000, zone.Compare(awkward, edited())) {
		for _, rr := range rrs {
			if rr.Header().Rrtype != dns.TypeRRSIG {
				lines = append(lines, strings.ReplaceAll(rr.String(), "\t", " "))
			}
		}
	}
	require.Equal(t, strings.Split(strings.TrimSpace(`
example. 3600 IN SOA ns.example. root.example. 3 3600 600 86400 300
example. 3600 IN SOA ns.example. root.example. 7 3600 600 86400 300
example. 3600 IN NS a.ns.cut.example.
example. 3600 IN NS ns.example.
cut.example. 60 IN DS 4711 13 2 0000000000000000000000000000000000000000000000000000000000000000
example. 3600 IN SOA ns.example. root.example. 3 3600 600 86400 300
example. 7 IN NS a.ns.cut.example.
example. 7 IN NS ns.example.
new.example. 60 IN A 192.0.2.1
ns.example. 60 IN A 192.0.2.2
example. 3600 IN SOA ns.example. root.example. 3 3600 600 86400 300`), "\n"), lines)
}

// What is no transfer of the zone is refused, with what came until then beside it.
func TestCollectRefuses(t *testing.T) {
	const soa = "example. 3600 IN SOA ns.example. root.example. 7 3600 600 86400 300"
	for _, tc := range []struct{ name, records, says string }{
		{"nothing", "", "ends before its closing SOA"},
		{"no closing SOA", soa + "\na.example. 60 IN A 192.0.2.1", "ends before its closing SOA"},
		{"no SOA", "a.example. 60 IN A 192.0.2.1", "the first record is not the zone's SOA"},
		{"another zone's SOA", "example.net. 60 IN SOA a. b. 1 2 3 4 5", "example.net. is not in example."},
		{"out of the zone", soa + "\nexample.net. 60 IN A 192.0.2.1", "example.net. is not in example."},
		{"class", soa + "\na.example. 60 CH TXT x", "is of class CH"},
		{"type", soa + "\na.example. 60 IN TYPE255 \\# 0", "which no zone has"},
		{"changed meanwhile", soa + "\n" + strings.Replace(soa, "7", "8", 1), "the zone changed meanwhile"},
		{"more after the end", soa + "\n" + soa + "\na.example. 60 IN A 192.0.2.1", "records after the closing SOA"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := &dns.Msg{}
			for line := range strings.Lines(tc.records) {
				rr, err := dns.NewRR(line)
				require.NoError(t, err)
				m.Answer = append(m.Answer, rr)
			}
			_, partial, err := xfr.Collect(zone.MustName("example."), func(yield func(*dns.Msg, error) bool) { yield(m, nil) })
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, strings.HasPrefix(tc.records, soa), partial != nil)
		})
	}
	for says, malformed := range map[string]dns.RR_Header{
		"example. SOA": {Name: "example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET},
		"RRSIG":        {Name: "example.", Rrtype: dns.TypeRRSIG, Class: dns.ClassINET},
		"example. NS":  {Name: "example.", Rrtype: dns.TypeNS, Class: dns.ClassINET},
	} {
		rr := &dns.RFC3597{Hdr: malformed, Rdata: "ffffff"}
		_, _, err := xfr.Collect(zone.MustName("example."), func(yield func(*dns.Msg, error) bool) { yield(&dns.Msg{Answer: []dns.RR{rr}}, nil) })
		require.ErrorContains(t, err, says)
	}
	broken := func(yield func(*dns.Msg, error) bool) {
		rr, _ := dns.NewRR(soa)
		_ = yield(&dns.Msg{Answer: []dns.RR{rr}}, nil) && yield(nil, io.ErrClosedPipe)
	}
	v, partial, err := xfr.Collect(zone.MustName("example."), broken)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.Nil(t, v)
	require.Equal(t, uint32(7), partial.Serial())
}

// asked is a request for all of a zone.
func asked(v *zone.Version, id uint16) xfr.Asked { return xfr.Asked{ID: id, Name: []byte(v.Apex())} }
