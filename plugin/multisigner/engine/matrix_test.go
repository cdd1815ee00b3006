package engine_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// onLoopback is shortLived with a nameserver that is one of those that are named.
var onLoopback = strings.ReplaceAll(shortLived, "ns.example.net.", "ns") + "ns   A   127.0.0.1\n"

// stage answers on loopback from a version that a test puts there.
type stage struct {
	addr    netip.AddrPort
	version func() *zone.Version
}

// serving gives what an engine serves, once there is one.
func serving(e *atomic.Pointer[engine.Engine]) func() *zone.Version {
	return func() *zone.Version {
		if e := e.Load(); e != nil {
			return e.Find(apex).Serving().Version
		}
		return nil
	}
}

func newStage(t *testing.T, version func() *zone.Version) *stage {
	s := &stage{version: version}
	var conn net.PacketConn
	var listener net.Listener
	require.Eventually(t, func() bool {
		var err error
		conn, err = net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		if listener, err = net.Listen("tcp", conn.LocalAddr().String()); err != nil {
			conn.Close()
		}
		return err == nil
	}, time.Second, time.Millisecond)
	s.addr = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, d := range []*dns.Server{{PacketConn: conn}, {Listener: listener}} {
		d.Handler = s
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go d.ActivateAndServe()
		<-started
		t.Cleanup(func() { d.Shutdown() })
	}
	return s
}

func (s *stage) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	v := s.version()
	if v == nil || q.Opcode != dns.OpcodeQuery {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		return
	}
	var r answer.Response
	r.Plan(v, answer.Question{Name: zone.MustName(q.Question[0].Name), Type: zone.Type(q.Question[0].Qtype), DO: true})
	w.WriteMsg(r.Msg(q, 1232, w.RemoteAddr().Network() == "tcp"))
}

// other is a peer that publishes, and signs, what a test wants.
type other struct {
	*stage
	ksk, zsk sign.Key
	shown    atomic.Pointer[zone.Version]
	serial   uint32

	beside       []sign.Key  // what signs the DNSKEY RRset beside the KSK
	cds, cdnskey zone.Packed // that it publishes, too
	content      string      // ""; onLoopback
}

func newOther(t *testing.T) *other { return anotherOther(t, 7) }

// anotherOther has keys by a number.
func anotherOther(t *testing.T, n byte) *other {
	o := &other{ksk: numberedKey(t, 257, n), zsk: numberedKey(t, 256, n), serial: 10}
	o.stage = newStage(t, func() *zone.Version { return o.shown.Load() })
	return o
}

// numberedKey gives the same key for the same number.
func numberedKey(t *testing.T, flags uint16, n byte) sign.Key {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 31), byte(flags)+n))
	require.NoError(t, err)
	k, err := sign.NewKey(flags, 13, private)
	require.NoError(t, err)
	return k
}

// show publishes the other's keys and more beside them, signed as of at.
func (o *other) show(t *testing.T, at time.Time, more ...string) {
	o.serial++
	records := append([]string{string(o.ksk.Record), string(o.zsk.Record)}, more...)
	sets := []zone.RRset{{Name: apex, Type: zone.TypeDNSKEY, TTL: 1, Rdata: zone.Pack(records...)}}
	if o.cds != "" {
		sets = append(sets, zone.RRset{Name: apex, Type: zone.TypeCDS, TTL: 1, Rdata: o.cds}, zone.RRset{Name: apex, Type: zone.TypeCDNSKEY, TTL: 1, Rdata: o.cdnskey})
	}
	out, err := sign.Zone(sign.Input{
		Content: zone.MustVersion(cmp.Or(o.content, onLoopback)), Serial: o.serial, Now: at, Denial: denial.NSEC3, Apex: sets,
		Keys:   sign.Keys{DNSKEY: append([]sign.Key{o.ksk}, o.beside...), CDS: []sign.Key{o.ksk}, Data: []sign.Key{o.zsk}},
		Policy: sign.Policy{Validity: 14 * day, Refresh: 5 * day, BackDate: time.Hour},
	})
	require.NoError(t, err)
	o.shown.Store(out.Version)
}

func dsOf(t *testing.T, k zone.DNSKEY) zone.RRset {
	d, err := k.DS(apex, 2)
	require.NoError(t, err)
	return zone.RRset{Name: apex, Type: zone.TypeDS, TTL: 1, Rdata: zone.Pack(string(d))}
}

// The matrix is looked at by itself: when a peer stops publishing our key, the next
// look shows that our answers fail under its keys, and says so; what we serve is
// renewed all the same. It turns green when the peer has our key again.
func TestMatrixByItself(t *testing.T) {
	t.Parallel()
	var e atomic.Pointer[engine.Engine]
	ours := newStage(t, serving(&e))
	b, r := newOther(t), register(t)
	b.show(t, time.Now())
	cfg := delegated(t, r)
	cfg.Signer = "a"
	cfg.File = write(t, onLoopback)
	cfg.Addresses = []netip.AddrPort{ours.addr}
	cfg.Peers = []engine.Peer{{
		Name: "b", Addresses: []netip.AddrPort{b.addr}, Foreign: true,
		Trust: peer.Trust{Mode: peer.TrustDS, DS: dsOf(t, b.ksk.Record)},
	}}
	running := serve(t, t.TempDir(), cfg)
	defer running.Close()
	e.Store(running)

	state := func(answers, keys string) status.PairState {
		m := statusOf(t, running).Matrix
		if m == nil {
			return ""
		}
		for _, p := range m.Pairs {
			if p.Answers == answers && p.Keys == keys {
				return p.State
			}
		}
		return ""
	}
	becomes := func(answers, keys string, want status.PairState) {
		t.Helper()
		require.Eventually(t, func() bool { return state(answers, keys) == want }, 30*time.Second, 10*time.Millisecond,
			"%s under %s: %+v", answers, keys, statusOf(t, running).Matrix)
	}

	// Nobody is sent to us yet: that the peer does not have our keys is no alarm.
	becomes("b", "b", status.Green)
	becomes("a", "b", status.Unknown)
	require.NotContains(t, alarms(statusOf(t, running)), "do not validate")

	own, entry := b.oursAt(t, running)
	b.show(t, time.Now(), own...)
	r.be(func(r *registry) {
		r.ds = append(dsOf(t, entry).RRs(), dsOf(t, b.ksk.Record).RRs()...)
	})
	for _, each := range [][2]string{{"a", "a"}, {"a", "b"}, {"b", "a"}, {"b", "b"}} {
		becomes(each[0], each[1], status.Green)
	}
	require.NotContains(t, alarms(statusOf(t, running)), "do not validate")

	// The peer withdraws our key, as if to trip the guard.
	b.show(t, time.Now(), string(entry))
	withdrawn := time.Now()
	becomes("a", "b", status.Red)
	t.Logf("seen after %s", time.Since(withdrawn))
	require.Equal(t, status.Green, state("b", "a"))
	require.Contains(t, alarms(statusOf(t, running)), "answers of a do not validate under the keys of b")
	serial := running.Find(apex).Serving().Version.Serial()
	_, err := running.Do(context.Background(), apex, engine.Command{Kind: "resign"})
	require.NoError(t, err)
	require.True(t, zone.SerialAfter(running.Find(apex).Serving().Version.Serial(), serial), "refresh goes on: %s", alarms(statusOf(t, running)))

	b.show(t, time.Now(), own...)
	becomes("a", "b", status.Green)

	// Without any DS nobody validates, and nobody is alarmed.
	ds := r.ds
	r.be(func(r *registry) { r.ds = nil })
	b.show(t, time.Now())
	becomes("a", "b", status.Unknown)
	require.NotContains(t, alarms(statusOf(t, running)), "do not validate")
	r.be(func(r *registry) { r.ds = ds })
	becomes("a", "b", status.Red)
	b.show(t, time.Now(), own...)
	becomes("a", "b", status.Green)

	// A clock that is three hours ahead makes signatures that nobody believes yet.
	b.show(t, time.Now().Add(3*time.Hour), own...)
	becomes("b", "a", status.Red)
	require.Contains(t, alarms(statusOf(t, running)), "the clock of b at "+b.addr.String()+" is ahead of ours by 1h")
}

// Without a peer and without a parent there is nothing to compare, and nothing is asked.
func TestNoMatrixAlone(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var e atomic.Pointer[engine.Engine]
	served := serving(&e)
	ours := newStage(t, func() *zone.Version {
		asked.Add(1)
		return served()
	})
	cfg := alone(t, write(t, content))
	cfg.Addresses = []netip.AddrPort{ours.addr}
	running := serve(t, t.TempDir(), cfg)
	defer running.Close()
	e.Store(running)
	_, err := running.Do(context.Background(), apex, engine.Command{Kind: "look"})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		s := statusOf(t, running)
		return len(s.Self) == 1 && strings.HasPrefix(s.Self[0].State, "good")
	}, 10*time.Second, 10*time.Millisecond)
	require.Nil(t, statusOf(t, running).Matrix)
	require.LessOrEqual(t, asked.Load(), int64(14), "a look or two, of six questions each")
}
