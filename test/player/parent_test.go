package player

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// parent is the registry and its nameservers.
type parent struct {
	w     *world
	addrs []netip.Addr
	kind  parentKind
	every time.Duration // between two scans
	lag   time.Duration // from a change to the second nameserver
	ttl   time.Duration // of the DS RRset
	ns    []nameserver  // the delegation
	deaf  bool          // it takes nothing

	mu    sync.Mutex
	ds    []*dns.DS   // of the registry
	shown [][]*dns.DS // at each nameserver
	poke  chan struct{}
	first time.Time // when the first DS RRset was seen that it would take
}

type parentKind int

const (
	strict parentKind = iota // asks every address of every nameserver
	askOne                   // asks one, another each time
	person                   // pastes what one signer prints
)

func (k parentKind) String() string { return [...]string{"strict", "asks one", "a person"}[k] }

// nameserver is a name in an NS RRset, and the server behind it.
type nameserver struct {
	host string
	addr netip.Addr
}

// firstHold is for how long a parent looks at a zone before it takes its first DS
// (RFC 8078 3.3).
const firstHold = 3 * time.Hour

func (p *parent) run(ctx context.Context) {
	client := &ask.Client{Dial: p.w.network.dialer(p.addrs[0]), Tries: 2}
	for ctx.Err() == nil {
		timer := time.NewTimer(p.every)
		select {
		case <-timer.C:
		case <-p.poke:
			pass(ctx, time.Minute)
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() == nil {
			p.look(ctx, client)
		}
	}
}

// look has the registry take over what it finds, if it may.
func (p *parent) look(ctx context.Context, client *ask.Client) {
	if p.deaf {
		return
	}
	if p.kind == person {
		p.paste(ctx)
		return
	}
	p.mu.Lock()
	asked := slices.Clone(p.ns)
	p.mu.Unlock()
	if p.kind == askOne {
		asked = asked[p.w.luck.IntN(len(asked)):][:1]
	}
	var agreed []*dns.DS
	remove := false
	for i, ns := range asked {
		ds, deletes, err := p.cds(ctx, client, ns)
		switch {
		case err != nil:
			p.w.quiet("the parent asks %s for CDS: %v", ns.host, err)
			p.first = time.Time{}
			return
		case i > 0 && (texts(ds) != texts(agreed) || deletes != remove):
			p.w.quiet("the parent finds that CDS differ")
			p.first = time.Time{}
			return
		}
		agreed, remove = ds, deletes
	}
	if len(agreed) == 0 && !remove {
		return
	}
	if len(p.current()) == 0 && !remove {
		if p.first.IsZero() {
			p.first = time.Now()
		}
		if time.Since(p.first) < firstHold {
			return
		}
	}
	p.put(agreed)
}

// cds asks a nameserver for the DS that it wants, which must be signed as RFC 7344 4.1
// says, where there is a DS to go by.
func (p *parent) cds(ctx context.Context, client *ask.Client, ns nameserver) (ds []*dns.DS, remove bool, err error) {
	fetch := func(t uint16) (*rrset, error) {
		m, err := client.Exchange(ctx, ask.Server{Addr: netip.AddrPortFrom(ns.addr, 53)}, ask.Question(apex, t))
		if err != nil {
			return nil, err
		}
		if m.Rcode != dns.RcodeSuccess || !m.Authoritative {
			return nil, fmt.Errorf("%s answers %s", ns.host, dns.RcodeToString[m.Rcode])
		}
		for _, s := range split(m.Answer) {
			if s.t == t {
				return s, nil
			}
		}
		return nil, nil
	}
	keys, err := fetch(dns.TypeDNSKEY)
	if err != nil || keys == nil {
		return nil, false, err
	}
	set, err := fetch(dns.TypeCDS)
	if err != nil || set == nil {
		return nil, false, err
	}
	c := newCaches()
	now := time.Now()
	if current := p.current(); len(current) > 0 {
		by := dsSet(current, p.ttl)
		entry := &rrset{name: apex, t: dns.TypeDNSKEY}
		for _, rr := range keys.rrs {
			for _, d := range current {
				if of := rr.(*dns.DNSKEY).ToDS(d.DigestType); of != nil && strings.EqualFold(of.Digest, d.Digest) {
					entry.rrs = append(entry.rrs, rr)
				}
			}
		}
		if len(c.entry(by, keys)) == 0 || len(c.verdict(entry, set)) == 0 {
			return nil, false, fmt.Errorf("CDS is not signed by a key that has a DS")
		}
	} else if len(c.verdict(keys, set)) == 0 {
		return nil, false, fmt.Errorf("CDS is bogus")
	}
	for _, rr := range set.rrs {
		cds := rr.(*dns.CDS)
		if cds.Algorithm == 0 {
			return nil, true, nil
		}
		d := cds.DS
		d.Hdr = dns.RR_Header{Name: apex, Rrtype: dns.TypeDS, Class: dns.ClassINET}
		ds = append(ds, &d)
	}
	// What would break the chain is not taken (RFC 7344 4.1).
	if len(c.entry(dsSet(ds, p.ttl), keys)) == 0 {
		return nil, false, fmt.Errorf("no key that CDS names signs the DNSKEY RRset")
	}
	for _, until := range c.entry(dsSet(ds, p.ttl), keys) {
		if until.Before(now) {
			return nil, false, fmt.Errorf("expired")
		}
	}
	return ds, false, nil
}

// paste is a person who carries what a signer prints, some time later.
func (p *parent) paste(ctx context.Context) {
	s := p.w.signers[p.w.luck.IntN(len(p.w.signers))]
	z := s.status()
	if len(z.DS) == 0 && !z.DSDelete {
		return
	}
	var ds []*dns.DS
	for _, text := range z.DS {
		rr, err := dns.NewRR(fmt.Sprintf("%s 0 IN DS %s", apex, text))
		p.w.must(err)
		ds = append(ds, rr.(*dns.DS))
	}
	pass(ctx, time.Duration(p.w.luck.Int64N(int64(3*time.Hour))))
	if ctx.Err() == nil {
		p.put(ds)
	}
}

// set changes the TTL of the DS RRset, and delegate the NS RRset.
func (p *parent) set(ttl time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ttl = ttl
}

func (p *parent) delegate(ns []nameserver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ns = ns
}

func (p *parent) current() []*dns.DS {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ds
}

// put changes the DS RRset, at the second nameserver some time after the first.
func (p *parent) put(ds []*dns.DS) {
	p.mu.Lock()
	same := texts(p.ds) == texts(ds)
	p.ds = ds
	p.mu.Unlock()
	if same {
		return
	}
	p.w.note("the parent has DS %s", tags(ds))
	for i := range p.addrs {
		go func() {
			pass(p.w.life, time.Duration(i)*p.lag)
			if p.w.life.Err() == nil {
				p.show(i, ds)
			}
		}()
	}
}

func (p *parent) show(i int, ds []*dns.DS) {
	p.mu.Lock()
	p.shown[i] = ds
	p.mu.Unlock()
	var sets []*rrset
	if len(ds) > 0 {
		sets = append(sets, dsSet(ds, p.ttl))
	}
	p.w.caches.gives(fmt.Sprintf("parent %d", i+1), sets)
}

func dsSet(ds []*dns.DS, ttl time.Duration) *rrset {
	s := &rrset{name: apex, t: dns.TypeDS, ttl: ttl}
	for _, d := range ds {
		d := *d
		d.Hdr.Ttl = uint32(ttl / time.Second)
		s.rrs = append(s.rrs, &d)
	}
	s.identify()
	return s
}

func texts(ds []*dns.DS) string {
	var all []string
	for _, d := range ds {
		all = append(all, d.String())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func tags(ds []*dns.DS) (all []string) {
	for _, d := range ds {
		all = append(all, fmt.Sprintf("%d/%d", d.Algorithm, d.KeyTag))
	}
	return all
}

// registry is one nameserver of the parent.
type registry struct {
	p *parent
	i int
}

// serve implements server.
func (r registry) serve(_ netip.AddrPort, _ bool, wire []byte) [][]byte {
	q := new(dns.Msg)
	if q.Unpack(wire) != nil || len(q.Question) != 1 {
		return nil
	}
	r.p.mu.Lock()
	ds, ns, ttl := r.p.shown[r.i], r.p.ns, r.p.ttl
	r.p.mu.Unlock()
	reply := new(dns.Msg).SetReply(q)
	soa, _ := dns.NewRR("org. 300 SOA ns.org. hostmaster.org. 1 7200 900 1209600 300")
	switch t := q.Question[0].Qtype; {
	case q.Opcode == dns.OpcodeNotify:
		select {
		case r.p.poke <- struct{}{}:
		default:
		}
	case t == dns.TypeDS && len(ds) > 0:
		reply.Authoritative = true
		reply.Answer = dsSet(ds, ttl).rrs
	case t == dns.TypeDS:
		reply.Authoritative, reply.Ns = true, []dns.RR{soa}
	case t == dns.TypeSOA && dns.CanonicalName(q.Question[0].Name) == "org.":
		reply.Authoritative, reply.Answer = true, []dns.RR{soa}
	default:
		for _, n := range ns {
			host := dns.RR_Header{Name: apex, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 3600}
			glue := dns.RR_Header{Name: n.host, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}
			reply.Ns = append(reply.Ns, &dns.NS{Hdr: host, Ns: n.host})
			reply.Extra = append(reply.Extra, &dns.A{Hdr: glue, A: n.addr.AsSlice()})
		}
	}
	return pack(reply)
}
