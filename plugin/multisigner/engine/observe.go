package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// observation says in roll's words what was seen of everybody.
func (w *work) observation(cfg *Config, now time.Time) roll.Observation {
	seen := roll.Observation{Steady: w.steady(), Published: w.published()}
	for id, key := range w.own {
		sep := zone.DNSKEY(key.Rdata).SEP()
		seen.Own = append(seen.Own, roll.OwnKey{ID: id, SEP: sep, Role: w.roles[id]})
	}
	slices.SortFunc(seen.Own, func(a, b roll.OwnKey) int { return compareIDs(a.ID, b.ID) })
	if w.sight == nil {
		return seen
	}
	// Keys are learned from everybody before digests are looked up, so that a CDS
	// finds its key whoever was seen to publish it.
	w.learn()
	seen.Self = w.view(cfg.Signer, w.sight.self)
	for _, host := range w.notCovered(cfg) {
		seen.Self.Addresses = append(seen.Self.Addresses, roll.Address{Addr: host, Unclaimed: true})
	}
	for _, p := range cfg.Peers {
		if report, ok := w.sight.peers[p.Name]; ok {
			seen.Peers = append(seen.Peers, w.view(p.Name, report))
		}
	}
	seen.Parent = w.parentView(w.sight.parent)
	return seen
}

// steady is a clock that stands still while the zone is not served and is not
// moved by those who set the system's (protocol b.15 C14).
func (w *work) steady() time.Time {
	return w.record.Steady.Add(max(w.times.steady-w.steadyFrom, 0))
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

// published reads the facts of the version that is served.
func (w *work) published() roll.Published {
	v := w.signed
	if v == nil {
		return roll.Published{}
	}
	dnskey, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)
	cds, _ := v.RRset(v.Apex(), zone.TypeCDS)
	ids, _ := w.known.find(cds.Rdata)
	p := roll.Published{
		DNSKEY: w.known.learnAll(dnskey.Rdata), DNSKEYTTL: seconds(dnskey.TTL),
		MaxTTL: seconds(v.MaxTTL()), Serial: v.Serial(),
		Entry: w.makers(dnskey.Sigs), CDS: ids, CDSDelete: cds.Rdata.Has(cdsDelete),
	}
	// One pass signs the whole zone with one set of keys: the SOA's signatures
	// stand for all data's.
	p.Signers = sortIDs(append(w.makers(v.SOA().Sigs), w.makers(cds.Sigs)...))
	for sig := range v.SOA().Sigs.All() {
		p.Algorithms = append(p.Algorithms, zone.RRSIG(sig).Algorithm())
	}
	return p
}

// makers gives those of our keys that made sigs.
func (w *work) makers(sigs zone.Packed) []roll.KeyID {
	var ids []roll.KeyID
	for sig := range sigs.All() {
		for id := range w.own {
			if id.Tag == zone.RRSIG(sig).KeyTag() && id.Algorithm == zone.RRSIG(sig).Algorithm() {
				ids = append(ids, id)
			}
		}
	}
	return sortIDs(ids)
}

func (w *work) view(name string, r peer.Report) roll.View {
	v := roll.View{Name: name, Trusted: r.Trusted, Why: r.Why, NoTransfer: r.TransferErr}
	for _, a := range r.Addresses {
		v.Addresses = append(v.Addresses, w.address(a))
		for _, k := range a.Strangers {
			v.Strangers = append(v.Strangers, keyID(k)) // not learned: anybody may make any number of them
		}
	}
	return v
}

func (w *work) address(a peer.Address) roll.Address {
	out := roll.Address{Addr: a.Server.Addr.String(), State: states[a.Status], Seen: a.At, Transfer: a.TransferFrom}
	if out.Unclaimed = a.Host != "" && !a.Believed; a.Status == peer.Unfound {
		out.Addr = a.Host
	}
	if !a.Believed || a.Status == peer.Stale {
		out.DNSKEYTTL = seconds(a.AbsentTTL)
		return out
	}
	if a.Status != peer.Good {
		// Its keys are believed although something else there is not: they are taken
		// in, lest a broken CDS keep the next ZSK out, and satisfy no gate.
		out.State, out.Transfer = roll.Good, true
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
	for rdata := range a.Sets[zone.TypeSOA].Rdata.All() {
		out.Serial = zone.SOASerial(rdata)
	}
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

func (w *work) parentView(r parent.Report) roll.ParentView {
	var v roll.ParentView
	for _, a := range r.Addresses {
		out := roll.ParentAddress{Addr: a.Addr.String(), State: parentStates[a.Status], Seen: a.At}
		if a.Status == parent.Good {
			out.DS, out.UnknownDS = w.known.find(a.DS.Rdata)
			out.UnevenDS = w.known.uneven(a.DS.Rdata)
			out.TTL = seconds(a.DS.TTL)
			out.NS, out.NSTTL = hosts(a.NS), seconds(a.NS.TTL)
		}
		v.Addresses = append(v.Addresses, out)
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
