package engine_test

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Whatever answers at our address in our place is noticed at the first look that meets
// it, and told with what it says; and it is over with the first that does not. A server
// of ours that has nothing to answer with yet is no stranger.
func TestSomethingElseAtOurAddress(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	a := g.signers[0]
	other := &stranger{m: a}
	a.cfg.Addresses[0] = listen(t, other, groupKey)
	g.signers[1].cfg.Peers[0].Addresses = a.cfg.Addresses
	const says = "something else answers when it is asked for example.org.: DNSKEY: answered REFUSED"
	for _, m := range g.signers {
		m.start()
	}
	g.settle()
	require.False(t, alarmed(t, a.e.Load(), "something else answers"), "it has no keys yet")
	g.until("the group is secure", func() bool { return g.parent.set().Rdata.Len() == 2 && g.calm() })
	other.instead.Store(true)
	g.rounds(2)
	require.True(t, alarmedOf(t, a.e.Load(), says, "`signer` line"))
	other.instead.Store(false)
	g.rounds(2)
	require.False(t, alarmed(t, a.e.Load(), "something else answers"))
}

// stranger may stand before a server, and answer in its place.
type stranger struct {
	m       *member
	instead atomic.Bool
}

func (s *stranger) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if s.instead.Load() {
		reply := new(dns.Msg).SetRcode(q, dns.RcodeRefused)
		signAs(reply, q)
		w.WriteMsg(reply)
		return
	}
	s.m.ServeDNS(w, q)
}

// A signer that joins a group with a DS looks at itself from an address that is not its
// own, and is recognised: it sees that it publishes its keys, asks for their DS as all
// the others do, and joins.
func TestJoinsThroughTranslatedAddresses(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	b := g.signers[1]
	g.signers, b.cfg.LookIdle = g.signers[:1], b.cfg.LookBusy
	peers := g.signers[0].cfg.Peers
	g.signers[0].cfg.Peers = nil
	g.begin()
	g.signers[0].stop()
	g.signers[0].cfg.Peers = peers
	g.signers[0].start()
	g.signers = append(g.signers, b)
	b.start()
	g.rounds(2)
	b.do("rejoin") // it is in the delegation
	g.until("b asks for the DS while it joins", func() bool {
		require.Nil(t, b.version(), "it answers, and was not seen to ask for its DS")
		v := b.e.Load().Find(apex).Serving().Version
		if v == nil {
			return false
		}
		_, asks := v.RRset(apex, zone.TypeCDS)
		return asks
	})
	g.until("b answers", func() bool { return b.version() != nil && g.calm() })
	s, _ := b.e.Load().Status(apex)
	require.NotEmpty(t, s.Self)
	require.Equal(t, "good", s.Self[0].State)
}

// A server that had nothing to answer with when the first look came is looked at again as
// soon as it serves: else the status says for minutes that it does not.
func TestOwnServerAfterTheStart(t *testing.T) {
	t.Parallel()
	var e atomic.Pointer[engine.Engine]
	ours := newStage(t, serving(&e))
	cfg := delegated(t, register(t))
	cfg.File, cfg.Addresses = write(t, onLoopback), []netip.AddrPort{ours.addr}
	cfg.LookBusy, cfg.LookIdle = time.Hour, time.Hour
	running := serve(t, t.TempDir(), cfg)
	defer running.Close()
	require.Eventually(t, func() bool { return statusOf(t, running).Serving }, 20*time.Second, time.Millisecond)
	require.NotEqual(t, "good", statusOf(t, running).Self[0].State)
	e.Store(running)
	require.Eventually(t, func() bool {
		s := statusOf(t, running)
		return len(s.Self) > 0 && s.Self[0].State == "good"
	}, 20*time.Second, 10*time.Millisecond, "%+v", statusOf(t, running).Self)
}
