package multisigner

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// A secondary takes NOTIFY from the addresses at which it knows us, which are those of
// bind: what we send leaves from there, from the start and when a reload changes it, or
// from where outgoing says. What the secondary transfers then stands in the status.
func TestNotifyLeavesFromBind(t *testing.T) {
	var mu sync.Mutex
	from := map[string]bool{}
	conn, err := net.ListenPacket("udp", "127.0.0.9:0")
	require.NoError(t, err)
	secondary := &dns.Server{PacketConn: conn, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	secondary.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Opcode == dns.OpcodeNotify {
			mu.Lock()
			defer mu.Unlock()
			host, _, _ := net.SplitHostPort(w.RemoteAddr().String())
			from[host] = true
		}
		w.WriteMsg(new(dns.Msg).SetRcode(q, map[bool]int{true: dns.RcodeSuccess, false: dns.RcodeRefused}[q.Opcode == dns.OpcodeNotify]))
	})
	go secondary.ActivateAndServe()
	defer secondary.Shutdown()

	h := newLoadHome(t)
	port, busy := freePort(t)
	busy.Close()
	text := fmt.Sprintf(".:%d {\nroot %s\nbind BIND\nmultisigner example.org {\nfile db.{zone}\nparent none\nlook 50ms 100ms\nsecondary %s\nMORE\n}\n}\n", port, h.dir, conn.LocalAddr())
	corefile := func(bind, more string) caddy.Input {
		return h.corefile(strings.NewReplacer("BIND", bind, "MORE", more).Replace(text))
	}
	comesFrom := func(want string) {
		t.Helper()
		mu.Lock()
		clear(from)
		mu.Unlock()
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return from[want]
		}, 10*time.Second, 10*time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, map[string]bool{want: true}, from)
	}
	r := h.start(string(corefile("127.0.0.3", "").Body()))
	comesFrom("127.0.0.3")
	require.NoError(t, r.restart(corefile("127.0.0.4", "")))
	comesFrom("127.0.0.4")
	require.NoError(t, r.restart(corefile("127.0.0.4", "outgoing 127.0.0.5")))
	comesFrom("127.0.0.5")

	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	transfer := &dns.Transfer{}
	tcp, err := dialer.Dial("tcp", r.tcp())
	require.NoError(t, err)
	transfer.Conn = &dns.Conn{Conn: tcp}
	envelopes, err := transfer.In(axfr("example.org.", ""), r.tcp())
	require.NoError(t, err)
	for e := range envelopes {
		require.NoError(t, e.Error)
	}
	var s status.Zone
	require.Eventually(t, func() bool { // it is told a moment after the last message
		s, err = client.New(h.state()).Zone(t.Context(), "example.org")
		return err == nil && len(s.Secondaries) == 1 && s.Secondaries[0].Transfer != nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Len(t, s.Secondaries, 1)
	require.True(t, s.Secondaries[0].Notify.Taken)
	require.Equal(t, "full", s.Secondaries[0].Transfer.Result)
	require.Equal(t, s.Serial, s.Secondaries[0].Transfer.Serial)
}
