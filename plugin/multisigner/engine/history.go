package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A history holds the differences between the versions that a zone was served with, one
// after the other, for secondaries that ask for what has changed (RFC 1995). It is a
// cache: who asks for what it does not hold gets the whole zone.
//
// A serial does not tell which version somebody has. It may have been given twice: after
// a crash when the disk took nothing, after a backup was put back, with the state lost;
// and another signer of the zone gives the same serials to other versions. Applied to
// those, our differences would make a zone that nobody has signed. So each version has a
// number of its own, drawn by lot, and a chain is sent only to those whom this signer has
// itself sent the very version that it begins with: the same address and key.

// History is a chain of differences that ends at the version that is served. It is
// never changed.
type History struct {
	at     lot
	steps  []step // the oldest first
	octets int    // of their differences
}

// lot is the number of a version that was shown, drawn by lot; 0: none.
type lot uint64

// step leads from one version that was shown to the next.
type step struct {
	from, to     lot
	since, until uint32 // serials
	diff         []byte // as xfr.WriteDiff writes it
}

// Bounds of a history: our choice. A secondary that is so far behind gets more by a
// chain than is left to save against the whole zone, which is sent anyway when a chain is
// longer than half of it; the least is for small zones, where a difference is mostly
// signatures. A thousand versions keep decoding short where each change is tiny.
const (
	historyShare = 5 // one part in so many of the zone's octets
	leastHistory = 4 << 10
	maxSteps     = 1000
)

func historyLimit(v *zone.Version) int { return max(v.Size()/historyShare, leastHistory) }

var errLarge = errors.New("the difference is larger than a history may be")

// chronicle is a zone's history with what its worker needs to go on with it.
type chronicle struct {
	*History
	of      *zone.Version // at which the history ends
	made    *madeBy       // how the version was made that is to be shown; nil: unknown
	onDisk  bool          // the file can be gone on with
	written lot           // the version at which it ends
	size    int           // its octets
}

// lotOf is the number of v, if the history ends at it.
func (c *chronicle) lotOf(v *zone.Version) lot {
	if c.History == nil || v != c.of {
		return 0
	}
	return c.at
}

// begin has the history end at v, with nothing before it.
func (c *chronicle) begin(v *zone.Version, at lot) {
	if at == 0 {
		at = lot(rand.Uint64() | 1)
	}
	c.History, c.of, c.onDisk = &History{at: at}, v, false
}

// goOn takes in that v is shown from now on.
func (c *chronicle) goOn(v *zone.Version) {
	made := c.made
	c.made = nil
	switch {
	case v == nil || v == c.of:
		return
	case c.of == nil || !zone.SerialAfter(v.Serial(), c.of.Serial()):
		// The first one; or a version was withdrawn, and whoever has it is to have the
		// whole of what comes next.
		c.begin(v, 0)
		return
	}
	var d zone.Diff
	if made != nil && made.from == c.of && made.to == v {
		d = made.diff
	} else {
		d = zone.Compare(c.of, v)
	}
	limit := historyLimit(v)
	packed, err := pack(d, limit)
	if err != nil {
		c.begin(v, 0) // also by a rollover, which makes all signatures anew
		return
	}
	next := &History{at: lot(rand.Uint64() | 1), octets: c.octets + len(packed)}
	// What is appended is beyond what readers of earlier histories see.
	next.steps = append(c.steps, step{from: c.at, to: next.at, since: d.From, until: d.To, diff: packed})
	for next.octets > limit || len(next.steps) > maxSteps {
		next.octets -= len(next.steps[0].diff)
		next.steps = next.steps[1:]
	}
	c.History, c.of = next, v
}

// madeBy is the difference by which a version was made of another.
type madeBy struct {
	from, to *zone.Version
	diff     zone.Diff
}

// pack writes d, if that takes no more than limit.
func pack(d zone.Diff, limit int) ([]byte, error) {
	octets := 0
	for _, c := range d.Changes {
		if octets += len(c.Old.Rdata) + len(c.Old.Sigs) + len(c.New.Rdata) + len(c.New.Sigs); octets > limit {
			return nil, errLarge
		}
	}
	var b bytes.Buffer
	if err := xfr.WriteDiff(&b, d); err != nil {
		return nil, err
	}
	if b.Len() > limit {
		return nil, errLarge
	}
	return bytes.Clone(b.Bytes()), nil
}

// chain gives the differences that lead from the version of a serial, if it is one of
// those numbers; none when they are not there.
func (h *History) chain(sent []lot, serial uint32) ([]zone.Diff, error) {
	if h == nil {
		return nil, nil
	}
	for i := len(h.steps) - 1; i >= 0; i-- {
		if s := &h.steps[i]; s.since == serial && slices.Contains(sent, s.from) {
			return decode(h.steps[i:])
		}
	}
	return nil, nil
}

func decode(steps []step) (chain []zone.Diff, err error) {
	for _, s := range steps {
		d, err := xfr.ReadDiff(bytes.NewReader(s.diff))
		if err != nil {
			return nil, err
		}
		if d.From != s.since || d.To != s.until {
			return nil, fmt.Errorf("difference from serial %d is one from %d", s.since, d.From)
		}
		chain = append(chain, d)
	}
	return chain, nil
}

// marks are which versions were sent to whom, as a whole or by differences.
type marks struct {
	mu sync.Mutex
	of map[asker][]lot // the last ones; several servers may ask from one address
	// news are those that the file does not know yet.
	news []mark
}

// asker is somebody who transfers: each address and key counts as one.
type asker struct {
	addr netip.Addr
	key  string
}

type mark struct {
	who asker
	at  lot
}

// Bounds of what is remembered: our choice. An asker may be forgotten for another one; so
// many versions of each are kept that servers behind one address can be at different ones.
const (
	maxAskers = 250
	maxLots   = 16
	maxNews   = maxAskers * maxLots
)

func (m *marks) put(who asker, at lot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[asker][]lot{}
	}
	had := m.of[who]
	if slices.Contains(had, at) {
		return
	}
	if had == nil && len(m.of) >= maxAskers {
		for other := range m.of {
			delete(m.of, other)
			break
		}
	}
	m.of[who] = append(had[max(0, len(had)+1-maxLots):], at)
	if len(m.news) < maxNews {
		m.news = append(m.news, mark{who, at})
	}
}

// count is how many marks there are. The caller holds the lock.
func (m *marks) count() (n int) {
	for _, sent := range m.of {
		n += len(sent)
	}
	return n
}

// get gives the versions that an asker was sent.
func (m *marks) get(who asker) []lot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.of[who])
}

// Differences gives the differences that lead from the version of a serial that
// somebody has to the one that s serves, each beginning where the one before has ended;
// none when they are not all there, or would cost more than half of what the zone
// does, or when it is not sure which version he has.
func (z *Zone) Differences(s *Serving, from netip.Addr, key string, serial uint32) []zone.Diff {
	chain, err := s.History.chain(z.marks.get(asker{from, key}), serial)
	if err == nil {
		chain, err = xfr.Condense(chain)
	}
	if err != nil {
		z.engine.log.Error("the history of the zone is damaged; the whole zone is sent", "zone", z.apex, "error", err)
		return nil
	}
	if xfr.Octets(chain...) > s.Version.Size()/2 {
		return nil
	}
	return chain
}

// Sent notes that somebody has the version that s serves now, because it was sent to
// him: he may ask for differences from it.
func (z *Zone) Sent(s *Serving, from netip.Addr, key string) {
	if s.History != nil {
		z.marks.put(asker{from, key}, s.History.at)
	}
}
