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

// Guard is the second look at a version before it is shown (PROTOCOL guard-compares).
type Guard struct {
	Held
	At time.Time
	// Sample bounds how many RRsets besides those of the apex have their signatures
	// verified, spread over the change; 0: all. The others are for an Audit, which
	// must follow: signatures are nearly all the work where a zone is signed anew.
	Sample int
	// Place is asked for by each goroutine before it begins, and may wait. It gives what
	// is called between RRsets, which may wait as well, and what is called at the end.
	// nil: there is room for all.
	Place func() (keep, leave func())
}

// Fault is what a version makes worse.
type Fault struct {
	Name  zone.Name // "" when it is none of one name
	Type  zone.Type
	Chain string // who has the keys, or the answer, that it is about; "" for the version itself
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

// Faults lists what is worse in new than in old, which is nil when new is the first
// version and all of it is looked at; else d leads from one to the other. A version without faults may be shown.
//
// These must hold, unless they did not hold in old either: the serial comes after; each
// RRset of d that is authoritative, or has become so, and when the DNSKEY RRset has
// changed also the others of the apex and a few of the rest, has a signature by a key of
// new's own DNSKEY RRset - one, not all (PROTOCOL one-signature-is-enough) - and none by
// a known key that is bad; each DNSKEY RRset that somebody holds accepts what it accepted
// before, with each algorithm of the DS RRset where it did so before; a new DNSKEY RRset
// follows from each DS RRset and accepts the answers of others; a parent that takes up a
// new CDS RRset breaks nobody's chain; and at each name of d the NSEC or NSEC3 records
// are there, linked and true.
//
// A version without DNSKEY is not signed. It may follow a signed one, or be the
// first, only if there is certainly no DS, and then has nothing of DNSSEC left.
//
// A signature that has ended at that moment does not count in new; it does in old,
// so that one fault does not excuse another. One that has not begun counts if old
// has it, too: the clock may have been set back since.
//
// The work is that of the change, divided among GOMAXPROCS goroutines that end
// before the return.
func (c Guard) Faults(old *zone.Version, d zone.Diff, new *zone.Version) []Fault {
	g := newGuard(c, old, new)
	faults := g.serial()
	if !g.dnskey().Exists() {
		if old == nil || g.wasDNSKEY().Exists() {
			faults = append(faults, g.insecure()...)
		}
		return faults
	}
	faults = append(faults, g.entries()...)
	faults = append(faults, g.answers()...)
	faults = append(faults, g.adoption()...)
	var pairs []pair
	if old == nil {
		pairs = g.first()
	} else {
		pairs = g.sampled(g.pairs(d))
	}
	faults = append(faults, g.parallel(len(pairs), func(i int) []Fault { return g.pair(pairs[i]) })...)
	var places []place
	if old == nil {
		faults = append(faults, g.firstLinks()...)
	} else {
		places = g.places(d)
		faults = append(faults, g.parallel(len(places), func(i int) []Fault { return g.link(places[i]) })...)
	}
	faults = append(faults, g.strays(d, places)...)
	return faults[:min(len(faults), maxFaults)]
}

// guard is a call of Faults under way.
type guard struct {
	Guard
	old, new *zone.Version
	own, was ring // new's and old's own keys
	makers   ring // and those that sign
	wanted   []demand
	clock    clock // by which signatures of new are judged
	ends     clock // and those of others
	rekeyed  bool  // there are other keys
	links    linker
	before   linker
}

func newGuard(c Guard, old, new *zone.Version) *guard {
	at := uint32(c.At.Unix())
	g := &guard{
		Guard: c, old: old, new: new, links: newLinker(new),
		clock: clock{at: at, ends: true, inception: true}, ends: clock{at: at, ends: true},
	}
	if old != nil {
		g.before = newLinker(old)
	}
	known := map[zone.DNSKEY]*key{}
	g.own, g.was = share(known, g.dnskey()), share(known, g.wasDNSKEY())
	g.makers = share(known, zone.RRset{Rdata: pack(c.Makers)})
	g.rekeyed = !g.dnskey().SameData(g.wasDNSKEY())
	g.wanted = g.demands(known)
	return g
}

func pack(keys []zone.DNSKEY) zone.Packed {
	var rdata []string
	for _, k := range keys {
		rdata = append(rdata, string(k))
	}
	return zone.Pack(rdata...)
}

func (g *guard) dnskey() zone.RRset { return top(g.new, zone.TypeDNSKEY) }

func (g *guard) wasDNSKEY() zone.RRset { return top(g.old, zone.TypeDNSKEY) }

// top gives an RRset of the apex; one that does not Exist when there is no version.
func top(v *zone.Version, t zone.Type) zone.RRset {
	if v == nil {
		return zone.RRset{}
	}
	s, _ := v.Top().Get(t)
	return s
}

func (g *guard) serial() []Fault {
	if g.old == nil || zone.SerialAfter(g.new.Serial(), g.old.Serial()) {
		return nil
	}
	return []Fault{{g.new.Apex(), zone.TypeSOA, "", fmt.Sprintf("serial %d is not after %d", g.new.Serial(), g.old.Serial())}}
}

// parallel collects what work gives for 0 to n-1, in that order.
func (c Guard) parallel(n int, work func(i int) []Fault) []Fault {
	type found struct {
		i      int
		faults []Fault
	}
	var next atomic.Int64
	var mu sync.Mutex
	var all []found
	worker := func() {
		keep := func() {}
		if c.Place != nil {
			var leave func()
			keep, leave = c.Place()
			defer leave()
		}
		for {
			keep()
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
