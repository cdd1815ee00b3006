package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
)

// files is where a zone's content comes from and what the last reading said. The
// watcher looks at the files while turns go on: mu guards what both touch.
type files struct {
	mu      sync.Mutex
	watched []string     // the zone file and its includes; empty: not read yet
	read    source.Stamp // of the files when they were read
	seen    source.Stamp // at the look before

	path     string
	at       time.Time // when the content that is served was read
	serial   uint32    // of the unsigned zone
	problems []source.Problem
	refused  bool // the last reading gave nothing that can be served
}

// stamp tells of which files, at which state, the content was made. The caller
// holds the lock.
func (f *files) stamp() string {
	text := hex.EncodeToString(f.read[:])
	for _, path := range f.watched {
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
	if err != nil || len(raw) != len(f.read) || len(paths) == 0 || paths[0] != path {
		return
	}
	if was := source.Stamp(raw); source.Look(paths) == was {
		f.watched, f.read, f.seen, f.path = paths, was, was, path
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

// watchFiles looks at the files, and asks for a turn when they have changed and
// come to rest: when two looks in a row saw the same, and not what was read.
func (z *Zone) watchFiles() {
	f := &z.work.files
	if !f.mu.TryLock() {
		return // it is being read: the next look is soon enough, and other zones wait
	}
	defer f.mu.Unlock()
	if len(f.watched) == 0 {
		return
	}
	now := source.Look(f.watched)
	if now != f.read && now == f.seen {
		z.ask(func(w *wants) { w.reload = true })
	}
	f.seen = now
}

// readContent reads the zone file when that was asked for, or when it was never
// read. What cannot be served leaves the content as it is.
func (w *work) readContent(e *Engine, cfg *Config, asked bool) {
	f := &w.files
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watched) > 0 && f.path == cfg.File && !asked {
		return
	}
	content, err := source.ReadFile(cfg.File, cfg.Apex)
	f.path, f.watched, f.read, f.seen = cfg.File, content.Files, content.Stamp, content.Stamp
	mended := f.refused && err == nil
	f.problems, f.refused = content.Problems, err != nil
	if err != nil {
		var faults *source.Error
		if !errors.As(err, &faults) {
			f.problems = append(f.problems, source.Problem{File: cfg.File, Text: err.Error(), Fatal: true})
		}
		e.log.Error("the zone file was refused, and changes nothing of what is served", "zone", cfg.Apex, "file", cfg.File)
	}
	for _, p := range f.problems {
		level := slog.LevelWarn
		if p.Fatal {
			level = slog.LevelError
		}
		e.log.Log(context.Background(), level, "zone file", "zone", cfg.Apex, "problem", p.String())
	}
	if err != nil {
		return
	}
	if mended {
		e.log.Info("the zone file can be served again", "zone", cfg.Apex, "file", cfg.File)
	}
	w.content, w.contentOf = content.Version, f.stamp()
	f.at, f.serial = e.clock.Now(), content.Version.Serial()
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
