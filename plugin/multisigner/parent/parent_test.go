package parent_test

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const child = "example.test."

func lookAt(t *testing.T, w parent.Where, name string) parent.Report {
	client := &ask.Client{Timeout: 200 * time.Millisecond, Tries: 2}
	return parent.Look(t.Context(), client, w, zone.MustName(name), now)
}

// delegating is what a server of the zone test. says of its child.
func delegating(test signedZone, ds *dns.DS) map[string]*dns.Msg {
	ds.Hdr.Ttl = 7200
	return map[string]*dns.Msg{
		child + " DS": authoritative(test.sign(now, []dns.RR{ds})),
		child + " NS": referral([]dns.RR{rr("%s 900 NS a.%s", child, child), rr("%s 900 NS b.example.net.", child)},
			rr("a.%s 900 A 192.0.2.1", child), rr("a.%s 900 AAAA 2001:db8::1", child), rr("x.%s 900 A 192.0.2.9", child)),
	}
}

// undelegated is what it says when there is no DS.
func undelegated(test signedZone) map[string]*dns.Msg {
	answers := delegating(test, newZone(child).ds())
	answers[child+" DS"] = authoritative(nil, test.denial(child, "z.test.", "NS RRSIG NSEC")...)
	return answers
}

// Configured servers are asked each by itself, and believed as they are: DS with
// the TTL that waits are counted by, the delegation, and its glue.
func TestConfiguredServers(t *testing.T) {
	test, signer := newZone("test."), newZone(child)
	one, two := serve(t, delegating(test, signer.ds())), serve(t, delegating(test, signer.ds()))
	r := lookAt(t, parent.Where{Servers: []netip.AddrPort{one.addr, two.addr}}, child)
	require.Empty(t, r.Err)
	require.Equal(t, zone.MustName("test."), r.Zone)
	require.Len(t, r.Addresses, 2)
	for _, a := range r.Addresses {
		require.Equal(t, parent.Good, a.Status, a.Err)
		require.Empty(t, a.Err)
		require.Equal(t, uint32(7200), a.DS.TTL)
		require.Equal(t, signer.ds().String(), with(a.DS.RRs()[0], 3600).String())
		require.False(t, a.DSAbsent || a.Validated)
		require.Equal(t, 2, a.NS.Rdata.Len())
		require.Equal(t, map[zone.Name][]netip.Addr{
			zone.MustName("a." + child): {netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		}, a.Glue)
	}
}

func with(rr dns.RR, ttl uint32) dns.RR {
	rr.Header().Ttl = ttl
	return rr
}

// Servers that differ, lag, are down or speak for somebody else are each told as
// what they are; none of them speaks for another.
func TestServersThatDiffer(t *testing.T) {
	test, old, next := newZone("test."), newZone(child), newZone(child)
	changed := func(key string, m *dns.Msg) map[string]*dns.Msg {
		answers := delegating(test, next.ds())
		answers[key] = m
		return answers
	}
	nxdomain := authoritative(nil, test.denial("e.test.", "f.test.", "A RRSIG NSEC")...)
	nxdomain.Rcode = dns.RcodeNameError
	for _, tc := range []struct {
		name   string
		serves map[string]*dns.Msg
		status parent.Status
		err    string
		absent bool
	}{
		{"lags", delegating(test, old.ds()), parent.Good, "", false},
		{"no DS", undelegated(test), parent.Good, "", true},
		{"no delegation", changed(child+" DS", nxdomain), parent.Good, "", true},
		{"silent", changed(child+" DS", nil), parent.Unreachable, "DS: ask 127.0.0.1", false},
		{"refuses", map[string]*dns.Msg{}, parent.NotAuthoritative, "DS: answered REFUSED", false},
		{"a resolver", changed(child+" DS", plain(test.sign(now, []dns.RR{next.ds()}))), parent.NotAuthoritative, "DS: the answer is not authoritative", false},
		{"the child's own DS", changed(child+" DS", authoritative(next.sign(now, []dns.RR{next.ds()}))), parent.NotAuthoritative, "DS: the answer is not the parent's: it is signed by example.test.", false},
		{"another zone's DS", changed(child+" DS", authoritative(newZone("net.").sign(now, []dns.RR{next.ds()}))), parent.NotAuthoritative, "it is signed by net.", false},
		{"a server of a zone far above", changed(child+" DS", referral([]dns.RR{rr("test. 900 NS ns.test.")})), parent.NotAuthoritative, "DS: the answer is not authoritative", false},
		{"its zone has expired", changed(child+" DS", failing(dns.ExtendedErrorCodeNotReady)), parent.NotAuthoritative, "DS: answered SERVFAIL", false},
		// RFC 4035 3.1.4.1: a server of the child alone denies the DS, in the child's name.
		{"the child's own server", changed(child+" DS", authoritative(nil, next.denial(child, child, "NS SOA RRSIG NSEC DNSKEY")...)), parent.NotAuthoritative, "DS: the answer is not the parent's", false},
		{"another zone's server", changed(child+" DS", authoritative(nil, newZone("net.").denial("net.", "net.", "NS SOA")...)), parent.NotAuthoritative, "DS: the answer is not the parent's", false},
		{"says nothing at all", changed(child+" DS", authoritative(nil)), parent.NotAuthoritative, "DS: the answer is not the parent's", false},
		{"other records", changed(child+" DS", authoritative([]dns.RR{rr("%s 60 TXT x", child)})), parent.Garbled, "DS: there are other records in the answer", false},
		{"delegation fails", changed(child+" NS", plain(nil)), parent.Good, "NS: the answer is neither authoritative nor a referral", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fine, other := serve(t, delegating(test, next.ds())), serve(t, tc.serves)
			r := lookAt(t, parent.Where{Servers: []netip.AddrPort{other.addr, fine.addr}}, child)
			a := r.Addresses[0]
			require.Equal(t, tc.status.String(), a.Status.String(), a.Err)
			require.Contains(t, a.Err, tc.err)
			require.Equal(t, tc.absent, a.DSAbsent)
			require.Equal(t, tc.name == "no delegation", a.NoName)
			require.Equal(t, tc.status == parent.Good && !tc.absent, a.DS.Exists())
			require.Equal(t, parent.Good, r.Addresses[1].Status)
			require.Equal(t, next.ds().Digest, r.Addresses[1].DS.RRs()[0].(*dns.DS).Digest)
		})
	}
}

// A DS that nobody has signed does not say whose it is: the SOA above it does.
func TestUnsignedParent(t *testing.T) {
	test, signer := newZone("test."), newZone(child)
	answers := delegating(test, signer.ds())
	answers[child+" DS"] = authoritative([]dns.RR{signer.ds()})
	require.Empty(t, lookAt(t, parent.Where{Servers: []netip.AddrPort{serve(t, answers).addr}}, child).Zone)
	answers = maps.Clone(answers) // the first server reads its own
	answers["test. SOA"] = authoritative([]dns.RR{test.soa()})
	r := lookAt(t, parent.Where{Servers: []netip.AddrPort{serve(t, answers).addr}}, child)
	require.Equal(t, zone.MustName("test."), r.Zone)
	require.Equal(t, parent.Good, r.Addresses[0].Status)
}

// resolving is what a resolver knows about test., of which found is a server's address.
func resolving(test signedZone, found string) map[string]*dns.Msg {
	return map[string]*dns.Msg{
		"test. SOA":     vouched(test.sign(now, []dns.RR{test.soa()})),
		"test. NS":      vouched(test.sign(now, []dns.RR{rr("test. 60 NS ns.test.")})),
		"test. DNSKEY":  vouched(test.dnskey()),
		"ns.test. A":    plain([]dns.RR{rr("ns.test. 60 A %s", found)}),
		"ns.test. AAAA": plain(nil),
	}
}

// A resolver finds the parent's servers, which are asked besides those configured,
// and vouches for its keys: every DS, and that there is none, is validated.
func TestResolver(t *testing.T) {
	test, signer := newZone("test."), newZone(child)
	resolver := serve(t, resolving(test, "127.1.2.3"))
	for _, tc := range []struct {
		name   string
		serves map[string]*dns.Msg
		status parent.Status
		err    string
	}{
		{"DS", delegating(test, signer.ds()), parent.Good, ""},
		{"no DS", undelegated(test), parent.Good, ""},
		{"DS of another's signing", delegating(newZone("test."), signer.ds()), parent.Bogus, "DS: "},
		{"DS denied in another's name", undelegated(newZone("test.")), parent.Bogus, "DS: "},
		{"DS unsigned", map[string]*dns.Msg{child + " DS": authoritative([]dns.RR{signer.ds()})}, parent.Unsigned, "DS: "},
		{"no DS, unsigned", map[string]*dns.Msg{child + " DS": authoritative(nil, test.soa())}, parent.Unsigned, "DS: "},
		{"DS expired", map[string]*dns.Msg{child + " DS": authoritative(test.sign(now.Add(-48*time.Hour), []dns.RR{signer.ds()}))}, parent.Stale, "DS: "},
		{"DS of tomorrow", map[string]*dns.Msg{child + " DS": authoritative(test.sign(now.Add(48*time.Hour), []dns.RR{signer.ds()}))}, parent.Stale, "DS: "},
		{"denial expired", map[string]*dns.Msg{child + " DS": authoritative(nil, test.sign(now.Add(-48*time.Hour), []dns.RR{test.soa()}, []dns.RR{rr("%s 300 NSEC z.test. NS RRSIG NSEC", child)})...)}, parent.Stale, "DS: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.serves)
			r := lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: resolver.addr}, child)
			require.Empty(t, r.Err)
			require.Equal(t, zone.MustName("test."), r.Zone)
			require.Len(t, r.Addresses, 2)
			a := r.Addresses[0]
			require.Equal(t, tc.status.String(), a.Status.String(), a.Err)
			require.Contains(t, a.Err, tc.err)
			good := tc.status == parent.Good
			require.Equal(t, good, a.Validated)
			require.Equal(t, good, a.DS.Exists() || a.DSAbsent)
			found := r.Addresses[1]
			require.Equal(t, netip.MustParseAddrPort("127.1.2.3:53"), found.Addr)
			require.Equal(t, "ns.test.", found.Host)
		})
	}
}

// withRaw has the resolver give keys that it does not believe to who disables checking.
func withRaw(answers map[string]*dns.Msg, keys []dns.RR) map[string]*dns.Msg {
	answers["test. DNSKEY CD"] = plain(keys)
	return answers
}

// A server that is found is not asked twice: the port that is configured with its
// address counts, as for nameservers of the zone.
func TestFoundAndConfigured(t *testing.T) {
	test, signer := newZone("test."), newZone(child)
	s := serve(t, delegating(test, signer.ds()))
	r := lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: serve(t, resolving(test, "127.0.0.1")).addr}, child)
	require.Len(t, r.Addresses, 1)
	require.Equal(t, "ns.test.", r.Addresses[0].Host)
	require.Equal(t, s.addr, r.Addresses[0].Addr)
	require.True(t, r.Addresses[0].Validated)
}

// Where the resolver fails us, nothing is believed that it was to make believable;
// and what was not found is said.
func TestResolverThatFails(t *testing.T) {
	test, signer := newZone("test."), newZone(child)
	s := serve(t, delegating(test, signer.ds()))
	without := func(key string, m *dns.Msg) map[string]*dns.Msg {
		answers := resolving(test, "127.1.2.3")
		maps.DeleteFunc(answers, func(k string, _ *dns.Msg) bool { return k == key })
		if m != nil {
			answers[key] = m
		}
		return answers
	}
	for _, tc := range []struct {
		name   string
		serves map[string]*dns.Msg
		status parent.Status
		err    string
	}{
		{"no AD", without("test. DNSKEY", plain(test.dnskey())), parent.Unsigned, "keys of test.: 127.0.0.1"},
		{"no keys", without("test. DNSKEY", vouched(nil)), parent.Unsigned, "keys of test.: test. has no DNSKEY"},
		{"no parent", without("test. SOA", nil), parent.Unreachable, "find the parent of example.test.: ask 127.0.0.1"},
		{"another's SOA", without("test. SOA", vouched([]dns.RR{rr("net. 60 SOA . . 1 2 3 4 5")})), parent.Bogus, "has no SOA for test."},
		{"silent", map[string]*dns.Msg{"test. SOA": nil}, parent.Unreachable, "find the parent of example.test.: ask 127.0.0.1"},
		{"servers not found", without("test. DNSKEY", failing(dns.ExtendedErrorCodeNoReachableAuthority)), parent.Unreachable, "keys of test.: ask 127.0.0.1"},
		{"keys bogus", without("test. DNSKEY", failing(dns.ExtendedErrorCodeDNSBogus)), parent.Bogus, "answered SERVFAIL"},
		{"keys bogus, shown to who asks", withRaw(without("test. DNSKEY", failing(0)), newZone("test.").dnskey()), parent.Bogus, "answered SERVFAIL"},
		{"keys expired, shown to who asks", withRaw(without("test. DNSKEY", failing(dns.ExtendedErrorCodeDNSBogus)), test.sign(now.Add(-48*time.Hour), []dns.RR{dns.Copy(test.key)})), parent.Stale, "answered SERVFAIL"},
		{"keys expired", without("test. DNSKEY", failing(dns.ExtendedErrorCodeSignatureExpired)), parent.Stale, "answered SERVFAIL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: serve(t, tc.serves).addr}, child)
			require.Contains(t, r.Err, tc.err)
			a := r.Addresses[0]
			require.Equal(t, tc.status.String(), a.Status.String(), a.Err)
			require.Contains(t, a.Err, "DS: it cannot be validated: ")
			require.False(t, a.DS.Exists() || a.DSAbsent || a.Validated)
		})
	}
	// A host whose addresses are not found does not hide the others.
	r := lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: serve(t, without("ns.test. AAAA", nil)).addr}, child)
	require.Contains(t, r.Err, "for ns.test AAAA: answered REFUSED")
	require.Equal(t, parent.Good, r.Addresses[0].Status)
	require.Len(t, r.Addresses, 2)
	require.Empty(t, r.Unfound, "one address of it was found")
	nowhere := without("ns.test. AAAA", nil)
	nowhere["ns.test. A"] = nil
	r = lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: serve(t, nowhere).addr}, child)
	require.Equal(t, []string{"ns.test."}, r.Unfound)
	r = lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: serve(t, without("test. SOA", nil)).addr}, child)
	require.Equal(t, []string{"the nameservers of the parent"}, r.Unfound)
}

// With an anchor, the way to the parent's keys is validated here, past names where
// no zone begins; what the resolver says of it (AD) counts for nothing.
func TestAnchor(t *testing.T) {
	root, test, low := newZone("."), newZone("test."), newZone("b.a.test.")
	signer := newZone("example.b.a.test.")
	s := serve(t, map[string]*dns.Msg{
		"example.b.a.test. DS": authoritative(low.sign(now, []dns.RR{signer.ds()})),
		"example.b.a.test. NS": authoritative(nil, low.denial("example.b.a.test.", "b.a.test.", "DS RRSIG NSEC")...),
	})
	whole := map[string]*dns.Msg{
		"b.a.test. SOA":    plain(low.sign(now, []dns.RR{low.soa()})),
		"b.a.test. NS":     plain([]dns.RR{rr("b.a.test. 60 NS ns.test.")}),
		"ns.test. A":       plain(nil),
		"ns.test. AAAA":    plain(nil),
		". DNSKEY":         plain(root.dnskey()),
		"test. DS":         plain(root.sign(now, []dns.RR{test.ds()})),
		"test. DNSKEY":     plain(test.dnskey()),
		"a.test. DS":       plain(nil, test.denial("test.", "b.a.test.", "NS SOA RRSIG NSEC DNSKEY")...),
		"b.a.test. DS":     plain(test.sign(now, []dns.RR{low.ds()})),
		"b.a.test. DNSKEY": plain(low.dnskey()),
	}
	changed := func(key string, m *dns.Msg) map[string]*dns.Msg {
		answers := maps.Clone(whole)
		answers[key] = m
		return answers
	}
	valid := " ;;state=2 [  VALID  ] ;;count=0"
	for _, tc := range []struct {
		name, anchors string
		serves        map[string]*dns.Msg
		err           string
		status        parent.Status
	}{
		{"DS of the root", root.ds().String(), whole, "", parent.Good},
		{"key of the root", root.key.String() + valid, whole, "", parent.Good},
		{"the nearest counts", newZone(".").ds().String() + "\n" + test.key.String(), whole, "", parent.Good},
		{"at the parent itself", low.ds().String(), whole, "", parent.Good},
		{"another key of the root", newZone(".").ds().String(), whole, "DNSKEY of .: ", parent.Bogus},
		{"a key that waits for its time", root.key.String() + " ;;state=1 [ ADDPEND ]", whole, "no trust anchor is at or above b.a.test.", parent.Unreachable},
		{"an anchor elsewhere", newZone("net.").ds().String(), whole, "no trust anchor is at or above b.a.test.", parent.Unreachable},
		{"no file", "", whole, "trust anchors: open ", parent.Unreachable},
		{"not anchors", "test. 60 IN A 192.0.2.1", whole, "only DS and DNSKEY can be trusted", parent.Unreachable},
		{"not a zone file", "trusted-keys { }", whole, "trust anchors: ", parent.Unreachable},
		{"DS forged on the way", root.ds().String(), changed("test. DS", vouched(newZone(".").sign(now, []dns.RR{test.ds()}))), "DS of test.: ", parent.Bogus},
		{"keys forged on the way", root.ds().String(), changed("b.a.test. DNSKEY", vouched(newZone("b.a.test.").dnskey())), "DNSKEY of b.a.test.: ", parent.Bogus},
		{"a denial forged on the way", root.ds().String(), changed("a.test. DS", plain(nil, newZone("test.").denial("test.", "b.a.test.", "NS SOA")...)), "DS of a.test.: ", parent.Bogus},
		{"keys expired on the way", root.ds().String(), changed("b.a.test. DNSKEY", plain(low.sign(now.Add(-48*time.Hour), []dns.RR{dns.Copy(low.key)}))), "DNSKEY of b.a.test.: ", parent.Stale},
		{"keys unsigned on the way", root.ds().String(), changed("b.a.test. DNSKEY", plain([]dns.RR{low.key})), "DNSKEY of b.a.test.: ", parent.Unsigned},
		{"an unsigned parent", root.ds().String(), changed("b.a.test. DS", plain(nil, test.denial("b.a.test.", "test.", "NS RRSIG NSEC")...)), "it is not signed below test.", parent.Unsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "root.key")
			if tc.anchors != "" {
				require.NoError(t, os.WriteFile(path, []byte(tc.anchors+"\n"), 0o600))
			}
			r := lookAt(t, parent.Where{Servers: []netip.AddrPort{s.addr}, Resolver: serve(t, tc.serves).addr, Anchor: path}, "example.b.a.test.")
			require.Equal(t, zone.MustName("b.a.test."), r.Zone)
			a := r.Addresses[0]
			if tc.err == "" {
				require.Empty(t, r.Err)
				require.Equal(t, parent.Good, a.Status, a.Err)
				require.True(t, a.Validated && a.DS.Exists() && a.NSAbsent)
				return
			}
			require.Contains(t, r.Err, tc.err)
			require.Equal(t, tc.status.String(), a.Status.String(), a.Err)
			require.False(t, a.DS.Exists())
		})
	}
}

// The root has no parent to be asked.
func TestRoot(t *testing.T) {
	s := serve(t, map[string]*dns.Msg{})
	r := lookAt(t, parent.Where{Resolver: s.addr}, ".")
	require.Equal(t, "the root has no parent", r.Err)
	require.Empty(t, r.Addresses)
}
