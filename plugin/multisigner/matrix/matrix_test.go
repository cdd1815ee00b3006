package matrix_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/matrix"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/loopback"
)

var (
	apex   = zone.MustName("example.")
	moment = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
)

const content = `example. 300 SOA ns.example. root.example. 1 7200 900 1209600 300
example. 300 NS ns.example.
ns.example. 300 A 192.0.2.1
www.example. 300 A 192.0.2.2
*.wild.example. 300 TXT "some"
`

// signer has keys, and a server that shows what a test wants.
type signer struct {
	name     string
	ksk, zsk sign.Key
	shows    atomic.Pointer[zone.Version] // nil: it answers SERVFAIL
	at       ask.Server
	counts   uint32 // the serial of its content
}

func newSigner(t *testing.T, name string) *signer {
	key := func(flags uint16) sign.Key {
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), append(make([]byte, 30), name[0], byte(flags)+1))
		require.NoError(t, err)
		k, err := sign.NewKey(flags, 13, private)
		require.NoError(t, err)
		return k
	}
	s := &signer{name: name, ksk: key(257), zsk: key(256)}
	addr, err := loopback.Free("127.0.0.1")
	require.NoError(t, err)
	s.at.Addr = addr
	conn, err := net.ListenPacket("udp", addr.String())
	require.NoError(t, err)
	listener, err := net.Listen("tcp", addr.String())
	require.NoError(t, err)
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

// ServeDNS answers from what the signer shows.
func (s *signer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	v := s.shows.Load()
	if v == nil {
		w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		return
	}
	var r answer.Response
	r.Plan(v, answer.Question{Name: zone.MustName(q.Question[0].Name), Type: zone.Type(q.Question[0].Qtype), DO: true})
	m := r.Msg(q, 1232, w.RemoteAddr().Network() == "tcp")
	if ask.AsksContent(q) {
		m.SetEdns0(1232, true).IsEdns0().Option = []dns.EDNS0{ask.ContentOption(s.counts)}
	}
	w.WriteMsg(m)
}

// show publishes the signer's own keys and those of others, signed as of moment.
func (s *signer) show(t *testing.T, text string, others ...zone.DNSKEY) {
	keys := []string{string(s.ksk.Record), string(s.zsk.Record)}
	for _, k := range others {
		keys = append(keys, string(k))
	}
	out, err := sign.Zone(sign.Input{
		Content: zone.MustVersion(text), Serial: 1, Now: moment, Denial: denial.NSEC,
		Apex:   []zone.RRset{{Name: apex, Type: zone.TypeDNSKEY, TTL: 300, Rdata: zone.Pack(keys...)}},
		Keys:   sign.Keys{DNSKEY: []sign.Key{s.ksk}, CDS: []sign.Key{s.ksk}, Data: []sign.Key{s.zsk}},
		Policy: sign.Policy{Validity: 14 * 24 * time.Hour, Refresh: 24 * time.Hour, BackDate: time.Hour},
	})
	require.NoError(t, err)
	s.shows.Store(out.Version)
}

func (s *signer) dnskey() zone.RRset {
	set, _ := s.shows.Load().RRset(apex, zone.TypeDNSKEY)
	return set
}

// group is two signers, each of which shows the other's keys.
type group struct {
	*testing.T
	a, b *signer
}

func newGroup(t *testing.T) *group {
	g := &group{t, newSigner(t, "a"), newSigner(t, "b")}
	g.a.show(t, content, g.b.ksk.Record, g.b.zsk.Record)
	g.b.show(t, content, g.a.ksk.Record, g.a.zsk.Record)
	return g
}

// ds is the DS RRset of the key-signing keys of some.
func (g *group) ds(of ...*signer) zone.RRset {
	var records []string
	for _, s := range of {
		d, err := s.ksk.Record.DS(apex, 2)
		require.NoError(g, err)
		records = append(records, string(d))
	}
	return zone.RRset{Name: apex, Type: zone.TypeDS, TTL: 300, Rdata: zone.Pack(records...)}
}

// run has a round about everything, with both signers in the DS RRset unless it has others.
func (g *group) run(r matrix.Round) (status.Matrix, []matrix.Difference) {
	o := g.outcome(r)
	return o.Matrix, o.Differed
}

func (g *group) outcome(r matrix.Round) matrix.Outcome {
	r.Apex, r.At = apex, moment
	r.Subjects = []matrix.Subject{{Signer: "a", Server: g.a.at}, {Signer: "b", Server: g.b.at}}
	if r.DS == nil {
		r.DS = []zone.RRset{g.ds(g.a, g.b)}
	}
	if r.Questions == nil {
		r.Questions = matrix.Whole(zone.MustVersion(content))
	}
	return r.Run(g.Context(), &ask.Client{Timeout: time.Minute, Tries: 1})
}

// pair gives what became of the answers of one under the keys of the other.
func (g *group) pair(m status.Matrix, answers, keys string) status.Pair {
	for _, p := range m.Pairs {
		if p.Answers == answers && p.Keys == keys {
			return p
		}
	}
	g.Fatalf("no pair %s %s in %+v", answers, keys, m)
	return status.Pair{}
}

// Where each has the other's keys, every answer validates under all of them.
func TestAllValidate(t *testing.T) {
	g := newGroup(t)
	for _, strict := range []bool{false, true} {
		m, differ := g.run(matrix.Round{Strict: strict})
		require.True(t, m.OK(), "%+v", m)
		require.Empty(t, differ)
		require.Len(t, m.Cells, 4)
		require.Len(t, m.DS, 2)
		require.Equal(t, moment.Add(-time.Hour), m.Servers[0].Inception)
		for _, p := range m.Pairs {
			require.Equal(t, status.Green, p.State, "%+v", p)
		}
	}
}

// A key that one of the two leaves out makes the other's answers fail under his, and no
// other pair. It is told only where resolvers meet it, but to whoever asks for a verdict.
func TestKeyIsMissing(t *testing.T) {
	g := newGroup(t)
	g.b.show(t, content, g.a.ksk.Record)
	m, _ := g.run(matrix.Round{})
	require.Equal(t, status.Red, g.pair(m, "a", "b").State)
	require.Len(t, g.pair(m, "a", "b").Why, 3, "the first ones tell as much")
	for _, each := range [][2]string{{"a", "a"}, {"b", "a"}, {"b", "b"}} {
		require.Equal(t, status.Green, g.pair(m, each[0], each[1]).State)
	}

	m, _ = g.run(matrix.Round{Insecure: true})
	require.Equal(t, status.Unknown, g.pair(m, "a", "b").State, "nobody validates")
	m, _ = g.run(matrix.Round{Strict: true})
	require.Equal(t, status.Red, g.pair(m, "a", "b").State)
	cell, ok := m.Cell(g.a.at.Addr.String(), g.b.at.Addr.String())
	require.True(t, ok)
	require.Len(t, cell.Faults, cell.Asked, "each is told: %v", cell.Faults)
}

// A signer without a DS is on its way in: a fault is no alarm until both have one, or until
// the pair was known before; its beginning is kept while it stays what it is.
func TestFaultCounts(t *testing.T) {
	g := newGroup(t)
	g.b.show(t, content, g.a.ksk.Record)
	older := g.ds(g.b) // may be in caches: nobody is sent to a
	m, _ := g.run(matrix.Round{DS: []zone.RRset{g.ds(g.a, g.b), older}})
	p := g.pair(m, "a", "b")
	require.Equal(t, status.Unknown, p.State)
	require.Contains(t, p.Why[0], "no DS at the parent")

	since := moment.Add(-time.Hour)
	for _, before := range []status.PairState{status.Green, status.Red} {
		m, _ = g.run(matrix.Round{DS: []zone.RRset{older}, Before: []status.Pair{{Answers: "a", Keys: "b", State: before, Since: since}}})
		p = g.pair(m, "a", "b")
		require.Equal(t, status.Red, p.State)
		require.Equal(t, map[bool]time.Time{true: since, false: moment}[before == status.Red], p.Since)
	}
}

// Silence says nothing, unless a verdict is wanted.
func TestSilence(t *testing.T) {
	g := newGroup(t)
	g.b.shows.Store(nil)
	m, _ := g.run(matrix.Round{})
	require.Equal(t, "answered SERVFAIL", m.Servers[1].Fault)
	require.Equal(t, status.Unknown, g.pair(m, "a", "b").State)
	require.Equal(t, []string{"answered SERVFAIL"}, g.pair(m, "a", "b").Why)
	require.Equal(t, status.Green, g.pair(m, "a", "a").State)
	m, _ = g.run(matrix.Round{Strict: true})
	require.False(t, m.OK())
}

// Keys that no DS leads to are a fault of whoever shows them.
func TestKeysThatNobodyBelieves(t *testing.T) {
	g := newGroup(t)
	ds := g.ds(g.b)
	g.a.show(t, content)
	m, _ := g.run(matrix.Round{DS: []zone.RRset{ds}})
	require.Contains(t, g.pair(m, "b", "a").Why[1], "DNSKEY")
	m, _ = g.run(matrix.Round{DS: []zone.RRset{ds}, Strict: true})
	require.False(t, m.OK())
	require.NotEmpty(t, m.Servers[0].Fault)
}

// What a resolver still has of the DNSKEY RRset before this one must validate, too.
func TestCachedKeys(t *testing.T) {
	g := newGroup(t)
	g.b.show(t, content, g.a.ksk.Record)
	old := validate.Seen{Name: "b", Set: g.b.dnskey()}
	g.b.show(t, content, g.a.ksk.Record, g.a.zsk.Record)
	m, _ := g.run(matrix.Round{Cached: []validate.Seen{old}})
	require.Equal(t, status.Red, g.pair(m, "a", "b").State)
	require.Contains(t, g.pair(m, "a", "b").Why[0], "may be cached")
	require.Equal(t, status.Green, g.pair(m, "a", "a").State, "it was another signer's")
}

// Whoever may tell the serial of its content is asked for it, and nobody else.
func TestContents(t *testing.T) {
	g := newGroup(t)
	g.a.counts, g.b.counts = 7, 8
	require.Empty(t, g.outcome(matrix.Round{}).Contents)
	require.Equal(t, map[string]uint32{"b": 8}, g.outcome(matrix.Round{Tells: map[string]bool{"b": true}}).Contents)
}

// Different data under one name is found, asked for again, and counted by rounds.
func TestDifference(t *testing.T) {
	g := newGroup(t)
	g.b.show(t, content+"www.example. 300 A 192.0.2.9\n", g.a.ksk.Record, g.a.zsk.Record)
	_, found := g.run(matrix.Round{})
	require.Len(t, found, 1)
	require.Equal(t, "www.example.", found[0].Question.Name)
	require.Equal(t, [2]string{"www.example. A 192.0.2.2", "www.example. A 192.0.2.2, www.example. A 192.0.2.9"}, found[0].Answers)
	require.Equal(t, 1, found[0].Rounds)
	require.True(t, found[0].Between("a", "b") && found[0].Between("b", "a"))
	require.False(t, found[0].Between("a", "c"))

	few, _ := matrix.Few(zone.MustVersion(content), "")
	require.NotContains(t, few, found[0].Question)
	_, found = g.run(matrix.Round{Questions: matrix.Again(few, found), Differed: found})
	require.Len(t, found, 1)
	require.Equal(t, 2, found[0].Rounds)
}

// A small sample goes on where the one before has ended, until all was asked for.
func TestFew(t *testing.T) {
	v := zone.MustVersion(content + "a.example. 300 A 192.0.2.3\nb.example. 300 A 192.0.2.3\nsub.example. 300 NS ns.sub.example.\nns.sub.example. 300 A 192.0.2.4\n")
	asked, from := map[string]bool{}, zone.Name("")
	for rounds := 0; ; rounds++ {
		require.Less(t, rounds, 10)
		var few []dns.Question
		few, from = matrix.Few(v, from)
		require.LessOrEqual(t, len(few), 11)
		for _, q := range few {
			asked[q.Name] = true
		}
		if from == apex {
			break
		}
	}
	for _, name := range []string{"example.", "no-such-name--matrix.example.", "a.example.", "b.example.", "www.example.", "sub.example.", "matrix--.wild.example.", "wild.example.", "ns.example."} {
		require.True(t, asked[name], name)
	}
	require.False(t, asked["ns.sub.example."], "it is not ours to answer")
}
