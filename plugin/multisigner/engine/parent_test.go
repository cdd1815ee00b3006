package engine_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

var updateKey = &ask.TSIG{Name: "registry.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// registry is a parent zone org. on loopback that does what a test tells it to.
type registry struct {
	addr netip.AddrPort

	mu       sync.Mutex
	ds       []dns.RR
	target   string // the address of ns.org.
	dsync    []dns.RR
	notified []dns.Question
	updates  int
	rcode    int  // of its answers to NOTIFY and UPDATE
	ignores  bool // answers NOERROR to an UPDATE and does nothing
}

func register(t *testing.T) *registry {
	r := &registry{target: "127.0.0.1"}
	var conn net.PacketConn
	var listener net.Listener
	require.Eventually(t, func() (ok bool) {
		var err error
		conn, err = net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		if listener, err = net.Listen("tcp", conn.LocalAddr().String()); err != nil {
			conn.Close()
		}
		return err == nil
	}, time.Second, time.Millisecond)
	r.addr = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	for _, d := range []*dns.Server{{PacketConn: conn}, {Listener: listener}} {
		d.Handler, d.TsigSecret = r, map[string]string{updateKey.Name: updateKey.Secret}
		d.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go d.ActivateAndServe()
		<-started
		t.Cleanup(func() { d.Shutdown() })
	}
	return r
}

// be changes how it behaves from now on.
func (r *registry) be(change func(r *registry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// came gives what came so far.
func (r *registry) came() (notified []dns.Question, updates int, ds []dns.RR) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notified, r.updates, r.ds
}

func record(text string) dns.RR {
	rr, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	return rr
}

func (r *registry) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	switch q.Opcode {
	case dns.OpcodeNotify:
		r.notified = append(r.notified, q.Question[0])
		m.Rcode = r.rcode
	case dns.OpcodeUpdate:
		r.updates++
		m.Rcode = r.update(w, q)
		m.SetTsig(updateKey.Name, updateKey.Algorithm, 300, time.Now().Unix())
	default:
		r.answer(m, q.Question[0])
	}
	w.WriteMsg(m)
}

func (r *registry) answer(m *dns.Msg, q dns.Question) {
	switch name := strings.ToLower(q.Name); {
	case q.Qtype == dns.TypeDS && len(r.ds) > 0:
		m.Answer = r.ds
	case name == apex.String() && q.Qtype == dns.TypeNS:
		m.Authoritative = false
		m.Ns = []dns.RR{record("example.org. 1 NS ns.example.net.")}
	case name == "org." && q.Qtype == dns.TypeSOA:
		m.Answer = []dns.RR{record("org. 1 SOA . . 1 2 3 4 1")}
	case name == "ns.org." && q.Qtype == dns.TypeA:
		m.Answer = []dns.RR{record("ns.org. 1 A " + r.target)}
	case q.Qtype == 66 && name == "example._dsync.org." && len(r.dsync) > 0:
		m.Answer = r.dsync
	default:
		m.Ns = []dns.RR{record("org. 1 SOA . . 1 2 3 4 1")}
	}
}

// update does by RFC 2136 what the engine asks for, and nothing else.
func (r *registry) update(w dns.ResponseWriter, q *dns.Msg) int {
	has := func(rr dns.RR) bool {
		return slices.ContainsFunc(r.ds, func(d dns.RR) bool { return d.(*dns.DS).Digest == rr.(*dns.DS).Digest })
	}
	switch {
	case q.IsTsig() == nil || w.TsigStatus() != nil:
		return dns.RcodeNotAuth
	case r.rcode != dns.RcodeSuccess || r.ignores:
		return r.rcode
	}
	seen := 0
	for _, rr := range q.Answer {
		switch ds, ok := rr.(*dns.DS); {
		case rr.Header().Class == dns.ClassNONE && len(r.ds) > 0:
			return dns.RcodeYXRrset
		case ok && ds.Digest != "" && !has(rr):
			return dns.RcodeNXRrset
		case ok && ds.Digest != "":
			seen++
		}
	}
	if seen != len(r.ds) {
		return dns.RcodeNXRrset
	}
	r.ds = nil
	for _, rr := range q.Ns {
		if rr.Header().Class == dns.ClassINET {
			r.ds = append(r.ds, rr)
		}
	}
	return dns.RcodeSuccess
}

// The nameserver is the signer itself, of which nobody gives an address: the engine
// here listens nowhere.
const shortLived = `
$ORIGIN example.org.
$TTL 1
@    SOA ns.example.net. hostmaster 1 7200 900 1209600 1
@    NS  ns.example.net.
www  A   192.0.2.80
`

// delegated is a zone of one signer whose waits are short.
func delegated(t *testing.T, r *registry) engine.Config {
	cfg := alone(t, write(t, shortLived))
	cfg.Signer = "ns.example.net"
	cfg.DNSKEYTTL, cfg.Margin, cfg.LookBusy, cfg.LookIdle = time.Second, 0, 100*time.Millisecond, 100*time.Millisecond
	cfg.Parent = engine.Parent{Mode: engine.ParentServers, Servers: []netip.AddrPort{r.addr}}
	return cfg
}

func statusOf(t *testing.T, e *engine.Engine) status.Zone {
	s, ok := e.Status(apex)
	require.True(t, ok)
	return s
}

func (r *registry) eventually(t *testing.T, e *engine.Engine, what string, holds func(r *registry) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return holds(r)
	}, 20*time.Second, 10*time.Millisecond, "%s: %+v", what, statusOf(t, e))
}

// dsyncTo is the DSYNC record for NOTIFY(CDS) to ns.org.
func dsyncTo(addr netip.AddrPort) []dns.RR {
	wire := []byte{0, byte(dns.TypeCDS), 1, byte(addr.Port() >> 8), byte(addr.Port()), 2, 'n', 's', 3, 'o', 'r', 'g', 0}
	rr := &dns.RFC3597{Hdr: dns.RR_Header{Name: "example._dsync.org.", Rrtype: 66, Class: dns.ClassINET, Ttl: 1}}
	rr.Rdata = strings.ToUpper(hexOf(wire))
	return []dns.RR{rr}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// When CDS is published, the parent is told where its DSYNC record says, once; and
// what the zone waits for then is that the parent has the DS.
func TestParentIsNotified(t *testing.T) {
	t.Parallel()
	r := register(t)
	r.dsync = dsyncTo(r.addr)
	e := serve(t, t.TempDir(), delegated(t, r))
	defer e.Close()
	r.eventually(t, e, "NOTIFY(CDS) comes", func(r *registry) bool { return len(r.notified) == 1 })
	require.Eventually(t, func() bool { return statusOf(t, e).Parent.Told != nil }, 10*time.Second, 10*time.Millisecond)
	s := statusOf(t, e)
	require.Equal(t, "NOTIFY", s.Parent.Told.How)
	require.Equal(t, "ns.org.:"+strings.Split(r.addr.String(), ":")[1]+" "+r.addr.String(), s.Parent.Told.To)
	require.Zero(t, s.Parent.Told.Again)
	require.Len(t, s.DS, 1)
	notified, _, _ := r.came()
	require.Equal(t, []dns.Question{{Name: apex.String(), Qtype: dns.TypeCDS, Qclass: dns.ClassINET}}, notified, "told once")

	// Somebody puts the lines of `ds` in place: it is noticed without being said.
	ds := record("example.org. 1 DS " + s.DS[0])
	r.be(func(r *registry) { r.ds = []dns.RR{ds} })
	require.Eventually(t, func() bool {
		s := statusOf(t, e)
		return len(s.Waits) == 0 && len(s.Parent.DS) == 1
	}, 20*time.Second, 10*time.Millisecond)
}

// A parent that cannot be told is tried again, the status says why, and a restart
// does not forget what it is owed.
func TestParentIsToldAgain(t *testing.T) {
	t.Parallel()
	r := register(t)
	r.dsync, r.rcode = dsyncTo(r.addr), dns.RcodeServerFailure
	dir, cfg := t.TempDir(), delegated(t, r)
	e := serve(t, dir, cfg)
	r.eventually(t, e, "it is tried three times", func(r *registry) bool { return len(r.notified) >= 3 })
	s := statusOf(t, e)
	require.Contains(t, s.Parent.Told.Error, "answered SERVFAIL")
	require.NotZero(t, s.Parent.Told.Again)
	require.Contains(t, s.Alarms[len(s.Alarms)-1].What, "the parent could not be told of new CDS by NOTIFY")
	require.NoError(t, e.Close())

	r.be(func(r *registry) { r.rcode, r.notified = dns.RcodeSuccess, nil })
	e = serve(t, dir, cfg)
	defer e.Close()
	r.eventually(t, e, "it is told after the restart", func(r *registry) bool { return len(r.notified) == 1 })
	require.Eventually(t, func() bool {
		told := statusOf(t, e).Parent.Told
		return told != nil && told.Error == ""
	}, 10*time.Second, 10*time.Millisecond)
	require.Empty(t, statusOf(t, e).Alarms)
}

// What belongs at the parent can be read off the status also when that is nothing: while
// the zone goes insecure and ever after, until it is secure again.
func TestNoDSBelongsAtTheParent(t *testing.T) {
	t.Parallel()
	r := register(t)
	e := serve(t, t.TempDir(), delegated(t, r))
	defer e.Close()
	require.Eventually(t, func() bool { return len(statusOf(t, e).DS) == 1 }, 20*time.Second, 10*time.Millisecond)
	ds := record("example.org. 1 DS " + statusOf(t, e).DS[0])
	r.be(func(r *registry) { r.ds = []dns.RR{ds} })
	require.Eventually(t, func() bool { return len(statusOf(t, e).Parent.DS) == 1 }, 20*time.Second, 10*time.Millisecond)

	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "insecure"})
	require.NoError(t, err)
	s := statusOf(t, e)
	require.True(t, s.DSDelete)
	require.Equal(t, "the zone goes insecure: the parent should have no DS", s.DSWhy)
	r.be(func(r *registry) { r.ds = nil })
	require.Eventually(t, func() bool { return statusOf(t, e).Insecure }, 20*time.Second, 10*time.Millisecond)
	s = statusOf(t, e)
	require.True(t, s.DSDelete)
	require.Equal(t, "the zone is insecure: the parent should have no DS", s.DSWhy)
	require.True(t, s.DSChange().Done)
	require.Empty(t, s.Waits)
}

// A parent without a DSYNC record is not told, and nothing is wrong with that; nor is
// one that a person tells, or that is configured to look by itself.
func TestParentIsNotTold(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(r *registry, cfg *engine.Config){
		"no DSYNC": func(r *registry, _ *engine.Config) { r.dsync = nil },
		"manual":   func(_ *registry, cfg *engine.Config) { cfg.Parent.Manual = true },
		"silent":   func(_ *registry, cfg *engine.Config) { cfg.Parent.Silent = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := register(t)
			r.dsync = dsyncTo(r.addr)
			cfg := delegated(t, r)
			change(r, &cfg)
			e := serve(t, t.TempDir(), cfg)
			defer e.Close()
			require.Eventually(t, func() bool {
				s := statusOf(t, e)
				return slices.ContainsFunc(s.Waits, func(w status.Wait) bool { return w.What == "have the DS of every signer at the parent" }) &&
					(name != "no DSYNC" || s.Parent.Told != nil)
			}, 20*time.Second, 10*time.Millisecond)
			s := statusOf(t, e)
			require.Empty(t, s.Alarms)
			require.Len(t, s.DS, 1, "what to carry is there")
			notified, _, _ := r.came()
			require.Empty(t, notified)
			if name == "no DSYNC" {
				require.Contains(t, s.Parent.Told.Error, "no DSYNC record")
				require.Zero(t, s.Parent.Told.Again)
			}
		})
	}
}

// A DSYNC record does not make us send to where only we can: nothing goes there, and
// a person is told what to do if it is meant.
func TestParentLeadsAstray(t *testing.T) {
	t.Parallel()
	r := register(t)
	r.dsync, r.target = dsyncTo(r.addr), "10.1.2.3"
	cfg := delegated(t, r)
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(statusOf(t, e).Alarms, func(a status.Alarm) bool {
			return strings.Contains(a.What, "10.1.2.3 is a private address") && strings.Contains(a.Cure, "parent-notify")
		})
	}, 20*time.Second, 10*time.Millisecond)
	notified, _, _ := r.came()
	require.Empty(t, notified)
}

// By UPDATE the whole DS RRset is put there, and only the look after it counts.
func TestParentIsUpdated(t *testing.T) {
	t.Parallel()
	r := register(t)
	r.ignores = true
	cfg := delegated(t, r)
	cfg.Parent.Update = []ask.Server{{Addr: r.addr, TSIG: updateKey}}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	// NOERROR is not success: it is tried again until the DS was seen.
	r.eventually(t, e, "it is tried three times", func(r *registry) bool { return r.updates >= 3 })
	require.Empty(t, statusOf(t, e).Parent.DS)
	require.NotEmpty(t, statusOf(t, e).Waits)
	r.be(func(r *registry) { r.ignores = false })
	r.eventually(t, e, "the DS is there", func(r *registry) bool { return len(r.ds) == 1 })
	require.Eventually(t, func() bool {
		s := statusOf(t, e)
		return len(s.Waits) == 0 && slices.Equal(s.Parent.DS, s.DS)
	}, 20*time.Second, 10*time.Millisecond)
	_, updates, _ := r.came()
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "look"})
	require.NoError(t, err)
	notified, after, _ := r.came()
	require.Equal(t, updates, after, "and it is left alone")
	require.Empty(t, notified)
}

// A key that the parent does not know is an alarm that names what to mend.
func TestParentRefusesUpdate(t *testing.T) {
	t.Parallel()
	r := register(t)
	cfg := delegated(t, r)
	wrong := *updateKey
	wrong.Secret = "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="
	cfg.Parent.Update = []ask.Server{{Addr: r.addr, TSIG: &wrong}}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(statusOf(t, e).Alarms, func(a status.Alarm) bool {
			return strings.Contains(a.What, "the parent could not be told of new CDS by UPDATE") && strings.Contains(a.Cure, "mend `parent-update` or its key")
		})
	}, 20*time.Second, 10*time.Millisecond)
	_, _, ds := r.came()
	require.Empty(t, ds)
}

// A DS that belongs to no known key stays at a parent that we update, and in what
// `ds` prints, until the operator disowns it: its signer may be one that nobody told
// us of, and would be bogus without it.
func TestUpdateKeepsStrangers(t *testing.T) {
	t.Parallel()
	r := register(t)
	cfg := delegated(t, r)
	cfg.Parent.Update = []ask.Server{{Addr: r.addr, TSIG: updateKey}}
	cfg.AlarmAfter = time.Second // the parent is told again after it
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	do := func(kind string, args ...string) error {
		_, err := e.Do(t.Context(), apex, engine.Command{Kind: kind, Args: args})
		return err
	}
	require.Eventually(t, func() bool { s := statusOf(t, e); return len(s.Parent.DS) == 1 && len(s.Waits) == 0 }, 20*time.Second, 10*time.Millisecond)
	require.ErrorContains(t, do("disown"), "nothing to disown")
	stranger := record("example.org. 1 DS 4711 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766")
	var before int
	r.be(func(r *registry) { r.ds, before = append(r.ds, stranger), r.updates })
	require.Eventually(t, func() bool { return len(statusOf(t, e).DSKept) == 1 }, 20*time.Second, 10*time.Millisecond)
	require.NoError(t, do("roll", "ksk"))
	require.Never(t, func() bool { _, updates, _ := r.came(); return updates != before }, 3*time.Second, 50*time.Millisecond)
	s := statusOf(t, e)
	require.Contains(t, s.DSKept[0], "4711 13 2 E2D3")
	require.Empty(t, s.DSChange().Remove)
	require.False(t, s.DSChange().Done)
	require.True(t, slices.ContainsFunc(s.Alarms, func(a status.Alarm) bool {
		return strings.Contains(a.What, "belongs to no known key") && strings.Contains(a.Cure, "disown")
	}))

	require.NoError(t, do("disown"))
	r.eventually(t, e, "only our own DS is there", func(r *registry) bool {
		return len(r.ds) == 1 && r.ds[0].(*dns.DS).KeyTag != 4711
	})
	require.Eventually(t, func() bool { s := statusOf(t, e); return len(s.DSKept) == 0 && s.DSChange().Done }, 20*time.Second, 10*time.Millisecond)
}
