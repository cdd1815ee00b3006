package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/dormant"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Whatever a test does with a zone, what wakes is what was put to rest.
func init() {
	proveRest = func(was, is *work) {
		if !reflect.DeepEqual(was, is) {
			panic(fmt.Sprintf("a zone does not wake as it was put to rest:\n%+v\n%+v", was, is))
		}
	}
}

// Rests reports whether the zone is kept as octets, and how many those are.
func (z *Zone) Rests() (octets int, rests bool) {
	z.account.Lock()
	defer z.account.Unlock()
	return z.rests.Octets(), z.work == nil && z.rests.Holds()
}

// Idle reports whether nothing is under way or due: no turn, no look, no NOTIFY.
func (e *Engine) Idle() bool {
	e.queue.mu.Lock()
	defer e.queue.mu.Unlock()
	for _, z := range e.list() {
		s := &z.slot
		// Of a zone in nobody's hands, the lock shows what its worker has left.
		if s.inHand || s.again || z.busy() || s.index >= 0 && s.wake <= e.clock.Steady() {
			return false
		}
	}
	return len(e.telling) == 0
}

// CatalogsIdle reports whether no primary of a catalog is being asked, and nothing waits for a turn.
func (e *Engine) CatalogsIdle() bool {
	c := e.catalogs
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.list {
		each.asked.mu.Lock()
		waits := len(each.asked.events) > 0 || each.asked.got != nil
		each.asked.mu.Unlock()
		if waits || !each.begun || each.record.Intake.Busy != "" {
			return false
		}
	}
	return len(c.poke) == 0 && !c.stale && !c.more()
}

// LooksAtParents reports whether the parents of removed zones are being looked at.
func (e *Engine) LooksAtParents() bool {
	e.catalogs.mu.Lock()
	defer e.catalogs.mu.Unlock()
	return e.catalogs.departed.looking
}

// KeptFor is how long a removed member was kept, as it was counted.
func (e *Engine) KeptFor(name zone.Name) time.Duration {
	e.catalogs.mu.Lock()
	defer e.catalogs.mu.Unlock()
	return e.catalogs.entries[name].kept
}

// SeenClear reports whether the parent of a removed member was last seen not to delegate it here.
func (e *Engine) SeenClear(name zone.Name) bool {
	e.catalogs.mu.Lock()
	defer e.catalogs.mu.Unlock()
	return e.catalogs.departed.clear[name]
}

// Saved gives what a state directory, which nobody uses, holds of a zone: the
// serial, and the DNSKEY rdata of the keys that the state speaks of.
func Saved(dir string, apex zone.Name) (serial uint32, keys map[string]bool, err error) {
	st, err := store.OpenBolt(filepath.Join(dir, "state.db"))
	if err != nil {
		return 0, nil, err
	}
	defer st.Close()
	r, err := loadRecord(context.Background(), st, apex)
	keys = map[string]bool{}
	for _, k := range r.Keys {
		keys[string(k)] = true
	}
	return r.Serial, keys, err
}

// EditRecord gives the record of a zone in a state directory that nobody uses, and
// puts another in its place unless that is nil.
func EditRecord(t testing.TB, dir string, apex zone.Name, edited *string) string {
	t.Helper()
	ctx := context.Background()
	st, err := store.OpenBolt(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	value, revision, err := st.Load(ctx, recordKey(apex))
	if err == nil && edited != nil {
		_, err = st.Save(ctx, recordKey(apex), []byte(*edited), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// AnotherWrites writes the record of a zone as it is, as another process would.
func (e *Engine) AnotherWrites(t testing.TB, apex zone.Name) {
	t.Helper()
	value, revision, err := e.store.Load(t.Context(), recordKey(apex))
	if err == nil {
		_, err = e.store.Save(t.Context(), recordKey(apex), value, revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Began is closed when the zone's first turn has ended.
func (z *Zone) Began() <-chan struct{} { return z.began.wait() }

// AlarmNames are the names of all alarms, causes first.
func AlarmNames() (names []string) {
	for _, k := range kinds {
		names = append(names, string(k.name))
	}
	return names
}

// HookTimeout sets how long a hook may take.
func (o *Options) HookTimeout(d time.Duration) { o.hookTimeout = d }

// WithCatalogsInHand calls f while the catalogs have a turn, and are about to change the table of zones.
func (e *Engine) WithCatalogsInHand(f func()) {
	e.catalogs.mu.Lock()
	defer e.catalogs.mu.Unlock()
	e.commit.Lock()
	defer e.commit.Unlock()
	f()
}

// CommitAndAccept is Commit, and AcceptCatalog before the catalogs have another turn.
func (p *Prepared) CommitAndAccept(name zone.Name) (string, error) {
	c := p.engine.catalogs
	defer c.want()
	c.mu.Lock()
	defer c.mu.Unlock()
	p.takeOver()
	return c.accept(name)
}

// busy reports whether a look is under way, or a primary is being asked.
func (z *Zone) busy() bool {
	z.account.Lock()
	defer z.account.Unlock()
	w := z.work
	if w == nil {
		w = dormant.Wake[work](z.rests)
	}
	return w.looks || w.intake != nil && w.intake.state.Busy != ""
}
