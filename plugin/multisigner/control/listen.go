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
	done chan struct{}
}

// Listen opens the socket in dir, the engine's state directory, and answers on it
// until Close. The engine's lock on dir must be held: a socket found there is
// then left over from a process that died.
func Listen(dir string, zones Zones, log *slog.Logger) (*Server, error) {
	s := &Server{dir: dir, done: make(chan struct{})}
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
	go func() {
		defer close(s.done)
		if err := s.http.Serve(newRoom(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("control socket is closed", "dir", dir, "error", err)
		}
	}()
	return s, nil
}

func (s *Server) open() (net.Listener, error) {
	path := filepath.Join(s.dir, socketName)
	if err := s.clean(); err != nil {
		return nil, err
	}
	if len(path) > maxPath {
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
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
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
	err := s.http.Close()
	<-s.done
	if s.away != "" {
		err = errors.Join(err, os.RemoveAll(s.away))
	}
	return errors.Join(err, s.clean())
}
