package player

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/tsig"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner"
	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const apex = "example.org."

var apexName = zone.MustName(apex)

var groupKey = &ask.TSIG{Name: "group-key.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// signer is one of ours: an engine behind the plugin, from a Corefile and a state
// directory. The engine may be another after a crash.
type signer struct {
	w    *world
	name string
	addr netip.Addr
	dir  string // of its states, and of the zone file
	core settings

	mu      sync.Mutex
	life    *life // nil: it is down
	lives   int
	handler atomic.Pointer[plugin.Handler]
	boot    time.Time    // of the machine: its steady clock began then
	skew    atomic.Int64 // of its wall clock
	insists int          // how often an order was given in vain
	ordered []string     // the last order that all were given
	backups []backup

	polling sync.Mutex
	polled  engine.Serving // that was asked last; guarded by polling

	secondaries []*secondary
}

// life is a process of a signer's.
type life struct {
	s     *signer
	state string
	e     *engine.Engine
	dead  chan struct{} // closed when it is no more: nothing that it does has an effect
	once  sync.Once
	// closed gets what came of closing the engine of one that has died by itself.
	closed chan error
}

// backup is a state directory as it was.
type backup struct {
	at  time.Time
	dir string
}

func (s *signer) zoneFile() string { return filepath.Join(s.dir, "db.example.org") }

// clock is a signer's time.
type clock struct{ s *signer }

func (c clock) Now() time.Time        { return time.Now().Add(time.Duration(c.s.skew.Load())).Round(0) }
func (c clock) Steady() time.Duration { return time.Since(c.s.boot) }

func (c clock) At(due time.Duration) (<-chan time.Time, func()) {
	timer := time.NewTimer(due - c.Steady())
	return timer.C, func() { timer.Stop() }
}

// set sets the wall clock wrong by so much.
func (s *signer) set(by time.Duration) { s.skew.Store(int64(by)) }

// begin starts it, unless it runs.
func (s *signer) begin() {
	if s.now() == nil {
		s.start()
	}
}

// start begins a process, from the state directory as it is.
func (s *signer) start() {
	l := &life{s: s, state: filepath.Join(s.dir, fmt.Sprintf("state-%d", s.lives)), dead: make(chan struct{}), closed: make(chan error, 1)}
	o := engine.Options{Logger: slog.New(listener{l}), Clock: clock{s}, Dial: l.dial(), FilesEvery: 10 * time.Minute, NoMatrix: !s.w.matrix}
	s.w.crashing.arm(l, &o)
	e, err := engine.Open(l.state, o)
	s.w.must(err)
	s.w.note("%s starts", s.name)
	l.e = e
	p, err := e.Prepare(context.Background(), []engine.Config{s.config()})
	s.w.must(err)
	chain := multisigner.Over(e, func(next plugin.Handler) plugin.Handler {
		return &tsig.TSIGServer{Zones: []string{"."}, Next: next}
	}, apexName)
	s.mu.Lock()
	s.life = l
	s.mu.Unlock()
	s.handler.Store(&chain)
	begun := make(chan struct{})
	go func() {
		p.Commit()
		close(begun)
	}()
	select {
	case <-begun:
	case <-l.dead:
	}
	s.poll()
}

// config is what the Corefile says now.
func (s *signer) config() engine.Config {
	text, secrets := s.core.text(s), map[string]string{groupKey.Name: groupKey.Secret}
	d := caddyfile.NewDispenser("Corefile", strings.NewReader(text))
	blocks, faults := corefile.Parse(&d, []string{apex})
	faults = append(faults, blocks[0].Check(secrets)...)
	if err := faults.Err(); err != nil {
		s.w.must(fmt.Errorf("%w in\n%s", err, text))
	}
	return *blocks[0].Build(s.dir, secrets)[0].Config
}

// reload has the engine take over what the Corefile says now.
func (s *signer) reload() {
	l := s.now()
	if l == nil {
		return
	}
	p, err := l.e.Prepare(context.Background(), []engine.Config{s.config()})
	s.w.must(err)
	p.Commit()
}

func (s *signer) now() *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

// end takes the life's effects from the world; what its goroutines do after is for nobody.
func (l *life) end() {
	l.once.Do(func() {
		close(l.dead)
		l.s.mu.Lock()
		l.s.life = nil
		l.s.lives++
		l.s.mu.Unlock()
		l.s.handler.Store(nil)
		l.s.poll()
	})
}

// stop ends the process as an operator does. Its state is the next one's.
func (s *signer) stop() {
	l := s.now()
	if l == nil {
		return
	}
	s.w.note("%s is stopped", s.name)
	s.handler.Store(nil)
	s.w.must(l.e.Close())
	next := s.stateDir(s.lives + 1)
	l.end()
	s.w.must(os.Rename(l.state, next))
}

func (s *signer) stateDir(n int) string { return filepath.Join(s.dir, fmt.Sprintf("state-%d", n)) }

// kill ends the process as a power failure does: what is on the disk is the next one's.
func (s *signer) kill() {
	if l := s.now(); l != nil {
		s.w.note("%s is killed", s.name)
		s.w.must(copyDir(s.stateDir(s.lives+1), l.state))
		l.end()
		s.w.must(l.e.Close())
	}
}

// save keeps a copy of the state directory.
func (s *signer) save() {
	if l := s.now(); l != nil {
		b := backup{time.Now(), filepath.Join(s.dir, fmt.Sprintf("backup-%d", len(s.backups)))}
		s.w.must(copyDir(b.dir, l.state))
		s.backups = append(s.backups, b)
	}
}

// restore puts a copy in the place of the state directory, of a signer that is down;
// nil loses it.
func (s *signer) restore(b *backup) {
	s.w.must(os.RemoveAll(s.stateDir(s.lives)))
	if b != nil {
		s.w.must(copyDir(s.stateDir(s.lives), b.dir))
	}
}

// copyDir copies a directory, as it is on the disk at this moment.
func copyDir(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(at, 0o700)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(at, content, 0o600)
	})
}

// do gives an order; the error is the engine's refusal.
func (s *signer) do(kind string, args ...string) error {
	l := s.now()
	if l == nil {
		return fmt.Errorf("%s is down", s.name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, err := l.e.Do(ctx, apexName, engine.Command{Kind: kind, Args: args})
	select {
	case <-l.dead:
		err = fmt.Errorf("it died, and gave no answer")
	default:
	}
	s.w.note("%s is told: %s %s: %s (%v)", s.name, kind, strings.Join(args, " "), text, err)
	return err
}

func (s *signer) status() status.Zone {
	if l := s.now(); l != nil {
		z, _ := l.e.Status(apexName)
		return z
	}
	return status.Zone{Refuse: "it is down"}
}

// serve implements server.
func (s *signer) serve(from netip.AddrPort, tcp bool, wire []byte) [][]byte {
	h := s.handler.Load()
	if h == nil {
		return nil
	}
	return respond(*h, netip.AddrPortFrom(s.addr, 53), from, tcp, wire)
}

// poll takes in what resolvers get, if that may be something else than before.
func (s *signer) poll() {
	s.polling.Lock()
	defer s.polling.Unlock()
	var serving engine.Serving
	if l := s.now(); l != nil {
		if z := l.e.Find(apexName); z != nil {
			serving = *z.Serving()
		}
	}
	if serving != s.polled {
		s.polled = serving
		s.w.caches.gives(s.name, everything(s, s.w.caches, s.name))
	}
}

// dial connects from the signer's address as long as the process lives.
func (l *life) dial() ask.Dial {
	dial := l.s.w.network.dialer(l.s.addr)
	return func(ctx context.Context, network, address string) (c netConn, err error) {
		select {
		case <-l.dead:
			return nil, fmt.Errorf("the process is dead")
		default:
			return dial(ctx, network, address)
		}
	}
}

// listener hears what an engine logs: each version is shown before that is told, and may
// be replaced in the same moment.
type listener struct{ l *life }

func (h listener) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (h listener) WithAttrs([]slog.Attr) slog.Handler               { return h }
func (h listener) WithGroup(string) slog.Handler                    { return h }

func (h listener) Handle(_ context.Context, r slog.Record) error {
	select {
	case <-h.l.dead:
		return nil
	default:
	}
	if r.Message == "published" {
		h.l.s.poll()
	}
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "zone" {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	h.l.s.w.note("%s logs: %s%s", h.l.s.name, r.Message, b.String())
	return nil
}
