package sign

import (
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// signAsked signs the first version of a large zone, and has it answered from meanwhile: the
// apex first, without which nobody believes anything else, and all else page by page and
// as it is asked for.
func (l look) signAsked(soa job) (v *zone.Version, signed int, err error) {
	h := l.atOnce()
	edit := l.next.Edit()
	put := func(j *job) error {
		sigs, err := h.sign(j)
		if err == nil {
			edit.Put(j.set.WithSigs(sigs))
		}
		return err
	}
	if err := put(&soa); err != nil {
		return nil, 0, err
	}
	for set := range l.next.Top().All() {
		var j job
		if set.Type != zone.TypeSOA && l.judge(l.next.Top(), set, &j) {
			if err := put(&j); err != nil {
				return nil, 0, err
			}
		}
	}
	l.next = edit.Version().Draft(l.asked(), time.Unix(l.times.first(), 0))
	if err := l.First(l.next); err != nil {
		return nil, 0, err
	}
	v, signed, err = l.signPages()
	return v, signed + h.signed, err
}

// atOnce is a hand that waits for no place, and does not stop: somebody waits for its answer.
func (s *signing) atOnce() *hand {
	at := *s
	at.Place, at.Stop = nil, nil
	return at.hand()
}

// asked signs what is asked for, in any number of goroutines.
func (l look) asked() zone.Signatures {
	hands := sync.Pool{New: func() any { return l.atOnce() }}
	return func(n *zone.Node, set zone.RRset) (zone.Packed, error) {
		var j job
		if !l.judge(n, set, &j) {
			return set.Sigs, nil
		}
		h := hands.Get().(*hand)
		defer hands.Put(h)
		return h.sign(&j)
	}
}
