package corefile

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Config is one multisigner block as it was written. It says what was meant for
// all its zones; Build makes each zone's own configuration of it.
type Config struct {
	Where string
	Zones []string // lower case, fully qualified

	File      string
	Primaries []Primary
	// Bounds of what the primaries' SOAs say of refresh and retry; 0: the ordinary ones.
	RefreshMin, RefreshMax time.Duration
	ServeExpired           bool
	State                  string
	Signer                 string
	Addresses              []netip.AddrPort

	CSK         bool
	Algorithm   uint8
	Tags        *engine.Tags // nil: by the names of the signers
	Denial      string
	LifetimeKSK time.Duration
	LifetimeZSK time.Duration
	Validity    time.Duration
	Refresh     time.Duration
	DNSKEYTTL   time.Duration
	Serial      string
	Standby     bool
	DoubleDS    bool

	Outgoing []netip.Addr

	Secondaries   []Secondary
	AllowTransfer []Allow
	Contents      []Content
	Updates       []Update
	Forward       *Forward // updates are passed on to the primary; nil: they are not

	Parent         engine.ParentMode
	ParentServers  []netip.AddrPort
	ParentManual   bool // a person carries the DS
	ParentNotify   []netip.AddrPort
	ParentSilent   bool // no NOTIFY
	ParentUpdate   []netip.AddrPort
	UpdateKey      Key // of ParentUpdate
	Resolver       netip.AddrPort
	ResolverAnchor string

	Peers []Peer

	LookBusy    time.Duration
	LookIdle    time.Duration
	Margin      time.Duration
	Propagation time.Duration
	EarlierTTL  time.Duration
	AlarmAfter  time.Duration
	Hook        []string // a command and its arguments
	Ignore      []netip.Addr
	Review      engine.Review

	Catalogs   []Catalog
	Produced   string // the catalog in which the zones stand; "": none
	ProducedIn string // the group that they have there

	template bool // of a group: its zones are not known yet
	given    given
}

// Key names a TSIG key; its secret is the tsig plugin's. The zero value is none.
type Key struct {
	Name      string
	Algorithm string
	Where     string
}

// Primary is a server that has the unsigned zones.
type Primary struct {
	Address netip.AddrPort
	Key     Key
	TLS     ask.TLS // the zero value is clear text; its files stand as they were written
	Where   string
}

// Secondary is a server that transfers the zones from us.
type Secondary struct {
	Address netip.AddrPort
	Key     Key
	TLS     bool // it transfers over TLS, and not otherwise
}

// Allow lets those in Prefix transfer, by Key where it names one. An invalid
// Prefix is everywhere.
type Allow struct {
	Prefix netip.Prefix
	Key    Key
	TLS    bool // over TLS, and not otherwise
}

// Update lets the holder of Key change what the names and types say.
type Update struct {
	Key   Key
	Names []string // patterns, relative to each zone
	Types []zone.Type
}

// Content lets the holder of Key transfer the unsigned content. Those at Addresses are
// told of changes; all peers if there are none.
type Content struct {
	Addresses []netip.AddrPort
	Key       Key
	For       string // the foreign signer that gets our keys with it; "": a signer of ours, which does not
}

// Forward has updates passed on, signed by Key, or by the primary's own if that is none.
type Forward struct {
	Key   Key
	Where string
}

// Peer is another signer.
type Peer struct {
	Name        string
	Where       string
	Addresses   []netip.AddrPort
	Key         Key
	Via         string // axfr, query; "": by whether there is a key
	Trust       string // tsig, parent, ds; "": tsig where there is a key
	DS          []*dns.DS
	Foreign     bool
	Online      bool
	Resign      time.Duration
	Propagation time.Duration

	given given
}

// defaults are what most operators would choose, each with its reason.
func defaults() Config {
	return Config{
		State:  "multisigner-state",
		Signer: "self", // seen only where there are no peers: with peers it must be given

		Algorithm:   dns.ECDSAP256SHA256, // RFC 8624 3.1: recommended for new zones
		Denial:      "nsec",              // RFC 9276 3.1: NSEC unless there is a reason not to
		LifetimeKSK: 365 * 24 * time.Hour,
		LifetimeZSK: 30 * 24 * time.Hour, // our choice: often enough to be a habit
		Validity:    14 * 24 * time.Hour, // our choice: an outage over a long weekend does no harm,
		Refresh:     5 * 24 * time.Hour,  // because at least this much is always left
		DNSKEYTTL:   time.Hour,           // our choice: rollovers in hours, and still well cached
		Serial:      "increment",         // the only policy that needs no clock
		LookBusy:    time.Minute,         // far below the propagation delays that peers are told to keep
		LookIdle:    10 * time.Minute,    // a NOTIFY comes sooner; this is for the one that got lost
		Margin:      time.Hour,           // our choice: more than clocks differ and caches overstay
		Propagation: time.Minute,         // a NOTIFY and a transfer, with a retry
		EarlierTTL:  24 * time.Hour,      // our choice: few zones and parents have had more
		AlarmAfter:  24 * time.Hour,      // our choice: longer than parents take that look daily
		given:       make(given),
	}
}

// given is where each directive of a block stands, as file:line.
type given map[string]string

// mean notes that a directive was meant, and could not be read: the line has its fault, and
// that the directive is missing is no second one.
func (g given) mean(directive string) { g["meant: "+directive] = "" }

// meant reports whether a directive is there, in whatever state.
func (g given) meant(directive string) bool {
	_, faulty := g["meant: "+directive]
	return faulty || g[directive] != ""
}

func (c *Config) has(directive string) bool { return c.given[directive] != "" }

// at is where to point for a fault of directive: its line, or the block's.
func (c *Config) at(directive string) string {
	if where := c.given[directive]; where != "" {
		return where
	}
	return c.Where
}
