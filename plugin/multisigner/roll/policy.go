package roll

import (
	"slices"
	"time"
)

// ParentMode says how the parent learns of a new DS.
type ParentMode uint8

// The parent: there is none to ask (an island, or the root), it looks for CDS by
// itself, or a person carries the DS to it.
const (
	ParentNone ParentMode = iota
	ParentScan
	ParentManual
)

// Variant is the order of a KSK or CSK rollover (RFC 7583 2.2).
type Variant uint8

// SwapDS exchanges the DS in one step after the new key is in every cache: one
// interaction with the parent (Double-KSK, RFC 7583 3.3.1). DoubleDS has the DS of both
// keys at the parent for a while: two interactions, but the new DS is asked for at once
// (Double-RRset, RFC 7583 3.3.3).
const (
	SwapDS Variant = iota
	DoubleDS
)

// Policy is what the operator wants of a zone. The zero Policy is a zone of one
// signer without a parent whose keys change only when told.
type Policy struct {
	Signer string   // our name; peers have other names
	Hosts  []string // our nameservers' names, as the delegation has them
	Peers  []Peer

	// Tags reports whether a key of ours may have a tag; nil: nobody's key is taken for ours.
	Tags func(tag uint16) bool

	Split       bool          // KSK and ZSK; false: CSK
	Algorithm   uint8         // of new keys
	LifetimeKSK time.Duration // of entry keys, also CSKs; 0: they change only when told
	LifetimeZSK time.Duration
	Variant     Variant
	Standby     bool // keep a successor of each key published at every signer

	DNSKEYTTL   time.Duration // TTL of our DNSKEY RRset
	Margin      time.Duration // added to every wait
	Propagation time.Duration // from our primary to the last of our servers, beyond what is seen
	Interval    time.Duration // longest time between two looks; 0: ten minutes
	EarlierTTL  time.Duration // the largest TTL of what was served before we first looked; 0: what is seen is all there was
	Retain      time.Duration // how long a withdrawn key is kept, so that it can return; 0: a week
	Bound       time.Duration // a wait for someone else alarms after this; 0: a day

	Parent ParentMode

	Terse bool // leave out what only people read: Plan.Keys
}

// Peer is another signer of the zone.
type Peer struct {
	Name        string
	Foreign     bool          // other software: it rolls by its own timers, and its signatures do not show whose all keys are
	Online      bool          // it signs when it is asked: that it signed anew shows nothing of what was between two looks
	Push        bool          // we give it our keys; it does not fetch them
	Resign      time.Duration // how long after a change of keys it may still serve older signatures
	Propagation time.Duration // from what we see to the last of its servers that we cannot see
}

// names reports whether p names a peer.
func (p *Policy) names(peer string) bool {
	return slices.ContainsFunc(p.Peers, func(o Peer) bool { return o.Name == peer })
}

func (p Policy) interval() time.Duration { return orElse(p.Interval, 10*time.Minute) }
func (p Policy) retain() time.Duration   { return orElse(p.Retain, 7*24*time.Hour) }
func (p Policy) bound() time.Duration    { return orElse(p.Bound, 24*time.Hour) }

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// dataRole and entryRole are the roles that new keys get.
func (p Policy) dataRole() Role {
	if p.Split {
		return ZSK
	}
	return CSK
}

func (p Policy) entryRole() Role {
	if p.Split {
		return KSK
	}
	return CSK
}
