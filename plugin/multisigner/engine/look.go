package engine

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// lookers bounds how many zones are looked at at once.
const lookers = 64

// lookTimeout bounds one look: who has not answered by then is unreachable in it.
const lookTimeout = 10 * time.Second

// transferTimeout bounds the transfers in a look. The apex comes first, and is used
// when the rest takes longer.
const transferTimeout = 5 * time.Second

// queriesPerSecond bounds what the looks of a process may ask.
const queriesPerSecond = 2000

func newClient(dial ask.Dial) *ask.Client {
	return &ask.Client{Timeout: 2 * time.Second, Tries: 2, Budget: ask.NewBudget(queriesPerSecond), Dial: dial}
}

// sight is what one look at everybody saw.
type sight struct {
	at     time.Time
	self   peer.Report
	peers  map[string]peer.Report
	others peer.Report // nameservers that nobody has named; see attribute
	parent parent.Report

	refused bool // resolvers got no answers from us when it began
	digests digests

	found    foundHosts      // where the resolver has found hosts, at this look or before
	covered  map[string]bool // nameservers, and addresses of theirs, that were thought of
	unrouted []string        // those of them to which this machine has no route
}

// gaze is what a look needs to know, taken from the zone before it begins: a look
// runs beside the turns.
type gaze struct {
	apex   zone.Name
	self   peer.Target
	peers  map[string]peer.Target
	others peer.Target
	// unknown are nameservers whose addresses stand neither in the zone nor in the
	// parent's glue: the resolver may know them, and found is what it said before.
	unknown  []string
	found    foundHosts
	margin   time.Duration // for how long after its TTL an address that was found is looked at
	named    map[netip.Addr]bool
	signers  map[string]bool // of the nameservers: it has the name of a signer
	ignored  []netip.Addr
	covered  map[string]bool
	resolver netip.AddrPort
	parent   *parent.Where
	refuses  bool // outsiders get no answers from us

	keysOfOthers map[string][]zone.DNSKEY // than a peer, by its name

	digests digests       // of the look before
	version *zone.Version // that we serve
}

// looksAtAnybody reports whether there is anybody to look at.
func looksAtAnybody(cfg *Config) bool {
	return len(cfg.Addresses) > 0 || len(cfg.Secondaries) > 0 || looksAtOthers(cfg)
}

// gaze says at whom the zone looks now, and by which keys it believes them.
func (w *work) gaze(cfg *Config) gaze {
	g := gaze{apex: cfg.Apex, peers: map[string]peer.Target{}, keysOfOthers: map[string][]zone.DNSKEY{}}
	g.self = peer.Target{Zone: cfg.Apex, Servers: ourServers(cfg), Memory: peer.Memory{Pins: w.ownEntry()}, Via: peer.Query}
	for _, p := range cfg.Peers {
		target := peer.Target{
			Zone: cfg.Apex, Servers: servers(p.Addresses, p.TSIG), Trust: p.Trust,
			Memory: w.memory(p.Name), Via: p.Via, Algorithms: w.algorithms(cfg), Limit: ask.Limit{Time: transferTimeout},
		}
		g.peers[p.Name], g.keysOfOthers[p.Name] = target, w.keysOfOthers(cfg, p)
	}
	if looksAtOthers(cfg) {
		w.addOthers(cfg, &g)
	}
	g.parent, g.digests, g.version = whereParent(cfg), w.digests, w.signed
	return g
}

// whereParent says how the parent is asked; nil: it is not.
func whereParent(cfg *Config) *parent.Where {
	switch cfg.Parent.Mode {
	case ParentServers:
		return &parent.Where{Servers: cfg.Parent.Servers, Names: cfg.Parent.Resolver}
	case ParentResolver:
		return &parent.Where{Servers: cfg.Parent.Servers, Resolver: cfg.Parent.Resolver, Anchor: cfg.Parent.Anchor}
	}
	return nil
}

func servers(addresses []netip.AddrPort, key *ask.TSIG) []ask.Server {
	list := make([]ask.Server, 0, len(addresses))
	for _, addr := range addresses {
		list = append(list, ask.Server{Addr: addr, TSIG: key})
	}
	return list
}

// ourServers are the addresses that serve our copy: our own and our secondaries'.
func ourServers(cfg *Config) []ask.Server {
	list := servers(cfg.Addresses, nil)
	for _, s := range cfg.Secondaries {
		list = append(list, ask.Server{Addr: s.Server.Addr})
	}
	return list
}

// look asks everybody at once.
func (e *Engine) look(ctx context.Context, g gaze) *sight {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s := &sight{at: e.clock.Now(), peers: map[string]peer.Report{}, covered: g.covered, refused: g.refuses}
	var wg sync.WaitGroup
	var mu sync.Mutex
	if len(g.self.Servers) > 0 {
		g.self.Servers = e.marked(g.self.Servers)
		wg.Go(func() { s.self = peer.Look(ctx, e.client, g.self, s.at) })
	}
	if len(g.others.Servers)+len(g.unknown) > 0 {
		wg.Go(func() { e.lookAtOthers(ctx, g, s) })
	}
	for name, target := range g.peers {
		wg.Go(func() {
			report := peer.Look(ctx, e.client, target, s.at)
			mu.Lock()
			defer mu.Unlock()
			s.peers[name] = report
		})
	}
	if g.parent != nil {
		wg.Go(func() { s.parent = parent.Look(ctx, e.client, *g.parent, g.apex, s.at) })
	}
	wg.Wait()
	e.vouched(ctx, g, s)
	s.digests = g.digests.after(s.peers, g.version)
	return s
}

// marked gives servers that may be we with marks, so that we answer them whatever address
// the questions seem to come from. Others must not mind the option (RFC 6891 6.1.2).
func (e *Engine) marked(servers []ask.Server) []ask.Server {
	servers = slices.Clone(servers)
	for i := range servers {
		servers[i].Mark = e.marks.New()
	}
	return servers
}

// beginLook starts a look beside the turns; what it sees comes with a turn of its own.
func (e *Engine) beginLook(z *Zone, g gaze) {
	z.work.looks = true
	e.jobs.Begin(z.asking(e.life), e.looking, func(ctx context.Context) {
		seen := e.look(ctx, g)
		z.ask(func(w *wants) { w.seen = seen })
	})
}
