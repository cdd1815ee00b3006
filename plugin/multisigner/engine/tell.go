package engine

import (
	"context"
	"net/netip"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// tellers bounds how many NOTIFYs of the process are under way at once.
const tellers = 64

// tellTimeout bounds one NOTIFY with its retries. Whoever is not reached by then
// finds the change by its own refresh or look.
const tellTimeout = 30 * time.Second

// tell sends NOTIFY for v to the secondaries, which then transfer, and to the
// peers, which then look (RFC 1996). It does not wait for them.
func (e *Engine) tell(z *Zone, cfg *Config, v *zone.Version) {
	e.tellAll(z, &z.notes, audience(cfg), v)
}

// tellAll does so for some, and notes what comes of it.
func (e *Engine) tellAll(z *Zone, notes *notes, servers []ask.Server, v *zone.Version) {
	for _, to := range servers {
		if !notes.want(to.Addr, v) {
			continue
		}
		e.jobs.Begin(z.asking(e.life), e.telling, func(ctx context.Context) {
			for v := notes.next(to.Addr); v != nil; v = notes.next(to.Addr) {
				within, cancel := context.WithTimeout(ctx, tellTimeout)
				e.notify(within, z, notes, to, v)
				cancel()
			}
		})
	}
}

// audience lists every server that is told of changes, each once.
func audience(cfg *Config) []ask.Server {
	var servers []ask.Server
	told := map[netip.AddrPort]bool{}
	add := func(s ask.Server) {
		if !told[s.Addr] {
			told[s.Addr] = true
			servers = append(servers, s)
		}
	}
	for _, s := range cfg.Secondaries {
		add(s.Server)
	}
	for _, p := range cfg.Peers {
		for _, addr := range p.Addresses {
			add(ask.Server{Addr: addr, TSIG: p.TSIG})
		}
	}
	return servers
}
