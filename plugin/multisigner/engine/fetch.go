package engine

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// fetchers bounds how many primaries are visited at once, in all and at one address: our
// choice; a primary of many zones has others to serve, too.
const (
	fetchers       = 8
	fetchersAtOnce = 2
)

// fetching hands out the places of those who visit primaries. An address that does not
// answer keeps only those of its own who wait for it.
type fetching struct {
	all chan struct{}
	mu  sync.Mutex
	at  map[netip.Addr]chan struct{}
}

func newFetching() *fetching {
	return &fetching{all: make(chan struct{}, fetchers), at: map[netip.Addr]chan struct{}{}}
}

func (f *fetching) place(addr netip.Addr) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at[addr] == nil {
		f.at[addr] = make(chan struct{}, fetchersAtOnce)
	}
	return f.at[addr]
}

// begin waits for a place; done gives it back. ok is false when ctx ended first.
func (f *fetching) begin(ctx context.Context, addr netip.Addr) (done func(), ok bool) {
	place := f.place(addr)
	for i, c := range []chan struct{}{place, f.all} {
		select {
		case c <- struct{}{}:
		case <-ctx.Done():
			if i == 1 {
				<-place
			}
			return nil, false
		}
	}
	return func() { <-f.all; <-place }, true
}

// fetched is what a visit has brought, and from whom it was.
type fetched struct {
	source.Fetched
	primary string
	had     *zone.Version // what Diffs begin at
}

// beginFetch visits a primary beside the turns; what comes of it has a turn of its own.
func (e *Engine) beginFetch(z *Zone, server ask.Server, have source.Taken, plan primary.Fetch) {
	e.background.Go(func() {
		done, ok := e.fetching.begin(e.life, server.Addr.Addr())
		if !ok {
			return
		}
		is := source.Fetch(z.asking(e.life), e.client, source.Primary{Apex: z.apex, Server: server}, have, plan)
		done()
		z.ask(func(w *wants) { w.fetched = &fetched{is, plan.Primary, have.Came} })
	})
}

// PrimaryNotified says that a primary of the zone, at from or with the TSIG key named,
// tells of a change (RFC 1996), to serial if that is known. The caller has made sure that
// it is one.
func (z *Zone) PrimaryNotified(from netip.AddrPort, key string, serial uint32, known bool) {
	who := z.Config().primaryOf(from.Addr(), key)
	z.engine.log.Debug("a primary tells of a change", "zone", z.apex, "from", from, "serial", serial)
	z.ask(func(w *wants) {
		if len(w.notified) == maxNotified {
			w.notified = w.notified[1:]
		}
		w.notified = append(w.notified, primary.Event{Kind: primary.Notify, From: who, Serial: serial, Known: known})
	})
}

// maxNotified is how many NOTIFYs wait for a turn: our choice. Each says what the last
// one says, but for its serial.
const maxNotified = 8

// primaryOf names the primary that tells from an address, which may have others than the
// one that it listens at; or the only one with its key. "" when it is not known which.
func (c *Config) primaryOf(from netip.Addr, key string) string {
	var byKey []string
	for _, p := range c.Primaries {
		if p.Addr.Addr() == from {
			return p.Addr.String()
		}
		if p.TSIG != nil && p.TSIG.Name == key {
			byKey = append(byKey, p.Addr.String())
		}
	}
	if len(byKey) == 1 {
		return byKey[0]
	}
	return ""
}

// primary finds the primary of a name.
func (c *Config) primary(name string) ask.Server {
	i := slices.IndexFunc(c.Primaries, func(s ask.Server) bool { return s.Addr.String() == name })
	return c.Primaries[i]
}

// intake is what primary.Next is told of the configuration.
func (c *Config) intake() primary.Config {
	p := primary.Config{Zone: c.Apex, RefreshMin: c.RefreshMin, RefreshMax: c.RefreshMax, RetryMin: c.RefreshMin, RetryMax: c.RefreshMax}
	for _, s := range c.Primaries {
		p.Primaries = append(p.Primaries, s.Addr.String())
	}
	return p
}
