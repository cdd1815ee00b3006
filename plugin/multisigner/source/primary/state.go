package primary

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// State is what is known of a zone's primaries. It is small, to be saved with each
// change of it, and may be read again by another process. The zero value is that of a
// zone that was never fetched. Its times are those that Next was given.
type State struct {
	Seen time.Time `json:"seen,omitzero"` // when Next was called last

	Has       bool      `json:"has,omitempty"`      // content was taken
	Serial    uint32    `json:"serial,omitempty"`   // of it
	From      string    `json:"from,omitempty"`     // which primary gave it
	SOA       Timers    `json:"soa,omitzero"`       // its
	Took      time.Time `json:"took,omitzero"`      // when it was taken
	Refreshed time.Time `json:"refreshed,omitzero"` // when a primary last had the same, or gave it
	Expires   time.Time `json:"expires,omitzero"`   // from when on it is not to be served
	Next      time.Time `json:"next,omitzero"`      // when a round begins, if nothing comes before
	Failures  int       `json:"failures,omitempty"` // rounds in a row in which no primary was good
	Why       string    `json:"why,omitempty"`      // of the last primary that was not
	Failing   time.Time `json:"failing,omitzero"`   // since when: the end of the first of these rounds
	Paced     time.Time `json:"paced,omitzero"`     // by when the fetches so far have had their seconds: see noticeGap
	Forced    bool      `json:"forced,omitempty"`   // all is to be taken now, whatever its serial
	// Whole: rounds take all, until a primary has given something.
	Whole    bool      `json:"whole,omitempty"`
	Told     *Notice   `json:"told,omitempty"`     // of what nobody has given yet
	Back     *Backward `json:"back,omitempty"`     // a primary has less than we have
	Rejected *Bad      `json:"rejected,omitempty"` // what a primary has cannot be served
	// Broken has the serial from which IXFR has failed at a primary, until a full transfer was tried.
	Broken map[string]uint32 `json:"broken,omitempty"`

	Busy string   `json:"busy,omitempty"` // the primary that is being asked
	Left []string `json:"left,omitempty"` // those of the round that have not ended, Busy first
	Good bool     `json:"good,omitempty"` // one of this round had what we have
	// Forcing says that this round takes all of the zone, whatever its serial.
	Forcing bool `json:"forcing,omitempty"`
}

// Notice is a NOTIFY that nothing has come of yet.
type Notice struct {
	From   string    `json:"from,omitempty"`
	Serial uint32    `json:"serial,omitempty"`
	Known  bool      `json:"known,omitempty"` // it said the serial
	Asked  bool      `json:"asked,omitempty"` // a round has begun since
	Tries  int       `json:"tries,omitempty"` // rounds in which no primary had it
	After  time.Time `json:"after,omitzero"`  // not to be asked about before
}

// Backward is a primary whose serial is older than ours: somebody has restored an old
// zone there, or it is a secondary that is behind.
type Backward struct {
	Primary string    `json:"primary"`
	Serial  uint32    `json:"serial"`
	Since   time.Time `json:"since"`
}

// Bad is content that was refused. It is not fetched again: another serial is.
type Bad struct {
	Primary string    `json:"primary"`
	Serial  uint32    `json:"serial"`
	Since   time.Time `json:"since"`
	Why     string    `json:"why,omitempty"`
}

// Expired reports whether what we have is too old to be served to outsiders.
func (s State) Expired(now time.Time) bool { return s.Has && !now.Before(s.Expires) }

// HalfGone reports whether half the time until then has passed: somebody is to be told.
func (s State) HalfGone(now time.Time) bool { return s.Has && !now.Before(s.half()) }

func (s *State) half() time.Time { return s.Refreshed.Add(s.Expires.Sub(s.Refreshed) / 2) }

func (s State) clone() State {
	s.Left, s.Broken = slices.Clone(s.Left), maps.Clone(s.Broken)
	s.Told, s.Back, s.Rejected = copied(s.Told), copied(s.Back), copied(s.Rejected)
	return s
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	is := *p
	return &is
}

// rebase takes in the time. When it has gone back all moments go with it: what was to be
// waited for is still.
func (s *State) rebase(now time.Time) {
	if back := now.Sub(s.Seen); back < 0 && !s.Seen.IsZero() {
		for _, at := range []*time.Time{&s.Took, &s.Refreshed, &s.Expires, &s.Next, &s.Failing, &s.Paced} {
			if !at.IsZero() {
				*at = at.Add(back)
			}
		}
		if s.Told != nil && !s.Told.After.IsZero() {
			s.Told.After = s.Told.After.Add(back)
		}
		if s.Back != nil {
			s.Back.Since = s.Back.Since.Add(back)
		}
		if s.Rejected != nil {
			s.Rejected.Since = s.Rejected.Since.Add(back)
		}
	}
	s.Seen = now
}

// In the long run NOTIFYs begin one fetch in each noticeGap, and noticesAtOnce when there
// were none before: our choice. A person who changes things one after the other waits for
// nothing; some primaries change several times a second, and anybody may send NOTIFYs in
// their names.
const (
	noticeGap     = time.Second
	noticesAtOnce = 5
)

// due is when the next round begins, or should have.
func (s *State) due() time.Time {
	at := s.Next
	if s.Forced {
		return s.Seen
	}
	if s.Told != nil {
		soon := s.Paced.Add(-(noticesAtOnce - 1) * noticeGap)
		if s.Told.After.After(soon) {
			soon = s.Told.After
		}
		if soon.Before(at) {
			at = soon
		}
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// notified takes in a NOTIFY.
func (s *State) notified(e Event) {
	switch {
	case e.Known && s.Has && !zone.SerialAfter(e.Serial, s.Serial):
		return // we have that
	case e.Known && s.Rejected != nil && e.Serial == s.Rejected.Serial:
		return // we do not want that
	}
	n := &Notice{From: e.From, Serial: e.Serial, Known: e.Known}
	if was := s.Told; was != nil && was.Known && (!n.Known || zone.SerialAfter(was.Serial, n.Serial)) {
		n.Serial, n.Known = was.Serial, true
	}
	s.Told = n
}

// ended takes in how a fetch went.
func (s *State) ended(c Config, e Event) {
	if s.Busy == "" || e.From != s.Busy {
		return // of an earlier process, or told twice
	}
	s.Left = slices.DeleteFunc(s.Left, func(p string) bool { return p == s.Busy })
	s.Busy, s.Paced = "", later(s.Paced, s.Seen).Add(noticeGap)
	r := e.Result
	delete(s.Broken, e.From) // once
	switch r.Outcome {
	case Failed:
		s.Why = r.Why
		if r.Broken && s.Has {
			if s.Broken == nil {
				s.Broken = map[string]uint32{}
			}
			s.Broken[e.From] = s.Serial
		}
	case Same:
		s.Good = true
		s.SOA = r.SOA
		s.fresh(c, r)
		s.settle(e.From)
	case Older:
		if s.Back == nil || s.Back.Primary != e.From {
			s.Back = &Backward{Primary: e.From, Since: s.Seen}
		}
		s.Back.Serial = r.Serial
	case Took:
		s.Good = true
		s.Has, s.Serial, s.From, s.SOA, s.Took = true, r.Serial, e.From, r.SOA, s.Seen
		s.Expires = time.Time{} // what it was before is of another content
		s.fresh(c, r)
		s.settle(e.From)
		s.Back, s.Rejected, s.Broken, s.Forcing, s.Whole = nil, nil, nil, false, false
	case Rejected:
		s.Whole = s.Whole && !s.Forcing // it was given, and would be refused again
		if s.Rejected == nil || s.Rejected.Serial != r.Serial {
			s.Rejected = &Bad{Primary: e.From, Serial: r.Serial, Since: s.Seen, Why: r.Why}
		}
	}
	if len(s.Left) == 0 || s.Good && !s.wanting() {
		s.finish(c)
	}
}

// fresh counts anew how long the content may be served: as long as its SOA says, or as
// EDNS EXPIRE says if that is less. A primary that is a secondary itself, and says less
// than another did before, takes nothing away (RFC 7314 4).
func (s *State) fresh(c Config, r Result) {
	s.Refreshed = s.Seen
	if at := s.Seen.Add(s.life(c, r)); at.After(s.Expires) {
		s.Expires = at
	}
}

// life is how long content lasts from now on.
func (s *State) life(c Config, r Result) time.Duration {
	// An SOA whose expire is less than a refresh and a retry would end between two (BIND
	// does the same).
	life := max(seconds(s.SOA.Expire), c.refresh(s.SOA)+c.retry(s.SOA))
	if r.Expires && r.Expire >= leastExpire {
		life = min(life, r.Expire)
	}
	return life
}

// leastExpire: a server that says less does not mean it (Knot holds it the same way).
const leastExpire = 2 * time.Second

// settle forgets what a primary that is good now had against it.
func (s *State) settle(from string) {
	if s.Back != nil && s.Back.Primary == from {
		s.Back = nil
	}
	if s.Rejected != nil && s.Rejected.Primary == from {
		s.Rejected = nil
	}
}

// wanting reports whether a NOTIFY has said more than what we have.
func (s *State) wanting() bool {
	return s.Told != nil && s.Told.Known && s.Told.Asked && (!s.Has || zone.SerialAfter(s.Told.Serial, s.Serial))
}

// noticeTries is how many rounds are made for a serial that no primary turns out to
// have: it may have been on its way. Our choice, and NSD's.
const noticeTries = 2

// finish ends a round.
func (s *State) finish(c Config) {
	s.Left, s.Forcing = nil, false
	switch {
	case s.Good:
		s.Failures, s.Why, s.Failing = 0, "", time.Time{}
		s.Next = s.Seen.Add(c.spread(s.pause(c)))
	case s.Failures > 0 && s.Next.After(s.Seen):
		// The round came before its time, by a NOTIFY or an operator. Anybody may send
		// NOTIFYs, and an operator tries what he mends: neither lengthens the wait.
	default:
		if s.Failures++; s.Failures == 1 {
			s.Failing = s.Seen
		}
		s.Next = s.Seen.Add(c.spread(c.backoff(s)))
	}
	s.Good = false
	switch t := s.Told; {
	case t == nil || !t.Asked && !(t.Known && s.Has && !zone.SerialAfter(t.Serial, s.Serial)):
		// None, or it came meanwhile and is of what we have not.
	case !s.wanting() || s.Failures > 0:
		s.Told = nil // it was answered; or a retry will come
	default:
		if t.Tries++; t.Tries >= noticeTries {
			s.Told = nil
			break
		}
		t.After = s.Seen.Add(c.retryMin())
	}
}

// pause is how long until a good primary is asked again: as the SOA says, but often
// enough for content that does not last as long.
func (s *State) pause(c Config) time.Duration {
	return min(c.refresh(s.SOA), max(s.Expires.Sub(s.Seen)/2, c.refreshMin()))
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }

func or(set, otherwise time.Duration) time.Duration {
	if set > 0 {
		return set
	}
	return otherwise
}

func (c Config) refreshMin() time.Duration { return or(c.RefreshMin, time.Minute) }
func (c Config) retryMin() time.Duration   { return or(c.RetryMin, 30*time.Second) }
func (c Config) retryMax() time.Duration   { return or(c.RetryMax, time.Hour) }

func (c Config) refresh(soa Timers) time.Duration {
	most := or(c.RefreshMax, max(24*time.Hour, c.RefreshMin))
	return max(min(seconds(soa.Refresh), most), c.refreshMin())
}

func (c Config) retry(soa Timers) time.Duration {
	return max(min(seconds(soa.Retry), c.retryMax()), c.retryMin())
}

// backoff is how long after a round in which no primary was good: the SOA's retry,
// doubled each time; without content it is short at first.
func (c Config) backoff(s *State) time.Duration {
	n := time.Duration(min(s.Failures, 1000))
	if !s.Has {
		return min(5*n*n*time.Second, c.retryMax())
	}
	wait := c.retry(s.SOA)
	for ; n > 1 && wait < c.retryMax(); n-- {
		wait *= 2
	}
	return min(wait, max(c.retryMax(), c.retryMin()))
}

// spread shortens a wait by up to a tenth, for each zone by its own share: they would
// else be asked for at the same time after a start.
func (c Config) spread(wait time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(c.Zone))
	return wait - time.Duration(float64(wait)/10*float64(h.Sum32())/(1<<32))
}
