package multisigner

import (
	"context"
	"maps"
	"slices"

	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/fastpath"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// catalogs are the catalogs of a server block: of one state, for Check has them all have the same.
// Their members are looked up in the table of the engine, which is read without a lock.
type catalogs struct {
	state    *state
	names    []zone.Name
	produced map[zone.Name]*state // those that are made here, and where
	states   []*state             // of the server block, for those that are made here of no zone any more
}

// attachCatalogs finds the state of the handler's catalogs.
func (h *Handler) attachCatalogs(states map[string]*state) {
	h.catalogs = catalogs{produced: map[zone.Name]*state{}}
	real := realDirs{}
	of := func(dir string) *state {
		st := states[real.of(dir)]
		if !slices.Contains(h.catalogs.states, st) {
			h.catalogs.states = append(h.catalogs.states, st)
		}
		return st
	}
	for _, s := range h.sites {
		if st := of(s.Dir); s.Config.Produced.Catalog != "" {
			h.catalogs.produced[s.Config.Produced.Catalog] = st
		}
	}
	for _, s := range h.consumed {
		st := of(s.Dir)
		for _, at := range s.Produced() {
			h.catalogs.produced[at] = st
		}
		h.catalogs.state = st
		h.catalogs.names = append(h.catalogs.names, s.Config.Zone.Apex)
	}
}

// member gives the zone of that name which a catalog of the server block has brought; nil
// when there is none.
func (c *catalogs) member(name zone.Name) *engine.Zone {
	if c.state == nil {
		return nil
	}
	e := c.state.engine.Load()
	if e == nil {
		return nil
	}
	if z := e.At(name); z != nil && slices.Contains(c.names, z.Config().Member.Catalog) {
		return z
	}
	return nil
}

// members are those of catalogs, as the fast path sees them.
type members struct{ *catalogs }

// Find implements fastpath.Members.
func (m members) Find(name zone.Name) fastpath.Zone {
	if z := m.member(name); z != nil {
		return z
	}
	return nil
}

// has reports whether a zone or a catalog of that name is the handler's.
func (h *Handler) has(name zone.Name) bool {
	if _, ok := h.zones[name]; ok {
		return true
	}
	return slices.Contains(h.catalogs.names, name) || h.catalogs.member(name) != nil || h.maker(name) != nil
}

// maker is where a catalog is made; nil where it is not. One that has lost its last zone by a
// reload is named by nothing in the Corefile any more, and stays until the process ends, or
// until its name is another's.
func (h *Handler) maker(name zone.Name) *state {
	if st := h.catalogs.produced[name]; st != nil {
		return st
	}
	if _, ok := h.zones[name]; ok || slices.Contains(h.catalogs.names, name) || h.catalogs.member(name) != nil {
		return nil
	}
	for _, st := range h.catalogs.states {
		if e := st.engine.Load(); e != nil && e.Product(name) != nil {
			return st
		}
	}
	return nil
}

// all lists the catalogs.
func (c *catalogs) all() []zone.Name {
	return slices.AppendSeq(slices.Clone(c.names), maps.Keys(c.produced))
}

// find gives the engine's zone with that apex; nil where it is not there yet, and for a catalog.
func (h *Handler) find(apex zone.Name) *engine.Zone {
	if st, ok := h.zones[apex]; ok {
		return st.find(apex)
	}
	return h.catalogs.member(apex)
}

// bypassed are the names at and below which nothing may be cached: what was signed together must be
// served together. Members come and go, so that all of where they may be is among them.
func (h *Handler) bypassed() []string {
	names := apexes(h.sites)
	for _, s := range h.consumed {
		if len(s.Config.Suffixes) == 0 {
			return []string{"."}
		}
		for _, suffix := range s.Config.Suffixes {
			names = append(names, suffix.String())
		}
	}
	return names
}

// catalog answers what is asked of a catalog zone: NOTIFYs of its primaries are
// taken, and nobody is told what is in it (RFC 9432 7).
func (q query) catalog(ctx context.Context, of *state) (int, error) {
	if e := of.engine.Load(); e != nil && q.req.Opcode == dns.OpcodeQuery && q.name == q.apex {
		if z := e.Product(q.apex); z != nil {
			q.zone = z
			return q.product(ctx)
		}
	}
	if q.req.Opcode != dns.OpcodeNotify || q.name != q.apex {
		return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeProhibited, "a catalog is not for questions")
	}
	server := metrics.WithServer(ctx)
	serial, known := notifiedSerial(q.req)
	if e := of.engine.Load(); e == nil || !e.CatalogNotified(q.apex, q.from.addr, q.from.key, serial, known) {
		notifies.WithLabelValues(server, "refused").Inc()
		refused.log(q.req, q.apex, q.from, "no primary of the catalog has this address or key")
		return q.refuse(dns.RcodeNotAuth, dns.ExtendedErrorCodeNotAuthoritative, "this sender is not known for this zone")
	}
	notifies.WithLabelValues(server, "accepted").Inc()
	m := new(dns.Msg).SetReply(q.req)
	m.Authoritative = true
	withOPT(q.req, m)
	return dns.RcodeSuccess, q.w.WriteMsg(m)
}

// product answers for a catalog that is made here: its SOA and transfers, to those who may have it, and who have
// a key or come over TLS.
func (q query) product(ctx context.Context) (int, error) {
	keyed := q.from.key != "" || q.from.xot
	switch {
	case q.req.Question[0].Qclass != dns.ClassINET || !keyed:
	case isTransfer(q.req):
		return q.transfer(ctx)
	case q.req.Question[0].Qtype == dns.TypeSOA && noTransfer(q.zone.Config(), q.zone.Serving(), q.from) == "":
		return q.answer()
	}
	why := "a catalog is for those alone who may transfer it, with a key"
	refused.log(q.req, q.apex, q.from, why)
	return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeProhibited, why)
}
