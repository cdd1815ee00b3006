package engine

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/dormant"
)

// A zone of which nothing happens has a turn every few hours, and what the turns know of it takes more
// memory than the zone itself. So between two turns that are not near to each other it is kept as octets, and
// is made anew of them for the next one, or when somebody asks for the status. What answers are made of, and
// what the watcher looks at, is not in it.

// restsFrom is for how long a zone must have nothing to do that it is put to rest: our choice, so that turns
// which follow each other do without.
const restsFrom = 10 * time.Second

// proveRest is told what was put to rest and what would wake of it; nil but in tests.
var proveRest func(was, is *work)

// rest puts to rest what the worker has left. The caller holds the account's lock.
func (z *Zone) rest() {
	z.work.files = nil
	z.rests = dormant.Keep(z.work)
	if proveRest != nil {
		proveRest(z.work, dormant.Wake[work](z.rests))
	}
	z.work = nil
}

// rouse makes it what it was. The caller holds the account's lock.
func (z *Zone) rouse() {
	if z.work == nil {
		z.work, z.rests = dormant.Wake[work](z.rests), dormant.Kept{}
		z.work.files = &z.files
	}
}
