// Package primary decides when a zone's content is asked for at which of its primaries,
// how it is fetched, and when what we have is too old to be served (RFC 1034 4.3.5, RFC
// 1996, RFC 7314). It asks nobody: whoever calls it carries out what it says, and tells
// how that went.
package primary

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Config is what an operator has set for a zone. A bound that is 0 has its default.
type Config struct {
	Zone      zone.Name // whose hash spreads the asking of many zones
	Primaries []string  // by name, in the order in which they are asked; all have the same content and serials
	// What SOAs say of refresh and retry is kept within these.
	RefreshMin, RefreshMax time.Duration // 60 s, 1 d
	RetryMin, RetryMax     time.Duration // 30 s, 1 h
}

// Kind is what has happened.
type Kind uint8

// The kinds of events.
const (
	Tick       Kind = iota // nothing but time: Action.Until has come
	Start                  // the process begins: what it had begun before has not ended, and NOTIFYs may have been missed
	Notify                 // a primary says that the zone has changed (RFC 1996)
	Retransfer             // an operator wants all of the zone, whatever its serial
	Ended                  // a Fetch has ended
)

// Event is what Next is told.
type Event struct {
	Kind Kind
	From string // Notify, Ended: which primary; of a Notify it may be "", not known
	// Notify: the serial in it, if Known.
	Serial uint32
	Known  bool
	Result Result // Ended
}

// Outcome is how a fetch ended.
type Outcome uint8

// The outcomes.
const (
	Failed   Outcome = iota // no answer, or one that says nothing of the zone: SERVFAIL, REFUSED, not authoritative, a broken transfer
	Same                    // the primary has what we have
	Older                   // the primary has less than we have: nothing was taken
	Took                    // something was taken
	Rejected                // what it has cannot be served, now or as it was found earlier: nothing was taken
)

// Result is what a fetch has brought.
type Result struct {
	Outcome Outcome
	Serial  uint32 // the primary's; not of Failed
	SOA     Timers // of Same and Took: of that SOA
	// Expire is what EDNS EXPIRE said, if Expires (RFC 7314).
	Expire  time.Duration
	Expires bool
	// Broken says that an IXFR failed and that no full transfer came after it: the next
	// fetch from there is a full transfer, once.
	Broken bool
	Why    string // of Failed and Rejected, for people
}

// Timers are an SOA's, in seconds.
type Timers struct {
	Refresh uint32 `json:"refresh,omitempty"`
	Retry   uint32 `json:"retry,omitempty"`
	Expire  uint32 `json:"expire,omitempty"`
}

// TimersOf reads SOA rdata.
func TimersOf(soa string) Timers {
	return Timers{zone.SOARefresh(soa), zone.SOARetry(soa), zone.SOAExpire(soa)}
}

// Action is what is to be done.
type Action struct {
	// Fetch is to be begun now, if not nil; its end is to be told by an Ended. There is
	// never a second one meanwhile.
	Fetch *Fetch
	// Until is when Next is to be called with a Tick, if nothing has happened before.
	Until time.Time
}

// Fetch is one visit to one primary: its SOA, and then what How says.
type Fetch struct {
	Primary string
	Have    bool // we have content, of Serial
	Serial  uint32
	Forced  bool // all of the zone is to be taken, whatever its serial
	Whole   bool // IXFR has failed there from this serial
	// Bad is a serial, if HasBad, whose content was refused before.
	Bad    uint32
	HasBad bool
}

// How is what a primary's serial leads to.
type How uint8

// What is to be done.
const (
	Nothing     How = iota // it has what we have: Same
	GoneBack               // it has less: Older
	KnownBad               // it has what was refused before: Rejected
	Incremental            // IXFR, and a full transfer if that cannot be had
	Full                   // AXFR
)

// How says what is to be done about a primary that has this serial.
func (f Fetch) How(serial uint32) How {
	switch {
	case f.Forced || !f.Have && !(f.HasBad && serial == f.Bad):
		return Full
	case f.HasBad && serial == f.Bad:
		return KnownBad
	case serial == f.Serial:
		return Nothing
	case !zone.SerialAfter(serial, f.Serial):
		return GoneBack
	case f.Whole:
		return Full
	}
	return Incremental
}

// Next takes in an event and gives the state after it, and what is to be done. s is not
// changed. now is the time by which ends are judged: one that goes back, or that stood
// still while nothing ran, prolongs waits by as much, and does no other harm. A step
// forward counts as time that has passed, so it must be sure.
func Next(s State, c Config, e Event, now time.Time) (State, Action) {
	s = s.clone()
	s.rebase(now)
	switch e.Kind {
	case Start:
		s.Forced = s.Forced || s.Forcing
		if s.Busy, s.Left, s.Good, s.Forcing = "", nil, false, false; !s.Has {
			s.Next = s.Seen
		}
		s.notified(e) // one may have been sent while nobody was here
	case Notify:
		s.notified(e)
	case Retransfer:
		s.Forced, s.Rejected = true, nil
	case Ended:
		s.ended(c, e)
	}
	return s.act(c)
}

// act says what is to be done now.
func (s State) act(c Config) (State, Action) {
	s.Left = slices.DeleteFunc(s.Left, func(p string) bool { return !slices.Contains(c.Primaries, p) })
	if s.Busy == "" && len(s.Left) == 0 && len(c.Primaries) > 0 && !s.due().After(s.Seen) {
		s.begin(c)
	}
	var a Action
	if s.Busy == "" && len(s.Left) > 0 {
		s.Busy = s.Left[0]
		a.Fetch = s.fetch()
	}
	a.Until = s.until(c)
	return s, a
}

// begin starts a round: each primary is asked until one is good. The one that told us of
// a change comes first.
func (s *State) begin(c Config) {
	s.Left, s.Good = slices.Clone(c.Primaries), false
	s.Whole = s.Whole || s.Forced
	s.Forcing, s.Forced = s.Whole, false
	if s.Told == nil {
		return
	}
	s.Told.Asked = true
	if i := slices.Index(s.Left, s.Told.From); i > 0 {
		s.Left = slices.Insert(slices.Delete(s.Left, i, i+1), 0, s.Told.From)
	}
}

func (s *State) fetch() *Fetch {
	f := &Fetch{Primary: s.Busy, Have: s.Has, Serial: s.Serial, Forced: s.Forcing}
	if at, ok := s.Broken[s.Busy]; ok && s.Has {
		f.Whole = at == s.Serial
	}
	if s.Rejected != nil {
		f.Bad, f.HasBad = s.Rejected.Serial, true
	}
	return f
}

// until is when time alone may change something.
func (s *State) until(c Config) time.Time {
	var first time.Time
	soonest := func(at time.Time) {
		if at.After(s.Seen) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if s.Busy == "" && len(c.Primaries) > 0 {
		soonest(s.due())
	}
	if s.Has {
		soonest(s.half())
		soonest(s.Expires)
	}
	if first.IsZero() {
		first = s.Seen.Add(longest)
	}
	return first
}

// longest is how long a Tick is put off when nothing is known to come: our choice.
const longest = time.Hour
