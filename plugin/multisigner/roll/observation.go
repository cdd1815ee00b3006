package roll

import "time"

// Observation is what was last seen of everything that Step must look at. What is missing
// is unknown, and unknown is never taken for absent (PROTOCOL unknown-is-not-absent).
type Observation struct {
	// Looked: a look at everyone has ended since the process began, so that Self, Peers
	// and Parent have every address that is known, those that did not answer too. Without
	// it Step decides nothing (PROTOCOL no-step-before-a-look).
	Looked bool

	// Steady is a clock that runs no faster than time really passes, kept over restarts by
	// the caller (PROTOCOL slower-clock-counts). It need not agree with the wall clock.
	// Zero: the wall clock is trusted.
	Steady time.Time

	Own       []OwnKey  // the private keys that can be used now
	Published Published // what our current version serves
	Self      View      // our addresses and our secondaries as seen from outside; Looked and no address: Published is all there is
	Peers     []View    // by name; a peer without a View was not looked at
	Parent    ParentView
}

// OwnKey is a private key in the key store.
type OwnKey struct {
	ID   KeyID
	Role Role // what it was made for; Unknown: as SEP and the policy suggest
	SEP  bool
}

// Published is what the version that we serve now contains. Zero: none is served.
type Published struct {
	DNSKEY    []KeyID
	DNSKEYTTL time.Duration
	MaxTTL    time.Duration // largest TTL of its data, negative answers and the DNSKEY RRset included
	Serial    uint32        // 0: no version is served
	Signers   []KeyID       // keys that sign the SOA, and so all data; a key that signs only DNSKEY, CDS and CDNSKEY is left out
	Entry     []KeyID       // keys that sign the DNSKEY RRset; nil: all of ours with the role
	// Algorithms are those with which everything but the DNSKEY RRset is signed.
	Algorithms []uint8
	CDS        []KeyID
	CDSDelete  bool
}

// View is what a signer's addresses publish.
type View struct {
	Name       string  // the peer's name; ours or empty in Observation.Self
	Trusted    bool    // its DNSKEY RRset follows by signature from what we trusted before
	Why        string  // it is not trusted
	Strangers  []KeyID // keys that sign its DNSKEY RRset, and are not trusted
	NoTransfer string  // why a transfer that was due did not come whole
	Addresses  []Address
}

// silent reports whether no address answers at all.
func (v *View) silent() bool {
	for i := range v.Addresses {
		if v.Addresses[i].State != Unreachable {
			return false
		}
	}
	return len(v.Addresses) > 0
}

// unsigned reports whether any address answers without DNSSEC. Nobody vouches for
// that; but caches may hold what it answers, so that it is looked at without trust.
func (v *View) unsigned() bool {
	for i := range v.Addresses {
		if v.Addresses[i].State == Unsigned {
			return true
		}
	}
	return false
}

// AddressState says how a look at an address ended. Only Good is evidence that
// something is everywhere.
type AddressState uint8

// Unasked was not looked at. Stale answers, but with expired signatures. Bogus
// answers with what does not follow from the keys that we trust. Unfound is a
// nameserver whose address nobody knows. Partial publishes keys that are believed,
// and something else there was not answered, or is at fault: its keys are taken in. Unnamed
// is what Step itself adds: an address that nothing names now and nobody looks at.
const (
	Unasked AddressState = iota
	Good
	Unreachable
	Lame
	Unsigned
	Stale
	Bogus
	Unfound
	Partial
	Unnamed
)

func (s AddressState) String() string {
	names := [...]string{"not asked yet", "good", "unreachable", "not authoritative", "unsigned", "expired", "bogus", "address not known", "good in part", "no longer named, but resolvers may still ask it"}
	if int(s) < len(names) {
		return names[s]
	}
	return "in an unknown state"
}

// Address is what one address of a signer answered at the last look.
type Address struct {
	Addr  string // the nameserver's name, where that is all that is known
	State AddressState
	Seen  time.Time // the moment of the look that these facts are from
	// Since: looks at this address have all been Good since then, none more than
	// Policy.Interval apart, and Step was called after each that showed something
	// new. Zero: judge by the calls of Step alone.
	Since time.Time
	// Named is for how long resolvers may go on asking this address when nothing names it
	// any more: the largest TTL of the NS and address RRsets that make it a nameserver of
	// the zone, in the zone or in its delegation (PROTOCOL named-until-its-ttl). 0: nothing
	// names it now.
	Named time.Duration
	// Transfer: the facts come from a transfer. They import, and never satisfy a gate; but
	// Algorithms are then those of the whole zone at Serial
	// (PROTOCOL transfer-proves-nothing-seen). None: it was not seen whole.
	Transfer bool
	// Unclaimed, of an address in Observation.Self: it is a nameserver's that nobody
	// has named, and shows no keys that tell whose it is. Who joins waits for it, too.
	Unclaimed bool

	DNSKEY      []KeyID       // without those that have the REVOKE flag: they are good for nothing (RFC 5011 2.1; PROTOCOL revoked-key-is-no-key)
	SEP         []KeyID       // those of DNSKEY with the SEP flag
	DNSKEYTTL   time.Duration // at an Unsigned one, of what it answers when asked for DNSKEY: that there is none, as a rule
	Mark        uint64        // of the signatures of the DNSKEY RRset; a change without new keys restarts waits. 0: unknown
	Entry       []KeyID       // keys that validly sign the DNSKEY RRset
	DataSigners []KeyID       // keys that validly sign anything else that was looked at, CDS and CDNSKEY included
	Algorithms  []uint8       // with which all else that was looked at is signed, whether or not a key for it is published
	CDS         []KeyID       // keys that CDS records name
	UnevenCDS   []KeyID       // those of CDS without a record of a digest type that another key has one of
	CDNSKEY     []KeyID
	UnknownCDS  int  // CDS or CDNSKEY records that name no key that we know
	CDSDelete   bool // a record that asks the parent to remove the DS (RFC 8078)
	NS          []string
	NSTTL       time.Duration
	Serial      uint32
	MaxTTL      time.Duration // largest TTL seen of what it signs; that of other data is as ours, for all serve one zone
}

// ParentView is what the parent's addresses publish about the zone.
type ParentView struct {
	Addresses []ParentAddress
}

// ParentAddress is what one address of the parent answered at the last look. With
// Good and neither DS nor UnknownDS, the zone was seen to be delegated without DS.
type ParentAddress struct {
	Addr      string
	State     AddressState
	Seen      time.Time
	Since     time.Time // as in Address
	DS        []KeyID
	UnevenDS  []KeyID // those of DS that validators who go by the strongest digest type do not find
	UnknownDS int     // DS records that belong to no key that we know
	TTL       time.Duration
	Named     time.Duration // as in Address: of the parent's own NS and address RRsets
	NS        []string
	NSTTL     time.Duration
}

// shows reports whether a's keys are believed.
func (a *Address) shows() bool { return a.State == Good || a.State == Partial }

// none reports whether no version is served.
func (p *Published) none() bool { return p.Serial == 0 && len(p.DNSKEY) == 0 }
