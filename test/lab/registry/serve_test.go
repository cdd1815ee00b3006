package registry

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/loopback"
)

// running is a registry in this process.
type running struct {
	config Config
	log    *lockedBuffer
	stop   func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run serves until stop or the end of the test, by the system's clock.
func run(t *testing.T, c Config) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{config: c, log: new(lockedBuffer)}
	done := make(chan error)
	go func() { done <- serve(ctx, c, r.log) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(r.stop)
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "serving") }, 10*time.Second, time.Millisecond)
	return r
}

func configOf(t *testing.T, g group) Config {
	return Config{
		Zone: "test.", Address: loopback.Address(t).String(), Child: childName, Nameservers: g.nameservers(),
		Dir: t.TempDir(), TTL: 2, DSTTL: 7, Interval: Duration(time.Hour), Rounds: 1, Calm: Duration(time.Millisecond),
	}
}

func (r *running) query(t *testing.T, name string, rrtype uint16) *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, rrtype).SetEdns0(1232, true)
	resp, err := exchange(t.Context(), "udp", r.config.Address, q)
	require.NoError(t, err)
	return resp
}

func (r *running) notify(t *testing.T, name string, rrtype uint16) int {
	m := new(dns.Msg).SetNotify(name)
	m.Question[0].Qtype = rrtype
	resp, err := exchange(t.Context(), "udp", r.config.Address, m)
	require.NoError(t, err)
	return resp.Rcode
}

// The registry looks when it is told of a change, serves the DS RRset signed by
// the key that its anchors name, and remembers it.
func TestServe(t *testing.T) {
	g := newGroupAt(t, 2, time.Now())
	g[1].be(func(s *server) { s.rcode = dns.RcodeRefused })
	r := run(t, configOf(t, g))
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "answers REFUSED") }, 10*time.Second, time.Millisecond)

	denied := r.query(t, childName, dns.TypeDS)
	require.Empty(t, denied.Answer)
	require.True(t, denied.Authoritative)
	require.NotEmpty(t, ofType(denied.Ns, dns.TypeNSEC))

	g[1].be(func(s *server) { s.rcode = dns.RcodeSuccess })
	require.Equal(t, dns.RcodeNotAuth, r.notify(t, childName, dns.TypeSOA))
	require.Equal(t, dns.RcodeNotAuth, r.notify(t, "other.test.", dns.TypeCDS))
	require.Equal(t, dns.RcodeSuccess, r.notify(t, childName, dns.TypeCDS))
	require.Eventually(t, func() bool { return len(r.query(t, childName, dns.TypeDS).Answer) > 0 }, 10*time.Second, time.Millisecond)
	r.checkChain(t, g)

	ds := r.query(t, childName, dns.TypeDS).Answer
	require.Equal(t, uint32(7), ds[0].Header().Ttl)
	require.Equal(t, uint32(2), r.query(t, "test.", dns.TypeDNSKEY).Answer[0].Header().Ttl)

	r.stop()
	g.everyone(func(s *server) { s.be(func(s *server) { s.rcode = dns.RcodeRefused }) })
	again := run(t, r.config)
	again.checkChain(t, g)
}

// A child that is told of looks again by itself until its first DS is accepted, goes
// insecure when all its servers say so, and one that shouts is not heard.
func TestNotified(t *testing.T) {
	g := newGroupAt(t, 2, time.Now())
	asked := func(s *server) { s.ask(t, g.cds(dns.SHA256), g.cdnskey(), s.ksk) }
	g.everyone(func(s *server) { s.ask(t, nil, nil) })
	c := configOf(t, g)
	c.Rounds, c.Calm = 3, Duration(100*time.Millisecond)
	r := run(t, c)
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "no server asks for anything") }, 10*time.Second, time.Millisecond)
	g.everyone(asked)
	require.Equal(t, dns.RcodeSuccess, r.notify(t, childName, dns.TypeCDS))
	has := func(n int) func() bool {
		return func() bool { return len(ofType(r.query(t, childName, dns.TypeDS).Answer, dns.TypeDS)) == n }
	}
	require.Eventually(t, has(2), 10*time.Second, time.Millisecond)

	remove := &dns.CDS{DS: dns.DS{Hdr: header(dns.TypeCDS), Digest: "00"}}
	removeKey := &dns.CDNSKEY{DNSKEY: dns.DNSKEY{Hdr: header(dns.TypeCDNSKEY), Protocol: 3, PublicKey: "AA=="}}
	g[0].ask(t, []dns.RR{remove}, []dns.RR{removeKey}, g[0].ksk)
	require.Equal(t, dns.RcodeSuccess, r.notify(t, childName, dns.TypeCDS))
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "differ") }, 10*time.Second, time.Millisecond)
	require.True(t, has(2)(), "a mix changes nothing")
	g[1].ask(t, []dns.RR{remove}, []dns.RR{removeKey}, g[1].ksk)
	require.Eventually(t, func() bool {
		return r.notify(t, childName, dns.TypeCDS) == dns.RcodeSuccess && has(0)()
	}, 10*time.Second, 150*time.Millisecond)
	denied := r.query(t, childName, dns.TypeDS)
	require.NotEmpty(t, ofType(denied.Ns, dns.TypeNSEC))

	require.Eventually(t, func() bool { return r.notify(t, childName, dns.TypeCDS) == dns.RcodeRefused }, 10*time.Second, time.Millisecond)
}

// checkChain follows anchors -> DNSKEY -> DS.
func (r *running) checkChain(t *testing.T, g group) {
	text, err := os.ReadFile(filepath.Join(r.config.Dir, AnchorsFile))
	require.NoError(t, err)
	anchor, err := dns.NewRR(string(text))
	require.NoError(t, err)
	dnskey := set(r.query(t, "test.", dns.TypeDNSKEY).Answer, dns.TypeDNSKEY)
	keys, err := entryKeys(dnskey, []*dns.DS{anchor.(*dns.DS)}, "test.")
	require.NoError(t, err)
	require.NoError(t, dnskey.signedBy(keys, time.Now()))
	ds := set(r.query(t, childName, dns.TypeDS).Answer, dns.TypeDS)
	require.NoError(t, ds.signedBy(keys, time.Now()))
	var served []*dns.DS
	for _, rr := range ds.Records {
		served = append(served, rr.(*dns.DS))
	}
	require.True(t, sameDS(g.ds(), served))
}

// The delegation carries every nameserver, its glue and the DS RRset; and a child
// finds out where to send NOTIFY (RFC 9859).
func TestDelegation(t *testing.T) {
	g := newGroup(t, 2)
	r := run(t, configOf(t, g))
	referral := r.query(t, "www."+childName, dns.TypeA)
	require.False(t, referral.Authoritative)
	require.Len(t, ofType(referral.Ns, dns.TypeNS), 2)
	require.Len(t, ofType(referral.Extra, dns.TypeA), 2)

	dsync := r.query(t, "example._dsync.test.", 66).Answer
	require.NotEmpty(t, dsync)
	_, port, err := net.SplitHostPort(r.config.Address)
	require.NoError(t, err)
	require.Contains(t, dsync[0].String(), strings.ToLower("003B01"), "CDS by NOTIFY to port %s", port)

	require.Equal(t, dns.RcodeRefused, r.query(t, "example.org.", dns.TypeA).Rcode)
	require.Equal(t, dns.RcodeNameError, r.query(t, "nobody.test.", dns.TypeA).Rcode)
}

// A registry that would ask too few servers does not start.
func TestConfigRefused(t *testing.T) {
	good := configOf(t, newGroup(t, 1))
	require.NoError(t, good.check())
	for name, spoil := range map[string]func(*Config){
		"no nameserver":  func(c *Config) { c.Nameservers = nil },
		"no address":     func(c *Config) { c.Nameservers = map[string][]string{"a.": {}} },
		"no port":        func(c *Config) { c.Nameservers = map[string][]string{"a.": {"127.0.0.1"}} },
		"no interval":    func(c *Config) { c.Interval = 0 },
		"no child":       func(c *Config) { c.Child = "" },
		"nothing agreed": func(c *Config) { c.Rounds = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			require.Error(t, c.check())
		})
	}
}

func ofType(rrs []dns.RR, t uint16) []dns.RR { return set(rrs, t).Records }

func set(rrs []dns.RR, t uint16) Set {
	var s Set
	for _, rr := range rrs {
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == t {
			s.Sigs = append(s.Sigs, sig)
		} else if rr.Header().Rrtype == t {
			s.Records = append(s.Records, rr)
		}
	}
	return s
}
