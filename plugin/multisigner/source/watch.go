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
func Look(files []string) Stamp { return look(files).stamp }

func look(files []string) glance {
	s, seen := newStamper(), make([]extent, len(files))
	for i, path := range files {
		at, err := os.Stat(path)
		if s.add(path, at, err); err == nil {
			seen[i] = extent{inode(at), at.Size()}
		}
	}
	return glance{s.sum(), seen}
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

// Watcher notices that files have changed and can be read: when they have come to
// rest, which is when two looks in a row saw the same, and not what was read. Files
// that are put in others' places all the time never rest; after a while they are to
// be read all the same. One that only grows is being written, and half of a zone may
// look like a whole one: it is left alone until it rests. The zero Watcher watches nothing.
// It has one user at a time.
type Watcher struct {
	files []string
	read  Stamp         // of what was read
	last  glance        // the last look
	since time.Duration // when a look first saw something else than was read; 0: none has
	grew  time.Duration // when a file was last seen to have grown since
	again bool          // one that had grown has shrunk, or is another: it does not only grow
	tried time.Duration // when it was last said to be Restless
}

// State is what a look at files finds.
type State uint8

// The states. The zero value is that of files that are as they were read.
const (
	Unchanged State = iota
	Written         // they have changed, and may still be written to
	Rested          // they have changed and come to rest: time to read them
	Restless        // they change all the time: time to read them, if that gives a whole zone
)

// hurry is how long files may change until they are read all the same: our choice,
// longer than it takes to put several files in their places.
const hurry = 5 * time.Second

// glance is what one look saw.
type glance struct {
	stamp Stamp
	files []extent
}

type extent struct {
	inode uint64
	size  int64
}

// since compares with the look before: whether a file has grown, and whether one was
// put in its place or begun anew.
func (g glance) since(before glance) (grown, begun bool) {
	for i := range min(len(g.files), len(before.files)) {
		now, was := g.files[i], before.files[i]
		same := now.inode == was.inode
		grown = grown || same && now.size > was.size
		begun = begun || !same || now.size < was.size
	}
	return grown, begun
}

// Read tells the watcher what was read, with or without success.
func (w *Watcher) Read(c Content) { *w = Watcher{files: c.Files, read: c.Stamp} }

// Resume tells it what was read earlier; false when the files are not as they were.
func (w *Watcher) Resume(files []string, read Stamp) bool {
	if Look(files) != read {
		return false
	}
	*w = Watcher{files: files, read: read}
	return true
}

// Files are those watched; none before the first Read.
func (w *Watcher) Files() []string { return w.files }

// Stamp is that of what was read.
func (w *Watcher) Stamp() Stamp { return w.read }

// Unread is since when, by the clock of Look, the files differ from what was read;
// ok is false when they do not.
func (w *Watcher) Unread() (since time.Duration, ok bool) { return w.since, w.since != 0 }

// Look looks at the files, at now of a clock that never goes back. It says Rested
// until Read, and Restless again after as long as at first.
func (w *Watcher) Look(now time.Duration) State {
	if len(w.files) == 0 {
		return Unchanged
	}
	seen := look(w.files)
	was := w.last
	w.last = seen
	switch {
	case seen.stamp == w.read:
		w.since = 0
		return Unchanged
	case seen.stamp == was.stamp:
		return Rested
	case w.since == 0:
		w.since, w.grew, w.again, w.tried = max(now, 1), 0, false, 0
	}
	grown, begun := seen.since(was)
	if w.again = w.again || begun && w.grew > 0; w.again {
		w.grew = 0
	} else if grown {
		w.grew = now
	}
	if now < max(w.since, w.grew, w.tried)+hurry {
		return Written
	}
	w.tried = now
	return Restless
}
