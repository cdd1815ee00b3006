package source

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// system is inotify(7).
type system struct {
	file *os.File
	fd   int
	done chan struct{} // closed when reading has ended

	mu   sync.Mutex
	of   map[uint32][]string // directories by watch: all the names that one was followed by
	gone map[string]bool     // directories that are elsewhere now, or nowhere
}

// NewNotices begins to be told. An error says that the system does not tell, or no more.
func NewNotices() (*Notices, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	of := make(chan string, noticesAtMost)
	n := &Notices{Of: of, dirs: map[string]bool{}, system: system{
		file: os.NewFile(uintptr(fd), "inotify"), fd: fd, done: make(chan struct{}),
		of: map[uint32][]string{}, gone: map[string]bool{},
	}}
	go n.read(of, &n.missed)
	return n, nil
}

// Close ends it.
func (n *Notices) Close() error {
	err := n.file.Close()
	<-n.done
	return err
}

func (s *system) add(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	watch, err := unix.InotifyAddWatch(s.fd, dir, unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO|unix.IN_MOVE_SELF|unix.IN_DELETE_SELF|unix.IN_ONLYDIR)
	if is := uint32(watch); err == nil && !slices.Contains(s.of[is], dir) {
		s.of[is] = append(s.of[is], dir) // symbolic links lead several names to one
	}
	return err
}

// isGone reports whether a directory that was followed is not where it was, and forgets it.
func (s *system) isGone(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.gone[dir]
	delete(s.gone, dir)
	return gone
}

// read hands over what the system tells until Close.
func (s *system) read(to chan<- string, missed *atomic.Bool) {
	defer close(s.done)
	defer close(to)
	room := make([]byte, 64<<10)
	for {
		size, err := s.file.Read(room)
		if err != nil {
			return
		}
		for told := room[:size]; len(told) >= unix.SizeofInotifyEvent; {
			watch, mask := binary.NativeEndian.Uint32(told), binary.NativeEndian.Uint32(told[4:])
			end := min(unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(told[12:])), len(told))
			name := strings.TrimRight(string(told[unix.SizeofInotifyEvent:end]), "\x00")
			told = told[end:]
			for _, path := range s.event(watch, mask, name) {
				select {
				case to <- path:
				default:
					missed.Store(true)
				}
			}
			if mask&unix.IN_Q_OVERFLOW != 0 {
				missed.Store(true)
			}
		}
	}
}

// event gives the paths of the file that an event is about; none when it is about none.
func (s *system) event(watch, mask uint32, name string) (paths []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case mask&unix.IN_IGNORED != 0:
		for _, dir := range s.of[watch] {
			s.gone[dir] = true
		}
		delete(s.of, watch)
	case mask&unix.IN_MOVE_SELF != 0:
		if _, known := s.of[watch]; known {
			_, _ = unix.InotifyRmWatch(s.fd, watch) // IN_IGNORED follows
		}
	case name != "":
		for _, dir := range s.of[watch] {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths
}

// isLocal reports whether nobody but this system writes to a directory.
func isLocal(dir string) bool {
	var at unix.Statfs_t
	if unix.Statfs(dir, &at) != nil {
		return false
	}
	switch uint32(at.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return false
	}
	return true
}
