package simulation

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

var parentNames = [2]string{"p1", "p2"}

// parent serves the DS set at two addresses, the second with a lag.
type parent struct {
	w           *world
	ds          []roll.KeyID
	shown       [2][]roll.KeyID
	shownBefore [2][]roll.KeyID
	changedAt   [2]int64
	ttl         [2]int64
	ttlBefore   [2]int64
	nextTTL     int64
	before      []roll.KeyID
	changed     int64        // when ds became what it is
	until       int64        // it holds on to what it has
	wrong       int64        // until then what it went back to is its own fault,
	right       []roll.KeyID // and this is what it would have
	news        bool         // something may have changed since the last scan
	visits      int
	visit       func()
	strange     [2]int64 // it has a DS that nobody knows from then, until then
	first       int      // how many keys there were when the first DS was taken
}

// told makes a parent that listens look soon.
func (p *parent) told() {
	if p.w.Parent != Person {
		p.news = true
		p.w.after(p.w.between(minute, 30*minute), p.scan)
	}
}

// stir says that a scan may find something new.
func (p *parent) stir() { p.news = true }

// plan plans the parent's next visit.
func (p *parent) plan() {
	if p.visit == nil {
		p.visit = func() {
			p.scan()
			p.plan()
		}
	}
	often := 12 * hour
	if p.w.Parent == Hasty {
		often = 4 * hour
	}
	p.w.after(p.w.between(20*minute, often), p.visit)
}

// scan does what this kind of parent does about CDS.
func (p *parent) scan() {
	w := p.w
	if w.moot(!p.news) {
		return
	}
	if w.Parent == Person {
		p.paste()
		return
	}
	found, quiet := p.ask()
	if w.moot(len(found) == 0) {
		return
	}
	if w.Parent == Hasty {
		p.news = !quiet
		for _, one := range found {
			if !one.equal(found[0]) {
				w.did("one server asked")
				break
			}
		}
		p.obey(oneOf(w, found...))
		return
	}
	for _, one := range found {
		if w.moot(!one.equal(found[0])) {
			return
		}
	}
	p.news = !quiet
	p.obey(found[0])
}

// order is what CDS asks of the parent.
type order struct {
	ds     []roll.KeyID
	delete bool
}

func (o order) equal(other order) bool {
	return slices.Equal(o.ds, other.ds) && o.delete == other.delete
}

func (p *parent) obey(o order) {
	if o.delete {
		p.set(nil)
	} else if len(o.ds) > 0 {
		p.set(o.ds)
	}
}

// ask asks every address for CDS. quiet: it need not ask again before something changes.
func (p *parent) ask() (found []order, quiet bool) {
	w := p.w
	quiet = p.until <= w.t
	for _, s := range w.signers {
		for i, server := range s.everywhere() {
			if s.outside || s.refuses && i == 0 && len(ownedBy(p.ds, s.n)) == 0 {
				continue // it is not asked, or in vain: who has no DS yet could not be believed either
			}
			if w.cut[len(w.signers)][s.n] > w.t || (s.down || s.refuses) && i == 0 {
				if quiet = false; w.Parent == Strict || w.Parent == Slow {
					return nil, false // it tries again later
				}
				continue
			}
			if server.cur == nil || !p.accepts(server.cur) {
				if quiet = false; w.Parent != Hasty {
					return nil, false
				}
				continue
			}
			found = append(found, order{server.cur.cds, server.cur.cdsDelete})
			quiet = quiet && found[0].equal(found[len(found)-1])
		}
	}
	return found, quiet
}

// accepts validates a CDS answer as RFC 7344 4.1 asks, under the DS there is.
func (p *parent) accepts(v *version) bool {
	if len(v.cds) == 0 && !v.cdsDelete {
		return false
	}
	if len(p.ds) == 0 {
		return true
	}
	chained := slices.ContainsFunc(v.entry, func(k roll.KeyID) bool { return slices.Contains(p.ds, k) })
	continues := slices.ContainsFunc(v.entry, func(k roll.KeyID) bool { return slices.Contains(v.cds, k) })
	return chained && (continues || v.cdsDelete)
}

// paste is a person who puts in place what one signer prints.
func (p *parent) paste() {
	s := p.w.signers[p.w.random.IntN(len(p.w.signers))]
	if s.foreign == nil && !s.down && (len(s.plan.DS) > 0 || s.plan.CDSDelete) {
		ds := s.plan.DS
		p.w.did("pasted")
		p.w.after(p.w.between(minute, 10*minute), func() { p.set(ds) })
	}
}

// set takes a new DS set, at the first address now and at the second later.
func (p *parent) set(ds []roll.KeyID) {
	w := p.w
	if w.Parent == Hoarder && len(ds) > 0 && w.t < w.calm && p.visits == 0 {
		ds = p.hoard(ds)
	}
	if w.moot(slices.Equal(ds, p.ds) || p.until > w.t) {
		return
	}
	if p.first == 0 {
		p.first = w.made
	}
	p.before, p.ds, p.changed = p.ds, ds, w.t
	w.note("the %s parent takes DS %s", w.Parent, keyNames(ds))
	ttl := p.nextTTL
	if w.chance(30) { // it lowers the TTL just at the change, and raises it later
		ttl = int64(time.Minute)
		w.did("TTL lowered")
	}
	p.show(0, ds, ttl)
	lag := 3 * hour
	if w.Parent == Slow {
		lag = 4 * day
		w.did("slow parent")
	}
	w.after(w.between(minute, lag), func() { p.show(1, p.ds, ttl) })
}

// hoard adds to what is there; days later a person removes what nobody asks for.
func (p *parent) hoard(ds []roll.KeyID) []roll.KeyID {
	w := p.w
	all := slices.Clone(p.ds)
	for _, id := range ds {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	slices.SortFunc(all, roll.KeyID.Compare)
	if len(all) > len(ds) {
		w.did("hoarded")
		w.after(w.between(day, 10*day), p.cleaner)
	}
	return all
}

// cleaner is a person who comes by, and comes again if there was more to do.
func (p *parent) cleaner() {
	p.visits++
	if !p.clean() {
		p.w.after(p.w.between(day, 10*day), p.cleaner)
	}
	p.news = true
	p.scan()
	p.visits--
}

// clean removes what nobody asks for, though those who ask differ; but no key of a
// signer before all that is asked for that signer is there, unless none publishes it.
// It returns false if any key had to stay.
func (p *parent) clean() bool {
	var asked, published []roll.KeyID
	for _, s := range p.w.signers {
		for _, server := range s.everywhere() {
			if server.cur != nil {
				asked = append(asked, server.cur.cds...)
				published = append(published, server.cur.dnskey...)
			}
		}
	}
	stay := false
	ds := slices.DeleteFunc(slices.Clone(p.ds), func(id roll.KeyID) bool {
		if slices.Contains(asked, id) {
			return false
		}
		for _, other := range ownedBy(asked, owner(id)) {
			if !slices.Contains(p.ds, other) && slices.Contains(published, id) {
				stay = true
				return false
			}
		}
		return true
	})
	if len(ds) == 0 {
		return false
	}
	p.set(ds)
	return !stay && slices.Equal(ds, p.ds)
}

func (p *parent) show(i int, ds []roll.KeyID, ttl int64) {
	w := p.w
	p.shownBefore[i], p.ttlBefore[i], p.changedAt[i] = p.shown[i], p.ttl[i], w.t
	p.shown[i], p.ttl[i] = ds, ttl
	o := &w.oracle
	o.room(w.t)
	set := o.bits(ds)
	if w.Story {
		w.note("%s shows DS %s, TTL %v", parentNames[i], keyNames(ds), time.Duration(ttl))
	}
	next := &record{set: set, strong: set, algs: o.algorithms(set), ttl: ttl}
	if next.wrong = w.t < p.wrong; next.wrong {
		next.right = o.bits(p.right)
		next.rightAlgs = o.algorithms(next.right)
	}
	o.newDS(source{parentNames[i], theDS}, next)
	for _, s := range w.signers {
		s.soon()
	}
	if ttl < p.nextTTL {
		w.after(w.between(hour, day), func() { p.show(i, p.shown[i], p.nextTTL) })
	}
}

// delegates reports whether each look at an address of the parent finds a DS.
func (p *parent) delegates() bool {
	for i := range p.shown {
		if len(p.shown[i]) == 0 || p.w.Late && len(p.shownBefore[i]) == 0 {
			return false
		}
	}
	return true
}
