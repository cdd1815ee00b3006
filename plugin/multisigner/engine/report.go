package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// The status of a zone is the one truth that the command, the metrics and readiness render.
// It is as large as what it tells of, and seldom asked for: so it is made when it is, of what
// the last turn has left. A turn may take minutes: who asks meanwhile gets the status as it
// was when the turn began.

// account is what is told of a zone at any moment.
type account struct {
	sync.Mutex
	// before is the status before the turn that is under way; nil between two turns. Then
	// whoever holds the lock may read what the worker has left.
	before *status.Zone

	// What those must know who update the content or transfer it, without a status.
	updatesHeld, writer atomic.Bool
	expires             atomic.Int64 // Unix nanoseconds; 0: it does not
}

// ended is what only the end of a turn knows.
type ended struct {
	at, wake time.Time
	config   *Config // by which it was; nil: there was none yet
	alarms   []status.Alarm
}

// beginTurn and endTurn are its bounds for those who ask for the status.
func (z *Zone) beginTurn() {
	z.account.Lock()
	defer z.account.Unlock()
	z.rouse()
	s := z.status()
	z.account.before = &s
}

func (z *Zone) endTurn(now, wake time.Time) {
	z.account.Lock()
	defer z.account.Unlock()
	z.account.before = nil
	z.work.known.rest()
	if wake.IsZero() || wake.Sub(now) >= restsFrom {
		z.rest()
	}
}

// answers has the status say in the midst of a turn that the zone is answered from, with v.
func (a *account) answers(at time.Time, v *zone.Version) {
	a.Lock()
	defer a.Unlock()
	if a.before == nil {
		return
	}
	s := *a.before
	s.At, s.Serving, s.Refuse, s.Serial, s.Names, s.Records = at, true, "", v.Serial(), v.Names(), v.Records()
	a.before = &s
}

// tell gives the status of the zone.
func (z *Zone) tell() status.Zone {
	z.account.Lock()
	defer z.account.Unlock()
	if before := z.account.before; before != nil {
		return *before
	}
	if rests := z.rests; rests.Holds() {
		z.rouse()
		defer func() { z.work, z.rests = nil, rests }() // as it was: a status changes nothing
	}
	defer z.work.known.rest()
	return z.status()
}

// report ends a turn: it says which alarms have begun and ended, and what status cannot
// tell later.
func (z *Zone) report(now, wake time.Time) {
	w, cfg := z.work, z.config.Load()
	w.ended = ended{at: now, wake: wake, config: cfg, alarms: z.curesOfSupplied(cfg, w.reportAlarms(cfg, now))}
	s := w.reportSource(cfg)
	z.account.updatesHeld.Store(s.UpdatesHeld)
	z.account.writer.Store(s.Writer)
	z.account.expires.Store(0)
	if !s.Expires.IsZero() {
		z.account.expires.Store(s.Expires.UnixNano())
	}
	z.contentSerial.Store(w.record.ContentSerial)
	z.engine.announce(z, w.ended.alarms, now)
}

// status is made of what the last turn has left, and changes nothing. The caller has the zone
// in hand, or holds the lock between two turns.
func (z *Zone) status() status.Zone {
	w, cfg, serving := z.work, z.work.ended.config, z.Serving()
	if cfg == nil {
		return z.firstStatus()
	}
	s := status.Zone{
		Zone: cfg.Apex.String(), Signer: cfg.Signer, At: w.ended.at, Where: cfg.Where,
		Serving: serving.Version != nil && serving.Refuse == "", Refuse: serving.Refuse,
		Frozen: w.frozen || w.plan.Frozen, Insecure: w.plan.Unsigned, Denial: cfg.Denial.String(),
		Source: w.reportSource(cfg), Keys: w.reportKeys(cfg), Parent: w.reportParent(cfg),
		Waits: reportWaits(w.plan.Waits), Wake: w.ended.wake, Matrix: w.survey.matrix, Alarms: w.ended.alarms,
		DNSKEYOctets: w.dnskeyOctets(cfg),
		Self:         []status.Address{}, Peers: []status.Peer{}, Guard: w.reportGuard(),
	}
	if v := serving.Version; v != nil {
		s.Serial, s.Names, s.Records = v.Serial(), v.Names(), v.Records()
		if end, signed := v.Earliest(); signed {
			s.Signatures.Earliest, s.Signatures.Renewed, s.Signatures.Overdue = end, w.refresh, w.overdue
		}
	}
	s.Reviews = w.reportReviews()
	s.Source.Passed = w.passedOver(cfg, s)
	s.DS, s.DSWhy = w.reportDS(cfg)
	for _, rdata := range w.strangers() {
		s.DSKept = append(s.DSKept, zone.RdataText(zone.TypeDS, rdata))
	}
	slices.Sort(s.DSKept)
	s.DSDelete = (w.plan.CDSDelete || w.plan.Unsigned) && len(s.DSKept) == 0
	if w.sight != nil {
		s.Self = w.reportAddresses(w.sight.self)
		for _, p := range cfg.Peers {
			r, looked := w.sight.peers[p.Name]
			if !looked {
				r.Why = "not looked at yet"
			}
			out := status.Peer{
				Name: p.Name, Foreign: p.Foreign, Trusted: w.trusts[p.Name].believed, Silent: w.trusts[p.Name].silent, Why: r.Why,
				Reached: w.trusts[p.Name].reached, Addresses: w.reportAddresses(r),
			}
			if p.Foreign {
				out.Hand = w.hand(cfg, p.Name, r)
				out.Supply = z.reportSupply(cfg, p.Name)
			}
			s.Peers = append(s.Peers, out)
		}
	}
	s.Contents = w.reportContents(cfg)
	return s
}

// firstStatus is that of a zone before its first turn has ended. What an earlier process has
// shown may be shown already.
func (z *Zone) firstStatus() status.Zone {
	cfg, serving := z.config.Load(), z.Serving()
	s := status.Zone{
		Zone: cfg.Apex.String(), Signer: cfg.Signer, Where: cfg.Where, Refuse: serving.Refuse,
		Denial: cfg.Denial.String(), Parent: parentUnseen(cfg),
	}
	if v := serving.Version; v != nil && serving.Refuse == "" {
		s.At, s.Serving, s.Serial, s.Names, s.Records = z.work.times.Wall(), true, v.Serial(), v.Names(), v.Records()
	}
	return s
}

func (w *work) reportSource(cfg *Config) status.Source {
	s := w.reportOrigin(cfg)
	s.Writer = w.writes(cfg)
	if w.record.Content != nil && len(cfg.Contents) > 0 {
		s.Given = w.record.Content.Serial
	}
	if w.record.Role != nil && cfg.shares() {
		s.Epoch, s.Since = w.record.Role.Epoch, w.record.Role.Since
	}
	return s
}

func (w *work) reportOrigin(cfg *Config) status.Source {
	if len(cfg.Primaries) > 0 && !w.readsFile(cfg) {
		return w.reportIntake(cfg)
	}
	f := w.files
	f.mu.Lock()
	defer f.mu.Unlock()
	s := status.Source{File: f.path, Serial: w.base.serial, Read: w.base.at, Refused: f.refused, Problems: []status.Problem{},
		Updated: len(w.overlay.entries), UpdatesHeld: w.record.HoldUpdates}
	for _, p := range f.problems {
		where := ""
		if p.File != "" {
			where = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		s.Problems = append(s.Problems, status.Problem{Where: where, Name: p.Name, Text: p.Text, Fatal: p.Fatal})
	}
	return s
}

// passedOver says why the serial that an operator has written is not the one that is
// served; "" when it is, or when it is not known.
func (w *work) passedOver(cfg *Config, s status.Zone) string {
	switch {
	case !w.readsFile(cfg) || s.Source.Read.IsZero() || s.Serial == 0 || s.Source.Serial == s.Serial:
		return ""
	case w.content != nil:
		return "not served yet, like everything else in the file"
	case w.reviews.pending() != nil:
		return "not served: it waits for its review"
	case !w.passed:
		return "" // it was served, or nobody has changed it: the served one goes up by itself
	case cfg.Serial != sign.Increment:
		return "not served: serials are made from the time"
	}
	return fmt.Sprintf("not served: it is not greater than %d, which was served already; the next serial is one more than that", s.Serial)
}

// raises reports whether content has another serial than what was signed before it.
func (w *work) raises(cfg *Config, content *zone.Version) bool {
	switch {
	case w.signedContent != nil:
		return w.signedContent.Serial() != content.Serial()
	case w.record.ContentSerial != nil && len(cfg.Contents) == 0:
		return *w.record.ContentSerial != content.Serial()
	}
	return false
}

func (w *work) reportKeys(cfg *Config) []status.Key {
	keys := []status.Key{}
	for _, k := range w.plan.Keys {
		out := status.Key{
			Tag: k.ID.Tag, Algorithm: k.ID.Algorithm, Mnemonic: dns.AlgorithmToString[k.ID.Algorithm],
			Role: strings.ToLower(k.Role.String()), Owner: k.Owner, Own: k.Ours, State: k.State, Standby: k.Standby, Compromised: k.Compromised,
			Signs: w.reportSigns(k), Moments: []status.Moment{},
		}
		if k.Role == roll.Unknown {
			out.Role = "?"
		}
		if record, ok := w.known.record(k.ID); ok {
			out.DNSKEY = zone.RdataText(zone.TypeDNSKEY, string(record))
			if ds, err := record.DS(cfg.Apex, ourDigest); err == nil {
				out.DS = zone.RdataText(zone.TypeDS, string(ds))
			}
		}
		for _, m := range k.Moments {
			out.Moments = append(out.Moments, status.Moment{What: m.What, At: m.At})
		}
		keys = append(keys, out)
	}
	return keys
}

// reportSigns says what a key of ours signs here, and what a peer's was seen to sign there.
func (w *work) reportSigns(k roll.KeyStatus) []string {
	signs := []string{}
	switch {
	case !k.Ours && w.sight != nil:
		return signsThere(w.sight.peers[k.Owner], k.ID)
	case !k.Ours || w.plan.Unsigned:
		return signs
	}
	for _, each := range []struct {
		what string
		by   []roll.KeyID
	}{{"dnskey", w.plan.SignDNSKEY}, {"cds", w.plan.SignCDS}, {"data", w.plan.SignData}} {
		if slices.Contains(each.by, k.ID) {
			signs = append(signs, each.what)
		}
	}
	return signs
}

// reportDS gives the whole DS RRset that is safe at the parent now: never a part
// of it, because a person would paste just that.
func (w *work) reportDS(cfg *Config) (lines []string, why string) {
	lines = []string{}
	set, err := w.known.cds(w.plan.DS)
	strangers := len(w.strangers()) > 0
	switch {
	case cfg.Parent.Mode == ParentNone && !w.plan.Unsigned && len(w.plan.DS) == 0:
		return lines, "`parent none` says that the zone has no DS and shall get none: name the parent (parent ADDRESS... or parent resolver) before it gets one"
	case strangers && w.plan.CDSDelete:
		return lines, "the zone goes insecure, but the parent has a DS that belongs to no known key: give `disown` if that DS may be removed, too"
	case w.plan.CDSDelete:
		return lines, "the zone goes insecure: the parent should have no DS"
	case w.plan.Unsigned:
		return lines, "the zone is insecure: the parent should have no DS"
	case err != nil || len(w.plan.DS) == 0:
		return lines, "no DS is safe yet: `status` says what is waited for"
	case cfg.Parent.Mode == ParentNone:
		why = "there is no parent to ask whether it has this set"
	case strangers:
		why = "this is the whole set, beside the DS at the parent that belongs to no known key: that one stays until `disown`"
	default:
		why = "this is the whole set: any other DS at the parent should be removed"
	}
	for rdata := range set.All() {
		lines = append(lines, zone.RdataText(zone.TypeDS, rdata))
	}
	return lines, why
}

func reportWaits(of []roll.Wait) []status.Wait {
	waits := []status.Wait{}
	for _, each := range of {
		holding := each.Holding
		if holding == nil {
			holding = []string{}
		}
		waits = append(waits, status.Wait{
			What: each.What, Why: each.Why, Key: each.Key.Tag,
			Since: each.Since, Earliest: each.Earliest, From: each.From, Holding: holding,
		})
	}
	return waits
}

func (w *work) reportAddresses(r peer.Report) []status.Address {
	out := []status.Address{}
	for _, a := range r.Addresses {
		if a.TransferFrom {
			continue
		}
		s := status.Address{
			Address: a.Server.Addr.String(), Host: a.Host, Seen: a.At, State: peerWords[a.Status], Why: a.Err,
			DNSKEY: []uint16{}, CDS: []uint16{},
		}
		if a.Status == peer.Unfound {
			s.Address = a.Host
		}
		for rdata := range a.Sets[zone.TypeDNSKEY].Rdata.All() {
			s.DNSKEY = append(s.DNSKEY, zone.DNSKEY(rdata).Tag())
		}
		for rdata := range a.Sets[zone.TypeCDS].Rdata.All() {
			s.CDS = append(s.CDS, zone.DS(rdata).Tag())
		}
		s.Serial = a.Sets[zone.TypeSOA].Rdata.Serial()
		out = append(out, s)
	}
	return out
}

// parentUnseen is what the configuration says of the parent.
func parentUnseen(cfg *Config) status.Parent {
	return status.Parent{
		Mode: [...]string{"none", "servers", "resolver"}[cfg.Parent.Mode],
		DS:   []string{}, Addresses: []status.ParentAddress{}, Manual: cfg.Parent.Manual,
	}
}

func (w *work) reportParent(cfg *Config) status.Parent {
	out := parentUnseen(cfg)
	out.Told = w.reportTold()
	if w.sight == nil {
		return out
	}
	r := w.sight.parent
	if r.Zone != "" {
		out.Zone = r.Zone.String()
	}
	for _, a := range r.Addresses {
		ds, why := []string{}, a.Err
		for rdata := range a.DS.Rdata.All() {
			ds = append(ds, zone.RdataText(zone.TypeDS, rdata))
		}
		if a.NoName && why == "" {
			why = "it does not know the name: there is no delegation"
		}
		out.DS = append(out.DS, ds...)
		out.Addresses = append(out.Addresses, status.ParentAddress{
			Address: a.Addr.String(), Seen: a.At, State: parentWords[a.Status], Why: why, DS: ds,
		})
	}
	slices.Sort(out.DS)
	out.DS = slices.Compact(out.DS)
	return out
}

// peerWords say how it stands with an address of a signer.
var peerWords = map[peer.Status]string{
	peer.Good: "good", peer.Unreachable: "unreachable", peer.NotAuthoritative: "not authoritative",
	peer.Garbled: "garbled", peer.TooMany: "too many keys", peer.Unsigned: "unsigned",
	peer.WrongAlgorithm: "wrong algorithm", peer.UnknownKey: "unknown key", peer.Expired: "expired",
	peer.Bogus: "bogus", peer.Stale: "stale", peer.Unfound: "address not known",
}

// parentWords say how it stands with an address of the parent.
var parentWords = map[parent.Status]string{
	parent.Good: "good", parent.Unreachable: "unreachable", parent.NotAuthoritative: "not authoritative",
	parent.Garbled: "garbled", parent.Unsigned: "unsigned", parent.Stale: "expired", parent.Bogus: "bogus",
}

// parentStates are roll's words for the same.
var parentStates = map[parent.Status]roll.AddressState{
	parent.Good: roll.Good, parent.Unreachable: roll.Unreachable, parent.NotAuthoritative: roll.Lame,
	parent.Garbled: roll.Bogus, parent.Unsigned: roll.Unsigned, parent.Stale: roll.Stale, parent.Bogus: roll.Bogus,
}
