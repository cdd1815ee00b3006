package multisigner

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/stretchr/testify/require"
)

// listener hears what goes to CoreDNS's log, one line each.
type listener struct {
	mu    sync.Mutex
	lines []string
}

func (l *listener) hear(level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+" "+text)
}

func (l *listener) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *listener) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

func (l *listener) Name() string                      { return "listener" }
func (l *listener) Debug(_ string, v ...any)          { l.hear("debug", fmt.Sprint(v...)) }
func (l *listener) Debugf(_, format string, v ...any) { l.hear("debug", fmt.Sprintf(format, v...)) }
func (l *listener) Info(_ string, v ...any)           { l.hear("info", fmt.Sprint(v...)) }
func (l *listener) Infof(_, format string, v ...any)  { l.hear("info", fmt.Sprintf(format, v...)) }
func (l *listener) Warning(_ string, v ...any)        { l.hear("warning", fmt.Sprint(v...)) }
func (l *listener) Warningf(_, format string, v ...any) {
	l.hear("warning", fmt.Sprintf(format, v...))
}
func (l *listener) Error(_ string, v ...any)          { l.hear("error", fmt.Sprint(v...)) }
func (l *listener) Errorf(_, format string, v ...any) { l.hear("error", fmt.Sprintf(format, v...)) }
func (l *listener) Fatal(_ string, v ...any)          { l.hear("fatal", fmt.Sprint(v...)) }
func (l *listener) Fatalf(_, format string, v ...any) { l.hear("fatal", fmt.Sprintf(format, v...)) }

// What the engine logs arrives in CoreDNS's log at the same level, the zone first,
// and what comes from outside cannot forge a line.
func TestLogBridge(t *testing.T) {
	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	log := slogger.With("zone", "example.org.").WithGroup("peer").With("name", "b")
	log.Info("trusted", "why", "signed by a\npinned key", "tag", 7)
	log.Debug("nobody listens")
	slogger.Warn("late", slog.Duration("by", 3), slog.Any("nothing", nil))
	slogger.Error("gone")
	require.Equal(t, `info example.org. trusted peer.name=b peer.why="signed by a\npinned key" peer.tag=7
warning late by=3ns nothing=<nil>
error gone`, heard.all())
}
