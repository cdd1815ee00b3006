package roll

import "time"

// WhyBlind is why a Plan that is Blind refuses: each start begins so.
const WhyBlind = "nobody has been looked at since the start"

// Plan is what should be true now. It is complete: what it does not name is not
// published and does not sign.
type Plan struct {
	// Blind: nobody was looked at yet. What is served stays as it is, whether outsiders
	// are refused included; nothing else of this plan counts.
	Blind bool

	Generate []Request // make these keys, then call Step again
	Destroy  []KeyID   // private keys that nobody can need any more

	DNSKEY     []KeyID // our DNSKEY RRset: our keys and our peers'; sorted
	SignDNSKEY []KeyID // who signs it
	SignCDS    []KeyID // who signs CDS and CDNSKEY
	SignData   []KeyID // who signs everything else
	CDS        []KeyID // CDS and CDNSKEY; empty and not CDSDelete: none
	CDSDelete  bool
	Disowned   bool    // DS at the parent that belong to no known key may go; else nothing may replace them
	DS         []KeyID // what should stand at the parent and is safe there now; lines to paste come from this

	Frozen   bool     // rollovers stand still by order
	Unsigned bool     // serve the zone without DNSSEC: it has gone insecure
	Withhold []string // nameservers that must not stand in the apex NS RRset yet, or any more

	// Refuse, when not empty, is why outsiders must get no answers but SERVFAIL.
	// Peers are answered all the same, if there are keys to sign with; our secondaries
	// get no new version, unless Feeds.
	Refuse string
	Feeds  bool // what our secondaries have is no better than what we have, and they get it
	// Outrun: our keys went on without us. Peers take for a replay what was signed before
	// what they have seen of us: sign all anew, again and again.
	Outrun bool

	TellParent []Tell // send these notifications now; each is planned once

	Waits  []Wait
	Alarms []Alarm
	Keys   []KeyStatus
	Wake   time.Time // call Step at this time at the latest; zero: only when something is seen
	Busy   bool      // something is under way: look often
}

// Request asks for a new private key.
type Request struct {
	Role      Role
	Algorithm uint8
	Avoid     []uint16 // key tags that it must not have
}

// Tell is something to tell the parent.
type Tell uint8

// What the parent can be told (RFC 9859).
const (
	TellCDS Tell = iota
	TellCSYNC
)

func (t Tell) String() string { return [...]string{"CDS", "CSYNC"}[t&1] }

// Wait is something that must happen, or a time that must pass, before a step. A step
// may wait for several things at once, each in a Wait of its own.
type Wait struct {
	What     string    // the step that waits: "sign with ZSK 1234"
	Why      string    // what it waits for: "b.example.net to publish it"
	Key      KeyID     // zero: it concerns no one key
	Since    time.Time // zero: not known
	Earliest time.Time // the earliest end, if who holds it up does at once what is waited for; zero: none is known
	From     string    // what that is made of: which TTLs, which delays, since when or after what
	Holding  []string  // signers or addresses that it waits for
}

// KeyStatus is a key as an operator sees it.
type KeyStatus struct {
	ID    KeyID
	Owner string // the signer's name
	Ours  bool
	Role  Role
	// State: generated, published, ready, active, retired, removed for ours, by RFC 7583 3.1;
	// seen, published, withdrawn for a peer's.
	State       string
	Since       time.Time // of the State
	Standby     bool      // ours: it is published for the day on which a successor is needed
	Compromised bool      // the operator said so
	Published   bool      // it is in our DNSKEY RRset
	InCDS       bool
	DS          string // hidden, rumoured, omnipresent, unretentive, as BIND has it: its DS, over all caches
	DNSKEY      string // the same for the DNSKEY, over all signers
	Moments     []Moment
}

// Moment is when something happened to a key.
type Moment struct {
	What string // created, published, active, retired, removed
	At   time.Time
}
