package engine_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// secondary takes the version over that the engine serves when it is told to, if the
// NOTIFY comes from an address that it knows.
type secondary struct {
	knows string // an address; "": all

	mu   sync.Mutex
	from *engine.Engine
	has  *zone.Version
	told []string // from which addresses
}

func (s *secondary) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := new(dns.Msg).SetReply(q)
	switch {
	case q.Opcode == dns.OpcodeNotify:
		host, _, _ := net.SplitHostPort(w.RemoteAddr().String())
		s.told = append(s.told, host)
		if s.knows != "" && s.knows != host {
			reply.Rcode = dns.RcodeRefused
		} else if s.from != nil {
			s.has = s.from.Find(apex).Serving().Version
		}
	case s.has == nil:
		reply.Rcode = dns.RcodeRefused
	default:
		var r answer.Response
		r.Plan(s.has, answer.Question{Name: zone.MustName(strings.ToLower(q.Question[0].Name)), Type: zone.Type(q.Question[0].Qtype), DO: true})
		_, tcp := w.LocalAddr().(*net.TCPAddr)
		reply = r.Msg(q, 4096, tcp)
	}
	w.WriteMsg(reply)
}

func (s *secondary) set(change func(*secondary)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// reloads has the engine serve cfg from now on.
func reloads(t *testing.T, e *engine.Engine, cfg engine.Config) {
	t.Helper()
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
}

// A secondary that a reload brings is told, by an address that it knows, and takes the
// zone over; the status has all of it. One that knows us by another address refuses,
// and that stands in the status and once in the log, until it has changed its mind.
func TestSecondaries(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(&locked{mu: &mu, to: &text}, nil))
	clock := newManual(moment)
	file := write(t, content)
	cfg := alone(t, file)
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: logger, Clock: clock})
	require.NoError(t, err)
	defer e.Close()
	reloads(t, e, cfg)
	first := served(t, e)

	s := &secondary{knows: "127.0.0.2", from: e}
	addr := listen(t, s, nil)
	cfg.Secondaries = []engine.Secondary{{Server: ask.Server{Addr: addr}}}
	cfg.Outgoing = []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	reloads(t, e, cfg)
	of := func() status.Secondary {
		settled(t, e)
		st, ok := e.Status(apex)
		require.True(t, ok)
		require.Len(t, st.Secondaries, 1)
		return st.Secondaries[0]
	}
	clock.step(time.Second) // no look comes sooner after another
	require.Eventually(t, func() bool { return of().Notify != nil }, 10*time.Second, time.Millisecond)
	require.Equal(t, status.Notify{At: clock.Now(), Serial: first.Serial(), Taken: true, Answer: "NOERROR"}, *of().Notify)
	clock.step(10 * time.Minute)
	require.Eventually(t, func() bool { return of().Serial == first.Serial() }, 10*time.Second, time.Millisecond)
	require.False(t, of().Behind)
	told := 0
	s.set(func(s *secondary) { told = len(s.told) })
	for range 3 {
		clock.step(10 * time.Minute)
		settled(t, e)
	}
	s.set(func(s *secondary) { require.Len(t, s.told, told, "it has the version: it is not told again") })

	z := e.Find(apex)
	z.Transferred(netip.AddrPortFrom(addr.Addr(), 4711), "", first.Serial(), "full")
	z.Transferred(netip.MustParseAddrPort("192.0.2.77:53"), "", first.Serial(), "full") // somebody
	require.Equal(t, status.Transfer{At: clock.Now(), Serial: first.Serial(), Result: "full"}, *of().Transfer)

	s.set(func(s *secondary) { s.knows = "127.0.0.3" })
	require.NoError(t, os.WriteFile(file, []byte(content+"new A 192.0.2.81\n"), 0o644))
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !of().Notify.Taken }, 10*time.Second, time.Millisecond)
	require.Contains(t, of().Notify.Answer, "REFUSED")
	require.Equal(t, "let it serve the zone, and take NOTIFYs for it from 127.0.0.2; `outgoing` sets the address from which they leave here", of().Notify.Cure)
	require.Equal(t, first.Serial()+1, of().Notify.Serial)
	for range 3 {
		clock.step(10 * time.Minute)
		settled(t, e)
	}
	require.Eventually(t, func() bool { return of().Behind }, 10*time.Second, time.Millisecond)
	s.set(func(s *secondary) { s.knows = "127.0.0.2" })
	require.Eventually(t, func() bool {
		clock.step(10 * time.Minute)
		return of().Notify.Taken && of().Serial == first.Serial()+1
	}, 10*time.Second, 10*time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, strings.Count(text.String(), `msg="a NOTIFY was not taken" zone=example.org. to=`+addr.String()), text.String())
	require.Equal(t, 1, strings.Count(text.String(), `msg="a NOTIFY is taken again"`))
}

// locked writes for several.
type locked struct {
	mu *sync.Mutex
	to *strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// Who asks from another address than it listens at is known by its key, if no other
// secondary has the same.
func TestTransferByKey(t *testing.T) {
	t.Parallel()
	other := *groupKey
	other.Name = "other-key."
	cfg := alone(t, write(t, content))
	for i, key := range []*ask.TSIG{groupKey, groupKey, &other} {
		s := ask.Server{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(10 + i)}), 9), TSIG: key}
		cfg.Secondaries = append(cfg.Secondaries, engine.Secondary{Server: s})
	}
	e := by(t, newManual(moment), t.TempDir(), cfg)
	from := netip.MustParseAddrPort("127.0.0.99:1")
	e.Find(apex).Transferred(from, groupKey.Name, 7, "full")
	e.Find(apex).Transferred(from, other.Name, 7, "full")
	st, _ := e.Status(apex)
	require.Nil(t, st.Secondaries[0].Transfer)
	require.Nil(t, st.Secondaries[1].Transfer)
	require.NotNil(t, st.Secondaries[2].Transfer)

	// Where several have the address, by the key; without one it is the first.
	cfg.Secondaries[2].Server.Addr = netip.AddrPortFrom(cfg.Secondaries[0].Server.Addr.Addr(), 10)
	reloads(t, e, cfg)
	at := netip.AddrPortFrom(cfg.Secondaries[0].Server.Addr.Addr(), 1)
	e.Find(apex).Transferred(at, other.Name, 8, "full")
	st, _ = e.Status(apex)
	require.Nil(t, st.Secondaries[0].Transfer)
	require.NotNil(t, st.Secondaries[2].Transfer)
	e.Find(apex).Transferred(at, "", 8, "full")
	st, _ = e.Status(apex)
	require.NotNil(t, st.Secondaries[0].Transfer)
}
