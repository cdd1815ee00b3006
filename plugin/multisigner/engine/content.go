package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
)

// files is where a zone's content comes from and what the last reading said. The
// watcher looks at the files while turns go on: mu guards what both touch.
type files struct {
	mu      sync.Mutex
	watcher source.Watcher // of the zone file and its includes
	unread  bool           // they have changed for long, and could not be read

	path     string
	problems []source.Problem
	refused  bool // the last reading gave nothing that can be served
}

// stamp tells of which files, at which state, the content was made. The caller
// holds the lock.
func (f *files) stamp() string {
	read := f.watcher.Stamp()
	text := hex.EncodeToString(read[:])
	for _, path := range f.watcher.Files() {
		text += "\n" + path
	}
	return text
}

// remember takes over a stamp: while the files are as they were, the snapshot
// holds all that is in them.
func (f *files) remember(path, stamp string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var paths []string
	head, rest := cutLine(stamp)
	for rest != "" {
		var line string
		line, rest = cutLine(rest)
		paths = append(paths, line)
	}
	raw, err := hex.DecodeString(head)
	if err != nil || len(raw) != len(source.Stamp{}) || len(paths) == 0 || paths[0] != path {
		return
	}
	paths[0] = path // and not a part of the stamp, which is held for nothing else
	if f.watcher.Resume(paths, source.Stamp(raw)) {
		f.path = path
	}
}

func cutLine(s string) (line, rest string) {
	for i := range len(s) {
		if s[i] == '\n' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unreadAtMost is how long files may change without being read until somebody is
// told: our choice, longer than a file is written that should not be read yet.
const unreadAtMost = time.Minute

// watchFiles looks at the files, and asks for a turn when they are to be read, or
// when it is to be told that they cannot be. now is the steady clock's.
func (z *Zone) watchFiles(now time.Duration) {
	f := &z.files
	if !f.mu.TryLock() {
		return // it is being read: the next look is soon enough, and other zones wait
	}
	defer f.mu.Unlock()
	switch f.watcher.Look(now) {
	case source.Rested:
		z.ask(func(w *wants) { w.reload = true })
	case source.Restless:
		z.ask(func(w *wants) { w.reloadWhole = true })
	}
	since, changed := f.watcher.Unread()
	if unread := changed && now-since >= unreadAtMost; unread != f.unread {
		f.unread = unread
		z.ask(func(*wants) {})
	}
}

// readContent reads the zone file when that was asked for, or when it was never
// read. What cannot be served leaves the content as it is. A file that changes all the
// time is taken if it is good and whole; of what else it is between two changes
// nothing is told.
func (w *work) readContent(e *Engine, cfg *Config, asked wants) {
	if !w.readsFile(cfg) {
		return
	}
	f := w.files
	f.mu.Lock()
	defer f.mu.Unlock()
	known := len(f.watcher.Files()) > 0 && f.path == cfg.File
	if w.keeps(cfg) && w.base.version == nil && !f.refused {
		known = false // what is laid over it must have it
	}
	if known && !asked.reload && !asked.reloadWhole {
		return
	}
	if w.asksFirst(cfg) {
		return
	}
	content, err := source.ReadFile(cfg.File, cfg.Apex)
	if known && !asked.reload && (err != nil || content.Torn) {
		return
	}
	w.takeFile(e, cfg, content, err)
}

// takeFile takes in what a reading of the zone file gave. The caller holds the lock of files.
func (w *work) takeFile(e *Engine, cfg *Config, content source.Content, err error) {
	f := w.files
	f.path, f.unread = cfg.File, false
	f.watcher.Read(content)
	before, was := f.problems, f.refused
	f.problems, f.refused = content.Problems, err != nil
	if faults := (*source.Error)(nil); err != nil && !errors.As(err, &faults) {
		f.problems = append(f.problems, source.Problem{File: cfg.File, Text: err.Error(), Fatal: true})
	}
	if f.refused != was || f.refused && !slices.Equal(before, f.problems) || len(f.problems) > 0 && !f.refused {
		e.logContent(cfg, f, was)
	}
	if err != nil {
		w.layOverSigned()
		return
	}
	w.arrive(cfg, base{content.Version, content.Version.Serial(), e.clock.Now(), f.stamp(), content.Torn})
}

// logContent says in the log what a reading of the zone file has found.
func (e *Engine) logContent(cfg *Config, f *files, was bool) {
	switch {
	case f.refused:
		e.log.Error("the zone file was refused, and changes nothing of what is served", "zone", cfg.Apex, "file", cfg.File)
	case was:
		e.log.Info("the zone file can be served again", "zone", cfg.Apex, "file", cfg.File)
	}
	for _, p := range f.problems {
		level := slog.LevelWarn
		if p.Fatal {
			level = slog.LevelError
		}
		e.log.Log(context.Background(), level, "zone file", "zone", cfg.Apex, "problem", p.String())
	}
}

// leaveFiles forgets the zone file: the content comes from elsewhere now.
func (w *work) leaveFiles() {
	f := w.files
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watcher, f.unread, f.path, f.problems, f.refused = source.Watcher{}, false, "", nil, false
}

// restless is the alarm for files that could not be read for long; "" when there is none.
func (f *files) restless() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.unread {
		return ""
	}
	return fmt.Sprintf("the zone file %s is written to all the time, and what it holds is not served", f.path)
}

func firstFatal(problems []source.Problem) string {
	for _, p := range problems {
		if p.Fatal {
			return p.String()
		}
	}
	return "see the log"
}

// refusal is the alarm for a file that cannot be served; "" when there is none.
func (f *files) refusal() string {
	if !f.refused {
		return ""
	}
	return fmt.Sprintf("the zone file was refused: %s", firstFatal(f.problems))
}
