package parent_test

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var tsig = &ask.TSIG{Name: "registry.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// registry takes NOTIFY and UPDATE, keeps what came, and answers with one rcode.
type registry struct {
	addr  netip.AddrPort
	rcode int

	mu   sync.Mutex
	came []*dns.Msg
}

func register(t *testing.T, rcode int) *registry {
	r := &registry{rcode: rcode}
	conn, listener := listen(t)
	r.addr = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	activate(t, r, conn, listener)
	return r
}

func (r *registry) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	r.mu.Lock()
	r.came = append(r.came, q)
	r.mu.Unlock()
	m := new(dns.Msg).SetRcode(q, r.rcode)
	if t := q.IsTsig(); t != nil {
		if w.TsigStatus() != nil {
			m.Rcode = dns.RcodeNotAuth
		}
		m.SetTsig(t.Hdr.Name, t.Algorithm, 300, int64(t.TimeSigned))
	}
	w.WriteMsg(m)
}

func (r *registry) seen() []*dns.Msg {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.came
}

// NOTIFY goes to one address after the other until one takes it.
func TestNotify(t *testing.T) {
	nobody := netip.MustParseAddrPort("127.0.0.1:1")
	refuses, takes, spared := register(t, dns.RcodeNotAuth), register(t, dns.RcodeSuccess), register(t, dns.RcodeSuccess)
	servers := []ask.Server{{Addr: nobody}, {Addr: refuses.addr}, {Addr: takes.addr}, {Addr: spared.addr}}
	s, err := parent.Notify(t.Context(), quick, servers, zone.MustName(child), zone.TypeCDS)
	require.NoError(t, err)
	require.Equal(t, takes.addr, s.Addr)
	require.Empty(t, spared.seen())
	m := takes.seen()[0]
	require.Equal(t, dns.OpcodeNotify, m.Opcode)
	require.Equal(t, []dns.Question{{Name: child, Qtype: dns.TypeCDS, Qclass: dns.ClassINET}}, m.Question)

	_, err = parent.Notify(t.Context(), quick, servers[:2], zone.MustName(child), zone.TypeCSYNC)
	require.ErrorContains(t, err, "notify "+nobody.String()+" of example.test CSYNC: ")
	require.ErrorContains(t, err, "notify "+refuses.addr.String()+" of example.test CSYNC: answered NOTAUTH")
}

// dsSet is a DS RRset in the words of a zone file.
func dsSet(ttl uint32, lines ...string) zone.RRset {
	var rdata []string
	for _, line := range lines {
		_, _, _, r, err := zone.FromRR(rr("%s DS %s", child, line))
		if err != nil {
			panic(err)
		}
		rdata = append(rdata, r)
	}
	return zone.RRset{Name: zone.MustName(child), Type: zone.TypeDS, TTL: ttl, Rdata: zone.Pack(rdata...)}
}

// An UPDATE replaces the whole DS RRset in one message, and only the one that was
// seen: what somebody else has put there meanwhile stays.
func TestUpdate(t *testing.T) {
	one, two, three := "1 13 2 "+strings.Repeat("AA", 32), "2 13 2 "+strings.Repeat("BB", 32), "3 13 2 "+strings.Repeat("CC", 32)
	for _, tc := range []struct {
		name      string
		seen, set zone.RRset
		want      string
	}{
		{"replaces", dsSet(7200, one, two), dsSet(7200, two, three), `prerequisites:
example.test. 0 IN DS ` + one + `
example.test. 0 IN DS ` + two + `
updates:
example.test. 0 CLASS255 DS
example.test. 7200 IN DS ` + two + `
example.test. 7200 IN DS ` + three + `
`},
		{"the first", zone.RRset{}, dsSet(60, one), `prerequisites:
example.test. 0 NONE DS
updates:
example.test. 0 CLASS255 DS
example.test. 60 IN DS ` + one + `
`},
		{"the last", dsSet(60, one), zone.RRset{}, `prerequisites:
example.test. 0 IN DS ` + one + `
updates:
example.test. 0 CLASS255 DS
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := register(t, dns.RcodeSuccess)
			change := parent.Change{Parent: zone.MustName("test."), Child: zone.MustName(child), Seen: tc.seen, DS: tc.set}
			require.NoError(t, parent.Update(t.Context(), quick, ask.Server{Addr: r.addr, TSIG: tsig}, change))
			m := r.seen()[0]
			require.Equal(t, []dns.Question{{Name: "test.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}}, m.Question)
			require.Equal(t, tc.want, "prerequisites:\n"+lines(m.Answer)+"updates:\n"+lines(m.Ns))
		})
	}
}

// lines are records as zone files have them; those without rdata end with the type.
func lines(rrs []dns.RR) string {
	var b strings.Builder
	for _, rr := range rrs {
		text := rr.String()
		if ds, ok := rr.(*dns.DS); ok && ds.Digest == "" {
			text = ds.Hdr.String()
		} else if _, ok := rr.(*dns.ANY); ok {
			text = rr.Header().String()
		}
		b.WriteString(strings.Join(strings.Fields(text), " ") + "\n")
	}
	return b.String()
}

// What the parent says to it, and what must not be sent at all.
func TestUpdateRefused(t *testing.T) {
	change := parent.Change{Parent: zone.MustName("test."), Child: zone.MustName(child), DS: dsSet(60, "1 13 2 AA")}
	for rcode, changed := range map[int]bool{
		dns.RcodeNXRrset: true, dns.RcodeYXRrset: true,
		dns.RcodeRefused: false, dns.RcodeNotAuth: false, dns.RcodeNotZone: false, dns.RcodeServerFailure: false, dns.RcodeNotImplemented: false,
	} {
		r := register(t, rcode)
		err := parent.Update(t.Context(), quick, ask.Server{Addr: r.addr, TSIG: tsig}, change)
		require.ErrorContains(t, err, "answered "+dns.RcodeToString[rcode])
		if changed {
			require.ErrorIs(t, err, parent.ErrChanged)
		} else {
			require.NotErrorIs(t, err, parent.ErrChanged)
		}
	}
	r := register(t, dns.RcodeSuccess)
	require.ErrorContains(t, parent.Update(t.Context(), quick, ask.Server{Addr: r.addr}, change), "without a key")
	for _, above := range []string{child, "net.", "www." + child} {
		other := change
		other.Parent = zone.MustName(above)
		require.ErrorContains(t, parent.Update(t.Context(), quick, ask.Server{Addr: r.addr, TSIG: tsig}, other), "is no zone above it")
	}
	require.Empty(t, r.seen())

	another := *tsig
	another.Secret = "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="
	require.ErrorIs(t, parent.Update(t.Context(), quick, ask.Server{Addr: r.addr, TSIG: &another}, change), ask.ErrTSIG)
}
