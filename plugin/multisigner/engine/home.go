package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// The state directory may be removed under a running process, or parts of it. All that
// a restart needs is still in memory, so it is written anew; and somebody is told, for
// whatever did it may do it again. A disk that is away is another matter: what belongs
// on it is not written to the one below.

// home is the state directory.
type home struct {
	mu   sync.Mutex
	dirs []dirOn  // each after the one that it is in
	made []string // those made anew of which nobody was told yet

	alarm  atomic.Pointer[status.Alarm] // nil: all is well
	mended time.Duration                // by the steady clock: when something was last written anew; of the watcher
}

// dirOn is a directory and the device that it was on at the start.
type dirOn struct {
	path   string
	device uint64
}

// openHome makes the state directory and those in it.
func openHome(dir string) (*home, error) {
	h := &home{}
	for _, path := range []string{dir, filepath.Join(dir, "zones"), filepath.Join(dir, "keys")} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("make state directory: %w", err)
		}
		at, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("make state directory: %w", err)
		}
		h.dirs = append(h.dirs, dirOn{path, device(at)})
	}
	return h, nil
}

// mend makes directories anew that are gone. The error names one that cannot be, or
// that is on another disk than it was.
func (h *home) mend() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.dirs {
		at, err := os.Stat(d.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := d.makeAnew(); err != nil {
				return fmt.Errorf("%s is gone: %w", d.path, err)
			}
			h.made = append(h.made, d.path)
		case err != nil:
			return err
		case device(at) != d.device:
			return fmt.Errorf("%s is on another disk than at the start", d.path)
		}
	}
	return nil
}

func (d dirOn) makeAnew() error {
	at, err := os.Stat(filepath.Dir(d.path))
	if err != nil {
		return err
	}
	if device(at) != d.device {
		return errors.New("the disk that it was on is not there")
	}
	return os.Mkdir(d.path, 0o700)
}

// told gives the directories made anew since it was asked last.
func (h *home) told() (made []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	made, h.made = h.made, nil
	return made
}

// mendedFor is how long an alarm speaks of what was written anew: our choice, for
// nothing is to be done but to find out who removed it.
const mendedFor = time.Hour

// watchHome sees to it that what was saved is where a restart looks for it. When what
// it has to say changes, every zone says it.
func (e *Engine) watchHome() {
	err := e.home.mend()
	made := e.home.told()
	if err == nil {
		var mended bool
		if mended, err = e.store.Mend(); mended {
			made = append(made, filepath.Join(e.dir, "state.db"))
		}
	}
	before, now := e.home.alarm.Load(), (*status.Alarm)(nil)
	steady := e.clock.Steady()
	switch {
	case err != nil:
		now = &status.Alarm{
			Name: status.AlarmHome,
			What: "the state directory is not as it should be: " + err.Error(),
			Cure: "put it back as it was. Until then rollovers wait, and this process must not end: nothing else has what was there",
		}
	case len(made) > 0:
		e.home.mended = steady
		now = &status.Alarm{
			Name: status.AlarmHomeMended,
			What: fmt.Sprintf("%s: removed under the running process, and written anew at %s", strings.Join(made, ", "), clock.Stamp(e.clock.Now())),
			Cure: "find out what removed it, and look at what else it did",
		}
	case before != nil && e.home.mended != 0 && steady-e.home.mended < mendedFor:
		now = before
	}
	if before == now || before != nil && now != nil && *before == *now {
		return
	}
	e.home.alarm.Store(now)
	switch {
	case err != nil:
		e.home.mended = 0
		e.log.Error(now.What, "cure", now.Cure)
	case len(made) > 0:
		e.log.Error(now.What, "cure", now.Cure)
	default:
		e.log.Info("the state directory is as it should be", "dir", e.dir)
	}
	for _, z := range e.list() {
		z.ask(func(w *wants) { w.rewrite = w.rewrite || len(made) > 0 })
	}
}

// watchKeys asks for a turn when something has changed among the files of the zone's keys: at once
// where a file was made or removed, and otherwise when it looks closely.
func (e *Engine) watchKeys(z *Zone, closely bool) {
	was := z.keysAt.Load()
	if was == 0 {
		return // they were not read yet
	}
	touched := e.keys.Touched(z.apex.String())
	if !closely && touched == z.keysTouched {
		return
	}
	z.keysTouched = touched
	if now := e.keysAt(z); now != was && z.keysAt.CompareAndSwap(was, now) {
		z.ask(func(w *wants) { w.keys = true })
	}
}

// keysAt stands for the files of the zone's keys as they are now; not 0.
func (e *Engine) keysAt(z *Zone) uint64 { return max(e.keys.Changed(z.apex.String()), 1) }

// putKeysBack writes the files of keys anew that are gone while they are in use.
func (e *Engine) putKeysBack(z *Zone) {
	w := z.work
	w.unkept = nil
	if err := e.home.mend(); err != nil {
		return // the alarm of the state directory says so
	}
	for _, key := range w.own {
		id := key.id
		done, err := e.keys.PutBack(z.apex.String(), key.Key)
		switch {
		case err != nil:
			w.unkept = append(w.unkept, fmt.Errorf("the files of key %d of algorithm %d, which is in use, are not in the key directory: %w", id.Tag, id.Algorithm, err))
			e.log.Error("a key is not in the key directory, and cannot be put back", "zone", z.apex, "tag", id.Tag, "error", err)
		case done:
			w.putBack, w.putBackAt = append(w.putBack, id), w.times.Steady()
			e.log.Error("a key was removed from the key directory under the running process, and put back", "zone", z.apex, "tag", id.Tag, "files", key.Base)
		}
	}
}

// alarmsOfHome are for what is not where a restart looks for it, or was not.
func (e *Engine) alarmsOfHome(w *work) {
	if a := e.home.alarm.Load(); a != nil {
		w.alarm(a.Name, a.What, a.Cure)
	}
	if err := errors.Join(w.unkept...); err != nil {
		w.alarm(status.AlarmKeyFileGone, err.Error(), "put them back from a backup. Until then do not end this process: nothing else has the key")
	}
	if w.times.Steady()-w.putBackAt >= mendedFor {
		w.putBack = nil
	}
	for _, id := range w.putBack {
		w.alarms = append(w.alarms, newAlarm(status.AlarmKeyFileMended, strconv.Itoa(int(id.Tag)),
			fmt.Sprintf("the files of key %d of algorithm %d were removed under the running process, and written anew", id.Tag, id.Algorithm),
			"find out what removed them, and look at what else it did"))
	}
}
