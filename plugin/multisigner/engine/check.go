package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Check asks every address of every signer now and says of each pair whether the
// answers of one validate under the DNSKEY RRset of the other: some resolver will
// hold just that pair. A resolver that retries elsewhere would hide a fault.
func (e *Engine) Check(ctx context.Context, apex zone.Name) (status.Matrix, error) {
	z := (*e.zones.Load())[apex]
	if z == nil {
		return status.Matrix{}, fmt.Errorf("zone %s is not served here", apex)
	}
	cfg, v := z.Config(), z.Serving().Version
	if v == nil {
		return status.Matrix{}, fmt.Errorf("zone %s has nothing to check yet: %s", apex, z.Serving().Refuse)
	}
	if len(cfg.Addresses)+len(cfg.Listens) == 0 {
		return status.Matrix{}, fmt.Errorf("where %s is found is not known: add `signer NAME ADDRESS...` with the addresses at which the world asks this server", apex)
	}
	now, ctx := e.clock.Now(), z.asking(ctx)
	m := status.Matrix{At: now, DS: []string{}, Servers: []status.Server{}, Cells: []status.Cell{}, Pairs: []status.Pair{}}
	ds, err := e.checkDS(ctx, cfg, now)
	if err != nil {
		return status.Matrix{}, err
	}
	for rdata := range ds.Rdata.All() {
		m.DS = append(m.DS, rdataText(apex, zone.TypeDS, rdata))
	}
	asked := ask.All(subjects(cfg), func(s subject) answers {
		if s.signer == cfg.Signer {
			s.server.Mark = e.marks.New()
		}
		return e.checkServer(ctx, s, sample(v), ds, apex, now)
	})
	for _, a := range asked {
		m.Servers = append(m.Servers, status.Server{Signer: a.signer, Address: a.server.Addr.String(), Fault: a.fault})
	}
	for _, a := range asked {
		for _, k := range asked {
			if a.fault == "" && k.fault == "" {
				m.Cells = append(m.Cells, cell(a, k, apex, now))
			}
		}
	}
	m.Pairs = pairs(&m, func(status.Pair) bool { return true })
	return m, nil
}

// subject is an address to be asked, and whose it is.
type subject struct {
	signer string
	server ask.Server
}

func subjects(cfg *Config) []subject {
	var all []subject
	for _, s := range ourServers(cfg) {
		all = append(all, subject{cfg.Signer, s})
	}
	if len(cfg.Addresses) == 0 { // nobody has said where the world finds us: we know where we listen
		for _, s := range servers(cfg.Listens, nil) {
			all = append(all, subject{cfg.Signer, s})
		}
	}
	for _, p := range cfg.Peers {
		for _, s := range servers(p.Addresses, p.TSIG) {
			all = append(all, subject{p.Name, s})
		}
	}
	return all
}

// answers are what one address said.
type answers struct {
	subject
	fault   string // why it has no usable answers
	keys    zone.RRset
	replies []reply
}

type reply struct {
	question dns.Question
	message  *dns.Msg
	err      error
}

// checkDS gives the DS RRset that stands at the parent; its addresses must agree.
func (e *Engine) checkDS(ctx context.Context, cfg *Config, now time.Time) (zone.RRset, error) {
	where := whereParent(cfg)
	if where == nil {
		return zone.RRset{}, nil
	}
	var ds zone.RRset
	for i, a := range parent.Look(ctx, e.client, *where, cfg.Apex, now).Addresses {
		switch {
		case a.Status != parent.Good:
			return zone.RRset{}, fmt.Errorf("parent at %s: %s", a.Addr, a.Err)
		case i > 0 && a.DS.Rdata != ds.Rdata:
			return zone.RRset{}, fmt.Errorf("the parent's addresses disagree about the DS of %s: look again when all have the new one", cfg.Apex)
		}
		ds = a.DS
	}
	return ds, nil
}

// checkServer fetches the DNSKEY RRset of an address, and its answers.
func (e *Engine) checkServer(ctx context.Context, s subject, questions []dns.Question, ds zone.RRset, apex zone.Name, now time.Time) answers {
	a := answers{subject: s}
	m, err := e.client.Exchange(ctx, s.server, ask.Question(apex.String(), dns.TypeDNSKEY))
	if err == nil {
		a.keys, err = keysOf(m, ds, apex, now)
	}
	if err != nil {
		a.fault = err.Error()
		return a
	}
	a.replies = ask.All(questions, func(q dns.Question) reply {
		m, err := e.client.Exchange(ctx, s.server, ask.Question(q.Name, q.Qtype))
		return reply{q, m, err}
	})
	return a
}

// keysOf takes the DNSKEY RRset out of a response and follows the parent's DS to
// it; without a DS it is taken as given.
func keysOf(m *dns.Msg, ds zone.RRset, apex zone.Name, now time.Time) (zone.RRset, error) {
	sets, err := zone.FromRRs(m.Answer)
	if err != nil {
		return zone.RRset{}, err
	}
	for _, s := range sets {
		if s.Name != apex || s.Type != zone.TypeDNSKEY {
			continue
		}
		if ds.Exists() {
			_, err = validate.Entry(s, ds, apex, now)
		} else {
			_, err = validate.Signatures(s, s, apex, now)
		}
		return s, err
	}
	return zone.RRset{}, errors.New("no DNSKEY RRset")
}

// cell judges the answers of one address under the keys of another.
func cell(a, k answers, apex zone.Name, now time.Time) status.Cell {
	c := status.Cell{Answers: a.server.Addr.String(), Keys: k.server.Addr.String(), Faults: []string{}}
	for _, r := range a.replies {
		c.Asked++
		err := r.err
		if err == nil && r.question.Qtype == dns.TypeDNSKEY {
			continue // it is judged under the DS, by its own keys
		}
		if err == nil {
			err = validate.Response(r.message, r.question, apex, k.keys, now)
		}
		if err != nil {
			c.Faults = append(c.Faults, fmt.Sprintf("%s %s: %v", r.question.Name, dns.TypeToString[r.question.Qtype], err))
		}
	}
	return c
}

// sampleNames bounds how many names of each kind are asked about.
const sampleNames = 8

// sample lists questions of every kind that the zone has an answer for.
func sample(v *zone.Version) []dns.Question {
	apex := v.Apex()
	var questions []dns.Question
	add := func(n zone.Name, t zone.Type) {
		questions = append(questions, dns.Question{Name: n.String(), Qtype: uint16(t), Qclass: dns.ClassINET})
	}
	below := func(label string, n zone.Name) (zone.Name, bool) {
		name, err := zone.ParseName(label + "." + n.String())
		return name, err == nil
	}
	for _, t := range []zone.Type{zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeCDNSKEY, zone.TypeCSYNC, zone.TypeTXT} {
		add(apex, t)
	}
	if n, ok := below("no-such-name--check", apex); ok {
		add(n, zone.TypeA)
	}
	seen := map[string]int{}
	for n := range v.All() {
		kind, types := kindOf(n)
		if kind == "" || seen[kind] >= sampleNames {
			continue
		}
		seen[kind]++
		name := n.Name()
		if kind == "wildcard" {
			var ok bool
			if name, ok = below("check--", n.Name().Parent()); !ok {
				continue
			}
		}
		for _, t := range types {
			add(name, t)
		}
	}
	return questions
}

// kindOf says which kind of answer a node gives rise to, and what to ask for it.
func kindOf(n *zone.Node) (kind string, types []zone.Type) {
	for s := range n.All() {
		if s.Type != zone.TypeNSEC {
			types = append(types, s.Type)
		}
	}
	switch {
	case n.Occluded(), n.IsApex():
		return "", nil
	case n.IsCut():
		return "cut", []zone.Type{zone.TypeDS, zone.TypeA}
	case n.Empty():
		return "empty", []zone.Type{zone.TypeA}
	case n.Name().IsWildcard():
		return "wildcard", append(types, zone.TypeSRV)
	}
	return "name", append(types, zone.TypeSRV)
}
