package xfr

import (
	"errors"
	"fmt"
	"iter"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Collect makes a version out of the messages of a full transfer, as ask.Transfer
// yields them. It fails on the sequence's error, on a record that is not of the
// zone, and when what came does not begin and end with one SOA. What was received
// until an error is given beside it: partial may be nil, and is no version to serve.
func Collect(apex zone.Name, messages iter.Seq2[*dns.Msg, error]) (v, partial *zone.Version, err error) {
	c := collector{apex: apex, sets: map[setKey]*gathered{}}
	for m, err := range messages {
		if err == nil {
			err = c.message(m)
		}
		if err != nil {
			return nil, c.version(), err
		}
	}
	if !c.ended {
		return nil, c.version(), errors.New("the transfer ends before its closing SOA")
	}
	return c.version(), nil, nil
}

// collector gathers records, which may come in any order between the two SOAs.
type collector struct {
	apex  zone.Name
	soa   string // rdata of the opening SOA
	ended bool
	sets  map[setKey]*gathered
	order []setKey

	skips   bool // leave out what is not in the zone
	skipped int
	outside zone.Name // the owner of the first that was left out
}

type setKey struct {
	name zone.Name
	t    zone.Type
}

type gathered struct {
	ttl  uint32
	data zone.Gathering
	sigs []string
}

func (c *collector) message(m *dns.Msg) error {
	for _, rr := range m.Answer {
		if err := c.record(rr); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) record(rr dns.RR) error {
	r, skip, err := c.read(rr)
	if err != nil || skip {
		return err
	}
	return c.take(r)
}

// read judges one record by itself. skip says that it is not in the zone, and is left out.
func (c *collector) read(rr dns.RR) (r zone.Record, skip bool, err error) {
	h := rr.Header()
	if h.Class != dns.ClassINET {
		return r, false, fmt.Errorf("record of %q is of class %s", h.Name, dns.Class(h.Class))
	}
	if meta(h.Rrtype) {
		return r, false, fmt.Errorf("record of %q is of type %s, which no zone has", h.Name, dns.Type(h.Rrtype))
	}
	if r, err = zone.ReadRR(rr); err != nil {
		return r, false, err
	}
	if c.skips && !r.Name.Under(c.apex) {
		if c.skipped++; c.skipped == 1 {
			c.outside = r.Name
		}
		return r, true, nil
	}
	return r, false, check(r, c.apex)
}

func (c *collector) take(r zone.Record) error {
	soa := r.Type == zone.TypeSOA && r.Name == c.apex
	switch {
	case c.ended:
		return errors.New("there are records after the closing SOA")
	case c.soa == "" && !soa:
		return errors.New("the first record is not the zone's SOA")
	case soa && c.soa != "":
		c.ended = true
		if r.Rdata != c.soa {
			return errors.New("the closing SOA is not the opening one: the zone changed meanwhile")
		}
		return nil
	case soa:
		c.soa = r.Rdata
	}
	c.add(r)
	return nil
}

// meta reports whether a type stands for questions or transactions, not for data
// (RFC 6895 3.1).
func meta(t uint16) bool { return t == 0 || t == dns.TypeOPT || t >= 128 && t <= 255 }

func (c *collector) add(r zone.Record) {
	t := r.Type
	if t == zone.TypeRRSIG {
		t = zone.RRSIG(r.Rdata).Covered()
	}
	g := c.sets[setKey{r.Name, t}]
	if g == nil {
		g = &gathered{ttl: r.TTL}
		c.sets[setKey{r.Name, t}] = g
		c.order = append(c.order, setKey{r.Name, t})
	}
	g.ttl = min(g.ttl, r.TTL) // they should be equal; the lowest counts (RFC 2181 5.2)
	if r.Type == zone.TypeRRSIG {
		g.sigs = append(g.sigs, r.Rdata)
	} else {
		g.data.Add(r)
	}
}

// version is what was gathered; nil when not even the SOA came.
func (c *collector) version() *zone.Version {
	if c.soa == "" {
		return nil
	}
	b := zone.NewBuilder(c.apex)
	orphans := map[zone.Name]*gathered{} // signatures that cover nothing
	for _, k := range c.order {
		g := c.sets[k]
		if s := g.data.RRset(k.name, k.t, g.ttl); s.Exists() {
			b.Put(s.WithSigs(zone.Pack(g.sigs...)))
			continue
		}
		o := orphans[k.name]
		if o == nil {
			o = &gathered{ttl: g.ttl}
			orphans[k.name] = o
		}
		o.ttl, o.sigs = min(o.ttl, g.ttl), append(o.sigs, g.sigs...)
	}
	for name, o := range orphans {
		b.Put(zone.RRset{Name: name, Type: zone.TypeRRSIG, TTL: o.ttl, Rdata: zone.Pack(o.sigs...)})
	}
	return b.Version()
}
