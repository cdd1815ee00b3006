package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Config is how one zone is to be served. It is a value: two Configs that
// compare equal with Equal are one zone's, wherever they were written.
type Config struct {
	Apex  zone.Name
	File  string // the unsigned zone, absolute; "": it is fetched from Primaries
	Where string // where it was configured, file:line; not compared

	// Primaries have the unsigned zone, all of them the same one: the first that is good is
	// taken, in their order.
	Primaries []ask.Server
	// What their SOAs say of refresh and retry is kept within these; 0: within the ordinary bounds.
	RefreshMin, RefreshMax time.Duration
	ServeExpired           bool // outsiders are answered also when no primary could be reached until the SOA's expire

	Signer    string           // our name in the group
	Addresses []netip.AddrPort // that serve our copy, as the world asks them

	// Listens are the addresses at which this process answers for the zone, where it can
	// ask itself; those by which the world finds it are Addresses. Not compared.
	Listens []netip.AddrPort

	Split     bool  // KSK and ZSK; else one CSK
	Algorithm uint8 // of the keys we make
	Tags      Tags
	Denial    denial.Mode
	Serial    sign.SerialPolicy

	LifetimeKSK time.Duration // of CSKs too; 0: rolled only when told
	LifetimeZSK time.Duration
	Validity    time.Duration // of signatures
	Refresh     time.Duration // they are renewed when less than this is left
	DNSKEYTTL   time.Duration
	Margin      time.Duration // added to every wait
	Propagation time.Duration // the least we take a change to need to reach all our servers
	EarlierTTL  time.Duration // the largest TTL of what was served before we first looked; 0: what is seen is all there was
	Ignore      []netip.Addr  // addresses of nameservers that nobody looks at and nothing waits for
	AlarmAfter  time.Duration // a wait for somebody alarms after this; 0: a day
	Review      Review
	Hook        []string      // a command and its arguments, run when an alarm begins or ends; none: nothing is
	Standby     bool          // keep a successor of each key published
	Variant     roll.Variant  // the order of a KSK or CSK rollover
	LookBusy    time.Duration // between looks while something waits
	LookIdle    time.Duration // and else

	Outgoing []netip.Addr // to ask and tell others from: the first of their family, here or in Listens

	Secondaries   []Secondary
	AllowTransfer []Allow
	Contents      []Content      // who may transfer the unsigned content
	Updates       []update.Grant // who may change the content by UPDATE, and what of it
	Forward       bool           // updates are passed on to a primary
	ForwardKey    *ask.TSIG      // signed by it; nil: by the primary's own
	Member        Member         // by which catalog the zone is here
	Produced      Produced       // in which catalog that is made here it stands
	Parent        Parent
	Peers         []Peer
}

// Tags is the class that the tags of our keys keep to, so that no two signers of a group
// make keys of one tag (PROTOCOL new-key-avoids-tags). The zero value admits every tag.
type Tags struct {
	Lo, Hi       uint16 // inclusive; both 0: every tag
	Residue, Mod uint16 // tag % Mod == Residue; Mod 0: every tag
}

// Admits reports whether a key of ours may have tag.
func (t Tags) Admits(tag uint16) bool {
	if t.Mod != 0 && tag%t.Mod != t.Residue {
		return false
	}
	return t.Hi == 0 || t.Lo <= tag && tag <= t.Hi
}

// Secondary is a server that transfers the zone from us: it may, it is told of
// changes, and it is looked at as one of ours.
type Secondary struct {
	Server ask.Server
	TLS    bool // it may transfer over TLS only; all else goes in the clear
}

// Allow lets whoever asks from Prefix and with the TSIG key named Key transfer
// the zone. An empty Key asks for none; an invalid Prefix stands for every address.
type Allow struct {
	Prefix netip.Prefix
	Key    string
	TLS    bool // over TLS only
}

// Content lets the holder of TSIG transfer the unsigned content: what it signs is of that
// view of the zone. Those at Told are told of changes; the peers if there are none.
type Content struct {
	TSIG *ask.TSIG
	Told []netip.AddrPort
	For  string // the foreign peer that is given our keys with it; "": signers of ours, which are not
}

// content finds the Content of a key.
func (c *Config) content(key string) (is Content, ok bool) {
	i := slices.IndexFunc(c.Contents, func(t Content) bool { return t.TSIG.Name == key })
	if i < 0 || key == "" {
		return Content{}, false
	}
	return c.Contents[i], true
}

// shares reports whether other signers of ours may have the content from here.
func (c *Config) shares() bool {
	return slices.ContainsFunc(c.Contents, func(t Content) bool { return t.For == "" })
}

// ParentMode says where the DS RRset is looked up.
type ParentMode uint8

// The zero value is that nobody is asked: the zone is an island, and no CDS is published.
const (
	ParentNone     ParentMode = iota
	ParentServers             // the named servers
	ParentResolver            // those that the resolver finds
)

// Parent is where the parent's servers are, and how it is told of changes. In
// ParentResolver's mode Servers are asked besides those found; in ParentServers' the
// Resolver, if valid, only finds the addresses of names.
type Parent struct {
	Mode     ParentMode
	Servers  []netip.AddrPort
	Resolver netip.AddrPort
	Anchor   string // a file of trust anchors for what the resolver says; "" trusts its AD bit

	Manual bool             // a person carries the DS; the parent is told nothing
	Silent bool             // no NOTIFY is sent: the parent looks by itself
	Notify []netip.AddrPort // where NOTIFY is sent; none: where the parent's DSYNC record says
	Update []ask.Server     // take the DS by UPDATE, each with its key; none: the parent does not
}

// Peer is another signer of the group.
type Peer struct {
	Name        string
	Addresses   []netip.AddrPort
	TSIG        *ask.TSIG
	Via         peer.Via
	Trust       peer.Trust
	Foreign     bool          // not a multisigner: it rolls on timers of its own
	Online      bool          // a foreign one that signs when it is asked
	Resign      time.Duration // a foreign one's: how long it takes to sign everything anew; 0: not known
	Propagation time.Duration // from what we see to the last of its servers that we cannot see
	Where       string
}
