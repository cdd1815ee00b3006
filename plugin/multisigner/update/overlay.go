package update

import (
	"maps"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Entry is what updates have made of one RRset: content is the base without Removed
// and with Added. No record of Added is in the base, and every one of Removed is, when
// the base is the one that the entry was made for.
type Entry struct {
	Key
	Added   zone.RRset  // its TTL is of no account
	Removed zone.Packed // rdata
	// TTL is that of the RRset when the base has none of it, or if TTLSet; else the
	// base's counts.
	TTL    uint32
	TTLSet bool

	By    string    // the TSIG key of the last update
	Since time.Time // when that was
}

// Overlay is what updates have made of a zone, by RRset.
type Overlay map[Key]Entry

// Edit is one change of an overlay: an Entry with neither Added, Removed nor TTL takes
// the RRset's out of it.
type Edit = Entry

// Empty reports whether the entry leaves the base as it is.
func (e Entry) Empty() bool { return !e.Added.Exists() && e.Removed == "" && !e.TTLSet }

// With is o with edits; o stays as it is.
func (o Overlay) With(edits []Edit) Overlay {
	if len(edits) == 0 {
		return o
	}
	next := maps.Clone(o)
	if next == nil {
		next = Overlay{}
	}
	next.Take(edits)
	return next
}

// Take puts edits into o itself.
func (o Overlay) Take(edits []Edit) {
	for _, e := range edits {
		if e.Empty() {
			delete(o, e.Key)
		} else {
			o[e.Key] = e
		}
	}
}

// Sorted lists the entries as records stand in a zone.
func (o Overlay) Sorted() []Entry {
	return slices.SortedFunc(maps.Values(o), func(a, b Entry) int { return a.compare(b.Key) })
}

// Records counts what the overlay holds, in records.
func (o Overlay) Records() int {
	n := 0
	for _, e := range o {
		n += e.Records()
	}
	return n
}

// Records counts what an entry costs, in records.
func (e Entry) Records() int {
	if e.Empty() {
		return 0
	}
	return e.Added.Rdata.Len() + e.Removed.Len() + 1
}

// Edits says what changes of the content make of the overlay over base. by is whose they
// are, and since when.
func Edits(base *zone.Version, changes []zone.Change, by string, since time.Time) []Edit {
	edits := make([]Edit, 0, len(changes))
	for _, c := range changes {
		k := Key{c.Name(), c.Type()}
		was, _ := base.RRset(k.Name, k.Type)
		e := between(was, c.New)
		e.Key, e.By, e.Since = k, by, since
		edits = append(edits, e)
	}
	return edits
}

// between is the entry that makes is of was, without whose it is.
func between(was, is zone.RRset) Entry {
	var e Entry
	var added zone.Gathering
	for _, r := range records(is) {
		if !was.Rdata.Has(r.Rdata) {
			added.Add(r)
		}
	}
	e.Added = some(added.RRset(is.Name, is.Type, 0))
	var removed []string
	for rdata := range was.Rdata.All() {
		if !is.Rdata.Has(rdata) {
			removed = append(removed, rdata)
		}
	}
	e.Removed = zone.Pack(removed...)
	if is.Exists() {
		e.TTL, e.TTLSet = is.TTL, !was.Exists() || was.TTL != is.TTL
	}
	return e
}

// some is s, or the zero value if it has no records, so that entries can be compared.
func some(s zone.RRset) zone.RRset {
	if !s.Exists() {
		return zone.RRset{}
	}
	return s
}

// over is base with the entry.
func (e Entry) over(base zone.RRset) zone.RRset {
	if e.Type == zone.TypeSOA {
		return e.overSOA(base)
	}
	var g zone.Gathering
	for _, r := range records(base) {
		if !e.Removed.Has(r.Rdata) {
			g.Add(r)
		}
	}
	for _, r := range records(e.Added) {
		g.Add(r)
	}
	ttl := e.TTL
	if base.Exists() && !e.TTLSet {
		ttl = base.TTL
	}
	return g.RRset(e.Name, e.Type, ttl)
}

// overSOA has the later serial of both: that of the base moves with each edit of a
// file, and does not make it another SOA.
func (e Entry) overSOA(base zone.RRset) zone.RRset {
	s := base
	if e.Added.Exists() {
		if !sameSOA(base.Rdata, e.Removed) && !sameSOA(base.Rdata, e.Added.Rdata) {
			return zone.RRset{Name: e.Name, Type: e.Type, TTL: base.TTL, Rdata: zone.Pack(append(list(base.Rdata), list(e.Added.Rdata)...)...)} // two: it does not fit
		}
		s = e.Added
		s.TTL = base.TTL
		if serial := serialOf(base.Rdata); zone.SerialAfter(serial, serialOf(s.Rdata)) {
			s = s.WithSerial(serial)
		}
	}
	if e.TTLSet {
		s.TTL = e.TTL
	}
	return s
}

func serialOf(soa zone.Packed) uint32 {
	for rdata := range soa.All() {
		return zone.SOASerial(rdata)
	}
	return 0
}

// sameSOA compares all but the serials.
func sameSOA(a, b zone.Packed) bool {
	bare := func(p zone.Packed) string {
		for rdata := range p.All() {
			return zone.SOAWithSerial(rdata, 0)
		}
		return ""
	}
	return bare(a) == bare(b)
}

func list(p zone.Packed) []string {
	var all []string
	for rdata := range p.All() {
		all = append(all, rdata)
	}
	return all
}

// Parked is a part of an overlay that does not go with the base: it is not served and
// not lost.
type Parked struct {
	Key
	Why string
}

// Compose lays o over base. An entry that does not go with the base, as a CNAME beside
// other records, is parked: of two that exclude each other the base's is served. So is
// the older of two entries that exclude each other, as a parked one and one that came
// after may.
func Compose(base *zone.Version, o Overlay) (content *zone.Version, parked []Parked) {
	d := newDraft(base)
	entries := o.Sorted()
	for len(entries) > 0 {
		n := 0
		for n < len(entries) && entries[n].Name == entries[0].Name {
			n++
		}
		parked = append(parked, d.lay(entries[:n])...)
		entries = entries[n:]
	}
	return d.version(d.changes()), parked
}

// lay lays the entries of one name over it: those first that only remove, for they make
// room, then the youngest.
func (d *draft) lay(entries []Entry) (parked []Parked) {
	slices.SortStableFunc(entries, func(a, b Entry) int {
		if a.Added.Exists() != b.Added.Exists() {
			if b.Added.Exists() {
				return -1
			}
			return 1
		}
		return b.Since.Compare(a.Since)
	})
	for _, e := range entries {
		was, _ := d.of.RRset(e.Name, e.Type)
		d.put(e.over(was))
		if why := d.unfit(e.Name); why != "" {
			d.undo(e.Key)
			parked = append(parked, Parked{e.Key, why})
		}
	}
	return parked
}

// Settle gives the edits that a new base makes of o: what updates have added and the base
// now has, and what they have removed and the base no longer has, leaves the overlay.
func Settle(base *zone.Version, o Overlay) []Edit {
	var edits []Edit
	for _, e := range o.Sorted() {
		was, _ := base.RRset(e.Name, e.Type)
		if next := e.settle(was); next != e {
			edits = append(edits, next)
		}
	}
	return edits
}

func (e Entry) settle(base zone.RRset) Entry {
	if e.Type == zone.TypeSOA {
		switch {
		case sameSOA(base.Rdata, e.Added.Rdata) && !zone.SerialAfter(serialOf(e.Added.Rdata), serialOf(base.Rdata)):
			return Entry{Key: e.Key, By: e.By, Since: e.Since}
		case e.TTLSet && e.TTL == base.TTL:
			e.TTL, e.TTLSet = 0, false
		}
		return e
	}
	next := e
	var added zone.Gathering
	for _, r := range records(e.Added) {
		if !base.Rdata.Has(r.Rdata) {
			added.Add(r)
		}
	}
	next.Added = some(added.RRset(e.Name, e.Type, 0))
	next.Removed = zone.Pack(slices.DeleteFunc(list(e.Removed), func(r string) bool { return !base.Rdata.Has(r) })...)
	records := next.Added.Exists() || next.Removed != ""
	had := e.Added.Exists() || e.Removed != ""
	// A TTL goes with the records that came with it; one that was given to the base's
	// own records stays until the base has it.
	if had && !records || !records && !base.Exists() || base.Exists() && base.TTL == e.TTL {
		next.TTL, next.TTLSet = 0, false
	}
	return next
}

// Strike gives the edits by which m's removals reach what is parked: nobody sees it in the
// content, and whoever removes it means it all the same, as far as the grants let his key.
func (m *Message) Strike(o Overlay, parked []Parked, grants []Grant, key string) []Edit {
	if len(parked) == 0 {
		return nil
	}
	struck := map[Key]Entry{}
	for _, r := range m.Updates {
		for _, p := range parked {
			if r.Class == IN || p.Name != r.Name || r.Type != zone.TypeANY && r.Type != p.Type {
				continue
			}
			if r.Type == zone.TypeANY && (m.stays(p.Key) || !granted(grants, key, p.Name, m.Apex, p.Type)) {
				continue // Permit has seen what is served only
			}
			e, again := struck[p.Key]
			if !again {
				e = o[p.Key]
			}
			if r.Class == Any {
				e.Added = zone.RRset{}
			} else if e.Added.Rdata.Has(r.Rdata) {
				e.Added = without(e.Added, r.Rdata)
			} else {
				continue
			}
			if !e.Added.Exists() && e.Removed == "" {
				e.TTL, e.TTLSet = 0, false
			}
			struck[p.Key] = e
		}
	}
	return slices.SortedFunc(maps.Values(struck), func(a, b Entry) int { return a.compare(b.Key) })
}

func without(s zone.RRset, rdata string) zone.RRset {
	var g zone.Gathering
	for _, r := range records(s) {
		if r.Rdata != rdata {
			g.Add(r)
		}
	}
	return some(g.RRset(s.Name, s.Type, s.TTL))
}
