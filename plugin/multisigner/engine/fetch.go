package engine

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/job"
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
	all job.Places
	mu  sync.Mutex
	at  map[netip.Addr]job.Places
}

func newFetching() *fetching {
	return &fetching{all: job.NewPlaces(fetchers), at: map[netip.Addr]job.Places{}}
}

// place is for a visit to an address.
func (f *fetching) place(addr netip.Addr) job.Place {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at[addr] == nil {
		f.at[addr] = job.NewPlaces(fetchersAtOnce)
	}
	return job.Each{f.at[addr], f.all}
}

// fetched is what a visit has brought, and from whom it was.
type fetched struct {
	source.Fetched
	primary string
	had     *zone.Version // what Diffs begin at
}

// beginFetch visits a primary beside the turns; what comes of it has a turn of its own.
func (e *Engine) beginFetch(z *Zone, server ask.Server, have source.Taken, plan primary.Fetch) {
	e.jobs.Begin(z.asking(e.life), e.fetching.place(server.Addr.Addr()), func(ctx context.Context) {
		is := source.Fetch(ctx, e.client, source.Primary{Apex: z.apex, Server: server}, have, plan)
		z.ask(func(w *wants) { w.fetched = &fetched{is, plan.Primary, have.Came} })
	})
}

// PrimaryNotified says that a primary of the zone, at from or with the TSIG key named,
// tells of a change (RFC 1996), to serial if that is known. The caller has made sure that
// it is one.
func (z *Zone) PrimaryNotified(from netip.AddrPort, key string, serial uint32, known bool) {
	who := z.Config().primaryOf(from.Addr(), key)
	z.engine.log.Debug("a primary tells of a change", "zone", z.apex, "from", from, "serial", serial)
	z.notified(primary.Event{Kind: primary.Notify, From: who, Serial: serial, Known: known})
}

func (z *Zone) notified(e primary.Event) {
	z.ask(func(w *wants) {
		if len(w.notified) == maxNotified {
			w.notified = w.notified[1:]
		}
		w.notified = append(w.notified, e)
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
