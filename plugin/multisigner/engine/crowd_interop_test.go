//go:build interop

package engine_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/loopback"
)

// Validators try every key of a signature's tag, and give up after a few. A peer that
// publishes thirty keys with the tag of our ZSK, and takes no keys of ours any more, must
// not make them give up on our answers: at most one is taken over, an alarm names others, and
// a key of another tag signs soon, without waiting for that peer.
func TestPeerCannotCrowdValidators(t *testing.T) {
	var e atomic.Pointer[engine.Engine]
	ours := newStage(t, serving(&e))
	b, r := newOther(t), register(t)
	b.show(t, time.Now())
	cfg := delegated(t, r)
	cfg.File = write(t, onLoopback)
	cfg.Addresses = []netip.AddrPort{ours.addr}
	cfg.Peers = []engine.Peer{{
		Name: "b", Addresses: []netip.AddrPort{b.addr}, Foreign: true,
		Trust: peer.Trust{Mode: peer.TrustDS, DS: dsOf(t, b.ksk.Record)},
	}}
	running := serve(t, t.TempDir(), cfg)
	defer running.Close()
	e.Store(running)
	require.Eventually(t, func() bool { return running.Find(apex).Serving().Version != nil }, time.Minute, 10*time.Millisecond)
	own, entry := b.oursAt(t, running)
	b.show(t, time.Now(), own...)
	r.be(func(r *registry) { r.ds = append(dsOf(t, entry).RRs(), dsOf(t, b.ksk.Record).RRs()...) })

	anchor := dsOf(t, entry).RRs()[0].(*dns.DS)
	resolvers := map[string]netip.AddrPort{"unbound": unboundFor(t, ours.addr, anchor), "named": namedFor(t, ours.addr, anchor)}
	client := &ask.Client{Timeout: 2 * time.Second}
	secure := func(resolver string) (bool, string) {
		for _, name := range []string{"example.org.", "www.example.org.", "nothing.example.org."} {
			m, err := client.Exchange(t.Context(), ask.Server{Addr: resolvers[resolver]}, ask.Recursive(name, dns.TypeA, false))
			if err != nil || m.Rcode == dns.RcodeServerFailure || !m.AuthenticatedData {
				return false, fmt.Sprint(name, m, err)
			}
		}
		return true, ""
	}
	for resolver := range resolvers {
		require.Eventually(t, func() bool { ok, _ := secure(resolver); return ok }, time.Minute, 100*time.Millisecond, "%s validates", resolver)
	}

	old := signersOf(t, running)
	require.Len(t, old, 1)
	b.show(t, time.Now(), append(slices.Clone(own), crowd(old[0], 30)...)...)
	require.Eventually(t, func() bool {
		return strings.Contains(alarms(statusOf(t, running)), "do not take over")
	}, time.Minute, 10*time.Millisecond)
	cured := func() bool {
		return slices.ContainsFunc(signersOf(t, running), func(tag uint16) bool { return tag != old[0] })
	}
	until := time.Now().Add(2 * time.Minute)
	for rounds := 0; time.Now().Before(until) && (!cured() || rounds < 12); rounds++ {
		for resolver := range resolvers {
			ok, why := secure(resolver)
			require.True(t, ok, "%s: %s\n%v", resolver, why, signersOf(t, running))
		}
		keys, _ := running.Find(apex).Serving().Version.RRset(apex, zone.TypeDNSKEY)
		twins := 0
		for rdata := range keys.Rdata.All() {
			if zone.DNSKEY(rdata).Tag() == old[0] {
				twins++
			}
		}
		require.LessOrEqual(t, twins, 2)
		<-time.After(300 * time.Millisecond) // caches keep nothing for longer than a second
	}
	require.True(t, cured(), "it still signs with the key whose tag is in the crowd alone: %s", alarms(statusOf(t, running)))
}

// signersOf are the tags of the keys that sign the SOA.
func signersOf(t *testing.T, e *engine.Engine) (tags []uint16) {
	for sig := range e.Find(apex).Serving().Version.SOA().Sigs.All() {
		tags = append(tags, zone.RRSIG(sig).KeyTag())
	}
	return tags
}

// crowd makes keys of a tag, which nobody has the private part of.
func crowd(tag uint16, n int) (keys []string) {
	record := make([]byte, 68)
	copy(record, []byte{1, 0, 3, 13})
	for i := uint64(1); len(keys) < n; i++ {
		binary.BigEndian.PutUint64(record[4:], i*0x9e3779b97f4a7c15)
		if k := zone.DNSKEY(record); k.Tag() == tag {
			keys = append(keys, string(record))
		}
	}
	return keys
}

// unboundFor validates example.org., asked at addr, by its DS.
func unboundFor(t *testing.T, addr netip.AddrPort, ds *dns.DS) netip.AddrPort {
	dir, at := t.TempDir(), loopback.Address(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, `server:
	interface: 127.0.0.1@%d
	do-daemonize: no
	chroot: ""
	username: ""
	directory: %q
	pidfile: ""
	use-syslog: no
	logfile: ""
	do-ip6: no
	do-not-query-localhost: no
	cache-max-ttl: 1
	trust-anchor: %q
remote-control:
	control-enable: no
stub-zone:
	name: example.org.
	stub-addr: 127.0.0.1@%d
`, at.Port(), dir, strings.Join(strings.Fields(ds.String()), " "), addr.Port()), 0o600))
	runServer(t, "unbound", "-d", "-c", filepath.Join(dir, "conf"))
	return at
}

// namedFor does the same with BIND.
func namedFor(t *testing.T, addr netip.AddrPort, ds *dns.DS) netip.AddrPort {
	dir, at := t.TempDir(), loopback.Address(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conf"), fmt.Appendf(nil, `options { directory %q; pid-file none; session-keyfile none;
	listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; recursion yes; allow-recursion { any; }; dnssec-validation yes; max-cache-ttl 1; max-ncache-ttl 1; };
controls { };
trust-anchors { example.org. static-ds %d %d %d %q; };
zone "example.org" { type forward; forward only; forwarders { 127.0.0.1 port %d; }; };
`, dir, at.Port(), ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest, addr.Port()), 0o600))
	runServer(t, "named", "-g", "-c", filepath.Join(dir, "conf"))
	return at
}
