// Package status is all that an operator may ask about a zone, as one value. The
// command, the metrics and readiness are renderings of it, so that there is no
// second truth. The engine fills it in.
package status

import "time"

// Zone is the state of one zone at one signer.
type Zone struct {
	Zone   string    `json:"zone"`   // fully qualified, lower case
	Signer string    `json:"signer"` // our name in the group
	At     time.Time `json:"at"`     // when this was true
	Where  string    `json:"where"`  // where it is configured, file:line

	Reload *Reload `json:"reload,omitempty"` // the last reload of the Corefile, if it was refused

	Serving  bool   `json:"serving"`            // everybody is answered; else only those who look at us
	Refuse   string `json:"refuse,omitempty"`   // why resolvers get SERVFAIL
	Frozen   bool   `json:"frozen"`             // rollovers stand still until told to thaw
	Insecure bool   `json:"insecure,omitempty"` // it has gone insecure: it is served without DNSSEC
	Serial   uint32 `json:"serial"`
	Names    int    `json:"names"`
	Records  int    `json:"records"` // RRs, signatures included
	Denial   string `json:"denial"`  // nsec, nsec3, nsec3-optout

	DNSKEYOctets int `json:"dnskey_octets"` // how long the answer with the DNSKEY RRset is; 1232 fit UDP

	Source      Source      `json:"source"`
	Reviews     []Review    `json:"reviews,omitempty"` // content that waits for a review, or was held by it
	Signatures  Signatures  `json:"signatures"`
	Keys        []Key       `json:"keys"`                // of every signer, as we know them
	DS          []string    `json:"ds"`                  // the whole set that the parent should have now, in presentation form without owner, class and type; empty: none is safe yet
	DSWhy       string      `json:"ds_why"`              // what that set is, or why there is none
	DSKept      []string    `json:"ds_kept,omitempty"`   // what the parent has beside and must keep: DS of no known key that were not disowned
	DSDelete    bool        `json:"ds_delete,omitempty"` // that set is empty on purpose: the parent should have no DS
	Self        []Address   `json:"self"`                // our own addresses and our secondaries', as seen from outside
	Secondaries []Secondary `json:"secondaries"`
	Peers       []Peer      `json:"peers"`
	Contents    []Content   `json:"contents,omitempty"` // of every signer of a group, ours first
	Parent      Parent      `json:"parent"`
	Waits       []Wait      `json:"waits"`
	Alarms      []Alarm     `json:"alarms"`
	Wake        time.Time   `json:"wake,omitzero"` // when the zone's next turn is due
	Guard       Guard       `json:"guard"`
	Signing     *Progress   `json:"signing,omitempty"` // a large zone is being signed as a whole
	Matrix      *Matrix     `json:"matrix,omitempty"`  // of the last survey, if there was one
}

// Waiting is how many steps wait. One may do so for several reasons, each of which is
// a Wait with the same What.
func (z Zone) Waiting() int {
	steps := make(map[string]bool, len(z.Waits))
	for _, w := range z.Waits {
		steps[w.What] = true
	}
	return len(steps)
}

// Source is where the unsigned content comes from.
type Source struct {
	File     string    `json:"file,omitempty"`
	Serial   uint32    `json:"serial"`                // of the unsigned zone
	Passed   string    `json:"passed_over,omitempty"` // why that is not the serial which is served
	Read     time.Time `json:"read,omitzero"`         // when the content now served was read
	Problems []Problem `json:"problems"`              // of the last reading
	Refused  bool      `json:"refused"`               // the last reading was refused: an older one is served

	// Of a zone that is fetched from primaries:
	Primaries []string  `json:"primaries,omitempty"`
	Primary   string    `json:"primary,omitempty"`  // that gave the content
	Method    string    `json:"method,omitempty"`   // AXFR or IXFR: of the last transfer since the start
	Busy      string    `json:"asking,omitempty"`   // the primary that is being asked
	Refreshed time.Time `json:"refreshed,omitzero"` // when a primary last had the same, or gave it
	Next      time.Time `json:"next,omitzero"`      // when one is asked, if no NOTIFY comes before
	Expires   time.Time `json:"expires,omitzero"`   // from when on outsiders are refused, if no primary is reached
	Expired   bool      `json:"expired,omitempty"`
	Failing   time.Time `json:"failing,omitzero"` // since when no primary is good
	Why       string    `json:"why,omitempty"`    // what the last that was not good said
	// Retransfer: all of the zone is taken from the next primary that gives it, by order.
	Retransfer bool `json:"retransfer,omitempty"`

	// Writer says that the content is changed here, and not at a primary; Given is its serial
	// as other signers transfer it from here, 0 where they do not. Epoch counts how often the
	// role has changed here, and Since is when it did last.
	Writer bool      `json:"writer"`
	Given  uint32    `json:"given,omitempty"`
	Epoch  uint32    `json:"epoch,omitempty"`
	Since  time.Time `json:"since,omitzero"`

	// Updated is how many RRsets are otherwise than in the file because of updates, and
	// UpdatesHeld that no update is taken until resume-updates.
	Updated     int  `json:"updated,omitempty"`
	UpdatesHeld bool `json:"updates_held,omitempty"`
}

// Update is what updates have made of one RRset.
type Update struct {
	Name      string    `json:"name"`
	Type      string    `json:"type"`
	Added     []string  `json:"added"`   // data in presentation form
	Removed   []string  `json:"removed"` // the same, of records that the file has
	TTL       *uint32   `json:"ttl,omitempty"`
	By        string    `json:"by"` // the TSIG key of the last update
	Since     time.Time `json:"since"`
	NotServed string    `json:"not_served,omitempty"` // why
}

// Review is content that is looked at by a command before it is served.
type Review struct {
	Stage  string    `json:"stage"` // content: before it is signed; signed: before it is shown
	Serial uint32    `json:"serial"`
	Since  time.Time `json:"since"` // when the command was begun
	Held   bool      `json:"held"`  // it was not taken; else the command runs, or is about to
	Why    string    `json:"why,omitempty"`
}

// Problem is something wrong with the content of a zone.
type Problem struct {
	Where string `json:"where,omitempty"` // file:line
	Name  string `json:"name,omitempty"`
	Text  string `json:"text"`
	Fatal bool   `json:"fatal"` // it kept the content out
}

// Progress is how far something is that takes long.
type Progress struct {
	Percent int `json:"percent"`
	Names   int `json:"names"` // that are done
	Of      int `json:"of"`
	// Answers: the zone is answered from although it is signed for the first time.
	Answers bool `json:"answers,omitempty"`
}

// Signatures says how long the zone's signatures live.
type Signatures struct {
	Earliest time.Time `json:"earliest,omitzero"` // end of the one that ends first
	Renewed  time.Time `json:"renewed,omitzero"`  // when it is due to be made anew
	Overdue  bool      `json:"overdue,omitempty"` // that has passed, and it was not
}

// Key is a key of the group.
type Key struct {
	Tag         uint16   `json:"tag"`
	Algorithm   uint8    `json:"algorithm"`
	Mnemonic    string   `json:"mnemonic"`              // of the algorithm: ECDSAP256SHA256
	Role        string   `json:"role"`                  // ksk, zsk, csk; "?" where a peer's flags do not tell
	Owner       string   `json:"owner"`                 // name of the signer that made it
	Own         bool     `json:"own"`                   // that is us
	State       string   `json:"state"`                 // one word: generated, published, ready, active, retired, removed, ...
	Standby     bool     `json:"standby,omitempty"`     // ours: published for the day on which a successor is needed
	Compromised bool     `json:"compromised,omitempty"` // the operator said so
	Signs       []string `json:"signs"`                 // what it signs at its owner: dnskey, cds, data; of a peer's key, at the last look
	DNSKEY      string   `json:"dnskey,omitempty"`      // rdata in presentation form
	DS          string   `json:"ds,omitempty"`          // its SHA-256 DS
	Moments     []Moment `json:"moments"`               // in order of time
}

// Moment is when something happened to a key, or is due to.
type Moment struct {
	What string    `json:"what"` // created, published, seen everywhere, signing, ...
	At   time.Time `json:"at"`
}

// Address is what one address was last seen to publish.
type Address struct {
	Address string    `json:"address"`        // ip:port; the NS name where no address of it is known
	Host    string    `json:"host,omitempty"` // the NS name it was found by
	Seen    time.Time `json:"seen,omitzero"`  // the last look; zero: not yet looked at
	State   string    `json:"state"`          // good, unreachable, address not known, not authoritative, unsigned, bogus, expired, garbled
	Why     string    `json:"why,omitempty"`
	Serial  uint32    `json:"serial"`
	DNSKEY  []uint16  `json:"dnskey"` // tags
	CDS     []uint16  `json:"cds"`
}

// Peer is another signer of the group.
type Peer struct {
	Name      string    `json:"name"`
	Foreign   bool      `json:"foreign,omitempty"` // not a multisigner
	Trusted   bool      `json:"trusted"`           // what it publishes is believed; of one that is silent: it was when it last answered
	Silent    bool      `json:"silent,omitempty"`  // no address of it answers
	Why       string    `json:"why,omitempty"`     // it is not trusted, or silent
	Reached   time.Time `json:"reached,omitzero"`  // the last look since the start at which every address answered
	Addresses []Address `json:"addresses"`
	Hand      *Hand     `json:"hand,omitempty"`   // what a person carries to a foreign one; absent while what it publishes is not known
	Supply    *Supply   `json:"supply,omitempty"` // of a foreign one that has the keys with the content: then nobody carries them
}

// Supply is what a foreign signer is given with the content.
type Supply struct {
	Serial   *uint32   `json:"serial,omitempty"`   // that it may transfer now; absent: none yet
	Why      string    `json:"why,omitempty"`      // there is none yet
	Has      *uint32   `json:"has,omitempty"`      // that it has transferred; absent: none since the start
	Transfer *Transfer `json:"transfer,omitempty"` // the last that it asked for since the start
}

// Content is which content a signer of the group serves, whatever the serial of its zone.
type Content struct {
	Signer string  `json:"signer"`
	Serial *uint32 `json:"serial,omitempty"` // the content's own, which its primary counts; absent: not known
	State  string  `json:"state"`
	Why    string  `json:"why,omitempty"` // by what State is known
	// Since is when a look first found it so; zero: it was not looked at since the start.
	Since time.Time `json:"since,omitzero"`
}

// The states of a Content.
const (
	ContentOurs    = "ours"
	ContentSame    = "same"
	ContentDiffers = "differs"
	ContentUnknown = "not known"
)

// Hand is what belongs into the DNSKEY, CDS and CDNSKEY RRsets of a foreign signer
// beside the records of its own keys, which are its own business.
type Hand struct {
	TTL     uint32   `json:"ttl"`
	Records []Record `json:"records"` // all that belong there
	Add     []Record `json:"add"`     // those that an address of it lacks
	Remove  []Record `json:"remove"`  // of keys that were withdrawn, and still there
}

// Record is one at the apex.
type Record struct {
	Type  string `json:"type"`
	Rdata string `json:"rdata"` // in presentation form
}

// Secondary is a server that transfers the zone from us, as far as is known since the start.
type Secondary struct {
	Address  string    `json:"address"`            // ip:port
	Notify   *Notify   `json:"notify,omitempty"`   // the last one that it was sent
	Transfer *Transfer `json:"transfer,omitempty"` // the last one that it asked for
	Seen     time.Time `json:"seen,omitzero"`      // the last look
	State    string    `json:"state,omitempty"`    // as of an Address
	Serial   uint32    `json:"serial"`             // seen there; 0: none
	Behind   bool      `json:"behind,omitempty"`   // that is older than ours
}

// Notify is what came of a NOTIFY.
type Notify struct {
	At     time.Time `json:"at"`
	Serial uint32    `json:"serial"` // that it told of
	Taken  bool      `json:"taken"`
	Answer string    `json:"answer"` // NOERROR, or why it was not taken
	Cure   string    `json:"cure,omitempty"`
}

// Transfer is what came of a transfer.
type Transfer struct {
	At     time.Time `json:"at"`
	Serial uint32    `json:"serial"` // of the version that was served
	Result string    `json:"result"` // full, current (it had that already), or why there was none
}

// Parent is what the parent publishes for the zone.
type Parent struct {
	Mode      string          `json:"mode"` // none, servers, resolver
	Zone      string          `json:"zone,omitempty"`
	DS        []string        `json:"ds"` // the union over its addresses
	Addresses []ParentAddress `json:"addresses"`
	Manual    bool            `json:"manual,omitempty"` // a person carries the DS to it
	Told      *Told           `json:"told,omitempty"`   // the last time since the start that it was told of something
}

// Told is what came of telling the parent. That it took it is no promise.
type Told struct {
	What  string    `json:"what"`         // CDS, CSYNC
	How   string    `json:"how"`          // NOTIFY, UPDATE
	To    string    `json:"to,omitempty"` // where it was taken
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // why it was not taken
	Again time.Time `json:"again,omitzero"`  // when it is tried again
}

// ParentAddress is one server of the parent.
type ParentAddress struct {
	Address string    `json:"address"`
	Seen    time.Time `json:"seen,omitzero"`
	State   string    `json:"state"`
	Why     string    `json:"why,omitempty"`
	DS      []string  `json:"ds"`
}

// Wait is something that must come true before the next step.
type Wait struct {
	What     string    `json:"what"` // to publish 12345 at b; it may stand in several waits, one for each reason
	Why      string    `json:"why"`
	Key      uint16    `json:"key,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Earliest time.Time `json:"earliest,omitzero"` // if those who hold it up act at once; zero: it depends on nothing but them
	From     string    `json:"from,omitempty"`    // what Earliest is made of: which TTLs and delays, since when
	Holding  []string  `json:"holding"`           // who holds it up: addresses, names
}

// Plan is what will happen to a zone, if everybody does at once what they should.
type Plan struct {
	Zone  string `json:"zone"`
	Steps []Step `json:"steps"`
	Waits []Wait `json:"waits"` // what is still waited for at the end: nothing more happens by itself
}

// Step is something that is going to be done, at the earliest.
type Step struct {
	At    time.Time `json:"at"`
	What  string    `json:"what"`
	After []Wait    `json:"after"` // what was waited for until then
}

// Expires is how long from at until the first signature ends; zero when the zone
// has none.
func (z Zone) Expires(at time.Time) time.Duration {
	if z.Signatures.Earliest.IsZero() {
		return 0
	}
	return z.Signatures.Earliest.Sub(at)
}

// Reload is a reload of the Corefile that was refused: all is served as before.
type Reload struct {
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}
