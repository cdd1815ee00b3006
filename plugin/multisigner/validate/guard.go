package validate

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Chain is a way in which a resolver may come to trust what we serve: from a DS
// RRset to a DNSKEY RRset, of any signer, to an RRset of ours.
type Chain struct {
	DS     zone.RRset // as seen at the parent; when it does not Exist, DNSKEY is taken as given
	DNSKEY zone.RRset // as served or cached somewhere, with its signatures
	Name   string     // who has it, for messages
}

// Fault is what a version makes worse.
type Fault struct {
	Name  zone.Name // "" when it is none of one name
	Type  zone.Type
	Chain string // the Chain's Name; "" for the version itself
	Why   string
}

// String gives a line for a log.
func (f Fault) String() string {
	s := fmt.Sprintf("%s %s: %s", f.Name, f.Type, f.Why)
	if f.Chain != "" {
		s += " (for " + f.Chain + ")"
	}
	return s
}

// maxFaults bounds the list: our choice; whoever reads it has seen enough.
const maxFaults = 100

// Guard lists what is worse in new than in old, which is nil when new is the first
// version; d leads from one to the other. A version without faults may be shown.
//
// These must hold, unless they did not hold in old either: the serial comes after;
// each RRset of d that is authoritative, and when the DNSKEY RRset has changed also
// the others of the apex and a sample of the rest, has a signature by a key of
// new's own DNSKEY RRset, and none by such a key that is bad; each chain that
// accepted what was there before accepts it now, the new DNSKEY RRset under its DS,
// all else under its DNSKEY RRset; and at each name of d the NSEC or NSEC3 records
// are there, linked and true. A chain of which the DNSKEY RRset does not itself
// follow from the DS is passed over, as is DS that no validator can use.
//
// A signature that has ended at that moment does not count in new; it does in old,
// so that one fault does not excuse another. That one has not begun is no reason to
// refuse: the clock may have been set back.
//
// The work is that of the change, divided among GOMAXPROCS goroutines that end
// before the return. For a zone signed anew that is long: see Sample.
func Guard(old *zone.Version, d zone.Diff, new *zone.Version, chains []Chain, at time.Time) []Fault {
	g := newGuard(old, new, chains, at)
	if g.unsigned {
		return g.serial()
	}
	faults := append(g.serial(), g.entries(chains)...)
	pairs := g.pairs(d)
	faults = append(faults, parallel(len(pairs), func(i int) []Fault { return g.pair(pairs[i]) })...)
	if !g.links.chained && g.old != nil && !g.before.chained {
		return faults[:min(len(faults), maxFaults)] // not signed, before or now
	}
	places := g.places(d)
	faults = append(faults, parallel(len(places), func(i int) []Fault { return g.link(places[i]) })...)
	return faults[:min(len(faults), maxFaults)]
}

// Sample parts a difference in two, to be guarded one after the other: first the
// apex and about n changes spread over the rest, then all others.
func Sample(d zone.Diff, n int) (first, rest zone.Diff) {
	first, rest = d, d
	first.Changes, rest.Changes = nil, nil
	step := max(len(d.Changes)/max(n, 1), 1)
	for i, c := range d.Changes {
		if i%step == 0 || c.Name() == d.Apex {
			first.Changes = append(first.Changes, c)
		} else {
			rest.Changes = append(rest.Changes, c)
		}
	}
	return first, rest
}

// guard is a call of Guard under way.
type guard struct {
	old, new *zone.Version
	own, was ring      // new's and old's own keys
	rings    []chained // of the chains that lead somewhere
	clock    clock
	rekeyed  bool // the DNSKEY RRset has changed
	unsigned bool // nobody validates either version
	links    linker
	before   linker
}

type chained struct {
	ring
	name string
}

func newGuard(old, new *zone.Version, chains []Chain, at time.Time) *guard {
	g := &guard{old: old, new: new, clock: clock{at: uint32(at.Unix()), ends: true}, links: newLinker(new)}
	is, _ := new.Top().Get(zone.TypeDNSKEY)
	var was zone.RRset
	if old != nil {
		was, _ = old.Top().Get(zone.TypeDNSKEY)
		g.before = newLinker(old)
	}
	shared := map[zone.DNSKEY]*key{}
	g.own, g.was = share(shared, is), share(shared, was)
	g.rekeyed = is != was
	delegated := false
	for _, c := range chains {
		delegated = delegated || c.DS.Exists()
		if c.DS.Exists() {
			if _, err := entry(c.DNSKEY, c.DS, new.Apex(), g.clock); err != nil {
				continue
			}
		}
		g.rings = append(g.rings, chained{share(shared, c.DNSKEY), c.Name})
	}
	g.unsigned = !is.Exists() && new.SOA().Sigs == "" && !delegated
	return g
}

// share makes rings of which equal keys are the same key.
func share(known map[zone.DNSKEY]*key, keys zone.RRset) ring {
	r := newRing(keys)
	for i, k := range r {
		if known[k.record] == nil {
			known[k.record] = k
		}
		r[i] = known[k.record]
	}
	return r
}

func (g *guard) serial() []Fault {
	if g.old == nil || zone.SerialAfter(g.new.Serial(), g.old.Serial()) {
		return nil
	}
	return []Fault{{g.new.Apex(), zone.TypeSOA, "", fmt.Sprintf("serial %d is not after %d", g.new.Serial(), g.old.Serial())}}
}

// entries holds the DNSKEY RRset against each DS RRset.
func (g *guard) entries(chains []Chain) (faults []Fault) {
	if g.old == nil || !g.rekeyed {
		return nil
	}
	is, _ := g.new.Top().Get(zone.TypeDNSKEY)
	was, _ := g.old.Top().Get(zone.TypeDNSKEY)
	var seen []zone.Packed
	for _, c := range chains {
		if !c.DS.Exists() || slices.Contains(seen, c.DS.Rdata) {
			continue
		}
		seen = append(seen, c.DS.Rdata)
		if _, err := entry(is, c.DS, g.new.Apex(), g.clock); err != nil {
			if _, before := entry(was, c.DS, g.new.Apex(), clock{}); before == nil {
				faults = append(faults, Fault{g.new.Apex(), zone.TypeDNSKEY, c.Name, err.Error()})
			}
		}
	}
	return faults
}

// parallel collects what work gives for 0 to n-1, in that order.
func parallel(n int, work func(i int) []Fault) []Fault {
	type found struct {
		i      int
		faults []Fault
	}
	var next atomic.Int64
	var mu sync.Mutex
	var all []found
	worker := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if faults := work(i); len(faults) > 0 {
				mu.Lock()
				all = append(all, found{i, faults})
				if len(all) > maxFaults {
					next.Add(int64(n)) // enough
				}
				mu.Unlock()
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		others.Go(worker)
	}
	worker()
	others.Wait()
	slices.SortFunc(all, func(a, b found) int { return a.i - b.i })
	var faults []Fault
	for _, f := range all {
		faults = append(faults, f.faults...)
	}
	return faults
}
