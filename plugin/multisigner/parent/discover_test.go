package parent_test

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var quick = &ask.Client{Timeout: 200 * time.Millisecond, Tries: 2}

// dsync is a DSYNC record in the form of an unknown type, as our library has it.
func dsync(owner string, t uint16, scheme byte, port uint16, target string) dns.RR {
	wire := make([]byte, 255)
	n, err := dns.PackDomainName(target, wire, 0, nil, false)
	if err != nil {
		panic(err)
	}
	rdata := append([]byte{byte(t >> 8), byte(t), scheme, byte(port >> 8), byte(port)}, wire[:n]...)
	return rr(`%s 300 TYPE66 \# %d %X`, owner, len(rdata), rdata)
}

func discover(t *testing.T, w parent.Where, name string, rrtype zone.Type) (parent.Endpoint, error) {
	return parent.Discover(t.Context(), quick, w, zone.MustName(name), rrtype, now)
}

// noName denies in the name of a zone.
func noName(apex string) *dns.Msg {
	m := authoritative(nil, newZone(apex).soa())
	m.Rcode = dns.RcodeNameError
	return m
}

// _dsync goes after the child's first label, then before the parent's labels, which
// the denial tells, then alone; the first that has records counts (RFC 9859 4.1).
func TestDiscover(t *testing.T) {
	for _, tc := range []struct {
		name, child string
		answers     map[string]*dns.Msg
		endpoint    string // "": none
	}{
		{"first label", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": authoritative([]dns.RR{dsync("example._dsync.test.", dns.TypeCDS, 1, 5300, "notify.test.")}),
		}, "notify.test.:5300"},
		{"before the parent's labels", "a.b.example.test.", map[string]*dns.Msg{
			"a._dsync.b.example.test. TYPE66": noName("test."),
			"a.b.example._dsync.test. TYPE66": authoritative([]dns.RR{dsync("a.b.example._dsync.test.", dns.TypeCDS, 1, 53, "n.test.")}),
		}, "n.test.:53"},
		{"alone", "a.b.test.", map[string]*dns.Msg{
			"a._dsync.b.test. TYPE66": noName("test."),
			"a.b._dsync.test. TYPE66": authoritative(nil, newZone("test.").soa()),
			"_dsync.test. TYPE66":     authoritative([]dns.RR{dsync("_dsync.test.", dns.TypeCDS, 1, 53, "n.test.")}),
		}, "n.test.:53"},
		{"of a top-level domain", "test.", map[string]*dns.Msg{
			"test._dsync. TYPE66": noName("."),
			"_dsync. TYPE66":      authoritative([]dns.RR{dsync("_dsync.", dns.TypeCDS, 1, 53, "n.example.")}),
		}, "n.example.:53"},
		{"nowhere", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": noName("test."), "_dsync.test. TYPE66": noName("test."),
		}, ""},
		{"for others", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": authoritative([]dns.RR{
				dsync("example._dsync.test.", dns.TypeCSYNC, 1, 53, "csync.test."),
				dsync("example._dsync.test.", dns.TypeCDS, 0, 53, "null.test."),
				dsync("example._dsync.test.", dns.TypeCDS, 200, 53, "private.test."),
			}),
		}, ""},
		{"among others", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": authoritative([]dns.RR{
				dsync("example._dsync.test.", dns.TypeCSYNC, 1, 53, "csync.test."),
				dsync("example._dsync.test.", dns.TypeCDS, 200, 53, "private.test."),
				dsync("example._dsync.test.", dns.TypeCDS, 1, 5301, "cds.test."),
			}),
		}, "cds.test.:5301"},
		{"behind an alias", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": authoritative([]dns.RR{
				rr("example._dsync.test. 300 CNAME all.test."), dsync("all.test.", dns.TypeCDS, 1, 53, "cds.test.")}),
		}, "cds.test.:53"},
		// The answers lead round in a circle: a zone of its own at _dsync, whose SOA is
		// of no zone above the child.
		{"denied by a zone at _dsync", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": noName("_dsync.test."), "_dsync.test. TYPE66": noName("_dsync.test."),
		}, ""},
		{"denied by the child", "example.test.", map[string]*dns.Msg{
			"example._dsync.test. TYPE66": noName("example.test."), "_dsync.test. TYPE66": noName("example._dsync.test."),
		}, ""},
		{"denied by ever higher zones", "a.b.c.d.e.f.test.", map[string]*dns.Msg{
			"a._dsync.b.c.d.e.f.test. TYPE66": noName("c.d.e.f.test."),
			"a.b._dsync.c.d.e.f.test. TYPE66": noName("d.e.f.test."),
			"a.b.c._dsync.d.e.f.test. TYPE66": noName("e.f.test."),
			"a.b.c.d._dsync.e.f.test. TYPE66": noName("f.test."),
			"a.b.c.d.e._dsync.f.test. TYPE66": noName("test."),
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.answers)
			e, err := discover(t, parent.Where{Servers: []netip.AddrPort{s.addr}}, tc.child, zone.TypeCDS)
			if tc.endpoint == "" {
				require.ErrorIs(t, err, parent.ErrNoEndpoint)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.endpoint, e.String())
		})
	}
}

// What cannot be meant is refused with the reason, and is not taken for "none": it
// is not known then.
func TestDiscoverRefused(t *testing.T) {
	at := "example._dsync.test."
	good := dsync(at, dns.TypeCDS, 1, 53, "n.test.")
	flood := func(n int) (all []dns.RR) {
		for i := range n {
			all = append(all, dsync(at, dns.TypeCDS, 1, uint16(i+1), "n.test."))
		}
		return all
	}
	circle := []dns.RR{rr("%s 300 CNAME b.test.", at), rr("b.test. 300 CNAME %s", at)}
	for _, tc := range []struct {
		name   string
		answer *dns.Msg
		says   string
	}{
		{"two for one type and scheme", authoritative([]dns.RR{good, dsync(at, dns.TypeCDS, 1, 53, "m.test.")}), "there are 2 DSYNC records for NOTIFY(CDS)"},
		// As many as a message has room for.
		{"thousands", authoritative(flood(1300)), "more records than any DSYNC needs"},
		{"a circle of aliases", authoritative(circle), "CNAMEs without end"},
		{"no target", authoritative([]dns.RR{dsync(at, dns.TypeCDS, 1, 53, ".")}), "names no target"},
		{"no port", authoritative([]dns.RR{dsync(at, dns.TypeCDS, 1, 0, "n.test.")}), "no port"},
		{"too short", authoritative([]dns.RR{rr(`%s 300 TYPE66 \# 5 003B010035`, at)}), "too short"},
		{"no name", authoritative([]dns.RR{rr(`%s 300 TYPE66 \# 8 003B0100350A6161`, at)}), "target is no name"},
		{"more than a name", authoritative([]dns.RR{rr(`%s 300 TYPE66 \# 8 003B010035016100`, at), rr(`%s 300 TYPE66 \# 9 003B01003501610000`, at)}), "target is no name"},
		{"without authority", plain([]dns.RR{good}), "without authority"},
		{"broken", failing(0), "answered SERVFAIL"},
		{"silent", nil, "no whole message within"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, map[string]*dns.Msg{at + " TYPE66": tc.answer})
			_, err := discover(t, parent.Where{Servers: []netip.AddrPort{s.addr}}, child, zone.TypeCDS)
			require.ErrorContains(t, err, tc.says)
			require.ErrorContains(t, err, "find where to send NOTIFY(CDS) of example.test.: ")
			require.NotErrorIs(t, err, parent.ErrNoEndpoint)
		})
	}
	// One server that fails does not keep the next from being asked.
	broken := serve(t, map[string]*dns.Msg{})
	s := serve(t, map[string]*dns.Msg{at + " TYPE66": authoritative([]dns.RR{good})})
	e, err := discover(t, parent.Where{Servers: []netip.AddrPort{broken.addr, s.addr}}, child, zone.TypeCDS)
	require.NoError(t, err)
	require.Equal(t, "n.test.:53", e.String())

	_, err = discover(t, parent.Where{}, child, zone.TypeCDS)
	require.ErrorContains(t, err, "there is nobody to ask")
	_, err = discover(t, parent.Where{Servers: []netip.AddrPort{s.addr}}, ".", zone.TypeCDS)
	require.ErrorContains(t, err, "the root has no parent")
}

// By a resolver, only what is validated counts: by its AD bit, or here where there
// is an anchor, a wildcard's expansion with the proof that nothing is nearer.
func TestDiscoverValidated(t *testing.T) {
	test := newZone("test.")
	at := "example._dsync.test."
	signed := test.sign(now, []dns.RR{dsync(at, dns.TypeCDS, 1, 53, "n.test.")})
	wild := test.sign(now, []dns.RR{dsync("*._dsync.test.", dns.TypeCDS, 1, 53, "n.test.")})
	for _, rr := range wild {
		rr.Header().Name = at
	}
	nearer := test.denial("*._dsync.test.", "z.test.", "RRSIG NSEC TYPE66")
	anchor := filepath.Join(t.TempDir(), "anchor")
	require.NoError(t, os.WriteFile(anchor, []byte(test.ds().String()+"\n"), 0o600))
	base := map[string]*dns.Msg{"test. SOA": plain(test.sign(now, []dns.RR{test.soa()})), "test. DNSKEY": plain(test.dnskey())}
	for _, tc := range []struct {
		name   string
		answer *dns.Msg
		anchor string
		says   string
	}{
		{"vouched", vouched(signed), "", ""},
		{"not vouched", plain(signed), "", "does not vouch for it"},
		{"validated here", plain(signed), anchor, ""},
		{"from a wildcard", plain(wild, nearer[2:]...), anchor, ""},
		{"from a wildcard, without proof", plain(wild), anchor, "was made by a wildcard"},
		{"unsigned", vouched(signed[:1]), anchor, "DSYNC of example._dsync.test.: "},
		{"of another's signing", vouched(newZone("test.").sign(now, []dns.RR{dsync(at, dns.TypeCDS, 1, 53, "n.test.")})), anchor, "DSYNC of example._dsync.test.: "},
		{"expired", vouched(test.sign(now.Add(-48*time.Hour), []dns.RR{dsync(at, dns.TypeCDS, 1, 53, "n.test.")})), anchor, "DSYNC of example._dsync.test.: "},
		{"denied without proof", plain(nil, test.sign(now, []dns.RR{test.soa()})...), anchor, "DSYNC of example._dsync.test.: "},
		{"bogus", failing(dns.ExtendedErrorCodeDNSBogus), "", "SERVFAIL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answers := maps.Clone(base)
			answers[at+" TYPE66"] = tc.answer
			s := serve(t, answers)
			e, err := discover(t, parent.Where{Resolver: s.addr, Anchor: tc.anchor}, child, zone.TypeCDS)
			if tc.says == "" {
				require.NoError(t, err)
				require.Equal(t, "n.test.:53", e.String())
				return
			}
			require.ErrorContains(t, err, tc.says)
			require.NotErrorIs(t, err, parent.ErrNoEndpoint)
		})
	}
}

// The addresses of a target come from a resolver or the parent's servers, and not
// from whoever the record leads to: nobody makes us send where he cannot send himself.
func TestAddresses(t *testing.T) {
	far := func(addrs ...string) map[string]*dns.Msg {
		var a, aaaa []dns.RR
		for _, s := range addrs {
			if netip.MustParseAddr(s).Is4() {
				a = append(a, rr("n.test. 60 A %s", s))
			} else {
				aaaa = append(aaaa, rr("n.test. 60 AAAA %s", s))
			}
		}
		return map[string]*dns.Msg{"n.test. A": authoritative(a), "n.test. AAAA": authoritative(aaaa)}
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d", i+1)
	}
	near := []string{"10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1", "64:ff9b::a00:1", "2002:a00:1::1", "64:ff9b:1::1"}
	never := []string{"169.254.169.254", "fe80::1", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "224.0.0.251", "ff02::fb", "::"}
	for _, tc := range []struct {
		name    string
		answers map[string]*dns.Msg
		port    uint16
		beside  string // another server of the parent
		want    []string
		says    string
	}{
		{"public", far("192.0.2.7", "2001:db8::7"), 5300, "", []string{"192.0.2.7:5300", "[2001:db8::7]:5300"}, ""},
		{"port 53", far("192.0.2.7"), 53, "", []string{"192.0.2.7:53"}, ""},
		{"another service's port", far("192.0.2.7"), 25, "", nil, "port 25 is that of another service"},
		{"too many", far(many...), 53, "", []string{"192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53", "192.0.2.4:53"}, ""},
		{"loopback, as the parent's servers", far("127.0.0.9"), 53, "127.0.0.53:53", []string{"127.0.0.9:53"}, ""},
		{"private, as the parent's servers", far("10.9.9.9"), 53, "192.168.0.1:53", []string{"10.9.9.9:53"}, ""},
		{"loopback besides", far("127.0.0.9", "192.0.2.7"), 53, "", []string{"192.0.2.7:53"}, ""},
		{"mapped loopback", far("::ffff:127.0.0.1"), 53, "", nil, "127.0.0.1 is a loopback address"},
		{"does not exist", map[string]*dns.Msg{"n.test. A": noName("test."), "n.test. AAAA": noName("test.")}, 53, "", nil, "it has no address"},
		{"not found", map[string]*dns.Msg{}, 53, "", nil, "answered REFUSED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resolver := serve(t, tc.answers)
			w := parent.Where{Resolver: resolver.addr}
			if tc.beside != "" {
				w.Servers = []netip.AddrPort{netip.MustParseAddrPort(tc.beside)}
			}
			addrs, err := parent.Addresses(t.Context(), quick, w, parent.Endpoint{Target: zone.MustName("n.test."), Port: tc.port})
			if tc.says != "" {
				require.ErrorContains(t, err, tc.says)
				require.ErrorContains(t, err, "n.test.:")
				return
			}
			require.NoError(t, err)
			var got []string
			for _, a := range addrs {
				got = append(got, a.String())
			}
			require.Equal(t, tc.want, got)
		})
	}
	for _, addr := range slices.Concat(near, never) {
		t.Run(addr, func(t *testing.T) {
			_, err := parent.Addresses(t.Context(), quick, parent.Where{Resolver: serve(t, far(addr)).addr}, parent.Endpoint{Target: zone.MustName("n.test."), Port: 5300})
			if slices.Contains(near, addr) {
				require.ErrorContains(t, err, "is a private address")
			} else {
				require.ErrorContains(t, err, "is not that of a server")
			}
		})
	}
}

// Without a resolver for what the parent says, its servers know their own names, and
// one for names knows the others.
func TestAddressesWithoutResolver(t *testing.T) {
	e := parent.Endpoint{Target: zone.MustName("n.test."), Port: 53}
	answers := map[string]*dns.Msg{"n.test. A": authoritative([]dns.RR{rr("n.test. 60 A 192.0.2.7")}), "n.test. AAAA": authoritative(nil)}
	knows, knowsNot := serve(t, answers), serve(t, map[string]*dns.Msg{})
	at := func(s *server) []netip.AddrPort { return []netip.AddrPort{s.addr} }
	for _, w := range []parent.Where{{Servers: at(knows)}, {Servers: at(knowsNot), Names: knows.addr}} {
		addrs, err := parent.Addresses(t.Context(), quick, w, e)
		require.NoError(t, err)
		require.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:53")}, addrs)
	}
	_, err := parent.Addresses(t.Context(), quick, parent.Where{Servers: at(knowsNot)}, e)
	require.ErrorContains(t, err, "no resolver is configured")
}
