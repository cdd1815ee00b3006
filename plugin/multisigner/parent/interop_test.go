//go:build interop

package parent_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/loopback"
)

// bind is a parent that BIND signs and that takes UPDATE, and an Unbound that trusts it.
type bind struct {
	named, unbound netip.AddrPort
	anchors        string // file of DS records
}

var patientClient = &ask.Client{}

// An address for nameservers at which nobody listens: NS records carry no port.
const nowhere = "127.77.0.1"

// startBIND serves test., which BIND signs, and zones of other names that come as
// they are, signed or not.
func startBIND(t *testing.T, others map[string]string, keys ...*dns.DS) bind {
	dir := t.TempDir()
	b := bind{named: loopback.Address(t), unbound: loopback.Address(t), anchors: filepath.Join(dir, "anchors")}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("test.zone", fmt.Sprintf(`$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A %s
*._dsync TYPE66 \# %s
notify A 127.0.0.1
example NS ns.example
ns.example A 127.77.0.2
other NS ns.example
`, nowhere, rdataOf(dsync("x.", dns.TypeCDS, 1, b.named.Port(), "notify.test."))))
	conf := fmt.Sprintf(`options { directory %q; pid-file none; session-keyfile none; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; allow-query { any; }; notify no; };
controls { };
key "registry." { algorithm hmac-sha256; secret %q; };
key "stranger." { algorithm hmac-sha256; secret %q; };
zone "test" { type primary; file "test.zone"; dnssec-policy default; inline-signing no; update-policy { grant registry. name example.test. DS; }; };
`, dir, b.named.Port(), tsig.Secret, tsig.Secret)
	for name, text := range others {
		write(name+"zone", text)
		conf += fmt.Sprintf("zone %q { type primary; file %q; check-integrity no; };\n", name, name+"zone")
	}
	write("named.conf", conf)
	run(t, "named", "-g", "-c", filepath.Join(dir, "named.conf"))

	var ds *dns.DS
	require.Eventually(t, func() bool {
		m, err := patientClient.Exchange(t.Context(), ask.Server{Addr: b.named}, ask.Question("test.", dns.TypeDNSKEY))
		if err != nil || len(m.Answer) < 2 { // signed: a key and its signature
			return false
		}
		for _, rr := range m.Answer {
			if k, ok := rr.(*dns.DNSKEY); ok && k.Flags == 257 {
				ds = k.ToDS(dns.SHA256)
			}
		}
		return ds != nil
	}, 30*time.Second, 100*time.Millisecond, "named does not sign")
	var anchors, stubs strings.Builder
	fmt.Fprintf(&stubs, "stub-zone:\n\tname: test.\n\tstub-addr: 127.0.0.1@%d\n", b.named.Port())
	for name := range others {
		fmt.Fprintf(&stubs, "stub-zone:\n\tname: %s\n\tstub-addr: 127.0.0.1@%d\n", name, b.named.Port())
	}
	trust := ""
	for _, ds := range append(keys, ds) {
		fmt.Fprintln(&anchors, ds)
		trust += fmt.Sprintf("\ttrust-anchor: %q\n", strings.Join(strings.Fields(ds.String()), " "))
	}
	write("anchors", anchors.String())
	write("unbound.conf", fmt.Sprintf(`server:
	interface: 127.0.0.1@%d
	access-control: 127.0.0.0/8 allow
	do-daemonize: no
	chroot: ""
	username: ""
	directory: %q
	pidfile: ""
	use-syslog: no
	logfile: ""
	val-log-level: 2
	ede: yes
	num-threads: 1
	do-ip6: no
	do-not-query-localhost: no
	module-config: "validator iterator"
	local-zone: "test." nodefault
	domain-insecure: "plain."
%sremote-control:
	control-enable: no
%s`, b.unbound.Port(), dir, trust, stubs.String()))
	run(t, "unbound", "-d", "-c", filepath.Join(dir, "unbound.conf"))
	require.Eventually(t, func() bool {
		m, err := patientClient.Exchange(t.Context(), ask.Server{Addr: b.unbound}, ask.Recursive("test.", dns.TypeSOA, false))
		return err == nil && m.AuthenticatedData
	}, 30*time.Second, 100*time.Millisecond, "Unbound does not validate")
	return b
}

// rdataOf is a record's rdata as RFC 3597 writes it, without its mark.
func rdataOf(rr dns.RR) string {
	_, text, _ := strings.Cut(rr.String(), `\# `)
	return text
}

// run runs a server until the test ends. Debian keeps servers in sbin.
func run(t *testing.T, program string, args ...string) {
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
	}
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start(), "make interop installs it")
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
}

func (b bind) where() parent.Where {
	return parent.Where{Servers: []netip.AddrPort{b.named}, Resolver: b.unbound, Anchor: b.anchors}
}

// seen looks until the parent has n DS, and gives them.
func (b bind) seen(t *testing.T, n int) zone.RRset {
	var a parent.Address
	if !assert.Eventually(t, func() bool {
		r := parent.Look(t.Context(), patientClient, b.where(), zone.MustName(child), time.Now())
		a = r.Addresses[0]
		return a.Status == parent.Good && a.Validated && a.DS.Rdata.Len() == n && a.DSAbsent == (n == 0)
	}, time.Minute, 200*time.Millisecond) {
		t.Fatalf("%s %s %v", a.Status, a.Err, a.DS)
	}
	return a.DS
}

// With a real resolver that validates, and a real parent that it can validate, the
// servers are found, DS and their absence are believed, and so is the DSYNC record, which
// a wildcard makes; by the anchor, or by the resolver's word.
func TestRealParent(t *testing.T) {
	b := startBIND(t, nil)
	b.seen(t, 0)
	for _, anchor := range []string{b.anchors, ""} {
		w := b.where()
		w.Anchor = anchor
		r := parent.Look(t.Context(), patientClient, w, zone.MustName(child), time.Now())
		require.Empty(t, r.Err)
		require.Equal(t, zone.MustName("test."), r.Zone)
		require.Len(t, r.Addresses, 2)
		require.True(t, r.Addresses[0].Validated && r.Addresses[0].NS.Exists())
		require.Equal(t, "ns.test.", r.Addresses[1].Host)
		require.Equal(t, netip.AddrPortFrom(netip.MustParseAddr(nowhere), 53), r.Addresses[1].Addr)

		r = parent.Look(t.Context(), patientClient, w, zone.MustName("undelegated.test."), time.Now())
		require.True(t, r.Addresses[0].Validated && r.Addresses[0].NoName, r.Addresses[0].Err)

		e, err := parent.Discover(t.Context(), patientClient, w, zone.MustName(child), zone.TypeCDS, time.Now())
		require.NoError(t, err)
		require.Equal(t, parent.Endpoint{Target: zone.MustName("notify.test."), Port: b.named.Port()}, e)
		e, err = parent.Discover(t.Context(), patientClient, w, zone.MustName("deep.down.test."), zone.TypeCDS, time.Now())
		require.NoError(t, err)
		require.Equal(t, zone.MustName("notify.test."), e.Target)
		_, err = parent.Discover(t.Context(), patientClient, w, zone.MustName(child), zone.TypeCSYNC, time.Now())
		require.ErrorIs(t, err, parent.ErrNoEndpoint)

		addrs, err := parent.Addresses(t.Context(), patientClient, w, e)
		require.NoError(t, err)
		require.Equal(t, []netip.AddrPort{b.named}, addrs)
		// BIND takes NOTIFY for zones that it transfers only.
		_, err = parent.Notify(t.Context(), patientClient, []ask.Server{{Addr: addrs[0]}}, zone.MustName(child), zone.TypeCDS)
		require.ErrorAs(t, err, new(*ask.Refused))
	}
}

// BIND takes the DS by UPDATE from whom it is told to, for the name that it is told,
// and not when its DS is another than was seen.
func TestRealUpdate(t *testing.T) {
	b := startBIND(t, nil)
	one, two, three := "1 13 2 "+strings.Repeat("AA", 32), "2 13 2 "+strings.Repeat("BB", 32), "3 13 2 "+strings.Repeat("CC", 32)
	s := ask.Server{Addr: b.named, TSIG: tsig}
	change := parent.Change{Parent: zone.MustName("test."), Child: zone.MustName(child), DS: dsSet(60, one, two)}
	update := func(s ask.Server, change parent.Change) error {
		return parent.Update(t.Context(), patientClient, s, change)
	}
	wrong, stranger := *tsig, *tsig
	wrong.Secret = "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="
	stranger.Name = "stranger."
	require.ErrorIs(t, update(ask.Server{Addr: b.named, TSIG: &wrong}, change), ask.ErrTSIG)
	require.ErrorContains(t, update(ask.Server{Addr: b.named, TSIG: &stranger}, change), "answered REFUSED")
	other := change
	other.Child = zone.MustName("other.test.")
	other.DS.Name = other.Child
	require.ErrorContains(t, update(s, other), "answered REFUSED")
	elsewhere := change
	elsewhere.Parent, elsewhere.Child = zone.MustName("net."), zone.MustName("example.net.")
	require.ErrorContains(t, update(s, elsewhere), "answered NOTAUTH")
	b.seen(t, 0)

	require.NoError(t, update(s, change))
	require.True(t, change.DS.SameData(b.seen(t, 2)))
	require.ErrorIs(t, update(s, change), parent.ErrChanged, "there is one now")

	change.Seen, change.DS = dsSet(60, one, three), dsSet(60, two, three)
	require.ErrorIs(t, update(s, change), parent.ErrChanged, "it is another")
	change.Seen = dsSet(60, one)
	require.ErrorIs(t, update(s, change), parent.ErrChanged, "it is more")
	change.Seen = b.seen(t, 2)
	require.NoError(t, update(s, change))
	require.Eventually(t, func() bool { return change.DS.SameData(b.seen(t, 2)) }, time.Minute, 200*time.Millisecond)

	change.Seen, change.DS = change.DS, zone.RRset{}
	require.NoError(t, update(s, change))
	b.seen(t, 0)
}

// fixed is a zone file of a parent that is signed once, as at was, but for the DS of its
// child, which another key may sign.
func fixed(z signedZone, at time.Time, ds signedZone) string {
	var b strings.Builder
	ns, example := "ns."+z.name, "example."+z.name
	dsRR := rr("%s 60 DS 1 13 2 %s", example, strings.Repeat("AA", 32))
	sets := [][]dns.RR{
		{rr("%s 60 SOA %s . 1 3600 600 86400 60", z.name, ns)}, {rr("%s 60 NS %s", z.name, ns)}, {dns.Copy(z.key)},
		{rr("%s 60 NSEC %s NS SOA RRSIG NSEC DNSKEY", z.name, example)},
		{rr("%s 60 NSEC %s NS DS RRSIG NSEC", example, ns)},
		{rr("%s 60 A %s", ns, nowhere)}, {rr("%s 60 NSEC %s A RRSIG NSEC", ns, z.name)},
	}
	for _, r := range append(z.sign(at, sets...), ds.sign(at, []dns.RR{dsRR})...) {
		fmt.Fprintln(&b, r)
	}
	fmt.Fprintf(&b, "%s 60 NS ns.%s\nns.%s 60 A 127.77.0.2\n", example, example, example)
	return b.String()
}

// A parent that cannot be reached, one that is not signed, one whose signatures are
// old and one that lies are four different things, with an anchor and without.
func TestRealFaults(t *testing.T) {
	old, liar, plain := newZone("old."), newZone("liar."), newZone("plain.")
	unsigned := fixed(plain, time.Now(), plain)
	var kept []string
	for _, line := range strings.Split(unsigned, "\n") {
		if !strings.Contains(line, "RRSIG") && !strings.Contains(line, "NSEC") && !strings.Contains(line, "DNSKEY") {
			kept = append(kept, line)
		}
	}
	b := startBIND(t, map[string]string{
		"old.": fixed(old, time.Now().Add(-48*time.Hour), old), "liar.": fixed(liar, time.Now(), newZone("liar.")), "plain.": strings.Join(kept, "\n"),
	}, old.ds(), liar.ds())
	look := func(w parent.Where, zoneName string) parent.Address {
		r := parent.Look(t.Context(), patientClient, w, zone.MustName("example."+zoneName), time.Now())
		require.NotEmpty(t, r.Addresses)
		t.Log(zoneName, r.Err, r.Addresses[0].Status, r.Addresses[0].Err)
		return r.Addresses[0]
	}
	for _, anchor := range []string{b.anchors, ""} {
		w := b.where()
		w.Anchor = anchor
		require.Equal(t, parent.Good.String(), look(w, "test.").Status.String())
		require.Equal(t, parent.Stale.String(), look(w, "old.").Status.String())
		require.Equal(t, parent.Bogus.String(), look(w, "liar.").Status.String())
		if anchor == "" {
			require.Equal(t, parent.Unsigned.String(), look(w, "plain.").Status.String())
		}
		w.Servers = []netip.AddrPort{loopback.Address(t)}
		require.Equal(t, parent.Unreachable.String(), look(w, "test.").Status.String())
		// Without the resolver nothing can be judged, and nobody has lied.
		w.Servers, w.Resolver = []netip.AddrPort{b.named}, loopback.Address(t)
		require.Equal(t, parent.Unreachable.String(), look(w, "test.").Status.String())
	}
}
