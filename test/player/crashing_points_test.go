//go:build failpoints

package player

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// crashing has a signer die at the nth passing of a failpoint: what is on its disk in
// that moment is the next process's, and nothing else of it has an effect.
type crashing struct {
	mu     sync.Mutex
	of     string // signer
	point  string
	nth    int
	back   time.Duration // until it starts again
	passed map[string]int
	died   bool
	dead   []*life // not closed yet
	from   map[*life]time.Time
}

func (c *crashing) arm(l *life, o *engine.Options) {
	o.Failpoint = func(point string) error { return c.pass(l, point) }
}

func (c *crashing) pass(l *life, point string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-l.dead:
		return errors.New("dead")
	default:
	}
	if l.s.name != c.of {
		return nil
	}
	if c.passed == nil {
		c.passed, c.from = map[string]int{}, map[*life]time.Time{}
	}
	c.passed[point]++
	if c.died || point != c.point || c.passed[point] != c.nth {
		return nil
	}
	c.died = true
	l.s.w.note("%s dies at passing %d of %s", l.s.name, c.nth, point)
	if err := copyDir(l.s.stateDir(l.s.lives+1), l.state); err != nil {
		panic(err)
	}
	c.dead = append(c.dead, l)
	c.from[l] = time.Now()
	l.end()
	go func() { // this goroutine is one of those that Close waits for
		l.closed <- l.e.Close()
	}()
	return fmt.Errorf("dead")
}

// watch counts the passings of a signer from now on, and has it die at one of them.
func (c *crashing) watch(of, point string, nth int, back time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of, c.point, c.nth, c.back, c.passed, c.died, c.from = of, point, nth, back, map[string]int{}, false, map[*life]time.Time{}
}

// revive starts those anew that have died long enough ago.
func (w *world) revive() {
	c := &w.crashing
	c.mu.Lock()
	var due []*life
	c.dead = slices.DeleteFunc(c.dead, func(l *life) bool {
		if time.Since(c.from[l]) < c.back {
			return false
		}
		due = append(due, l)
		return true
	})
	c.mu.Unlock()
	for _, l := range due {
		w.must(<-l.closed)
		w.note("%s is back", l.s.name)
		l.s.begin()
	}
}

// bury closes what is dead still.
func (c *crashing) bury() {
	for _, l := range c.dead {
		l.s.w.must(<-l.closed)
	}
	c.dead = nil
}

// count is how often each point was passed since watch.
func (c *crashing) count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.passed)
}

// crash has a signer die at some failpoint soon, if none is about to.
func (w *world) crash(s *signer, d *drawn) bool {
	w.crashing.mu.Lock()
	busy := len(w.crashing.dead) > 0
	w.crashing.mu.Unlock()
	if !busy && s.now() != nil {
		point := oneOf(d, "save-before", "save-after", "publish-before", "publish-before", "tell-before", "sign", "make-before", "make-after", "retire-before", "snapshot-before", "snapshot-written")
		nth := 1 + d.r.IntN(3)
		w.note("%s is to die at passing %d of %s", s.name, nth, point)
		w.crashing.watch(s.name, point, nth, oneOf(d, 0, d.between(minute, day)))
	}
	return true
}
