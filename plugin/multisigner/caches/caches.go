// Package caches remembers which RRsets resolvers may hold: those that somebody serves, and
// those that were replaced, until their TTL has passed. It is evidence for the guard, and
// shares nothing with the state that the rules act on. Unknown is not absent: what nobody has
// answered for since it was seen counts as served.
package caches

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Us is the name that RRsets of our own are held under.
const Us = "us"

// Held is an RRset that resolvers may hold, as it is saved.
type Held struct {
	Type zone.Type `json:"type"` // DS, DNSKEY; SOA stands for all data that the same keys have signed
	Who  string    `json:"who"`
	// At is the address that serves it; the zero value is our own record of what we
	// have published.
	At    netip.AddrPort `json:"at"`
	TTL   uint32         `json:"ttl"` // with which it was seen there last
	Rdata []byte         `json:"rdata"`
	Sigs  []byte         `json:"sigs,omitempty"`
	// Until is when the last copy may have left the caches, if it is served no more, by
	// the zone's steady clock: a wall clock that is set makes no cache forget.
	Until time.Time `json:"until"`
	// Long is when the last copy with a larger TTL may have left them, that was seen before.
	Long   time.Time `json:"long,omitzero"`
	Served bool      `json:"served,omitempty"`
}

func (h *Held) set(apex zone.Name) zone.RRset {
	return zone.RRset{Name: apex, Type: h.Type, TTL: h.TTL, Rdata: zone.Packed(h.Rdata), Sigs: zone.Packed(h.Sigs)}
}

// What is remembered is bounded for each signer and the parent, and for each address, so that none
// can push out what others have shown: our choice, far above what a signer in the middle of
// rollovers shows. Beyond it go first what another address has shown too, and what passes first.
const (
	maxHeldOf = 256
	maxHeldAt = 16
	maxAlike  = 4 // versions of ours that the same keys have signed
)

// Memory is what is remembered of a zone. The zero value is that of a zone that nobody has
// seen yet. Times are those of the zone's steady clock.
type Memory struct {
	held    []Held
	others  []validate.Seen // what the last look saw of other types; it is not saved
	unsaved bool
}

// Recall is what an earlier process remembered. What was served then counts as served until a
// look has seen its address.
func Recall(saved []Held, now time.Time) Memory {
	m := Memory{held: slices.Clone(saved)}
	m.prune(now)
	return m
}

// Save gives what is to survive a restart. It is good until the next call.
func (m *Memory) Save() []Held { return m.held }

// Unsaved reports whether there is something that must survive a restart and that Saved was
// not said of.
func (m *Memory) Unsaved() bool { return m.unsaved }

// Saved notes that what Save gave is durable.
func (m *Memory) Saved() { m.unsaved = false }

// Shown is what a look saw at an address: of the parent a DS RRset, of a signer any RRset of
// the apex. A Set that does not exist says that there is none of that type by now. What was
// not answered is not Shown. Of signers AtSigner makes it.
type Shown struct {
	Who  string
	At   netip.AddrPort
	Type zone.Type
	Set  zone.RRset
}

// AtSigner is what a look saw of the apex at an address of a signer. Its SOA RRset stands for all
// data there, and gets the largest TTL in sight, or least, where more is known of other data.
func AtSigner(who string, at netip.AddrPort, sets iter.Seq[zone.RRset], least uint32) (shown []Shown) {
	for s := range sets {
		shown = append(shown, Shown{who, at, s.Type, s})
		least = max(least, s.TTL)
	}
	for i := range shown {
		if shown[i].Type == zone.TypeSOA {
			shown[i].Set.TTL = least
		}
	}
	return shown
}

// LargestTTL is the largest TTL of the data of a version of ours, by the SOA RRset that it has: of all
// that it was served with while the same keys signed; 0: nobody remembers. current is what we serve.
func (m *Memory) LargestTTL(soa zone.RRset, current *zone.Version) uint32 {
	by, serial := signatories(soa.Sigs), soa.Rdata.Serial()
	reached := func(later uint32, sigs zone.Packed) bool {
		return !zone.SerialAfter(serial, later) && slices.Equal(by, signatories(sigs))
	}
	var of *Held
	for i := range m.held {
		h := &m.held[i]
		if h.Type != zone.TypeSOA || h.At.IsValid() || !reached(zone.Packed(h.Rdata).Serial(), zone.Packed(h.Sigs)) {
			continue
		}
		if of == nil || zone.SerialAfter(zone.Packed(of.Rdata).Serial(), zone.Packed(h.Rdata).Serial()) {
			of = h
		}
	}
	switch {
	case of != nil:
		return of.TTL
	case current != nil && reached(current.Serial(), current.SOA().Sigs):
		return current.MaxTTL()
	}
	return 0
}

// Of gives the addresses of a signer, or of the parent, that are remembered to serve something.
func (m *Memory) Of(who string) (at []netip.AddrPort) {
	for i := range m.held {
		if h := &m.held[i]; h.Served && h.Who == who {
			at = append(at, h.At)
		}
	}
	return at
}

// Look takes in what a look saw. What an address showed at the look before may have been
// fetched from it until now. An address that was not asked is nobody's any more.
func (m *Memory) Look(shown []Shown, asked map[netip.AddrPort]bool, now time.Time) {
	m.others = nil
	for _, s := range shown {
		switch s.Type {
		case zone.TypeDS, zone.TypeDNSKEY, zone.TypeSOA:
			m.see(s, now)
		default:
			m.others = append(m.others, validate.Seen{Name: s.Who, Set: s.Set})
		}
	}
	for i := range m.held {
		if h := &m.held[i]; h.Served && !asked[h.At] {
			m.retire(h, now)
		}
	}
	m.prune(now)
}

// see remembers that an address serves a set, or by now none, and in the place of which
// other ones.
func (m *Memory) see(s Shown, now time.Time) {
	known := false
	for i := range m.held {
		h := &m.held[i]
		if h.Type != s.Type || h.At != s.At {
			continue
		}
		if !h.as(s.Set) {
			if h.Served {
				m.retire(h, now)
			}
			continue
		}
		known = true
		ttl := s.Set.TTL
		if s.Type == zone.TypeSOA && string(h.Rdata) == string(s.Set.Rdata) {
			ttl = max(ttl, h.TTL) // an edit lowers no TTL where its version has not come yet
		}
		m.unsaved = m.unsaved || !h.Served || ttl != h.TTL
		if ttl < h.TTL {
			h.Long = h.end(now)
		}
		h.Who, h.Rdata, h.Sigs, h.Served, h.TTL = s.Who, []byte(s.Set.Rdata), []byte(s.Set.Sigs), true, ttl
	}
	if !known && s.Set.Exists() {
		m.held = append(m.held, Held{Type: s.Type, Who: s.Who, At: s.At, TTL: s.Set.TTL, Rdata: []byte(s.Set.Rdata), Sigs: []byte(s.Set.Sigs), Served: true})
		m.unsaved = true
	}
}

// as reports whether s is what h is of: signed by the same keys, for with others it may follow from
// other DS RRsets; and the same records, but of SOA, which each version has another of.
func (h *Held) as(s zone.RRset) bool { return h.kind() == kindOf(h.Type, s.Rdata, s.Sigs) }

func (h *Held) kind() string { return kindOf(h.Type, zone.Packed(h.Rdata), zone.Packed(h.Sigs)) }

func kindOf(t zone.Type, rdata, sigs zone.Packed) string {
	by := fmt.Sprint(t, signatories(sigs))
	if t == zone.TypeSOA {
		return by
	}
	return by + string(rdata)
}

func (m *Memory) retire(h *Held, now time.Time) {
	h.Served, h.Until = false, h.end(now)
	m.unsaved = true
}

// end is when the last copy leaves the caches of what is served until now.
func (h *Held) end(now time.Time) time.Time {
	end := now.Add(seconds(h.TTL))
	if h.Long.After(end) {
		return h.Long
	}
	return end
}

// Replace remembers what of a version of ours the next one takes the place of: its keys, if they are
// others or signed by others, and its SOA for all data, if that is signed by other keys or stays in
// caches for longer.
func (m *Memory) Replace(old, next *zone.Version, now time.Time) {
	was, _ := old.RRset(old.Apex(), zone.TypeDNSKEY)
	if is, _ := next.RRset(old.Apex(), zone.TypeDNSKEY); kindOf(zone.TypeDNSKEY, was.Rdata, was.Sigs) != kindOf(zone.TypeDNSKEY, is.Rdata, is.Sigs) {
		m.keep(was, was.TTL, now)
	}
	soa := old.SOA()
	alike := slices.Equal(signatories(soa.Sigs), signatories(next.SOA().Sigs)) && old.MaxTTL() <= next.MaxTTL()
	if soa.Sigs != "" && !alike {
		m.keep(soa, old.MaxTTL(), now)
	}
}

// Keep remembers the keys of a version of ours that nothing may take the place of.
func (m *Memory) Keep(v *zone.Version, now time.Time) {
	dnskey, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)
	m.keep(dnskey, dnskey.TTL, now)
}

// keep remembers an RRset of ours for as long as a TTL; one that does not exist has none. It stands for
// those before it that are the same.
func (m *Memory) keep(s zone.RRset, ttl uint32, now time.Time) {
	h := Held{Type: s.Type, Who: Us, TTL: ttl, Rdata: []byte(s.Rdata), Sigs: []byte(s.Sigs), Until: now.Add(seconds(ttl))}
	m.held = slices.DeleteFunc(m.held, func(o Held) bool {
		return !o.At.IsValid() && string(o.Rdata) == string(h.Rdata) && h.as(o.set("")) && !o.Until.After(h.Until)
	})
	m.held = append(m.held, h)
	m.merge(&h)
	m.unsaved = true
	m.prune(now)
}

// merge has an SOA RRset of ours, the latest, stand for those before it that it outlives, if the same
// keys have signed many. Updates may add and remove a record with a large TTL again and again,
// and what they leave here would push out all else.
func (m *Memory) merge(latest *Held) {
	before := func(o Held) bool {
		return o.Type == latest.Type && !o.At.IsValid() && latest.as(o.set("")) && string(o.Rdata) != string(latest.Rdata)
	}
	count := 0
	for i := range m.held {
		if before(m.held[i]) {
			count++
		}
	}
	if count >= maxAlike {
		m.held = slices.DeleteFunc(m.held, func(o Held) bool { return before(o) && o.TTL <= latest.TTL })
	}
}

// signatories tell apart by which keys an RRset is signed.
func signatories(sigs zone.Packed) []uint32 {
	var by []uint32
	for sig := range sigs.All() {
		r := zone.RRSIG(sig)
		by = append(by, uint32(r.Algorithm())<<16|uint32(r.KeyTag()))
	}
	slices.Sort(by)
	return slices.Compact(by)
}

// prune forgets what has passed.
func (m *Memory) prune(now time.Time) {
	m.held = slices.DeleteFunc(m.held, func(h Held) bool { return !h.Served && !h.Until.After(now) })
	if len(m.held) > maxHeldAt {
		m.bound()
	}
}

func (m *Memory) bound() {
	slices.SortStableFunc(m.held, func(a, b Held) int {
		if a.Served != b.Served {
			return map[bool]int{true: -1, false: 1}[a.Served]
		}
		return b.Until.Compare(a.Until)
	})
	at := map[netip.AddrPort]int{}
	m.held = slices.DeleteFunc(m.held, func(h Held) bool {
		at[h.At]++
		return at[h.At] > maxHeldAt
	})
	if len(m.held) > maxHeldOf {
		m.boundOf()
	}
}

func (m *Memory) boundOf() {
	shown := map[string]bool{}
	var first, again []Held
	for _, h := range m.held {
		if kind := h.kind(); shown[kind] {
			again = append(again, h)
		} else {
			shown[kind] = true
			first = append(first, h)
		}
	}
	of := map[string]int{}
	m.held = slices.DeleteFunc(append(first, again...), func(h Held) bool {
		of[h.Who]++
		return of[h.Who] > maxHeldOf
	})
}

// Now gives what resolvers may hold of the zone at apex: each DS and DNSKEY RRset once, and
// data. hasty leaves out what nobody serves any more.
func (m *Memory) Now(apex zone.Name, hasty bool, now time.Time) (h validate.Held) {
	m.prune(now)
	for i := range m.held {
		each := &m.held[i]
		if hasty && !each.Served {
			continue
		}
		seen := validate.Seen{Name: each.Who, Set: each.set(apex)}
		same := func(o validate.Seen) bool { return o.Set.Rdata == seen.Set.Rdata && o.Set.Sigs == seen.Set.Sigs }
		switch {
		case each.Type == zone.TypeDS:
			if !slices.ContainsFunc(h.DS, func(o zone.RRset) bool { return o.Rdata == seen.Set.Rdata }) {
				h.DS = append(h.DS, seen.Set)
			}
		case each.Type == zone.TypeDNSKEY && !slices.ContainsFunc(h.Keys, same):
			h.Keys = append(h.Keys, seen)
		case each.Type == zone.TypeSOA && !slices.ContainsFunc(h.Answers, same):
			h.Answers = append(h.Answers, seen)
		}
	}
	h.Answers = append(h.Answers, m.others...)
	return h
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }
