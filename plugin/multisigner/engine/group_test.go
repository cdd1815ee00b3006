package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// group is some signers and their parent in one process, by a clock that the test
// steps, over real sockets.
type group struct {
	*testing.T
	clock   *manual
	parent  *above
	signers []*member
	broken  func()   // called while engines are waited for
	caches  []cached // DNSKEY RRsets that a resolver may still hold
}

// member is a signer with its server; the engine behind it may be another after a
// crash.
type member struct {
	group   *group
	dir     string
	cfg     engine.Config
	options func(*engine.Options)
	dead    func() <-chan struct{} // closed when the engine has died while it starts; nil: it does not
	e       atomic.Pointer[engine.Engine]
	serial  uint32      // the last that was seen served
	quiet   atomic.Bool // nobody gets an answer
}

type cached struct {
	set   zone.RRset
	until time.Duration // by the steady clock
}

const groupTTL = 10 * time.Minute // of everything that is waited for

var groupKey = &ask.TSIG{Name: "group-key.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// newGroup sets up a group of signers, none of which is started yet.
func newGroup(t *testing.T, names string, change func(*engine.Config)) *group {
	t.Helper()
	g := &group{T: t, clock: newManual(moment)}
	g.parent = &above{}
	g.parent.addr = listen(t, g.parent, nil)
	// All answer at one address, so that nobody else is looked for behind the zone's NS.
	file := write(t, strings.NewReplacer("TTL 300", "TTL 60", "192.0.2.53", "127.0.0.1").Replace(content))
	for i, name := range strings.Fields(names) {
		m := &member{group: g, dir: t.TempDir()}
		m.cfg = alone(t, file)
		m.cfg.Signer, m.cfg.Parent = name, engine.Parent{Mode: engine.ParentServers, Servers: []netip.AddrPort{g.parent.addr}}
		m.cfg.Tags = engine.Tags{Lo: uint16(i * 20000), Hi: uint16(i*20000 + 19999)}
		m.cfg.DNSKEYTTL, m.cfg.Margin, m.cfg.Propagation = groupTTL, time.Minute, time.Minute
		m.cfg.LookBusy, m.cfg.LookIdle = groupTTL/2, groupTTL/2
		m.cfg.Addresses = []netip.AddrPort{listen(t, m, groupKey)}
		g.signers = append(g.signers, m)
	}
	for _, m := range g.signers {
		for _, p := range g.signers {
			if p != m {
				m.cfg.Peers = append(m.cfg.Peers, engine.Peer{Name: p.cfg.Signer, Addresses: p.cfg.Addresses, TSIG: groupKey, Via: peer.Query})
			}
		}
		if change != nil {
			change(&m.cfg)
		}
	}
	return g
}

// start has m serve from its state directory.
func (m *member) start() {
	m.group.Helper()
	o := engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: m.group.clock}
	if m.options != nil {
		m.options(&o)
	}
	e, err := engine.Open(m.dir, o)
	require.NoError(m.group, err)
	m.group.Cleanup(func() { e.Close() })
	p, err := e.Prepare(context.Background(), []engine.Config{m.cfg})
	require.NoError(m.group, err)
	m.e.Store(e)
	if m.dead == nil {
		p.Commit()
		return
	}
	begun := make(chan struct{})
	go func() {
		p.Commit()
		close(begun)
	}()
	select {
	case <-begun:
	case <-m.dead():
	}
}

func (m *member) stop() {
	require.NoError(m.group, m.e.Swap(nil).Close())
}

func (m *member) do(kind string, args ...string) {
	m.group.Helper()
	_, err := m.e.Load().Do(context.Background(), apex, engine.Command{Kind: kind, Args: args})
	require.NoError(m.group, err)
}

// version is what m answers with; nil when it refuses or is not there.
func (m *member) version() *zone.Version {
	e := m.e.Load()
	if e == nil || e.Find(apex) == nil {
		return nil
	}
	if s := e.Find(apex).Serving(); s.Refuse == "" {
		return s.Version
	}
	return nil
}

// settle waits until nobody has anything to do.
func (g *group) settle() {
	g.Helper()
	deadline := time.Now().Add(60 * time.Second)
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for quiet := 0; quiet < 3; quiet++ { // a look that was asked for by NOTIFY may just begin
		<-tick.C
		if g.broken != nil {
			g.broken()
		}
		for _, m := range g.signers {
			if e := m.e.Load(); e != nil && !e.Idle() {
				quiet = -1
			}
		}
		require.False(g, time.Now().After(deadline), "the engines come to no rest")
	}
}

// round lets some time pass: the signers have their turns and looks, the parent
// looks for CDS, and nobody may hold what does not fit.
func (g *group) round() {
	g.Helper()
	g.clock.step(groupTTL / 2)
	g.settle()
	g.parent.scan(g.signers)
	g.matrix()
}

// until goes round until what holds.
func (g *group) until(what string, holds func() bool) {
	g.Helper()
	for range 400 { // more than a day
		if holds() {
			return
		}
		g.round()
	}
	for _, m := range g.signers {
		if e := m.e.Load(); e != nil {
			s, _ := e.Status(apex)
			g.Logf("%s: refuse %q, waits %+v, alarms %+v", m.cfg.Signer, s.Refuse, s.Waits, s.Alarms)
		}
	}
	g.Fatalf("never: %s", what)
}

// matrix demands that whatever DNSKEY RRset of whichever signer a resolver holds, the
// answers of every other validate under it, and under the parent's DS.
func (g *group) matrix() {
	g.Helper()
	var versions []*zone.Version
	for _, m := range g.signers {
		v := m.version()
		if v == nil {
			continue
		}
		require.False(g, m.serial != 0 && zone.SerialAfter(m.serial, v.Serial()), "the serial of %s went back from %d to %d", m.cfg.Signer, m.serial, v.Serial())
		m.serial = v.Serial()
		versions = append(versions, v)
	}
	ds := g.parent.set()
	now, steady := g.clock.Now(), g.clock.Steady()
	live := g.caches[:0]
	for _, c := range g.caches {
		if c.until >= steady {
			live = append(live, c)
		}
	}
	g.caches = live
	for _, v := range versions {
		keys, ok := v.RRset(apex, zone.TypeDNSKEY)
		require.True(g, ok)
		if ds.Exists() {
			_, err := validate.Entry(keys, ds, apex, now)
			require.NoError(g, err, "under the parent's DS")
		}
		g.caches = append(g.caches, cached{keys, steady + time.Duration(keys.TTL)*time.Second})
	}
	if !ds.Exists() {
		g.caches = g.caches[:0] // insecure still: nobody validates
		return
	}
	for _, v := range versions {
		for _, typ := range []zone.Type{zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeNSEC} {
			s, ok := v.RRset(apex, typ)
			if !ok {
				continue
			}
			for _, c := range g.caches {
				_, err := validate.Signatures(s, c.set, apex, now)
				require.NoError(g, err, "%s under a DNSKEY RRset in a cache", typ)
			}
		}
	}
}

// begin starts all signers, and waits until the zone is secure at all of them.
func (g *group) begin() {
	g.Helper()
	for _, m := range g.signers {
		m.start()
	}
	g.until("the group is secure", func() bool { return g.parent.set().Rdata.Len() == len(g.signers) && g.calm() })
}

// calm reports whether everybody is served and nobody waits for anything.
func (g *group) calm() bool {
	for _, m := range g.signers {
		s, _ := m.e.Load().Status(apex)
		if m.version() == nil || len(s.Waits) > 0 || len(s.Alarms) > 0 {
			return false
		}
	}
	return true
}

// ServeDNS answers from what the engine serves. While outsiders are refused it answers
// peers, by their key, and the engine's own looks: they come from the address that all
// others come from, as if it was translated on the way.
func (m *member) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if m.quiet.Load() {
		return
	}
	reply := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	if e := m.e.Load(); e != nil && e.Find(apex) != nil {
		z := e.Find(apex)
		if q.Opcode == dns.OpcodeNotify {
			z.Notified(netip.MustParseAddrPort(w.RemoteAddr().String()))
			reply.SetReply(q)
		} else if v, own := z.Serving().Version, z.Own(q); v != nil && (own || q.IsTsig() != nil || z.Serving().Refuse == "") {
			var r answer.Response
			r.Plan(v, answer.Question{Name: zone.MustName(strings.ToLower(q.Question[0].Name)), Type: zone.Type(q.Question[0].Qtype), DO: true})
			_, tcp := w.LocalAddr().(*net.TCPAddr)
			reply = r.Msg(q, 4096, tcp)
		}
	}
	signAs(reply, q)
	w.WriteMsg(reply)
}

func signAs(reply, q *dns.Msg) {
	if t := q.IsTsig(); t != nil {
		reply.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
	}
}

// above is a parent that takes CDS when all signers that answer agree.
type above struct {
	addr netip.AddrPort
	away atomic.Bool // it answers SERVFAIL

	mu sync.Mutex
	ds zone.RRset
}

func (r *above) set() zone.RRset {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ds
}

func (r *above) put(ds zone.RRset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ds = ds
}

func (r *above) scan(signers []*member) {
	var agreed zone.Packed
	for _, m := range signers {
		v := m.version()
		if v == nil {
			continue // one that refuses is passed over, as parents do
		}
		cds, ok := v.RRset(apex, zone.TypeCDS)
		if !ok || agreed != "" && cds.Rdata != agreed {
			return
		}
		agreed = cds.Rdata
	}
	if agreed == "" {
		return
	}
	r.put(zone.RRset{Name: apex, Type: zone.TypeDS, TTL: uint32(groupTTL / time.Second), Rdata: agreed})
}

func (r *above) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	reply := new(dns.Msg).SetReply(q)
	if r.away.Load() {
		w.WriteMsg(reply.SetRcode(q, dns.RcodeServerFailure))
		return
	}
	soa, _ := dns.NewRR("org. 300 SOA ns.org. hostmaster.org. 1 7200 900 1209600 300")
	ns, _ := dns.NewRR(fmt.Sprintf("%s 300 NS ns.%s", apex, apex))
	switch ds := r.set(); {
	case q.Question[0].Qtype == dns.TypeDS && ds.Exists():
		reply.Authoritative, reply.Answer = true, ds.RRs()
	case q.Question[0].Qtype == dns.TypeDS:
		reply.Authoritative, reply.Ns = true, []dns.RR{soa}
	case q.Question[0].Qtype == dns.TypeSOA && q.Question[0].Name == "org.":
		reply.Authoritative, reply.Answer = true, []dns.RR{soa}
	default:
		reply.Ns = []dns.RR{ns}
	}
	w.WriteMsg(reply)
}

// listen serves h on a free port of loopback, over UDP and TCP.
func listen(t testing.TB, h dns.Handler, key *ask.TSIG) netip.AddrPort {
	t.Helper()
	return listenAt(t, "127.0.0.1", h, key)
}

func listenAt(t testing.TB, addr string, h dns.Handler, key *ask.TSIG) netip.AddrPort {
	t.Helper()
	var conn net.PacketConn
	var listener net.Listener
	for range 20 { // the port that UDP was given may be taken for TCP
		var err error
		conn, err = net.ListenPacket("udp", addr+":0")
		require.NoError(t, err)
		if listener, err = net.Listen("tcp", conn.LocalAddr().String()); err == nil {
			break
		}
		conn.Close()
	}
	require.NotNil(t, listener)
	for _, s := range []*dns.Server{{PacketConn: conn}, {Listener: listener}} {
		s.Handler = h
		// The library lets NOTIFY pass by this only.
		s.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		if key != nil {
			s.TsigSecret = map[string]string{key.Name: key.Secret}
		}
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}

// restore copies a state directory, as it is on the disk at this moment.
func restore(t *testing.T, to, from string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(at, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(at, content, 0o600)
	}))
}
