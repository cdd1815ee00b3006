// Package multisigner is what CoreDNS sees of multisigner: it reads the Corefile,
// keeps one engine for each state directory of the process, and answers queries,
// transfers, NOTIFYs and UPDATEs by the engine. It never signs and decides
// nothing about keys: that is the engine's, and the rooms' below it.
package multisigner

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/tsig"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const name = "multisigner"

// Handler answers for the zones of the multisigner blocks of one server block,
// and leaves everything else to Next.
type Handler struct {
	Next plugin.Handler

	load    *load
	block   *dnsserver.Config // of the first key of the server block
	listens []string          // set before the first query, as zones is
	sites   []corefile.Site
	zones   map[zone.Name]*state // whose engine has the zone; set before the first query

	consumed []corefile.CatalogSite
	catalogs catalogs // set before the first query

	decorated atomic.Bool // a plugin sees to what is written to the UDP socket
}

// attach finds the state of each zone.
func (h *Handler) attach(states map[string]*state) {
	h.zones = make(map[zone.Name]*state, len(h.sites))
	real := realDirs{}
	for _, s := range h.sites {
		h.zones[s.Config.Apex] = states[real.of(s.Dir)]
	}
	h.attachCatalogs(states)
}

// Name implements plugin.Handler.
func (h *Handler) Name() string { return name }

// CacheBypassZones tells the cache plugin to leave our zones alone: what was
// signed together must be served together.
func (h *Handler) CacheBypassZones() []string { return h.bypassed() }

func apexes(sites []corefile.Site) []string {
	names := make([]string, len(sites))
	for i, s := range sites {
		names[i] = s.Config.Apex.String()
	}
	return names
}

// query is a message that is for us, with what every way to answer needs.
type query struct {
	w    dns.ResponseWriter
	req  *dns.Msg
	name zone.Name
	apex zone.Name
	zone *engine.Zone // nil: it is prepared, but not yet the engine's
	from asker

	decorated bool // a plugin sees to what is written to the UDP socket
}

// asker is who sent a query: where from, and the TSIG key that signed it, if the
// signature was good.
type asker struct {
	addr netip.AddrPort
	key  string
	own  bool // it is a question of ours
	xot  bool // it came over TLS as transfers must (RFC 9103 7.1): see overTLS
}

// ServeDNS implements plugin.Handler.
func (h *Handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	process.asked.Add(1)
	if len(r.Question) != 1 {
		return dns.RcodeFormatError, nil
	}
	if parent := h.load.parent(ctx, r, h); parent != nil {
		return parent.serveFor(ctx, w, r)
	}
	q, known := h.receive(ctx, w, r)
	switch {
	case !known && r.Opcode == dns.OpcodeUpdate:
		countUpdate(ctx, "not a zone")
		return q.refuse(dns.RcodeNotAuth, dns.ExtendedErrorCodeNotAuthoritative, "this is no zone of this server")
	case !known && h.Next != nil:
		return plugin.NextOrFailure(name, h.Next, ctx, w, r)
	case !known:
		return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotAuthoritative, "no zone of this server")
	case r.IsTsig() != nil: // nobody before us has taken it for a key that we know
		refused.log(r, q.apex, signer(w, r), whyTSIG(true, dns.RcodeBadKey, nil))
		return dns.RcodeSuccess, answerTSIG(w, r, dns.RcodeNotAuth, dns.RcodeBadKey)
	}
	if st := h.maker(q.apex); st != nil {
		return q.catalog(ctx, st)
	}
	if slices.Contains(h.catalogs.names, q.apex) {
		return q.catalog(ctx, h.catalogs.state)
	}
	clampSize(r) // again: who stands before us may have made a query of his own
	question := r.Question[0]
	switch {
	case hasOption(r, dns.EDNS0ZONEVERSION): // what has content here is none of a query
		return q.refuse(dns.RcodeFormatError, dns.ExtendedErrorCodeOther, "ZONEVERSION is empty in a query (RFC 9660)")
	case r.Opcode == dns.OpcodeNotify:
		return q.notify(ctx)
	case r.Opcode == dns.OpcodeUpdate:
		return q.update(ctx)
	case r.Opcode != dns.OpcodeQuery:
		return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotSupported, "only queries, NOTIFY and UPDATE are taken here")
	case question.Qclass != dns.ClassINET:
		return q.refuse(dns.RcodeRefused, dns.ExtendedErrorCodeNotAuthoritative, "this zone is of class IN")
	case q.zone == nil:
		return q.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone is being loaded")
	case isTransfer(r):
		return q.transfer(ctx)
	}
	return q.answer()
}

// receive finds out whom a message is for and who sent it; known is false when it
// is not for a zone of ours.
func (h *Handler) receive(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (q query, known bool) {
	q = query{w: w, req: r, from: asker{addr: addrPort(w.RemoteAddr())}, decorated: h.decorated.Load()}
	q.name, q.apex, known = h.ask(r)
	if !known {
		return q, false
	}
	q.from.key, _ = tsig.ValidatedKeyName(ctx)
	q.from.xot, _ = ctx.Value(overTLS{}).(bool)
	q.zone = h.find(q.apex)
	return q, true
}

// ask finds the zone that a message asks about.
func (h *Handler) ask(r *dns.Msg) (qname, apex zone.Name, known bool) {
	qname, err := zone.ParseName(r.Question[0].Name)
	if err != nil {
		return "", "", false
	}
	apex, known = h.match(qname, r.Question[0].Qtype)
	return qname, apex, known
}

// match gives the zone that qname is in: the nearest apex at or above it. The DS
// of an apex is the parent's, where that is ours as well (RFC 4035 3.1.4.1).
func (h *Handler) match(qname zone.Name, qtype uint16) (apex zone.Name, known bool) {
	if qtype == dns.TypeDS && qname != zone.Root {
		if apex, known = h.match(qname.Parent(), dns.TypeNone); known {
			return apex, known
		}
	}
	for n := qname; ; n = n.Parent() {
		if h.has(n) {
			return n, true
		}
		if n == zone.Root {
			return "", false
		}
	}
}

// rendering is what one answer needs while it is made. The memory goes from query
// to query.
type rendering struct {
	answer.Response
	wire []byte
}

var renderings = sync.Pool{New: func() any { return &rendering{wire: make([]byte, 0, 2*maxUDP)} }}

// answer says what the zone has, all from one version.
func (q query) answer() (int, error) {
	serving := q.zone.Serving()
	q.from.own = q.zone.Own(q.req)
	if content, is := contentFor(q.zone.Config(), serving, q.from); is && q.req.Question[0].Qtype == dns.TypeSOA && q.name == q.zone.Apex() {
		return q.contentSOA(content)
	}
	if why := silent(q.zone.Config(), serving, q.from); why != "" && !refreshes(q.zone.Config(), serving, q.from, q.req) {
		return q.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, why)
	}
	r := renderings.Get().(*rendering)
	r.Plan(serving.Version, answer.Question{
		Name: q.name,
		Type: zone.Type(q.req.Question[0].Qtype),
		DO:   wantsDNSSEC(q.req),
		Sign: true,
	})
	err := q.write(r, slices.Concat(q.expire(serving.Version), q.version(serving.Version), q.content())...)
	r.Reset()
	if cap(r.wire) <= 8*maxUDP { // a large answer over TCP is rare
		renderings.Put(r)
	}
	return dns.RcodeSuccess, err
}

// write sends what was planned: packed, unless a plugin on the way wants to see it.
func (q query) write(r *rendering, options ...dns.EDNS0) error {
	if len(options) == 0 && q.from.key == "" && !(q.decorated && !q.stream()) {
		r.wire = r.AppendReply(r.wire[:0], q.req, q.size(), q.stream(), maxUDP)
		if done, err := writeWire(q.w, r.wire, r.Rcode); done {
			return q.written(err)
		}
	}
	m := r.Msg(q.req, q.size(), q.stream())
	withOPT(q.req, m, options...)
	return q.written(q.w.WriteMsg(m))
}

// written ends a connection that takes nothing any more. Whoever pipelines questions
// and leaves without reading would else have all of them answered, to nobody:
// thousands wait in each connection to be read.
func (q query) written(err error) error {
	if err != nil && q.stream() {
		_ = q.w.Close()
	}
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case *net.TCPAddr:
		return unmap(a.AddrPort())
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return unmap(ap)
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
