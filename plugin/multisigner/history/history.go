// Package history keeps the differences between the versions that a zone was served with, for
// secondaries that ask for what has changed (RFC 1995), and which version each of those was
// sent. It is a cache: who asks for what it does not hold gets the whole zone.
package history

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

// A serial does not tell which version somebody has. It may have been given twice: after
// a crash when the disk took nothing, after a backup was put back, with the state lost;
// and another signer of the zone gives the same serials to other versions. Applied to
// those, our differences would make a zone that nobody has signed. So each version has a
// number of its own, drawn by lot, and a chain is sent only to those whom this signer has
// itself sent the very version that it begins with: the same address and key. Several servers
// may be behind those. Where they were sent two versions of one serial, nobody can tell which of
// the two one of them has, and each gets the whole zone for it.

// Chain is a chain of differences, one after the other, that ends at the version that is
// served. It is never changed. nil is one that nobody can be told differences from.
type Chain struct {
	at     Lot
	steps  []step // the oldest first
	octets int    // of their differences
}

// Lot is the number of a version that was shown, drawn by lot; 0: none.
type Lot uint64

// step leads from one version that was shown to the next.
type step struct {
	from, to     Lot
	since, until uint32 // serials
	diff         []byte // as xfr.WriteDiff writes it
}

// Bounds of a history: our choice. A secondary that is so far behind gets more by a
// chain than is left to save against the whole zone, which is sent anyway when a chain is
// longer than half of it; the least is for small zones, where a difference is mostly
// signatures. A thousand versions keep decoding short where each change is tiny.
const (
	share    = 5 // one part in so many of the zone's octets
	least    = 4 << 10
	maxSteps = 1000
)

func limitOf(v *zone.Version) int { return max(v.Size()/share, least) }

var errLarge = errors.New("the difference is larger than a history may be")

// Chronicle is a chain, with what its owner needs to go on with it. The zero value is that
// of a zone that was not shown yet. One goroutine at a time uses it.
type Chronicle struct {
	*Chain
	of      *zone.Version // at which the history ends
	made    *made         // how the version was made that is to be shown; nil: unknown
	onDisk  bool          // the file can be gone on with
	written Lot           // the version at which it ends
	size    int           // its octets
}

// LotOf is the number of v, if the history ends at it.
func (c *Chronicle) LotOf(v *zone.Version) Lot {
	if c.Chain == nil || v != c.of {
		return 0
	}
	return c.at
}

// Withdraw forgets all that leads to the version at which the history ends: no chain leads
// over what was withdrawn.
func (c *Chronicle) Withdraw() { c.begin(c.of, 0) }

// begin has the history end at v, with nothing before it.
func (c *Chronicle) begin(v *zone.Version, at Lot) {
	if at == 0 {
		at = Lot(rand.Uint64() | 1)
	}
	c.Chain, c.of, c.onDisk = &Chain{at: at}, v, false
}

// Made says how the version was made that is shown next: by a difference to the last one.
// Where it was not said, the two are compared. nil versions take it back.
func (c *Chronicle) Made(from, to *zone.Version, diff zone.Diff) { c.made = &made{from, to, diff} }

// GoOn takes in that v is shown from now on.
func (c *Chronicle) GoOn(v *zone.Version) {
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
	limit := limitOf(v)
	packed, err := pack(d, limit)
	if err != nil {
		c.begin(v, 0) // also by a rollover, which makes all signatures anew
		return
	}
	next := &Chain{at: Lot(rand.Uint64() | 1), octets: c.octets + len(packed)}
	// What is appended is beyond what readers of earlier histories see.
	next.steps = append(c.steps, step{from: c.at, to: next.at, since: d.From, until: d.To, diff: packed})
	for next.octets > limit || len(next.steps) > maxSteps {
		next.octets -= len(next.steps[0].diff)
		next.steps = next.steps[1:]
	}
	c.Chain, c.of = next, v
}

// made is the difference by which a version was made of another.
type made struct {
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

// Since gives the differences that lead from the version of a serial, if it is one of those
// that somebody was sent; none when they are not there, or when it is not sure which version
// of that serial he has.
func (c *Chain) Since(sent []Sent, serial uint32) ([]zone.Diff, error) {
	if c == nil {
		return nil, nil
	}
	var of Lot
	for _, s := range sent {
		switch {
		case s.Serial != serial:
		case of != 0:
			return nil, nil
		default:
			of = s.At
		}
	}
	for i := len(c.steps) - 1; i >= 0 && of != 0; i-- {
		if s := &c.steps[i]; s.since == serial && s.from == of {
			return decode(c.steps[i:])
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

// Version is the version at which the chain ends, as somebody was sent it.
func (c *Chain) Version(serial uint32) Sent { return Sent{c.at, serial} }

// Marks are which versions were sent to whom, as a whole or by differences. The zero value
// has none. Any goroutine may use them.
type Marks struct {
	mu sync.Mutex
	of map[Asker][]Sent // the last ones; several servers may ask from one address
	// news are those that the file does not know yet.
	news []mark
}

// Asker is somebody who transfers: each address and key counts as one.
type Asker struct {
	Addr netip.Addr
	Key  string
}

type mark struct {
	who Asker
	is  Sent
}

// Sent is a version that somebody was sent.
type Sent struct {
	At     Lot
	Serial uint32
}

// Bounds of what is remembered: our choice. An asker may be forgotten for another one; so
// many versions of each are kept that servers behind one address can be at different ones.
const (
	maxAskers = 250
	maxLots   = 16
	maxNews   = maxAskers * maxLots
)

// Put notes that somebody was sent a version.
func (m *Marks) Put(who Asker, is Sent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[Asker][]Sent{}
	}
	had := m.of[who]
	if slices.Contains(had, is) {
		return
	}
	if had == nil && len(m.of) >= maxAskers {
		for other := range m.of {
			delete(m.of, other)
			break
		}
	}
	m.of[who] = append(had[max(0, len(had)+1-maxLots):], is)
	if len(m.news) < maxNews {
		m.news = append(m.news, mark{who, is})
	}
}

// count is how many marks there are. The caller holds the lock.
func (m *Marks) count() (n int) {
	for _, sent := range m.of {
		n += len(sent)
	}
	return n
}

// Of gives the versions that an asker was sent.
func (m *Marks) Of(who Asker) []Sent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.of[who])
}
