package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// linker checks the links of a version's chain of denial.
type linker struct {
	v       *zone.Version
	chained bool // there is a chain
	hashed  bool // of NSEC3
	optOut  bool
}

func newLinker(v *zone.Version) linker {
	l := linker{v: v, hashed: v.Top().Has(zone.TypeNSEC3PARAM)}
	l.chained = l.hashed || v.Top().Has(zone.TypeNSEC)
	if l.hashed {
		if r, err := l.record(l.owner(v.Apex())); err == nil {
			l.optOut = r.optOut
		}
	}
	return l
}

// place is a name at which a chain has to be right; owner is that of an NSEC3
// record that may belong to no name.
type place struct{ name, owner zone.Name }

// places lists the names that the changes of d concern: their own; where a cut or
// a DNAME has come or gone, those below; for NSEC3 those above, too.
func (g *guard) places(d zone.Diff) (places []place) {
	if g.rechained() {
		return g.everywhere()
	}
	seen := map[place]bool{}
	add := func(p place) bool {
		fresh := !seen[p]
		if fresh {
			seen[p] = true
			places = append(places, p)
		}
		return fresh
	}
	for _, c := range d.Changes {
		name := c.Name()
		switch {
		case c.Type() == zone.TypeNSEC3:
			add(place{owner: name})
			continue
		case c.Type() != zone.TypeNSEC && c.Old.Exists() == c.New.Exists():
			continue
		}
		add(place{name: name})
		if shades(c, g.new.Apex()) {
			for n := range g.new.From(name) {
				if !n.Name().Under(name) {
					break
				}
				add(place{name: n.Name()})
			}
		}
		for up := name; g.links.hashed && up != g.new.Apex(); {
			if up = up.Parent(); !add(place{name: up}) {
				break
			}
		}
	}
	add(place{name: g.new.Apex()})
	return places
}

// rechained reports whether the chain is of another kind than before: then every
// record of it must be.
func (g *guard) rechained() bool {
	return g.before.chained != g.links.chained || g.before.hashed != g.links.hashed || g.before.optOut != g.links.optOut
}

// everywhere lists every name, and every owner of an NSEC3 record.
func (g *guard) everywhere() (places []place) {
	places = make([]place, 0, g.new.Names())
	for n := range g.new.All() {
		places = append(places, place{name: n.Name()})
	}
	for n := range g.new.Hashed() {
		places = append(places, place{owner: n.Name()})
	}
	return places
}

// strays finds NSEC3 records that are new, or show other types than before, and are
// of no name that was looked at: they deny what exists, or show what does not.
func (g *guard) strays(d zone.Diff, places []place) (faults []Fault) {
	if !g.links.hashed {
		return nil
	}
	if g.old == nil {
		return g.unexpected()
	}
	var owners map[zone.Name]bool
	for _, c := range d.Changes {
		if c.Type() != zone.TypeNSEC3 || !c.New.Exists() {
			continue
		}
		if owners == nil {
			owners = g.owners(places)
		}
		if owners[c.Name()] {
			continue
		}
		is, err := g.links.record(c.Name())
		if err != nil {
			continue // its place says so
		}
		if c.Old.Exists() {
			if was, err := g.before.record(c.Name()); err == nil && was.types == is.types {
				continue
			}
		}
		faults = append(faults, Fault{c.Name(), zone.TypeNSEC3, "", "it is of no name that has changed, and says something else than before"})
	}
	return faults
}

// unexpected finds NSEC3 records that are of no name of a first version. Where each
// name that should have one has it, which its place has found, there are others only if there
// are more than such names.
func (g *guard) unexpected() (faults []Fault) {
	names, records := 0, 0
	for n := range g.new.All() {
		if g.links.owes(n) {
			names++
		}
	}
	for range g.new.Hashed() {
		records++
	}
	if records == names {
		return nil
	}
	owners := make(map[zone.Name]bool, names)
	for n := range g.new.All() {
		owners[g.links.owner(n.Name())] = true
	}
	for n := range g.new.Hashed() {
		if _, err := g.links.record(n.Name()); err == nil && !owners[n.Name()] && len(faults) < maxFaults {
			faults = append(faults, Fault{n.Name(), zone.TypeNSEC3, "", "it is of no name of the zone"})
		}
	}
	return faults
}

// owes reports whether a name, of which n may be nil, should have an NSEC3 record.
func (l linker) owes(n *zone.Node) bool {
	return n != nil && !n.Occluded() && !(l.optOut && n.IsCut() && !n.Has(zone.TypeDS))
}

// owners are those of the NSEC3 records of the names among places.
func (g *guard) owners(places []place) map[zone.Name]bool {
	owners := make(map[zone.Name]bool, len(places))
	for _, p := range places {
		if p.name != "" {
			owners[g.links.owner(p.name)] = true
		}
	}
	return owners
}

// link checks one place; what was wrong there before is no fault.
func (g *guard) link(p place) []Fault {
	t, name := zone.TypeNSEC, p.name
	if g.links.hashed {
		t = zone.TypeNSEC3
	}
	if name == "" {
		name = p.owner
	}
	why := g.links.at(p)
	if why == nil || g.wasDNSKEY().Exists() && g.before.hashed == g.links.hashed && g.before.at(p) != nil {
		return nil
	}
	return []Fault{{name, t, "", why.Error()}}
}

func (l linker) at(p place) error {
	switch {
	case p.owner != "" && !l.hashed:
		if _, left := l.v.RRset(p.owner, zone.TypeNSEC3); left {
			return fmt.Errorf("an NSEC3 record is left in a zone with NSEC")
		}
		return nil
	case p.owner != "":
		return l.linked(p.owner)
	case l.hashed:
		return l.atHashed(p.name)
	}
	return l.atPlain(p.name)
}

// atPlain: the name has its NSEC record if it should, and the one before leads
// past it or to it.
func (l linker) atPlain(name zone.Name) error {
	n := l.v.Get(name)
	should := owns(n)
	if n != nil {
		if has := n.Has(zone.TypeNSEC); has != should {
			return fmt.Errorf("it has an NSEC record: %v; it should: %v", has, should)
		}
	}
	if should {
		if err := l.truth(n); err != nil {
			return err
		}
	}
	if name == l.v.Apex() {
		return nil
	}
	return l.truth(l.before(name))
}

// owns reports whether n is authoritative and has records but NSEC.
func owns(n *zone.Node) bool {
	if n == nil || n.Occluded() {
		return false
	}
	for s := range n.All() {
		if s.Type != zone.TypeNSEC {
			return true
		}
	}
	return false
}

// before is the last name before another that owns records.
func (l linker) before(name zone.Name) *zone.Node {
	for n := range l.v.Backward(name) {
		switch {
		case n.Name() == name:
		case n.Occluded():
			if f := l.v.Find(n.Name()); f.Cut != nil {
				return f.Cut
			} else if f.DNAME != nil {
				return f.DNAME
			}
		case owns(n):
			return n
		}
	}
	return l.v.Top()
}

// truth checks what the NSEC record of n says.
func (l linker) truth(n *zone.Node) error {
	next := l.v.Apex()
	for m := range l.v.From(n.Name()) {
		if m != n && owns(m) {
			next = m.Name()
			break
		}
	}
	return truthBefore(n, next)
}

// appendTypes appends the type bitmap that n should have, with more types if they always
// belong there.
func appendTypes(dst []byte, n *zone.Node, always bool, more ...zone.Type) []byte {
	var room [32]zone.Type
	there := room[:0]
	cut := n.IsCut()
	for s := range n.All() {
		switch {
		case s.Type == zone.TypeNSEC, cut && s.Type != zone.TypeNS && s.Type != zone.TypeDS:
			continue
		}
		there = append(there, s.Type)
		always = always || !cut || s.Type == zone.TypeDS
	}
	if always {
		there = append(there, more...)
		slices.Sort(there)
	}
	window, begin := -1, 0 // begin is where the window's length stands
	for _, t := range there {
		if int(t>>8) != window {
			window, begin = int(t>>8), len(dst)+1
			dst = append(dst, byte(window), 0)
		}
		for at := int(t & 0xff / 8); len(dst) <= begin+1+at; dst[begin]++ {
			dst = append(dst, 0)
		}
		dst[len(dst)-1] |= 0x80 >> (t & 7)
	}
	return dst
}

// atHashed: the name has its NSEC3 record if it should, and the circle is closed there.
func (l linker) atHashed(name zone.Name) error {
	owner := l.owner(name)
	if err := l.shown(l.v.Get(name), owner); err != nil {
		return err
	}
	return l.linked(owner)
}

// linked checks that the record at owner, if there is one, and the one before it
// lead to those that follow them.
func (l linker) linked(owner zone.Name) error {
	if r, err := l.record(owner); err == nil {
		if err := l.leads(owner, r); err != nil {
			return err
		}
	}
	below := []byte(owner.Label())
	at, _ := l.v.FindHashed(zone.Name(string(rune(len(below)))) + zone.Name(justBelow(below)) + l.v.Apex())
	if at == nil {
		return fmt.Errorf("there are no NSEC3 records")
	}
	r, err := l.record(at.Name())
	if err != nil {
		return err
	}
	return l.leads(at.Name(), r)
}

// justBelow is the label that sorts just before another of its length and alphabet.
func justBelow(label []byte) []byte {
	for i := len(label) - 1; i >= 0; i-- {
		if at := strings.IndexByte(alphabet, label[i]); at > 0 {
			label[i] = alphabet[at-1]
			return label
		}
		label[i] = alphabet[len(alphabet)-1]
	}
	return label
}

const alphabet = "0123456789abcdefghijklmnopqrstuv"

// leads checks that r leads to the record after it, or from the last to the first.
func (l linker) leads(owner zone.Name, r nsec3) error {
	next := zone.Name("")
	for n := range l.v.HashedFrom(owner) {
		if n.Name() != owner {
			next = n.Name()
			break
		}
	}
	if next == "" {
		for n := range l.v.Hashed() {
			next = n.Name()
			break
		}
	}
	return l.leadsTo(owner, r, next)
}

// record reads the NSEC3 record at owner.
func (l linker) record(owner zone.Name) (nsec3, error) {
	at, exact := l.v.FindHashed(owner)
	if !exact {
		return nsec3{}, fmt.Errorf("%s has no NSEC3 record", owner)
	}
	return l.recordOf(at)
}

// recordOf reads the NSEC3 record of a node.
func (l linker) recordOf(n *zone.Node) (nsec3, error) {
	s, _ := n.Get(zone.TypeNSEC3)
	if s.Rdata.Len() != 1 {
		return nsec3{}, fmt.Errorf("%s has %d NSEC3 records", n.Name(), s.Rdata.Len())
	}
	for rdata := range s.Rdata.All() {
		r, c, err := readNSEC3(n.Name(), l.v.Apex(), rdata)
		if err == nil && c != (circle{}) {
			err = fmt.Errorf("NSEC3 record %s has iterations or a salt", n.Name())
		}
		return r, err
	}
	panic("unreachable")
}

// owner is that of a name's NSEC3 record.
func (l linker) owner(name zone.Name) zone.Name {
	label := base32hex.EncodeToString([]byte(circle{}.hash(name)))
	return zone.Name(string(rune(len(label)))) + zone.Name(label) + l.v.Apex()
}
