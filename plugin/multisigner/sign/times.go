package sign

import (
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Policy is how long signatures are good. The zero value stands for Default.
type Policy struct {
	// Validity is from signing to the end, less a jitter of up to a quarter of
	// Validity - Refresh.
	Validity time.Duration
	// Refresh is how long before its end a signature is renewed at the latest.
	Refresh time.Duration
	// BackDate is how long before signing it begins to be good, for validators
	// whose clocks are behind.
	BackDate time.Duration
}

// Default renews in about a week what is good for two: our choice, so that a
// signer may be out of order for five days, and weekends are no problem.
var Default = Policy{Validity: 14 * 24 * time.Hour, Refresh: 5 * 24 * time.Hour, BackDate: time.Hour}

// Renewals go in rounds. The jitter spreads a zone signed at once over steps of
// a quarter of the time until renewal; when any signature is due, those that would
// be within a 32nd of that time are renewed with it, so that there are some dozens
// of rounds, and new serials, in a cycle and not one a second. Our choice.
const (
	jitterShare = 4
	jitterSteps = 24
	roundShare  = 32
)

// times is what one call of Zone reads off the clock that it is given.
type times struct {
	Policy
	now        time.Time
	earliest   time.Time // now or the mark, whichever is first
	latest     time.Time // whichever is last
	inception  uint32
	expiration int64 // before jitter
}

// at fixes the times. A clock that was set back must not make signatures that
// the world takes for expired, nor one that was set forward such as have not begun.
func (p Policy) at(now, mark time.Time) (times, error) {
	if p == (Policy{}) {
		p = Default
	}
	if p.Refresh < 0 || p.BackDate < 0 || p.Validity < p.Refresh+time.Second {
		return times{}, fmt.Errorf("signatures good for %v cannot be renewed %v before their end", p.Validity, p.Refresh)
	}
	if mark.IsZero() {
		mark = now
	}
	t := times{Policy: p, now: now, earliest: now, latest: mark}
	if mark.Before(now) {
		t.earliest, t.latest = mark, now
	}
	t.inception = uint32(t.earliest.Add(-p.BackDate).Unix())
	t.expiration = t.latest.Add(p.Validity).Unix()
	return t, nil
}

// due is the moment before which no signature may end without being renewed now,
// given the earliest end there is.
func (t times) due(earliest time.Time) time.Time {
	due := t.latest.Add(t.Refresh)
	if earliest.Unix() < due.Unix() {
		return due.Add((t.Validity - t.Refresh) / roundShare)
	}
	return due
}

// end is when a signature made now over an RRset ends.
func (t times) end(n zone.Name, typ zone.Type) uint32 {
	step := (t.Validity - t.Refresh) / jitterShare / jitterSteps
	return uint32(t.expiration - int64(time.Duration(spread(n, typ)%jitterSteps)*step/time.Second))
}

// first is the earliest end that a signature made now may have.
func (t times) first() int64 {
	step := (t.Validity - t.Refresh) / jitterShare / jitterSteps
	return t.expiration - int64((jitterSteps-1)*step/time.Second)
}

// spread is FNV-1a over a name and a type: equal for equal RRsets, so that
// signing again gives what it gave.
func spread(n zone.Name, t zone.Type) uint32 {
	h := uint32(2166136261)
	for i := range len(n) {
		h = (h ^ uint32(n[i])) * 16777619
	}
	h = (h ^ uint32(t>>8)) * 16777619
	h = (h ^ uint32(t&0xff)) * 16777619
	return h ^ h>>16
}

// next is when v has signatures due for renewal, by the clock that showed now. When
// there are some already, which were made elsewhere, it is a round away.
func (t times) next(v *zone.Version) time.Time {
	earliest, ok := v.Earliest()
	if !ok {
		return time.Time{}
	}
	wait := earliest.Add(time.Second - t.Refresh).Sub(t.latest)
	if wait <= 0 {
		wait = max((t.Validity-t.Refresh)/roundShare, time.Second)
	}
	return t.now.Add(wait)
}

// good reports whether a signature may stay: it does not end before due, and has begun.
func (t times) good(sig zone.RRSIG, due time.Time) bool {
	return int32(sig.Expiration()-uint32(due.Unix())) >= 0 && t.begun(sig)
}

// begun reports whether a signature is good already, by the earlier of the clocks.
func (t times) begun(sig zone.RRSIG) bool {
	return int32(uint32(t.earliest.Unix())-sig.Inception()) >= 0
}
