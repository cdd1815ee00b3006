package engine

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Idle reports whether nothing is under way or due: no turn, no look, no NOTIFY.
func (e *Engine) Idle() bool {
	e.queue.mu.Lock()
	defer e.queue.mu.Unlock()
	for _, z := range e.list() {
		s := &z.slot
		// Of a zone in nobody's hands, the lock shows what its worker has left.
		if s.inHand || s.again || z.work.looks || z.work.intake.state.Busy != "" || s.index >= 0 && s.wake <= e.clock.Steady() {
			return false
		}
	}
	return len(e.telling) == 0
}

// Saved gives what a state directory, which nobody uses, holds of a zone: the
// serial, and the DNSKEY rdata of the keys that the state speaks of.
func Saved(dir string, apex zone.Name) (serial uint32, keys map[string]bool, err error) {
	st, err := store.OpenBolt(filepath.Join(dir, "state.db"))
	if err != nil {
		return 0, nil, err
	}
	defer st.Close()
	r, _, err := loadRecord(context.Background(), st, apex)
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

// Began is closed when the zone's first turn has ended.
func (z *Zone) Began() <-chan struct{} { return z.began }

// AlarmNames are the names of all alarms, causes first.
func AlarmNames() (names []string) {
	for _, k := range kinds {
		names = append(names, string(k.name))
	}
	return names
}

// HookTimeout sets how long a hook may take.
func (o *Options) HookTimeout(d time.Duration) { o.hookTimeout = d }

// Size is how many differences a history has, and how many octets.
func (h *History) Size() (steps, octets int) { return len(h.steps), h.octets }
