package validate

import (
	"iter"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Audit verifies the signatures of a whole version bit by bit, so that whoever
// calls it can pace the work. Every RRset must be accepted, for each algorithm, by
// each DNSKEY RRset that accepts the version's SOA, its own above all: one pass signs
// a zone with one set of keys. When signatures end is not looked at: a version knows
// which is the first. It belongs to one goroutine at a time.
type Audit struct {
	v      *zone.Version
	own    ring
	makers ring
	wanted []demand
	next   zone.Name // the first name that was not verified yet
	hashed bool      // among those of NSEC3
}

// NewAudit begins to verify v, for those who hold h at that moment.
func NewAudit(v *zone.Version, h Held, at time.Time) *Audit {
	g := newGuard(Guard{Held: h, At: at}, nil, v)
	a := &Audit{v: v, own: g.own, makers: g.makers, next: v.Apex()}
	t := newTrial(v.Apex())
	for _, d := range g.wanted {
		accepted := demand{name: d.name, ring: d.ring}
		for _, algorithm := range d.algorithms {
			if t.accepts(d.ring, v.SOA(), algorithm, clock{}, "") == nil {
				accepted.algorithms = append(accepted.algorithms, algorithm)
			}
		}
		a.wanted = append(a.wanted, accepted)
	}
	return a
}

// Next verifies n RRsets more, or a few above that, and lists what is wrong with
// them; done says that there are no others.
func (a *Audit) Next(n int) (faults []Fault, done bool) {
	for !a.hashed {
		if faults, n = a.walk(a.v.From(a.next), n, faults); n <= 0 {
			return faults[:min(len(faults), maxFaults)], false
		}
		a.hashed, a.next = true, a.v.Apex()
	}
	if faults, n = a.walk(a.v.HashedFrom(a.next), n, faults); n <= 0 {
		return faults[:min(len(faults), maxFaults)], false
	}
	return faults[:min(len(faults), maxFaults)], true
}

// walk verifies the RRsets of nodes until n are done, and says how many are left to do.
func (a *Audit) walk(nodes iter.Seq[*zone.Node], n int, faults []Fault) ([]Fault, int) {
	for node := range nodes {
		if n <= 0 {
			a.next = node.Name()
			return faults, n
		}
		for s := range node.All() {
			if authoritative(a.v, s) {
				faults = append(faults, a.check(s)...)
				n--
			}
		}
	}
	return faults, max(n, 1)
}

// check holds an RRset against the version's own keys and, where the guard has not
// looked at each for itself, against those that others hold.
func (a *Audit) check(s zone.RRset) []Fault {
	t := newTrial(a.v.Apex())
	if why := t.own(a.own, a.makers, s, clock{}, ""); why != nil {
		return []Fault{{s.Name, s.Type, "", why.Error()}}
	}
	if s.Name == a.v.Apex() {
		return nil
	}
	for _, d := range a.wanted {
		for _, algorithm := range d.algorithms {
			if why := t.accepts(d.ring, s, algorithm, clock{}, ""); why != nil {
				return []Fault{{s.Name, s.Type, d.name, why.Error()}}
			}
		}
	}
	return nil
}
