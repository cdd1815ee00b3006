package engine

import (
	"context"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Bounds of how many zones are looked at each second, so that ten thousand cost a disk no
// more than a thousand looks; and where the system tells what happens to every file, a
// processor next to nothing: our choice.
const (
	looksPerSecond = 1000
	looksWhereTold = 100
	// looksPerClock is for how many looks the clock is read once, which takes as long as a look: our choice.
	looksPerClock = 16
)

// closeLooks is of how many zones each look at the keys is close. A close look is half a dozen questions to the disk,
// where another is one; of more zones every second to tenth look is. Our choice.
const closeLooks = 10

// closeEvery is which look at the keys of one of n zones is close: every so many-th.
func closeEvery(n int) int { return min(max((n+closeLooks-1)/closeLooks, 1), closeLooks) }

// watch looks at the files of every zone, in rounds as long as looksPerSecond makes
// them and with a second between two, and gives a turn to the zones whose files changed.
// When a change counts is the source.Watcher's to say. Files of which the system tells are
// looked at besides as soon as it does.
func (e *Engine) watch(ctx context.Context, clocks *clock.Times) {
	w := &watching{engine: e, of: map[string][]zone.Name{}, last: map[*Zone]time.Duration{}}
	if _, real := e.clock.(clock.System); real { // what the system tells, it tells by its own
		if notices, err := source.NewNotices(); err == nil {
			w.notices, w.told = notices, notices.Of
			defer notices.Close()
		}
	}
	perSecond := looksPerSecond
	for round := 0; ; round++ {
		began := e.clock.Steady()
		e.watchClock(clocks)
		e.watchHome()
		told := w.notices != nil
		zones := e.list()
		every := closeEvery(len(zones))
		var now time.Duration
		for i, z := range zones {
			if i > 0 && i%perSecond == 0 && !w.rest(ctx, began+time.Duration(i/perSecond)*time.Second) {
				return
			}
			if w.missed() {
				told = false
				break // to look at all of them anew, and faster
			}
			told = w.follow(z) && told
			if i%looksPerClock == 0 || i%perSecond == 0 {
				now = e.clock.Steady()
			}
			z.watchFiles(now)
			e.watchKeys(z, (i+round)%every == 0)
		}
		if perSecond = looksPerSecond; told {
			perSecond = looksWhereTold
		}
		// From the end of the round on: two looks in a row at a file that is being written
		// would else follow each other at once when the machine is busy, and see the same.
		if !w.rest(ctx, e.clock.Steady()+e.filesEvery) {
			return
		}
	}
}

// watching is what the watcher knows of the files that the system tells of.
type watching struct {
	engine  *Engine
	notices *source.Notices // nil: the system tells of none
	told    <-chan string
	of      map[string][]zone.Name // the zones that read each file

	second []secondLook // in the order in which they are due
	last   map[*Zone]time.Duration
}

// secondLook is due some time after a file was closed: who writes a file in several goes
// has begun the next one by then.
type secondLook struct {
	zone *Zone
	at   time.Duration
}

// afterClose is when the second look is due: our choice.
const afterClose = 250 * time.Millisecond

// missed reports whether the system has told of more than was heard.
func (w *watching) missed() bool { return w.notices != nil && w.notices.Missed() }

// follow has the system tell of the zone's files. It gives false where it does not.
func (w *watching) follow(z *Zone) (told bool) {
	f := &z.files
	// A zone that reads its file, or has not read it yet, is looked at soon again: it is followed then.
	if w.notices == nil || !f.mu.TryLock() {
		return false
	}
	defer f.mu.Unlock()
	told = len(f.watcher.Files()) > 0 || z.config.Load().File == ""
	if len(w.of) > 2*len(w.engine.list())+source.MaxFiles {
		clear(w.of) // of zones that are gone; the next round puts the others in
	}
	for _, path := range f.watcher.Files() {
		told = w.notices.Follow(path) && told
		if zones := w.of[path]; !slices.Contains(zones, z.apex) {
			w.of[path] = append(zones, z.apex)
		}
	}
	return told
}

// rest waits until the steady clock says until, and looks meanwhile at what the system
// tells of; false when ctx ended first.
func (w *watching) rest(ctx context.Context, until time.Duration) bool {
	clock := w.engine.clock
	for {
		due := until
		if len(w.second) > 0 {
			due = min(due, w.second[0].at)
		}
		timer, stop := clock.At(due)
		select {
		case <-timer:
			now := clock.Steady()
			if w.lookAgain(now); now >= until {
				return true
			}
		case path, going := <-w.told:
			if stop(); !going {
				w.told = nil
			}
			w.closed(path, clock.Steady())
		case <-ctx.Done():
			stop()
			return false
		}
	}
}

// closed looks at the zones that read a file.
func (w *watching) closed(path string, now time.Duration) {
	zones := *w.engine.zones.Load()
	for _, apex := range w.of[path] {
		if z := zones[apex]; z != nil {
			z.watchFiles(now)
			w.last[z] = now + afterClose
			w.second = append(w.second, secondLook{z, now + afterClose})
		}
	}
}

// lookAgain takes the second looks that are due.
func (w *watching) lookAgain(now time.Duration) {
	for len(w.second) > 0 && w.second[0].at <= now {
		if s := w.second[0]; w.last[s.zone] == s.at { // else it was closed once more since
			delete(w.last, s.zone)
			s.zone.watchFiles(now)
		}
		w.second = w.second[1:]
	}
}

// watchClock gives every zone a turn when the wall clock was set: what was due by it
// is due at another moment now.
func (e *Engine) watchClock(clocks *clock.Times) {
	set := clocks.Advance(e.clock.Now(), e.clock.Steady())
	if set == 0 {
		return
	}
	e.log.Warn("the clock was set", "by", set, "to", clocks.Wall())
	for _, z := range e.list() {
		e.queue.want(z)
	}
}

// pause waits until the steady clock says until, or thereabouts; false when ctx
// ended first.
func (e *Engine) pause(ctx context.Context, until time.Duration) bool {
	timer, stop := e.clock.At(until)
	defer stop()
	select {
	case <-timer:
		return true
	case <-ctx.Done():
		return false
	}
}
