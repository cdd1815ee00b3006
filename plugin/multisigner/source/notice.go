package source

import (
	"path/filepath"
	"sync/atomic"
)

// Notices are given by the system when a file was closed that had been written to, or
// another was put in its place. They are a hint: some never come, as from file systems that
// others write to, or through symbolic links, so whoever takes them looks at the files from
// time to time as well. Follow has one user at a time.
type Notices struct {
	// Of are the paths of files, as Follow was given their directories. It is closed when
	// Close has ended. What is not taken in time is left out: Missed says so.
	Of <-chan string

	system
	missed atomic.Bool
	dirs   map[string]bool // those followed: whether the system tells of all that happens there
}

// Missed reports whether notices were left out since it was asked last: whoever takes them has
// to look at all files.
func (n *Notices) Missed() bool { return n.missed.Load() && n.missed.Swap(false) }

// noticesAtMost is how many notices wait to be taken, and maxDirs how many directories are
// followed: our choice, more than anybody needs who does not write ten thousand files at
// once, and fewer than the system lets one user have.
const (
	noticesAtMost = 4096
	maxDirs       = 1000
)

// Follow has files in path's directory noticed from now on. told says that the system
// tells of all that changes there; where it does not, looking is all there is.
func (n *Notices) Follow(path string) (told bool) {
	dir := filepath.Dir(path)
	if n.isGone(dir) {
		delete(n.dirs, dir)
	}
	told, known := n.dirs[dir]
	if known || len(n.dirs) >= maxDirs {
		return told
	}
	told = n.add(dir) == nil && isLocal(dir)
	n.dirs[dir] = told
	return told
}
