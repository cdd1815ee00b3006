package multisigner

import (
	"context"
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// above finds who answers for the DS of qname: that is in the parent zone (RFC
// 4035 3.1.4.1), the nearest of all our zones above qname, in whichever server
// block it is. CoreDNS alone asks the block of the topmost zone. Of several blocks
// with that zone it is preferred's, or one that is asked where the query came in.
func (l *load) above(qname zone.Name, preferred *Handler, server string) *Handler {
	for n := qname; n != zone.Root; {
		n = n.Parent()
		handlers := l.handlersOf(n)
		switch {
		case len(handlers) == 0:
			continue
		case slices.Contains(handlers, preferred):
			return preferred
		}
		for _, h := range handlers {
			if slices.Contains(h.listens, server) {
				return h
			}
		}
		return handlers[0]
	}
	return nil
}

// handlersOf gives the handlers of a zone, of one that a catalog has brought as well.
func (l *load) handlersOf(apex zone.Name) []*Handler {
	handlers := l.zones[apex]
	if len(handlers) > 0 {
		return handlers
	}
	for _, h := range l.consuming {
		if h.catalogs.member(apex) != nil {
			handlers = append(handlers, h)
		}
	}
	return handlers
}

// parent is above for a query: who else than h must answer it, nil if nobody.
func (l *load) parent(ctx context.Context, r *dns.Msg, h *Handler) *Handler {
	if len(r.Question) != 1 || r.Question[0].Qtype != dns.TypeDS || r.Opcode != dns.OpcodeQuery {
		return nil
	}
	qname, err := zone.ParseName(r.Question[0].Name)
	if err != nil {
		return nil
	}
	server := ""
	if s, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server); ok {
		server = s.Addr
	}
	if other := l.above(qname, h, server); other != h {
		return other
	}
	return nil
}

// serveFor answers a query that came in at another server block. Whom the acl
// plugin of our own block turns away is turned away here, too.
func (h *Handler) serveFor(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if acl := h.block.Handler("acl"); acl != nil {
		return acl.ServeDNS(ctx, w, r)
	}
	return h.ServeDNS(ctx, w, r)
}

// crossing stands in the server blocks without zones of ours, and takes out the
// questions for DS records that are in zones of ours.
type crossing struct {
	load *load
	next plugin.Handler
}

// Name implements plugin.Handler. It is the Handler's: there is none in this block,
// and by the name the cache plugin finds out what it has to leave alone.
func (crossing) Name() string { return name }

// CacheBypassZones tells the cache plugin what CacheBypassZones of the Handler does.
func (c crossing) CacheBypassZones() (names []string) {
	for _, h := range c.load.handlers {
		names = append(names, h.bypassed()...)
	}
	return names
}

// ServeDNS implements plugin.Handler.
func (c crossing) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if h := c.load.parent(ctx, r, nil); h != nil {
		return h.serveFor(ctx, w, r)
	}
	if c.next == nil {
		return dns.RcodeRefused, nil // as CoreDNS does where a server block has no plugins
	}
	return plugin.NextOrFailure(c.Name(), c.next, ctx, w, r)
}
