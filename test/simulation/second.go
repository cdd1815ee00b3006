package simulation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Some worlds have real records beside their ids, and the engine's second opinion of each version: `sign`
// makes it, `caches` remembers what the looks of its signer have shown, and `validate.Guard` holds it
// against that before it is served. What the rules decide the guard must never refuse.

var apex = zone.MustName("example.")

// second is the second opinion of a signer of ours.
type second struct {
	memory       caches.Memory
	disk, backup []caches.Held // as saved together with the states
}

// material is a key's records.
type material struct {
	key sign.Key
	ds  string // of SHA-256
}

// materialOf makes a key of an id, always the same.
func (w *world) materialOf(id roll.KeyID) *material {
	if m := w.material[id]; m != nil {
		return m
	}
	seed := sha256.Sum256(fmt.Appendf(nil, "%d %v", w.Seed, id))
	var private crypto.Signer = ed25519.NewKeyFromSeed(seed[:])
	if id.Algorithm == firstAlgorithm {
		seed[0] = 0 // less than the order of the curve
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
		must(err)
		private = k
	}
	flags := uint16(zone.FlagZone)
	if isSEP(id) {
		flags |= zone.FlagSEP
	}
	key, err := sign.NewKey(flags, id.Algorithm, private)
	must(err)
	ds, err := key.Record.DS(apex, 2)
	must(err)
	m := &material{key, string(ds)}
	if w.material == nil {
		w.material = map[roll.KeyID]*material{}
	}
	w.material[id] = m
	return m
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// set makes an RRset of the apex, one record for each key.
func (w *world) set(t zone.Type, ttl int64, ids []roll.KeyID) zone.RRset {
	var rdata []string
	for _, id := range ids {
		m := w.materialOf(id)
		if t == zone.TypeDS || t == zone.TypeCDS {
			rdata = append(rdata, m.ds)
		} else {
			rdata = append(rdata, string(m.key.Record))
		}
	}
	return zone.RRset{Name: apex, Type: t, TTL: uint32(ttl / int64(time.Second)), Rdata: zone.Pack(rdata...)}
}

func (w *world) signKeys(ids []roll.KeyID) (all []sign.Key) {
	for _, id := range ids {
		all = append(all, w.materialOf(id).key)
	}
	return all
}

// What asks for the deletion of a DS (RFC 8078 4).
const (
	cdsDelete     = "\x00\x00\x00\x00\x00"
	cdnskeyDelete = "\x00\x00\x03\x00\x00"
)

// realize makes the records of a version that comes after another one, nil: after none.
func (w *world) realize(v *version, after *zone.Version) sign.Output {
	ttl := int(max(v.maxTTL, v.ttl) / int64(time.Second))
	in := sign.Input{
		Old: after, Serial: v.serial, Denial: denial.NSEC, Renumber: true,
		Content: zone.MustVersion(fmt.Sprintf("example. 3600 SOA ns.example. root.example. 1 3600 600 86400 300\nexample. 3600 NS ns.example.\nns.example. %d A 192.0.2.1", ttl)),
		Policy:  sign.Policy{Validity: 40 * 365 * 24 * time.Hour, Refresh: time.Hour, BackDate: time.Hour},
		Now:     epoch.Add(time.Duration(w.t)),
	}
	if !v.unsigned {
		in.Apex = []zone.RRset{w.set(zone.TypeDNSKEY, v.ttl, v.dnskey)}
		switch {
		case v.cdsDelete:
			for t, rdata := range map[zone.Type]string{zone.TypeCDS: cdsDelete, zone.TypeCDNSKEY: cdnskeyDelete} {
				in.Apex = append(in.Apex, zone.RRset{Name: apex, Type: t, TTL: uint32(v.ttl / int64(time.Second)), Rdata: zone.Pack(rdata)})
			}
		case len(v.cds) > 0:
			in.Apex = append(in.Apex, w.set(zone.TypeCDS, v.ttl, v.cds), w.set(zone.TypeCDNSKEY, v.ttl, v.cds))
		}
		in.Keys = sign.Keys{DNSKEY: w.signKeys(v.entry), CDS: w.signKeys(v.cdsSigners), Data: w.signKeys(v.data)}
	}
	out, err := sign.Zone(in)
	must(err)
	return out
}

// judge has the guard look at a version before it is served, and remembers what that replaces.
func (s *signer) judge(next *version) {
	w := s.w
	var old *zone.Version
	if s.version != nil {
		old = s.version.records
	}
	out := w.realize(next, old)
	next.records = out.Version
	w.result.Judged++
	g := validate.Guard{Held: s.held(), At: epoch.Add(time.Duration(w.t))}
	if faults := g.Faults(old, out.Diff, out.Version); len(faults) > 0 {
		w.note("the guard of %s objects to version %d: %s", s.name, next.serial, faults[0])
		w.result.Refused = append(w.result.Refused, fmt.Sprintf("%s: %s", s.name, faults[0]))
	}
	if old != nil {
		s.second.memory.Replace(old, out.Version, s.steadyNow())
	}
}

// held is what the guard is told that resolvers may hold, as the engine tells it.
func (s *signer) held() validate.Held {
	h := s.second.memory.Now(apex, false, s.steadyNow())
	if len(h.DS) == 0 {
		list := s.seen.Parent.Addresses
		h.NoDS = s.policy.Parent == roll.ParentNone || len(list) > 0 && !slices.ContainsFunc(list, func(a roll.ParentAddress) bool {
			return a.State != roll.Good || len(a.DS) > 0 || a.UnknownDS > 0
		})
	}
	for _, o := range s.own {
		h.Makers = append(h.Makers, s.w.materialOf(o.ID).key.Record)
	}
	return h
}

// eachSeen gives what the last look saw of every server that answered and was believed; whole: it answered
// for more than its keys.
func (s *signer) eachSeen(do func(of *signer, server string, records *zone.Version, whole bool)) {
	see := func(of *signer, list []roll.Address) {
		for i := range list {
			a := &list[i]
			if a.Transfer || a.State != roll.Good && a.State != roll.Partial {
				continue
			}
			for _, server := range of.servers {
				if server.name != a.Addr {
					continue
				}
				for _, v := range []*version{server.cur, server.before} {
					if v != nil && v.serial == a.Serial && v.records != nil {
						do(of, a.Addr, v.records, a.State == roll.Good)
						break
					}
				}
			}
		}
	}
	see(s, s.seen.Self.Addresses)
	for i := range s.seen.Peers {
		see(s.w.signerNamed(s.seen.Peers[i].Name), s.seen.Peers[i].Addresses)
	}
}

// remind takes in what a look has seen.
func (s *signer) remind() {
	w := s.w
	var shown []caches.Shown
	asked := map[netip.AddrPort]bool{}
	for _, a := range s.seen.Self.Addresses {
		asked[w.address(a.Addr)] = true
	}
	for i := range s.seen.Peers {
		for _, a := range s.seen.Peers[i].Addresses {
			asked[w.address(a.Addr)] = true
		}
	}
	s.eachSeen(func(of *signer, server string, records *zone.Version, whole bool) {
		who, least := of.name, uint32(0)
		if of == s {
			var current *zone.Version
			if s.version != nil {
				current = s.version.records
			}
			who, least = caches.Us, s.second.memory.LargestTTL(records.SOA(), current)
		}
		shown = append(shown, caches.AtSigner(who, w.address(server), func(yield func(zone.RRset) bool) {
			for set := range records.Top().All() {
				if (whole || set.Type == zone.TypeDNSKEY) && !yield(set) {
					return
				}
			}
		}, least)...)
	})
	for i := range s.seen.Parent.Addresses {
		a := &s.seen.Parent.Addresses[i]
		if asked[w.address(a.Addr)] = true; a.State == roll.Good {
			shown = append(shown, caches.Shown{Who: "the parent", At: w.address(a.Addr), Type: zone.TypeDS, Set: w.set(zone.TypeDS, int64(a.TTL), a.DS)})
		}
	}
	s.second.memory.Look(shown, asked, s.steadyNow())
}

// address makes one of the name of a server.
func (w *world) address(name string) netip.AddrPort {
	at, known := w.addresses[name]
	if !known {
		if w.addresses == nil {
			w.addresses = map[string]netip.AddrPort{}
		}
		n := len(w.addresses) + 1
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}), 53)
		w.addresses[name] = at
	}
	return at
}

// keepSecond saves what the second opinion must know after a restart, with the state.
func (s *signer) keepSecond() {
	if s.w.Guard {
		s.second.disk = slices.Clone(s.second.memory.Save())
		s.second.memory.Saved()
	}
}

// recall begins a process of it with what was saved.
func (s *signer) recall(saved []caches.Held) {
	if s.w.Guard {
		s.second.disk = slices.Clone(saved)
		s.second.memory = caches.Recall(saved, s.steadyNow())
	}
}
