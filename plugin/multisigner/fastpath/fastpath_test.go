package fastpath

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// shown is a zone that shows a version, or none.
type shown struct{ version *zone.Version }

func (s *shown) Open() *zone.Version { return s.version }

// example is the zone that has every kind of answer in it, signed.
var example = sync.OnceValue(func() *zone.Version {
	text, err := os.ReadFile("../answer/testdata/example.zone")
	if err != nil {
		panic(err)
	}
	private := ed25519.NewKeyFromSeed([]byte("a seed of thirty-two octets: 4711"[:32]))
	key := sign.Key{Record: zone.NewDNSKEY(257, 15, private.Public().(ed25519.PublicKey)), Signer: private}
	content := zone.MustVersion(string(text))
	out, err := sign.Zone(sign.Input{
		Content: content,
		Serial:  7,
		Apex:    []zone.RRset{{Name: content.Apex(), Type: zone.TypeDNSKEY, TTL: 3600, Rdata: zone.Pack(string(key.Record))}},
		Keys:    sign.Keys{DNSKEY: []sign.Key{key}, CDS: []sign.Key{key}, Data: []sign.Key{key}},
		Denial:  denial.NSEC,
		Policy:  sign.Policy{Validity: 14 * 24 * time.Hour, Refresh: 5 * 24 * time.Hour, BackDate: time.Hour},
		Now:     time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	})
	if err != nil {
		panic(err)
	}
	return out.Version
})

func exampleTable() (*Table, *shown) {
	z, t := &shown{example()}, NewTable()
	t.Add(zone.MustName("example."), Entry{Zone: z})
	return t, z
}

func packetOf(t testing.TB, name string, kind uint16, change ...func(*dns.Msg)) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, kind)
	for _, c := range change {
		c(m)
	}
	wire, err := m.Pack()
	require.NoError(t, err)
	return wire
}

func edns(size uint16, do bool, options ...dns.EDNS0) func(*dns.Msg) {
	return func(m *dns.Msg) { m.SetEdns0(size, do).IsEdns0().Option = options }
}

// Ordinary queries are read; what is not ordinary is left to CoreDNS, whatever of it
// is right.
func TestParse(t *testing.T) {
	q, ok := parse(packetOf(t, "Www.Example.", dns.TypeA))
	require.True(t, ok)
	require.Equal(t, "\x03Www\x07Example\x00", string(q.name))
	require.Equal(t, zone.TypeA, q.kind)
	require.True(t, q.rd)
	require.False(t, q.edns)

	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}
	q, ok = parse(packetOf(t, "www.example.", dns.TypeMX, edns(1400, true, cookie, &dns.EDNS0_PADDING{Padding: make([]byte, 9)})))
	require.True(t, ok)
	require.True(t, q.edns && q.do)
	require.Equal(t, 1400, q.size)

	asks := &dns.EDNS0_LOCAL{Code: dns.EDNS0ZONEVERSION} // the library writes no empty one
	for _, options := range [][]dns.EDNS0{{asks}, {cookie, asks}, {asks, cookie}} {
		q, ok = parse(packetOf(t, "www.example.", dns.TypeMX, edns(1400, true, options...)))
		require.True(t, ok && q.version)
	}
	for name, change := range map[string]func(*dns.Msg){
		"a version":    edns(1232, true, &dns.EDNS0_ZONEVERSION{Code: dns.EDNS0ZONEVERSION, Version: "\x00\x00\x00\x07"}),
		"response":     func(m *dns.Msg) { m.Response = true },
		"NOTIFY":       func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		"AA":           func(m *dns.Msg) { m.Authoritative = true },
		"TC":           func(m *dns.Msg) { m.Truncated = true },
		"RA":           func(m *dns.Msg) { m.RecursionAvailable = true },
		"Z":            func(m *dns.Msg) { m.Zero = true },
		"rcode":        func(m *dns.Msg) { m.Rcode = 1 },
		"class CH":     func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"no question":  func(m *dns.Msg) { m.Question = nil },
		"two":          func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"answer":       func(m *dns.Msg) { m.Answer = []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: ".", Rrtype: 255}}} },
		"authority":    func(m *dns.Msg) { m.Ns = []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: ".", Rrtype: 255}}} },
		"EDNS 1":       func(m *dns.Msg) { m.SetEdns0(1232, true).IsEdns0().SetVersion(1) },
		"NSID":         edns(1232, true, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}),
		"after cookie": edns(1232, true, cookie, &dns.EDNS0_LOCAL{Code: 65001}),
		"two OPT":      func(m *dns.Msg) { m.SetEdns0(1232, true); m.Extra = append(m.Extra, m.Extra[0]) },
		"TSIG":         func(m *dns.Msg) { m.SetTsig("k.", dns.HmacSHA256, 300, 0) },
		"SIG(0)": func(m *dns.Msg) {
			m.Extra = []dns.RR{&dns.SIG{RRSIG: dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSIG, Class: dns.ClassANY}, SignerName: "k."}}}
		},
	} {
		_, ok := parse(packetOf(t, "www.example.", dns.TypeA, change))
		require.False(t, ok, name)
	}
	whole := packetOf(t, "www.example.", dns.TypeA, edns(1232, true, cookie))
	for end := range whole {
		_, ok := parse(whole[:end])
		require.False(t, ok, "%d octets", end)
	}
	_, ok = parse(append(whole, 0))
	require.False(t, ok, "an octet behind")
	for size, want := range map[int]bool{253: true, 254: true, 255: true, 256: false, 257: false} {
		name := strings.Repeat("\x3f"+strings.Repeat("a", 63), 3)
		name += string(rune(size-len(name)-2)) + strings.Repeat("b", size-len(name)-2) + "\x00"
		packet := append(append(packetOf(t, ".", dns.TypeA)[:headerSize:headerSize], name...), 0, 1, 0, 1)
		_, ok := parse(packet)
		require.Equal(t, want, ok, "a name of %d octets", size)
	}
}

// What is handed over can be read by the DNS library, wherever the empty option stands; all
// else of it, and every other packet, stays as it is.
func TestReadable(t *testing.T) {
	asks, nsid := &dns.EDNS0_LOCAL{Code: dns.EDNS0ZONEVERSION}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}
	for _, options := range [][]dns.EDNS0{{asks}, {nsid, asks}, {asks, nsid}, {asks, asks}} {
		packet := packetOf(t, "www.example.", dns.TypeMX, edns(1400, true, options...))
		require.Error(t, new(dns.Msg).Unpack(packet))
		readable(packet)
		var m dns.Msg
		require.NoError(t, m.Unpack(packet))
		require.Equal(t, "www.example.", m.Question[0].Name)
		require.Len(t, m.IsEdns0().Option, len(options))
		for i, o := range m.IsEdns0().Option {
			if options[i] == asks {
				require.Equal(t, uint16(OptionVersionAsked), o.Option())
			} else {
				require.Equal(t, uint16(dns.EDNS0NSID), o.Option())
			}
		}
	}
	for _, change := range []func(*dns.Msg){
		edns(1232, true, nsid),
		edns(1232, true, &dns.EDNS0_ZONEVERSION{Code: dns.EDNS0ZONEVERSION, Version: "\x00\x00\x00\x07"}),
		func(m *dns.Msg) { edns(1232, true, asks)(m); m.SetTsig("k.", dns.HmacSHA256, 300, 0) },
		func(m *dns.Msg) { m.SetNotify("example.") },
	} {
		packet := packetOf(t, "www.example.", dns.TypeA, change)
		before := string(packet)
		readable(packet)
		require.Equal(t, before, string(packet))
	}
	whole := packetOf(t, "www.example.", dns.TypeMX, edns(1400, true, asks, nsid))
	for end := range whole {
		readable(whole[:end:end]) // cut short: nothing breaks
	}
}

// The nearest entry decides, and of an apex's DS CoreDNS.
func TestTable(t *testing.T) {
	ours, other := &shown{}, &shown{}
	table := NewTable()
	table.Add(zone.Root, Entry{})
	table.Add(zone.MustName("example."), Entry{Zone: ours})
	table.Add(zone.MustName("a.b.example."), Entry{})
	table.Add(zone.MustName("c.a.b.example."), Entry{Zone: other})
	table.Add(zone.MustName("d.example."), Entry{Zone: other})
	require.Equal(t, 3, table.Zones())
	find := func(name string, kind zone.Type) Zone {
		_, z := table.find(zone.MustName(name), kind)
		return z
	}
	long := strings.Repeat("x.", 100)
	for name, want := range map[string]Zone{
		"example.": ours, "x.example.": ours, "b.example.": ours, long + "example.": ours, "a.b.example.": nil, "x.a.b.example.": nil,
		"c.a.b.example.": other, long + "c.a.b.example.": other, ".": nil, "org.": nil, "xexample.": nil, "d.example.": other,
	} {
		if z := find(name, zone.TypeA); want == nil {
			require.Nil(t, z, name)
		} else {
			require.Same(t, want, z, name)
		}
	}
	for name, want := range map[string]bool{"example.": false, "x.example.": true, "c.a.b.example.": false, "x.c.a.b.example.": true, "x.d.example.": true, "d.example.": false} {
		require.Equal(t, want, find(name, zone.TypeDS) != nil, "DS of %s", name)
	}
	e, _ := NewTable().find(zone.MustName("x.example."), zone.TypeA)
	require.Nil(t, e)
}

// come are members that are there now.
type come map[zone.Name]Zone

func (c come) Find(name zone.Name) Zone { return c[name] }

// Members come and go below an entry, and the nearest zone decides, whatever it is. Where an
// entry without members is nearer, there are none.
func TestMembers(t *testing.T) {
	ours, member, below := &shown{}, &shown{}, &shown{}
	members := come{}
	table := NewTable()
	table.Add(zone.Root, Entry{Members: members})
	table.Add(zone.MustName("example."), Entry{Zone: ours, Members: members})
	table.Add(zone.MustName("cat.example."), Entry{})
	find := func(name string, kind zone.Type) Zone {
		_, z := table.find(zone.MustName(name), kind)
		return z
	}
	require.Equal(t, 2, table.Zones())
	require.Nil(t, find("www.a.test.", zone.TypeA))
	require.Same(t, ours, find("www.b.example.", zone.TypeA))

	members[zone.MustName("a.test.")], members[zone.MustName("b.example.")], members[zone.MustName("d.c.b.example.")] = member, member, below
	members[zone.MustName("x.cat.example.")], members[zone.MustName("example.")] = member, member
	for name, want := range map[string]Zone{
		"a.test.": member, "www.a.test.": member, "test.": nil, "b.test.": nil, "example.": ours, "www.b.example.": member,
		"b.example.": member, "c.b.example.": member, "x.d.c.b.example.": below, "x.cat.example.": nil, "cat.example.": nil,
		strings.Repeat("x.", 100) + "a.test.": member,
	} {
		if z := find(name, zone.TypeA); want == nil {
			require.Nil(t, z, name)
		} else {
			require.Same(t, want, z, name)
		}
	}
	require.Nil(t, find("b.example.", zone.TypeDS))
	require.Same(t, member, find("x.b.example.", zone.TypeDS))
	delete(members, zone.MustName("a.test."))
	require.Nil(t, find("www.a.test.", zone.TypeA))
	members[zone.Root] = member
	require.Same(t, member, find("www.a.test.", zone.TypeA))
}

// A zone that must refuse does so at the very next query: it is CoreDNS then that
// says so, and why.
func TestRefusesAtOnce(t *testing.T) {
	table, z := exampleTable()
	var a answerer
	var s sample
	packet := packetOf(t, "a.example.", dns.TypeA, edns(1232, true))
	_, ok := a.answer(nil, table, packet, &s)
	require.True(t, ok)
	z.version = nil
	_, ok = a.answer(nil, table, packet, &s)
	require.False(t, ok)
	z.version = example()
	_, ok = a.answer(nil, table, packet, &s)
	require.True(t, ok)
}

// An answer has the room that the asker and the block give it, and no more.
func TestPayload(t *testing.T) {
	var r answer.Response
	whole := func(name string, edns bool) int { // octets
		request := answer.Request{Limit: dns.MaxMsgSize}
		if edns {
			request.Payload = MaxPayload
		}
		r.Plan(big(t), answer.Question{Name: zone.MustName(name), Type: zone.Type(dns.TypeTXT)})
		return len(r.AppendWire(nil, &request))
	}
	for _, tc := range []struct {
		entry, size uint16
		want        int
	}{{0, 0, 512}, {0, 100, 512}, {0, 900, 900}, {0, 4096, 1232}, {700, 4096, 700}, {9000, 4096, 1232}, {100, 4096, 512}} {
		table := NewTable()
		table.Add(zone.MustName("example."), Entry{Zone: &shown{big(t)}, Payload: int(tc.entry)})
		var a answerer
		var s sample
		change := func(*dns.Msg) {}
		if tc.size > 0 {
			change = edns(tc.size, false)
		}
		for n := 1; n < 60; n++ { // one of these fills the room, the next is too much
			name := string(rune('a'+n%26)) + string(rune('a'+n/26)) + ".example."
			wire, ok := a.answer(nil, table, packetOf(t, name, dns.TypeTXT, change), &s)
			require.True(t, ok)
			require.LessOrEqual(t, len(wire), tc.want)
			var m dns.Msg
			require.NoError(t, m.Unpack(wire))
			require.Equal(t, whole(name, tc.size > 0) > tc.want, m.Truncated, "%d octets, %v", len(wire), tc)
			if tc.size > 0 {
				require.EqualValues(t, MaxPayload, m.IsEdns0().UDPSize())
			} else {
				require.Nil(t, m.IsEdns0())
			}
		}
	}
}

// big has a TXT RRset of n * 25 octets for each n.
func big(t *testing.T) *zone.Version {
	t.Helper()
	var b strings.Builder
	b.WriteString("$ORIGIN example.\n$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n")
	for n := 1; n < 60; n++ {
		text := strings.Repeat("x", n*25)
		b.WriteString(string(rune('a'+n%26)) + string(rune('a'+n/26)) + " TXT")
		for len(text) > 0 {
			part := min(len(text), 250)
			b.WriteString(" \"" + text[:part] + "\"")
			text = text[part:]
		}
		b.WriteString("\n")
	}
	return zone.MustVersion(b.String())
}

// Nothing that is done for every query leaves garbage behind, counting included.
func TestNoGarbage(t *testing.T) {
	table, _ := exampleTable()
	var a answerer
	var s sample
	counting := make(counting)
	wire := make([]byte, 0, 2*MaxPayload)
	for name, kind := range map[string]uint16{"a.example.": dns.TypeA, "nowhere.example.": dns.TypeA, "x.sub.example.": dns.TypeA, "example.": dns.TypeDNSKEY} {
		packet := packetOf(t, name, kind, edns(1232, true))
		once := func() {
			_, ok := a.answer(wire, table, packet, &s)
			s.series = &series
			counting.add(&s, time.Millisecond)
			if !ok {
				panic("not answered")
			}
		}
		once()
		require.Zero(t, testing.AllocsPerRun(100, once), name)
	}
}

var series = Series{Server: "dns://test", Zone: "example."}

// Whatever a packet is, it harms nobody. One that is taken for an ordinary query is
// one to the library, too, which reads the same in it; and the answer can be read,
// is to that question, and fits.
func FuzzPacket(f *testing.F) {
	f.Add(packetOf(f, "a.example.", dns.TypeA))
	f.Add(packetOf(f, "A.eXample.", dns.TypeANY, edns(512, true)))
	f.Add(packetOf(f, "x.sub.example.", dns.TypeDS, edns(4096, true, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})))
	f.Add(packetOf(f, "x.dn.example.", dns.TypeTXT, edns(1232, false, &dns.EDNS0_PADDING{Padding: make([]byte, 3)})))
	f.Add(packetOf(f, strings.Repeat("x.", 100)+"example.", dns.TypeNSEC, edns(0, true)))
	f.Add(packetOf(f, "example.", dns.TypeAXFR))
	asks := &dns.EDNS0_LOCAL{Code: dns.EDNS0ZONEVERSION}
	f.Add(packetOf(f, "a.example.", dns.TypeA, edns(1232, true, asks)))
	f.Add(packetOf(f, "a.example.", dns.TypeA, edns(1232, true, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}, asks)))
	f.Add([]byte("\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	table, _ := exampleTable()
	var a answerer
	f.Fuzz(func(t *testing.T, packet []byte) {
		q, ok := parse(packet)
		if ok {
			var m dns.Msg
			seen := bytes.Clone(packet)
			readable(seen)
			require.NoError(t, m.Unpack(seen))
			require.Equal(t, dns.OpcodeQuery, m.Opcode)
			require.False(t, m.Response)
			require.Len(t, m.Question, 1)
			require.Empty(t, m.Answer)
			require.Empty(t, m.Ns)
			require.EqualValues(t, dns.ClassINET, m.Question[0].Qclass)
			require.EqualValues(t, m.Question[0].Qtype, q.kind)
			require.Equal(t, m.Id, q.id)
			require.Equal(t, m.RecursionDesired, q.rd)
			name, _, err := dns.UnpackDomainName(q.name, 0)
			require.NoError(t, err)
			require.Equal(t, m.Question[0].Name, name)
			opt := m.IsEdns0()
			require.Equal(t, opt != nil, q.edns)
			if opt != nil {
				require.Len(t, m.Extra, 1)
				require.EqualValues(t, opt.UDPSize(), q.size)
				require.Equal(t, opt.Do(), q.do)
				require.Zero(t, opt.Version())
				asks := func(o dns.EDNS0) bool { return o.Option() == OptionVersionAsked }
				require.Equal(t, slices.ContainsFunc(opt.Option, asks), q.version)
			}
		}
		var s sample
		wire, answered := a.answer(nil, table, packet, &s)
		if !answered {
			require.Empty(t, wire)
			return
		}
		require.True(t, ok)
		require.LessOrEqual(t, len(wire), max(minPayload, min(q.size, MaxPayload)))
		require.Equal(t, binary.BigEndian.Uint16(packet), binary.BigEndian.Uint16(wire))
		var m dns.Msg
		require.NoError(t, m.Unpack(wire))
		require.True(t, m.Response)
		require.Equal(t, string(packet[headerSize:headerSize+len(q.name)+4]), string(wire[headerSize:headerSize+len(q.name)+4]))
	})
}

// A panic over one question costs nobody else an answer: CoreDNS gets the question.
func TestPanicIsCoreDNSs(t *testing.T) {
	table := NewTable()
	table.Add(zone.MustName("example."), Entry{Zone: broken{}})
	var a answerer
	var s sample
	wire, ok := a.answer([]byte("before"), table, packetOf(t, "a.example.", dns.TypeA), &s)
	require.False(t, ok)
	require.Equal(t, "before", string(wire))
}

type broken struct{}

func (broken) Open() *zone.Version { panic("broken") }
