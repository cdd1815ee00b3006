package update_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const apex = zone.Name("\x07example\x00")

// served is the serial that is served in these tests; the content has another.
const served = 20

// Each update changes what RFC 2136 3.4.2 says, and where other servers differ what the
// manual says.
func TestJudge(t *testing.T) {
	const had = "a.example. 300 A 192.0.2.1\na.example. 300 A 192.0.2.2\nc.example. 300 CNAME a.example.\n"
	for _, tc := range []struct{ what, had, update, is string }{
		{"nothing", had, "", had},
		{"a new name", "", "add b.example. 60 TXT x", "b.example. 60 TXT \"x\"\n"},
		{"one more record: the RRset takes its TTL", had, "add a.example. 60 A 192.0.2.3",
			"a.example. 60 A 192.0.2.1\na.example. 60 A 192.0.2.2\na.example. 60 A 192.0.2.3\nc.example. 300 CNAME a.example.\n"},
		{"the same record again", had, "add a.example. 300 A 192.0.2.1", had},
		{"another TTL alone", had, "add c.example. 60 CNAME a.example.", strings.Replace(had, "c.example. 300", "c.example. 60", 1)},
		{"a CNAME takes the place of another", had, "add c.example. 300 CNAME b.example.", strings.Replace(had, "CNAME a", "CNAME b", 1)},
		{"a CNAME beside records is ignored", had, "add a.example. 300 CNAME b.example.", had},
		{"records beside a CNAME are ignored", had, "add c.example. 300 TXT x", had},
		{"a CNAME in the place of records", had, "delete a.example.\nadd a.example. 300 CNAME b.example.",
			"a.example. 300 CNAME b.example.\nc.example. 300 CNAME a.example.\n"},
		{"one record goes", had, "delete a.example. A 192.0.2.1", "a.example. 300 A 192.0.2.2\nc.example. 300 CNAME a.example.\n"},
		{"an RRset goes", had, "delete a.example. A", "c.example. 300 CNAME a.example.\n"},
		{"a name goes", had, "delete a.example.", "c.example. 300 CNAME a.example.\n"},
		{"what is not there goes", had, "delete a.example. TXT\ndelete a.example. A 192.0.2.9\ndelete z.example.", had},
		{"names are the same in either case", had, "delete A.EXAMPLE. A\ndelete c.example. CNAME A.example.", ""},
		{"what is written is kept", "", "add B.example. 60 NS Ns.Example.", "B.example. 60 NS Ns.Example.\n"},
		{"SOA and NS of the apex stay", "", "delete example.\ndelete example. SOA\ndelete example. NS\ndelete example. NS ns.example.\ndelete example. SOA ns.example. root.example. 7 3600 600 86400 300", ""},
		{"but for another NS", "", "add example. 3600 NS b.example.\ndelete example. NS ns.example.", "example. 3600 NS b.example.\n"},
		{"an apex without others", "example. 60 TXT x\n", "delete example.", ""},
		{"an SOA of a later serial", "", "add example. 60 SOA b.example. root.example. 21 1 2 3 4", "example. 60 SOA b.example. root.example. 21 1 2 3 4\n"},
		{"an SOA of the serial that is served", "", "add example. 60 SOA b.example. root.example. 20 1 2 3 4", ""},
		{"an SOA elsewhere", "", "add a.example. 60 SOA b.example. root.example. 21 1 2 3 4", ""},
		{"a delegation with its DS first", "", "add s.example. 60 DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000ff\nadd s.example. 60 NS ns.example.",
			"s.example. 60 NS ns.example.\ns.example. 60 DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000FF\n"},
		{"a DS without a delegation", "", "add s.example. 60 DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000ff", ""},
		{"a DS goes with its delegation", "s.example. 60 NS ns.example.\ns.example. 60 DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000FF\n", "delete s.example. NS", ""},
		{"a DS at the apex", "", "add example. 60 DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000ff", ""},
		{"below a DNAME", "d.example. 60 DNAME b.example.\n", "add x.d.example. 60 A 192.0.2.1", "d.example. 60 DNAME b.example.\n"},
		{"there and gone", "", "add b.example. 60 TXT x\ndelete b.example. TXT", ""},
		{"gone and there", had, "delete c.example.\nadd c.example. 300 CNAME a.example.", had},
		{"an unknown type", "", "add b.example. 60 TYPE65280 \\# 1 00", "b.example. 60 CLASS1 TYPE65280 \\# 1 00\n"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			old := content(t, tc.had)
			r, bad := read(t, tc.update).Judge(old, served)
			require.Nil(t, bad)
			require.Equal(t, tc.is, show(r.Content))
			again, err := old.Apply(r.Diff)
			require.NoError(t, err)
			require.Equal(t, tc.is, show(again))
			require.Equal(t, tc.is == tc.had, r.Content == old, "what changes nothing is the same version")
		})
	}
}

// A record that is passed over in silence by the RFC is told to whoever reads the
// extended error.
func TestIgnored(t *testing.T) {
	r, bad := read(t, "add example. 60 CNAME a.example.\nadd c.example. 60 A 192.0.2.1").Judge(content(t, "c.example. 60 CNAME a.example.\n"), served)
	require.Nil(t, bad)
	require.Equal(t, 2, r.Ignored)
	require.Equal(t, "example. has other records: no CNAME stands beside them", r.Why)
}

// Prerequisites (RFC 2136 2.4): each has an rcode of its own when it does not hold.
func TestPrerequisites(t *testing.T) {
	const had = "a.example. 300 A 192.0.2.1\na.example. 300 A 192.0.2.2\nx.e.example. 60 TXT x\n"
	for _, tc := range []struct {
		prereq string
		rcode  int
	}{
		{"yxdomain a.example.", dns.RcodeSuccess},
		{"yxdomain e.example.", dns.RcodeNameError}, // an empty non-terminal owns nothing
		{"yxdomain b.example.", dns.RcodeNameError},
		{"nxdomain a.example.", dns.RcodeYXDomain},
		{"nxdomain e.example.", dns.RcodeSuccess},
		{"yxrrset a.example. A", dns.RcodeSuccess},
		{"yxrrset a.example. TXT", dns.RcodeNXRrset},
		{"nxrrset a.example. A", dns.RcodeYXRrset},
		{"nxrrset a.example. TXT", dns.RcodeSuccess},
		{"yxrrset a.example. A 192.0.2.2\nprereq yxrrset a.example. A 192.0.2.1", dns.RcodeSuccess},
		{"yxrrset a.example. A 192.0.2.2", dns.RcodeNXRrset},
		{"yxrrset a.example. A 192.0.2.2\nprereq yxrrset a.example. A 192.0.2.3", dns.RcodeNXRrset},
		{"yxrrset a.example. A 192.0.2.1\nprereq yxrrset a.example. A 192.0.2.2\nprereq yxrrset a.example. A 192.0.2.3", dns.RcodeNXRrset},
		{"yxrrset b.example. A 192.0.2.2", dns.RcodeNXRrset},
		{"yxrrset example. SOA ns.example. root.example. 20 3600 600 86400 300", dns.RcodeSuccess},
		{"yxrrset example. SOA ns.example. root.example. 7 3600 600 86400 300", dns.RcodeNXRrset}, // nobody has seen that serial
		{"yxdomain a.example.\nprereq nxdomain a.example.", dns.RcodeYXDomain},
	} {
		t.Run(tc.prereq, func(t *testing.T) {
			m := read(t, "prereq "+tc.prereq+"\nadd b.example. 60 TXT x")
			r, bad := m.Judge(content(t, had), served)
			if tc.rcode == dns.RcodeSuccess {
				require.Nil(t, bad)
				require.Contains(t, show(r.Content), "b.example.")
				return
			}
			require.NotNil(t, bad)
			require.Equal(t, dns.RcodeToString[tc.rcode], dns.RcodeToString[bad.Rcode])
			require.NotEmpty(t, bad.Text)
		})
	}
}

// What would make a zone that no file could hold, or is the signer's to make, is refused.
func TestRefusedContent(t *testing.T) {
	for _, tc := range []struct{ had, update, why string }{
		{"", "add example. 60 DNSKEY 256 3 13 AAAA", "the signer makes these records"},
		{"", "delete example. DNSKEY", "the signer makes these records"},
		{"", "add a.example. 60 NSEC b.example. A", "the signer makes these records"},
		{"", "add example. 60 NSEC3PARAM 1 0 0 -", "the signer makes these records"},
		{"", "add example. 60 CSYNC 1 0 A", "the signer makes these records"},
		{"", "delete a.example. RRSIG", "the signer makes these records"},
		{"x.d.example. 60 A 192.0.2.1", "add d.example. 60 DNAME b.example.", "below the DNAME of d.example."},
		{"d.example. 60 DNAME b.example.", "add d.example. 60 NS ns.example.", "a DNAME beside NS"},
		{"", "add *.example. 60 NS ns.example.", "a wildcard cannot delegate"},
		{"s.example. 60 NS ns.example.", "add s.example. 60 DS 1 13 2 00", "digest is cut off"},
		{"", `add a.example. 60 NAPTR 1 1 "u" "E2U+sip" "sip:a@example" .`, "the expression: "},
		{"", `add a.example. 60 SVCB 1 . alpn="h2" dohpath="q{?dns}"`, "begins with a slash"},
		{"", "add a.example. 60 TYPE57 \\# 5 0001030801", "the flags must be 0"},
	} {
		t.Run(tc.update, func(t *testing.T) {
			_, bad := read(t, tc.update+"\nadd ok.example. 60 A 192.0.2.1").Judge(content(t, tc.had), served)
			require.NotNil(t, bad)
			require.Equal(t, dns.RcodeRefused, bad.Rcode)
			require.Contains(t, bad.Text, tc.why)
		})
	}
}

// An RRset that no answer holds is not built by updates, even by many.
func TestLargeSet(t *testing.T) {
	v := content(t, "")
	long := strings.Repeat("x", 250)
	for i := range 300 {
		r, bad := read(t, "add b.example. 60 TXT "+long+" "+string(rune('a'+i/26/26))+string(rune('a'+i/26%26))+string(rune('a'+i%26))).Judge(v, served)
		if bad != nil {
			require.Contains(t, bad.Text, "more than an answer holds")
			require.Greater(t, i, 200)
			return
		}
		v = r.Content
	}
	t.Fatal("it grew without end")
}

// What is malformed is FORMERR before anything is looked at, and what is elsewhere NOTZONE.
func TestRead(t *testing.T) {
	header := func(name string, kind, class uint16, ttl uint32) dns.RR {
		return &dns.ANY{Hdr: dns.RR_Header{Name: name, Rrtype: kind, Class: class, Ttl: ttl}}
	}
	a := func(class uint16, ttl uint32) dns.RR {
		return &dns.A{Hdr: dns.RR_Header{Name: "a.example.", Rrtype: dns.TypeA, Class: class, Ttl: ttl}, A: []byte{192, 0, 2, 1}}
	}
	for _, tc := range []struct {
		what           string
		rcode          int
		prereq, update dns.RR
	}{
		{"a prerequisite with a TTL", dns.RcodeFormatError, a(dns.ClassINET, 1), nil},
		{"a prerequisite of ANY with data", dns.RcodeFormatError, a(dns.ClassANY, 0), nil},
		{"a prerequisite of NONE with data", dns.RcodeFormatError, a(dns.ClassNONE, 0), nil},
		{"a prerequisite of class CH", dns.RcodeFormatError, a(dns.ClassCHAOS, 0), nil},
		{"a prerequisite without its data", dns.RcodeFormatError, header("a.example.", dns.TypeA, dns.ClassINET, 0), nil},
		{"a prerequisite of type AXFR", dns.RcodeFormatError, header("a.example.", dns.TypeAXFR, dns.ClassANY, 0), nil},
		{"a prerequisite elsewhere", dns.RcodeNotZone, header("a.other.", dns.TypeA, dns.ClassANY, 0), nil},
		{"an update of class CH", dns.RcodeFormatError, nil, a(dns.ClassCHAOS, 0)},
		{"an update of ANY with data", dns.RcodeFormatError, nil, a(dns.ClassANY, 0)},
		{"an update of ANY with a TTL", dns.RcodeFormatError, nil, header("a.example.", dns.TypeA, dns.ClassANY, 1)},
		{"an update of NONE with a TTL", dns.RcodeFormatError, nil, a(dns.ClassNONE, 1)},
		{"an update of NONE without data", dns.RcodeFormatError, nil, header("a.example.", dns.TypeA, dns.ClassNONE, 0)},
		{"an update that adds no data", dns.RcodeFormatError, nil, header("a.example.", dns.TypeA, dns.ClassINET, 0)},
		{"an update of type ANY that adds", dns.RcodeFormatError, nil, header("a.example.", dns.TypeANY, dns.ClassINET, 0)},
		{"an update of NONE and ANY", dns.RcodeFormatError, nil, header("a.example.", dns.TypeANY, dns.ClassNONE, 0)},
		{"an update of a meta type", dns.RcodeFormatError, nil, header("a.example.", dns.TypeMAILB, dns.ClassANY, 0)},
		{"an update elsewhere", dns.RcodeNotZone, nil, header("a.other.", dns.TypeANY, dns.ClassANY, 0)},
	} {
		t.Run(tc.what, func(t *testing.T) {
			m := new(dns.Msg).SetUpdate("example.")
			if tc.prereq != nil {
				m.Answer = append(m.Answer, tc.prereq)
			} else {
				m.Ns = append(m.Ns, tc.update)
			}
			wire, err := m.Pack()
			require.NoError(t, err)
			require.NoError(t, m.Unpack(wire))
			_, bad := update.Read(m, apex)
			require.NotNil(t, bad)
			require.Equal(t, dns.RcodeToString[tc.rcode], dns.RcodeToString[bad.Rcode], bad.Text)
		})
	}
	for _, tc := range []struct {
		question dns.Question
		rcode    int
	}{
		{dns.Question{Name: "example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, dns.RcodeFormatError},
		{dns.Question{Name: "example.", Qtype: dns.TypeSOA, Qclass: dns.ClassCHAOS}, dns.RcodeFormatError},
		{dns.Question{Name: "a.example.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}, dns.RcodeNotAuth},
	} {
		m := new(dns.Msg).SetUpdate("example.")
		m.Question[0] = tc.question
		_, bad := update.Read(m, apex)
		require.NotNil(t, bad)
		require.Equal(t, tc.rcode, bad.Rcode)
	}
	m := new(dns.Msg).SetUpdate("example.")
	for range update.MaxRecords + 1 {
		m.Ns = append(m.Ns, header("a.example.", dns.TypeANY, dns.ClassANY, 0))
	}
	_, bad := update.Read(m, apex)
	require.NotNil(t, bad)
	require.Equal(t, dns.RcodeRefused, bad.Rcode)
}
