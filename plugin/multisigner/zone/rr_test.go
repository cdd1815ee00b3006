package zone_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func mustRR(t testing.TB, text string) dns.RR {
	rr, err := dns.NewRR(text)
	require.NoError(t, err, text)
	return rr
}

// Names in rdata are lowered for the types of RFC 4034 6.2, less those that RFC
// 6840 5.1 takes out, and for no other: a signer that lowers one too many, or one
// too few, makes signatures that nobody can verify.
func TestCanonicalRdata(t *testing.T) {
	for _, tc := range []struct{ in, out string }{
		{"NS Ns.Example.", "ns.example."},
		{"MD Ns.Example.", "ns.example."},
		{"MF Ns.Example.", "ns.example."},
		{"CNAME Ns.Example.", "ns.example."},
		{"SOA Ns.Example. Root.Example. 1 2 3 4 5", "ns.example. root.example. 1 2 3 4 5"},
		{"MB Ns.Example.", "ns.example."},
		{"MG Ns.Example.", "ns.example."},
		{"MR Ns.Example.", "ns.example."},
		{"PTR Ns.Example.", "ns.example."},
		{"MINFO A.Example. B.Example.", "a.example. b.example."},
		{"MX 10 Mx.Example.", "10 mx.example."},
		{"RP A.Example. B.Example.", "a.example. b.example."},
		{"AFSDB 1 A.Example.", "1 a.example."},
		{"RT 1 A.Example.", "1 a.example."},
		{"SIG A 13 2 1 20280101000000 20270101000000 1 Example. AAAA", "A 13 2 1 20280101000000 20270101000000 1 example. AAAA"},
		{"RRSIG A 13 2 1 20280101000000 20270101000000 1 Example. AAAA", "A 13 2 1 20280101000000 20270101000000 1 example. AAAA"},
		{"PX 1 A.Example. B.Example.", "1 a.example. b.example."},
		{`NAPTR 1 2 "S" "SIP+D2U" "!E!F!" A.Example.`, `1 2 "S" "SIP+D2U" "!E!F!" a.example.`},
		{"KX 1 A.Example.", "1 a.example."},
		{"SRV 1 2 3 A.Example.", "1 2 3 a.example."},
		{"DNAME A.Example.", "a.example."},
		// As they are:
		{"NSEC A.Example. A RRSIG NSEC", "A.Example. A RRSIG NSEC"},
		{`HINFO "CPU" "OS"`, `"CPU" "OS"`},
		{"SVCB 1 A.Example. alpn=h2", `1 A.Example. alpn="h2"`},
		{"HTTPS 0 A.Example.", `0 A.Example.`},
		{"TALINK A.Example. B.Example.", "A.Example. B.Example."},
		{"LP 10 A.Example.", "10 A.Example."},
		{`TXT "Text"`, `"Text"`},
		{`CAA 0 issue "CA.Example"`, `0 issue "CA.Example"`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			rr := mustRR(t, "Owner.Example. 7 IN "+tc.in)
			was := rr.String()
			sets, err := zone.FromRRs([]dns.RR{rr})
			require.NoError(t, err)
			typ, _, _ := strings.Cut(tc.in, " ")
			require.Equal(t, "owner.example.\t7\tIN\t"+typ+"\t"+tc.out+"\n", zone.Text(sets[0]))
			require.Equal(t, was, rr.String(), "the record that was given has changed")
		})
	}
}

// Types that the library does not know, or reads otherwise, by their octets.
func TestCanonicalRdataInOctets(t *testing.T) {
	for _, tc := range []struct{ what, in, out string }{
		{"NXT", "TYPE30 \\# 8 034E4F5000 000140", "036e6f7000000140"},
		{"A6 with more behind", "TYPE38 \\# 6 7C0A 01420001", ""},
		{"A6 with a prefix", "TYPE38 \\# 5 7C 0A 014200", "7c0a016200"},
		{"A6 without", "TYPE38 \\# 17 00" + strings.Repeat("41", 16), "00" + strings.Repeat("41", 16)},
		{"A6 with too long a prefix", "TYPE38 \\# 3 FF 0A 00", ""},
		{"unknown", "TYPE65280 \\# 4 41424344", "41424344"},
		{"unknown, empty", "TYPE65280 \\# 0", ""},
	} {
		t.Run(tc.what, func(t *testing.T) {
			_, _, _, rdata, err := zone.FromRR(mustRR(t, "a.example. 1 IN "+tc.in))
			if tc.out == "" && tc.what != "unknown, empty" {
				require.ErrorIs(t, err, zone.ErrRdata)
				return
			}
			require.NoError(t, err)
			require.Equal(t, strings.ToLower(tc.out), hex.EncodeToString([]byte(rdata)))
		})
	}
}

// A known type written as an unknown one (RFC 3597 5) is the same record, in
// canonical form, and cannot smuggle in what the type does not allow.
func TestGenericFormOfKnownTypes(t *testing.T) {
	generic := func(typ uint16, rdata string) dns.RR {
		return &dns.RFC3597{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: typ, Class: dns.ClassINET, Ttl: 1}, Rdata: rdata}
	}
	for _, tc := range []struct {
		rr   dns.RR
		text string
	}{
		{generic(dns.TypeA, "c0000201"), "A\t192.0.2.1"},
		{generic(dns.TypeMX, "000a024d5800"), "MX\t10 mx."},
		{generic(dns.TypeSVCB, "00010141000001 0003 026832"), "SVCB\t1 A. alpn=\"h2\""},
		{mustRR(t, `a.example. 1 IN SVCB \# 5 0001 0141 00`), "SVCB\t1 A."},
		{generic(dns.TypeTXT, "0141"), "TXT\t\"A\""},
	} {
		if g, ok := tc.rr.(*dns.RFC3597); ok {
			g.Rdata = strings.ReplaceAll(g.Rdata, " ", "")
		}
		sets, err := zone.FromRRs([]dns.RR{tc.rr})
		require.NoError(t, err)
		require.Equal(t, "a.example.\t1\tIN\t"+tc.text+"\n", zone.Text(sets[0]))
	}
	for _, tc := range []struct {
		what string
		rr   dns.RR
	}{
		{"A of three octets", generic(dns.TypeA, "c00002")},
		{"A of five octets", generic(dns.TypeA, "c000020100")},
		{"MX without a name", generic(dns.TypeMX, "000a")},
		{"MX with a pointer", generic(dns.TypeMX, "000ac000")},
		{"NS with more behind", generic(dns.TypeNS, "016100ff")},
		{"SVCB with keys out of order", generic(dns.TypeSVCB, "0001000003000201bb0001000302683200")},
		{"SOA without rdata", generic(dns.TypeSOA, "")},
	} {
		_, _, _, _, err := zone.FromRR(tc.rr)
		require.Error(t, err, tc.what)
	}
}

// Records that came without rdata, as in an UPDATE, are none of a zone: the rooms
// inside read SOA, DS and others without a second look.
func TestFromRRRefuses(t *testing.T) {
	for _, rr := range []dns.RR{
		&dns.SOA{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeSOA}},
		&dns.A{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeA}},
		&dns.DS{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeDS}},
		&dns.DNSKEY{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeDNSKEY}},
		&dns.RRSIG{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeRRSIG}, SignerName: "example."},
	} {
		_, _, _, _, err := zone.FromRR(rr)
		require.ErrorIs(t, err, zone.ErrRdata, "%T", rr)
		_, err = zone.FromRRs([]dns.RR{rr})
		require.ErrorIs(t, err, zone.ErrRdata, "%T", rr)
	}
	_, _, _, _, err := zone.FromRR(&dns.A{Hdr: dns.RR_Header{Name: "no dot", Rrtype: dns.TypeA}, A: []byte{1, 2, 3, 4}})
	require.Error(t, err)
}

// A TTL has 31 bits; one with the highest set is 0 (RFC 2181 8).
func TestTTL(t *testing.T) {
	for in, out := range map[uint32]uint32{0: 0, 1<<31 - 1: 1<<31 - 1, 1 << 31: 0, 1<<32 - 1: 0} {
		rr := mustRR(t, "a.example. A 192.0.2.1")
		rr.Header().Ttl = in
		_, _, ttl, _, err := zone.FromRR(rr)
		require.NoError(t, err)
		require.Equal(t, out, ttl)
	}
}

// Records become RRsets: sorted, without duplicates, with their signatures and
// the lowest TTL. Signatures over what is not there are kept as such.
func TestFromRRs(t *testing.T) {
	const sig = " 13 2 1 20280101000000 20270101000000 1 example. AAAA"
	var rrs []dns.RR
	for _, line := range []string{
		"b.example. 9 MX 20 b.",
		"a.example. 5 RRSIG MX" + sig,
		"a.example. 5 RRSIG TXT" + sig,
		"a.example. 6 RRSIG AAAA" + sig,
		"a.example. 9 MX 20 B.",
		"A.example. 7 MX 20 b.",
		"a.example. 9 MX 10 c.",
	} {
		rrs = append(rrs, mustRR(t, line))
	}
	sets, err := zone.FromRRs(rrs)
	require.NoError(t, err)
	var text strings.Builder
	for _, s := range sets {
		text.WriteString(zone.Text(s))
	}
	require.Equal(t, strings.ReplaceAll(strings.TrimLeft(`
b.example.	9	IN	MX	20 b.
a.example.	5	IN	MX	10 c.
a.example.	5	IN	MX	20 b.
a.example.	5	IN	RRSIG	MX~
a.example.	5	IN	RRSIG	TXT~
a.example.	5	IN	RRSIG	AAAA~
`, "\n"), "~", sig), text.String())
	require.Len(t, sets, 3)
}

// Text in and text out: all that a zone may hold survives.
func TestTextRoundTrip(t *testing.T) {
	const text = `example.	1	IN	NS	ns.example.
example.	1	IN	SOA	ns.example. root.example. 7 3600 600 86400 300
a.example.	1	IN	A	192.0.2.1
a.example.	1	IN	AAAA	2001:db8::1
a.example.	1	IN	RRSIG	AAAA 13 2 1 20280101000000 20270101000000 1 example. AAAA
k.example.	1	IN	TYPE65280	\# 2 abcd
l.example.	1	IN	LOC	52 22 23.000 N 04 53 32.000 E -2m 1m 10000m 10m
t.example.	1	IN	TXT	"a" "" "\"\\"
`
	v := zone.MustVersion(text)
	var again strings.Builder
	for n := range v.All() {
		for s := range n.All() {
			again.WriteString(zone.Text(s))
		}
	}
	require.Equal(t, text, again.String())
	require.Equal(t, uint32(7), v.Serial())
	for _, bad := range []string{"", "a. 1 A 192.0.2.1", "a. 1 A x", "a. 1 SOA a. a. 1 1 1 1 1\nb. 1 A 192.0.2.1"} {
		require.Panics(t, func() { zone.MustVersion(bad) }, bad)
	}
}

// What a message from outside holds: the result is canonical, is read again as
// the same, and differs from what came in the letters' case only.
func FuzzFromRR(f *testing.F) {
	for _, line := range []string{
		"Mx.Example. 1 MX 10 A.Example.", "a. 1 NSEC B. A", `n. 1 NAPTR 1 2 "a" "b" "c" D.`,
		"a. 1 SVCB 1 . alpn=h2", "a. 1 RRSIG A 13 2 1 20280101000000 20270101000000 1 Example. AAAA", "a. 1 A 192.0.2.1",
	} {
		rr := mustRR(f, line)
		wire := make([]byte, 512)
		end, err := dns.PackRR(rr, wire, 0, nil, false)
		require.NoError(f, err)
		f.Add(wire[:end])
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		rr, _, err := dns.UnpackRR(wire, 0)
		if err != nil {
			return
		}
		name, typ, ttl, rdata, err := zone.FromRR(rr)
		if err != nil {
			return
		}
		s := zone.RRset{Name: name, Type: typ, TTL: ttl, Rdata: zone.Pack(rdata)}
		room := make([]byte, len(rdata)+600)
		end, err := dns.PackRR(rr, room, 0, nil, false)
		require.NoError(t, err)
		_, at, err := zone.NameFromWire(room)
		require.NoError(t, err)
		require.True(t, strings.EqualFold(ascii(room[at+10:end]), ascii([]byte(rdata))))

		again, err := zone.FromRRs(s.RRs())
		require.NoError(t, err)
		require.Equal(t, []zone.RRset{s}, again)
		b := zone.NewBuilder(zone.Root)
		b.Put(s)
		require.NotPanics(t, func() { b.Version().Serial() })
	})
}

// ascii keeps EqualFold from folding more than the letters of ASCII.
func ascii(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		if c < 0x80 {
			s.WriteByte(c)
		} else {
			s.WriteString(hex.EncodeToString([]byte{c}))
		}
	}
	return s.String()
}
