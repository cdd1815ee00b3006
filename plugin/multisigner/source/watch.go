package source

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io/fs"
	"os"
	"time"
)

// Stamp tells whether files have changed: of each its path, time of change, size
// and inode, or that it is not there. Stamps are compared with ==. The zero Stamp
// is that of no look at all.
type Stamp [sha256.Size]byte

// Look gives the stamp of files as they are now.
func Look(files []string) Stamp {
	s := newStamper()
	for _, path := range files {
		at, err := os.Stat(path)
		s.add(path, at, err)
	}
	return s.sum()
}

// stamper makes a stamp.
type stamper struct{ hash.Hash }

func newStamper() stamper { return stamper{sha256.New()} }

func (s stamper) add(path string, at fs.FileInfo, err error) {
	fact := append([]byte(path), 0)
	if err == nil && at.Mode().IsRegular() {
		fact = binary.BigEndian.AppendUint64(fact, uint64(at.ModTime().UnixNano()))
		fact = binary.BigEndian.AppendUint64(fact, uint64(at.Size()))
		fact = binary.BigEndian.AppendUint64(fact, inode(at))
	}
	s.Write(binary.BigEndian.AppendUint32(nil, uint32(len(fact))))
	s.Write(fact)
}

func (s stamper) sum() Stamp { return Stamp(s.Sum(nil)) }

// Watcher notices that files have changed and come to rest: that two looks in a
// row gave the same, and not what was read. It has one user at a time; the zero
// Watcher watches nothing.
type Watcher struct {
	// Every is the shortest time between two looks; 0 looks at each call.
	Every time.Duration

	files      []string
	read, seen Stamp
	next       time.Time
}

// Read tells the watcher what was read, with or without success.
func (w *Watcher) Read(c Content) { w.files, w.read, w.seen = c.Files, c.Stamp, c.Stamp }

// Changed looks, unless it did so less than Every ago, and reports whether there
// is something new that can be read. It goes on to say so until Read.
func (w *Watcher) Changed(now time.Time) bool {
	if len(w.files) == 0 || now.Before(w.next) {
		return false
	}
	w.next = now.Add(w.Every)
	stamp := Look(w.files)
	settled := stamp == w.seen
	w.seen = stamp
	return settled && stamp != w.read
}
