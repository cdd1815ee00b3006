package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// observation says in roll's words what was seen of everybody.
func (w *work) observation(cfg *Config, now time.Time) roll.Observation {
	seen := roll.Observation{Looked: w.sight != nil, Steady: w.steady(), Published: published(w.signed, w.known)}
	for _, k := range w.own {
		seen.Own = append(seen.Own, roll.OwnKey{ID: k.id, SEP: zone.DNSKEY(k.Rdata).SEP(), Role: k.role})
	}
	slices.SortFunc(seen.Own, func(a, b roll.OwnKey) int { return compareIDs(a.ID, b.ID) })
	if w.sight == nil {
		return seen
	}
	// Keys are learned from everybody before digests are looked up, so that a CDS
	// finds its key whoever was seen to publish it.
	w.learn()
	seen.Self = w.view(cfg.Signer, w.sight.self, ourServers(cfg))
	for _, host := range w.notCovered(cfg) {
		seen.Self.Addresses = append(seen.Self.Addresses, roll.Address{Addr: host, Unclaimed: true})
	}
	for _, p := range cfg.Peers {
		if report, ok := w.sight.peers[p.Name]; ok {
			seen.Peers = append(seen.Peers, w.view(p.Name, report, servers(p.Addresses, nil)))
		}
	}
	seen.Parent = w.parentView(w.sight.parent, whereParent(cfg))
	return seen
}

// steady is a clock that stands still while the zone is not served and is not moved by
// those who set the system's (PROTOCOL slower-clock-counts).
func (w *work) steady() time.Time {
	return w.record.Steady.Add(max(w.times.Steady()-w.steadyFrom, 0))
}

func (w *work) learn() {
	reports := []peer.Report{w.sight.self}
	for _, r := range w.sight.peers {
		reports = append(reports, r)
	}
	for _, r := range reports {
		for _, a := range r.Addresses {
			w.known.learnAll(a.Sets[zone.TypeDNSKEY].Rdata)
			w.known.learnAll(a.Sets[zone.TypeCDNSKEY].Rdata)
		}
	}
}

// published reads the facts of a version of ours, nil: of none.
func published(v *zone.Version, known *known) roll.Published {
	if v == nil {
		return roll.Published{}
	}
	dnskey, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)
	cds, _ := v.RRset(v.Apex(), zone.TypeCDS)
	ids, _ := known.find(cds.Rdata)
	p := roll.Published{
		DNSKEY: known.learnAll(dnskey.Rdata), DNSKEYTTL: seconds(dnskey.TTL),
		MaxTTL: seconds(v.MaxTTL()), Serial: v.Serial(),
		Entry: known.makers(dnskey.Sigs), CDS: ids, CDSDelete: cds.Rdata.Has(cdsDelete),
		// One pass signs the whole zone with one set of keys: the SOA's signatures stand for
		// all data's. CDS is signed by more, and has their keys beside it.
		Signers: known.makers(v.SOA().Sigs),
	}
	for sig := range v.SOA().Sigs.All() {
		p.Algorithms = append(p.Algorithms, zone.RRSIG(sig).Algorithm())
	}
	return p
}

// makers gives the keys that made sigs.
func (n *known) makers(sigs zone.Packed) []roll.KeyID {
	var ids []roll.KeyID
	for sig := range sigs.All() {
		for i := range n.keys {
			id := n.keys[i].id
			if id.Tag == zone.RRSIG(sig).KeyTag() && id.Algorithm == zone.RRSIG(sig).Algorithm() {
				ids = append(ids, id)
			}
		}
	}
	return sortIDs(ids)
}

// view is what was seen of a signer. What is configured by now, and was not asked at the
// last look, is there as well.
func (w *work) view(name string, r peer.Report, configured []ask.Server) roll.View {
	v := roll.View{Name: name, Trusted: r.Trusted, Why: r.Why, NoTransfer: r.TransferErr}
	for _, a := range r.Addresses {
		out := w.address(a)
		if a.Status != peer.Unfound {
			out.Named = w.namedFor(a.Server.Addr.Addr(), a.Host, name)
		}
		v.Addresses = append(v.Addresses, out)
		for _, k := range a.Strangers {
			v.Strangers = append(v.Strangers, keyID(k)) // not learned: anybody may make any number of them
		}
	}
	for _, s := range configured {
		if !slices.ContainsFunc(r.Addresses, func(a peer.Address) bool { return a.Server.Addr == s.Addr }) {
			v.Addresses = append(v.Addresses, roll.Address{Addr: s.Addr.String()})
		}
	}
	return v
}

func (w *work) address(a peer.Address) roll.Address {
	out := roll.Address{Addr: a.Server.Addr.String(), State: states[a.Status], Seen: a.At, Transfer: a.TransferFrom}
	if out.Unclaimed = a.Host != "" && !a.Believed; a.Status == peer.Unfound {
		out.Addr = a.Host
	}
	if !a.Believed {
		out.DNSKEYTTL = seconds(a.AbsentTTL)
		return out
	}
	if a.Status != peer.Good {
		// Its keys are believed although something else there is not: they are taken
		// in, lest a broken CDS keep the next ZSK out, and satisfy no gate.
		out.State = roll.Partial
	}
	dnskey := a.Sets[zone.TypeDNSKEY]
	out.DNSKEY, out.DNSKEYTTL = w.known.learnAll(dnskey.Rdata), seconds(dnskey.TTL)
	for rdata := range dnskey.Rdata.All() {
		k := zone.DNSKEY(rdata)
		if k.SEP() && !k.Revoked() {
			out.SEP = append(out.SEP, keyID(k))
		}
	}
	out.SEP = sortIDs(out.SEP)
	out.Mark = uint64(a.Inception)
	// Not only the keys by which the RRset is believed: a ZSK signs it, too, to show
	// whose it is before it signs anything else.
	makers, _ := validate.Signatures(dnskey, dnskey, w.known.apex, a.At)
	out.Entry, out.DataSigners = w.ids(makers), w.ids(a.DataSigners)
	if a.Status == peer.Good { // what is bad in part proves nothing of the whole
		out.Algorithms = a.Algorithms
	}

	cds, cdnskey := a.Sets[zone.TypeCDS], a.Sets[zone.TypeCDNSKEY]
	out.CDS, out.UnknownCDS = w.known.find(cds.Rdata)
	out.UnevenCDS = w.known.uneven(cds.Rdata)
	out.CDNSKEY = w.known.learnAll(cdnskey.Rdata)
	out.CDSDelete = cds.Rdata.Has(cdsDelete) || cdnskey.Rdata.Has(cdnskeyDelete)
	ns := a.Sets[zone.TypeNS]
	out.NS, out.NSTTL = hosts(ns), seconds(ns.TTL)
	for _, set := range a.Sets {
		out.MaxTTL = max(out.MaxTTL, seconds(set.TTL))
	}
	out.Serial = a.Sets[zone.TypeSOA].Rdata.Serial()
	return out
}

// states are roll's words for how it stands with an address.
var states = map[peer.Status]roll.AddressState{
	peer.Good:             roll.Good,
	peer.Unreachable:      roll.Unreachable,
	peer.NotAuthoritative: roll.Lame,
	peer.Garbled:          roll.Bogus,
	peer.TooMany:          roll.Bogus,
	peer.Unsigned:         roll.Unsigned,
	peer.WrongAlgorithm:   roll.Bogus,
	peer.UnknownKey:       roll.Bogus,
	peer.Expired:          roll.Stale,
	peer.Bogus:            roll.Bogus,
	peer.Stale:            roll.Stale,
	peer.Unfound:          roll.Unfound,
}

// parentNamed is for how long resolvers may go on asking an address of the parent when
// its NS RRset names it no more: our choice, the TTL of most delegations from the root.
const parentNamed = 48 * time.Hour

func (w *work) parentView(r parent.Report, where *parent.Where) roll.ParentView {
	var v roll.ParentView
	if where == nil {
		return v
	}
	for _, a := range r.Addresses {
		out := roll.ParentAddress{Addr: a.Addr.String(), State: parentStates[a.Status], Seen: a.At}
		if a.Host != "" { // what the resolver has found it may not find tomorrow
			out.Named = parentNamed
		}
		if a.Status == parent.Good {
			out.DS, out.UnknownDS = w.known.find(a.DS.Rdata)
			out.UnevenDS = w.known.uneven(a.DS.Rdata)
			out.TTL = seconds(a.DS.TTL)
			out.NS, out.NSTTL = hosts(a.NS), seconds(a.NS.TTL)
		}
		v.Addresses = append(v.Addresses, out)
	}
	for _, addr := range where.Servers {
		if !slices.ContainsFunc(r.Addresses, func(a parent.Address) bool { return a.Addr == addr }) {
			v.Addresses = append(v.Addresses, roll.ParentAddress{Addr: addr.String()})
		}
	}
	for _, host := range r.Unfound {
		v.Addresses = append(v.Addresses, roll.ParentAddress{Addr: host, State: roll.Unfound})
	}
	return v
}

func (w *work) ids(keys []zone.DNSKEY) []roll.KeyID {
	var ids []roll.KeyID
	for _, k := range keys {
		ids = append(ids, w.known.learn(k))
	}
	return sortIDs(ids)
}

func hosts(ns zone.RRset) []string {
	var names []string
	for rdata := range ns.Rdata.All() {
		names = append(names, zone.Name(rdata).String())
	}
	return names
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }
