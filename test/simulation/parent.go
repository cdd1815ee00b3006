package simulation

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// parent serves the DS set at two addresses, the second with a lag.
type parent struct {
	w       *world
	ds      []roll.KeyID
	shown   [2][]roll.KeyID
	ttl     [2]int64
	nextTTL int64
	before  []roll.KeyID
	changed int64 // when ds became what it is
	until   int64 // it holds on to what it has
	wrong   int64 // until then what it went back to is its own fault
}

func (p *parent) seenBy(s *signer) roll.ParentView {
	w := p.w
	list := make([]roll.ParentAddress, 2)
	for i := range list {
		a := roll.ParentAddress{Addr: []string{"p1", "p2"}[i], State: roll.Good, Seen: s.wall(w.t), TTL: time.Duration(p.ttl[i]),
			Since: s.wall(max(s.reach[len(w.signers)], s.upSince)), DS: p.shown[i]}
		if w.cut[s.n][len(w.signers)] > w.t {
			a = roll.ParentAddress{Addr: a.Addr, State: roll.Unreachable, Seen: a.Seen}
		}
		list[i] = a
	}
	return roll.ParentView{Addresses: list}
}

// told makes a parent that listens look soon.
func (p *parent) told() {
	if p.w.Parent != Person {
		p.w.after(p.w.between(minute, 30*minute), p.scan)
	}
}

func (p *parent) plan() {
	often := 12 * hour
	if p.w.Parent == Hasty {
		often = 4 * hour
	}
	p.w.after(p.w.between(20*minute, often), func() {
		p.scan()
		p.plan()
	})
}

// scan does what this kind of parent does about CDS.
func (p *parent) scan() {
	w := p.w
	if w.Parent == Person {
		p.paste()
		return
	}
	var found [][]roll.KeyID
	for _, s := range w.signers {
		for i, server := range s.servers {
			if w.cut[len(w.signers)][s.n] > w.t || s.down && i == 0 {
				if w.Parent == Strict {
					return // it tries again later
				}
				continue
			}
			if server.cur == nil || !p.accepts(server.cur) {
				if w.Parent == Strict || w.Parent == Deaf {
					return
				}
				continue
			}
			found = append(found, server.cur.cds)
		}
	}
	if len(found) == 0 {
		return
	}
	if w.Parent == Hasty {
		p.set(found[w.random.IntN(len(found))])
		return
	}
	for _, cds := range found {
		if !slices.Equal(cds, found[0]) {
			return
		}
	}
	p.set(found[0])
}

// accepts validates a CDS answer as RFC 7344 4.1 asks, under the DS there is.
func (p *parent) accepts(v *version) bool {
	if len(v.cds) == 0 {
		return false
	}
	if len(p.ds) == 0 {
		return true
	}
	chained := slices.ContainsFunc(v.entry, func(k roll.KeyID) bool { return slices.Contains(p.ds, k) })
	continues := slices.ContainsFunc(v.entry, func(k roll.KeyID) bool { return slices.Contains(v.cds, k) })
	return chained && continues
}

// paste is a person who puts in place what one signer prints.
func (p *parent) paste() {
	s := p.w.signers[p.w.random.IntN(len(p.w.signers))]
	if s.foreign == nil && len(s.plan.DS) > 0 {
		ds := s.plan.DS
		p.w.after(p.w.between(minute, 10*minute), func() { p.set(ds) })
	}
}

func (p *parent) set(ds []roll.KeyID) {
	w := p.w
	if len(ds) == 0 || slices.Equal(ds, p.ds) || p.until > w.t {
		return
	}
	p.before, p.ds, p.changed = p.ds, ds, w.t
	w.note("the %s parent takes DS %s", w.Parent, keyNames(ds))
	ttl := p.nextTTL
	if w.chance(30) { // it lowers the TTL just at the change, and raises it later
		ttl = int64(time.Minute)
	}
	p.show(0, ds, ttl)
	w.after(w.between(minute, 3*hour), func() { p.show(1, p.ds, ttl) })
}

func (p *parent) show(i int, ds []roll.KeyID, ttl int64) {
	w := p.w
	p.shown[i], p.ttl[i] = ds, ttl
	w.oracle.room()
	w.oracle.replace(&w.oracle.ds, []string{"p1", "p2"}[i], &record{set: w.oracle.bits(ds), ttl: ttl, wrong: w.t < p.wrong})
	w.note("p%d shows DS %s, TTL %v", i+1, keyNames(ds), time.Duration(ttl))
	w.oracle.ask()
	for _, s := range w.signers {
		s.soon()
	}
	if ttl < p.nextTTL {
		w.after(w.between(hour, day), func() { p.show(i, p.shown[i], p.nextTTL) })
	}
}
