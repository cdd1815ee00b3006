package control

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	socketName = "control.sock"
	pathName   = "control.path"
	// maxPath is the longest socket path that every system takes (108 octets on
	// Linux, 104 elsewhere, with a final zero).
	maxPath = 103
	// maxConnections bounds what a script gone wild can hold open.
	maxConnections = 32
)

// Server answers on the socket of one state directory.
type Server struct {
	dir  string
	away string // directory of the socket, where the state directory's path is too long for one
	http *http.Server
	log  *slog.Logger
	end  chan struct{}  // closed by Close
	kept sync.WaitGroup // keep
	all  sync.WaitGroup // what answers
}

// Listen opens the socket in dir, the engine's state directory, and answers on it
// until Close. The engine's lock on dir must be held: a socket found there is
// then left over from a process that died. One that is removed meanwhile is opened
// anew: whoever wants to know what happened to the directory must be able to ask.
func Listen(dir string, zones Zones, log *slog.Logger) (*Server, error) {
	s := &Server{dir: dir, log: log, end: make(chan struct{})}
	listener, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("control socket of %s: %w", dir, err)
	}
	s.http = &http.Server{
		Handler:           working(Handler(zones)),
		ConnContext:       withGuest,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      maxWait + 10*time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.kept.Go(func() { s.keep(listener) })
	return s, nil
}

// lookEvery is how often it is looked whether the socket is there: our choice.
const lookEvery = time.Second

// keep answers on a listener, and on another one when its socket is gone, until Close.
func (s *Server) keep(listener *net.UnixListener) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for listener != nil {
		gone, ended, room := make(chan struct{}), make(chan struct{}), newRoom(listener, maxConnections)
		s.all.Go(func() {
			defer close(ended)
			err := s.http.Serve(room)
			select {
			case <-gone:
			default:
				if !errors.Is(err, http.ErrServerClosed) {
					s.log.Error("control socket is closed", "dir", s.dir, "error", err)
				}
			}
		})
		next := s.awaitGone(listener, tick.C)
		if next != nil {
			close(gone)
			listener.Close()
			<-ended
		}
		listener = next
	}
}

// awaitGone waits until the socket is gone, and gives one in its place; nil at the end.
func (s *Server) awaitGone(old *net.UnixListener, tick <-chan time.Time) *net.UnixListener {
	for {
		select {
		case <-s.end:
			return nil
		case <-tick:
		}
		if s.there(old) {
			continue
		}
		listener, err := s.open()
		if err != nil {
			s.log.Debug("the control socket is gone and cannot be opened", "dir", s.dir, "error", err)
			continue
		}
		s.log.Warn("the control socket was gone, and is there again", "dir", s.dir)
		return listener
	}
}

// there reports whether clients find the socket.
func (s *Server) there(listener *net.UnixListener) bool {
	paths := []string{listener.Addr().String()}
	if s.away != "" {
		paths = append(paths, filepath.Join(s.dir, pathName))
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

func (s *Server) open() (*net.UnixListener, error) {
	path := filepath.Join(s.dir, socketName)
	if err := s.clean(); err != nil {
		return nil, err
	}
	if len(path) > maxPath {
		if s.away != "" {
			os.RemoveAll(s.away)
		}
		away, err := os.MkdirTemp("", "multisigner-")
		if err != nil {
			return nil, err
		}
		s.away = away
		path = filepath.Join(away, socketName)
		if err := os.WriteFile(filepath.Join(s.dir, pathName), []byte(path+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // clean does it: the name may be the next one's
	// Until now the mode of the directory, 0700 in both cases, kept others out.
	if err := os.Chmod(path, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	return listener, nil
}

// clean removes what an earlier process left.
func (s *Server) clean() error {
	for _, name := range []string{socketName, pathName} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close ends all connections and removes the socket.
func (s *Server) Close() error {
	close(s.end)
	s.kept.Wait() // no listener is opened any more
	err := s.http.Close()
	s.all.Wait()
	if s.away != "" {
		err = errors.Join(err, os.RemoveAll(s.away))
	}
	return errors.Join(err, s.clean())
}
