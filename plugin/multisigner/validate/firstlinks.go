package validate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// firstLinks checks the whole chain of a version before which there was none. It goes along the
// chain, where places look each record up from each name that it concerns: whoever waits for
// the first answer of a large zone waits for this.
func (g *guard) firstLinks() []Fault {
	if !g.links.hashed {
		for n := range g.new.Hashed() {
			return []Fault{{n.Name(), zone.TypeNSEC3, "", "an NSEC3 record is left in a zone with NSEC"}}
		}
		return g.circuit(g.new.All(), zone.TypeNSEC, func(n *zone.Node) (should bool, fault error) {
			should = owns(n)
			if has := n.Has(zone.TypeNSEC); has != should {
				fault = fmt.Errorf("it has an NSEC record: %v; it should: %v", has, should)
			}
			return should, fault
		}, func(n, next *zone.Node) error { return truthBefore(n, next.Name()) })
	}
	return g.firstCircle()
}

// firstCircle is firstLinks for NSEC3: each record leads to the next, and each name has the
// one at its hash, if it should. Records of no name are strays.
func (g *guard) firstCircle() []Fault {
	var circle circleIndex
	for n := range g.new.Hashed() {
		circle.nodes = append(circle.nodes, n)
	}
	if len(circle.nodes) == 0 {
		return []Fault{{g.new.Apex(), zone.TypeNSEC3, "", "there is no chain"}}
	}
	circle.hashes = make([]nameHash, len(circle.nodes))
	faults := g.parallel(len(circle.nodes), func(i int) []Fault {
		n := circle.nodes[i]
		r, err := g.links.recordOf(n)
		if err == nil {
			circle.hashes[i] = nameHash([]byte(r.owner))
			err = g.links.leadsTo(n.Name(), r, circle.nodes[(i+1)%len(circle.nodes)].Name())
		}
		if err != nil {
			return []Fault{{n.Name(), zone.TypeNSEC3, "", err.Error()}}
		}
		return nil
	})
	if len(faults) > 0 {
		return faults // nothing can be found by such hashes
	}
	circle.index()
	names := make([]*zone.Node, 0, g.new.Names())
	for n := range g.new.All() {
		names = append(names, n)
	}
	return g.parallel(len(names), func(i int) []Fault {
		if why := g.links.shownBy(names[i], circle.find(hashOf(names[i].Name()))); why != nil {
			return []Fault{{names[i].Name(), zone.TypeNSEC3, "", why.Error()}}
		}
		return nil
	})
}

// circleIndex finds NSEC3 records by their hashes, which ascend.
type circleIndex struct {
	nodes  []*zone.Node
	hashes []nameHash
	from   []int // the first hash that has the number of a beginning, or comes after it
	shift  int
}

// index numbers about as many beginnings as there are hashes.
func (c *circleIndex) index() {
	size := bits.Len(uint(len(c.hashes)))
	c.shift = 64 - size
	c.from = make([]int, 1<<size+1)
	at := 0
	for begin := range c.from {
		for at < len(c.hashes) && c.begin(c.hashes[at]) < begin {
			at++
		}
		c.from[begin] = at
	}
}

func (c *circleIndex) begin(d nameHash) int { return int(binary.BigEndian.Uint64(d[:]) >> c.shift) }

// find gives the owner of the record for a hash; nil when there is none.
func (c *circleIndex) find(d nameHash) *zone.Node {
	from := c.from[c.begin(d)]
	alike := c.hashes[from:c.from[c.begin(d)+1]]
	i, found := slices.BinarySearchFunc(alike, d, func(a, b nameHash) int { return bytes.Compare(a[:], b[:]) })
	if !found {
		return nil
	}
	return c.nodes[from+i]
}

// circuit checks that each of those nodes that should be in a chain leads to the next one, and the
// last to the first.
func (g *guard) circuit(nodes iter.Seq[*zone.Node], t zone.Type, in func(*zone.Node) (bool, error), leads func(n, next *zone.Node) error) (faults []Fault) {
	var chain []*zone.Node
	for n := range nodes {
		should, why := in(n)
		if why != nil && len(faults) < maxFaults {
			faults = append(faults, Fault{n.Name(), t, "", why.Error()})
		}
		if should {
			chain = append(chain, n)
		}
	}
	if len(chain) == 0 {
		return append(faults, Fault{g.new.Apex(), t, "", "there is no chain"})
	}
	return append(faults, g.parallel(len(chain), func(i int) []Fault {
		if why := leads(chain[i], chain[(i+1)%len(chain)]); why != nil {
			return []Fault{{chain[i].Name(), t, "", why.Error()}}
		}
		return nil
	})...)
}

// truthBefore checks what the NSEC record of n says, which next follows.
func truthBefore(n *zone.Node, next zone.Name) error {
	s, ok := n.Get(zone.TypeNSEC)
	if !ok || s.Rdata.Len() != 1 {
		return fmt.Errorf("%s has %d NSEC records", n.Name(), s.Rdata.Len())
	}
	var room [zone.MaxName + 64]byte
	if want := appendTypes(append(room[:0], next...), n, true, zone.TypeRRSIG, zone.TypeNSEC); string(s.Rdata[2:]) != string(want) {
		return fmt.Errorf("NSEC of %s does not lead to %s, or shows other types than there are", n.Name(), next)
	}
	return nil
}

// shown checks that a name has an NSEC3 record, at owner, if it should, and that this shows its types.
func (l linker) shown(n *zone.Node, owner zone.Name) error {
	at, exact := l.v.FindHashed(owner)
	if !exact {
		at = nil
	}
	return l.shownBy(n, at)
}

// shownBy is shown with the node that has the record; nil when there is none.
func (l linker) shownBy(n, at *zone.Node) error {
	if n != nil && n.Has(zone.TypeNSEC) {
		return fmt.Errorf("it has an NSEC record in a zone with NSEC3")
	}
	should, has := l.owes(n), false
	var r nsec3
	if at != nil {
		var err error
		r, err = l.recordOf(at)
		has = err == nil
	}
	if has != should {
		return fmt.Errorf("it has an NSEC3 record: %v; it should: %v", has, should)
	}
	var room [64]byte
	if should && string(r.types) != string(appendTypes(room[:0], n, false, zone.TypeRRSIG)) {
		return fmt.Errorf("its NSEC3 record shows other types than there are")
	}
	return nil
}

// leadsTo checks that r, the record at owner, leads to next, and opts out as the apex does.
func (l linker) leadsTo(owner zone.Name, r nsec3, next zone.Name) error {
	if r.optOut != l.optOut {
		return fmt.Errorf("NSEC3 record %s opts out: %v; that of the apex: %v", owner, r.optOut, l.optOut)
	}
	if h, ok := readHash(next.Label()); !ok || string(h[:]) != r.next {
		return fmt.Errorf("NSEC3 record %s does not lead to %s", owner, next)
	}
	return nil
}
