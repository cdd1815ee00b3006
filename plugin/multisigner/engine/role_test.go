//go:build failpoints

package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// later has a serial after that of the scripted primaries.
var later = strings.Replace(content, "hostmaster 1 ", "hostmaster 7 ", 1)

// writing is a writer with a zone file, which names p as a primary that may be promoted.
func writing(t *testing.T, file string, p *scripted) engine.Config {
	cfg := updatable(t, file)
	cfg.Primaries = []ask.Server{p.server()}
	cfg.Contents = []engine.Content{{TSIG: &ask.TSIG{Name: "content.", Algorithm: dns.HmacSHA256, Secret: "AAAA"}}}
	return cfg
}

// sure waits until the writer knows that it is.
func sure(t *testing.T, e *engine.Engine) {
	t.Helper()
	eventually(t, "updates are taken", func() bool { return send(t, e, "sure 60 A 192.0.2.1") == nil })
}

// A writer that dies at any of its failpoints while it gives way to another goes on from its
// state directory: in the end it has the other's content alone, and what only it had is in
// the file, however often it began.
func TestStandDownCrashes(t *testing.T) {
	for _, point := range []string{"lost-after", "content-before", "content-written", "content-after", "save-before", "save-after", "publish-before", "sign", "tell-after"} {
		t.Run(point, func(t *testing.T) { standsDown(t, point) })
	}
}

func standsDown(t *testing.T, point string) {
	file, dir := write(t, later), filepath.Join(t.TempDir(), "state")
	copied := dir + "-copy"
	p := newScripted(t, nil, text("5", ""))
	var mu sync.Mutex
	armed, died := false, false
	options := engine.Options{Logger: slog.New(slog.DiscardHandler)}
	options.Failpoint = func(at string) error {
		mu.Lock()
		defer mu.Unlock()
		if armed && at == point && !died {
			died = true
			restore(t, copied, dir)
		}
		return nil
	}
	e, err := engine.Open(dir, options)
	require.NoError(t, err)
	cfg := writing(t, file, p)
	start(t, e, cfg)
	sure(t, e)
	require.Nil(t, send(t, e, "alone 60 A 192.0.2.82", "-www 300 A 192.0.2.80"))
	mu.Lock()
	armed = true
	mu.Unlock()
	p.set(text("700000", "theirs.example.org. 60 A 192.0.2.83"))
	follows := func(e *engine.Engine) {
		p.notify(e)
		serves(t, e, "theirs.example.org.")
		eventually(t, "it follows", func() bool { return !source(e).Writer && source(e).Given == 700000 })
		require.False(t, answersFor(t, e, "alone"))
		require.True(t, answersFor(t, e, "www"), "what updates removed here is nothing there")
		require.Zero(t, source(e).Updated)
		require.NotNil(t, raised(e, status.AlarmLost))
		bad := send(t, e, "late 60 A 192.0.2.84")
		require.NotNil(t, bad)
		require.Equal(t, "not the writer", bad.Reason)
	}
	follows(e)
	require.NoError(t, e.Close())
	mu.Lock()
	require.True(t, died, "it comes to that point")
	mu.Unlock()

	e, err = engine.Open(copied, engine.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer e.Close()
	start(t, e, cfg)
	follows(e)
	lost, err := os.ReadFile(filepath.Join(copied, "zones", kept.FileName(apex)+".lost"))
	require.NoError(t, err)
	require.Contains(t, string(lost), "alone.example.org.")
	require.NotContains(t, string(lost), "theirs")
	require.NotContains(t, string(lost), "www")
}

// A disk that takes nothing keeps a writer from giving way: what only it has would be gone.
func TestStandDownWithAFullDisk(t *testing.T) {
	file, dir := write(t, later), t.TempDir()
	p := newScripted(t, nil, text("5", ""))
	e := serve(t, dir, writing(t, file, p))
	defer e.Close()
	sure(t, e)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "zones", kept.FileName(apex)+".lost"), 0o700)) // nothing can be written there
	p.set(text("700000", "theirs.example.org. 60 A 192.0.2.83"))
	p.questions()
	p.notify(e)
	p.visited(t, e)
	require.True(t, source(e).Writer)
	require.True(t, answersFor(t, e, "sure"))
	require.False(t, answersFor(t, e, "theirs"))
}

// Until a writer that has started knows whether another was promoted meanwhile, it takes no
// updates; a primary that cannot be reached does not keep it for ever.
func TestWriterAsksFirst(t *testing.T) {
	file, dir := write(t, later), t.TempDir()
	p := newScripted(t, nil, text("5", ""))
	cfg := writing(t, file, p)
	e := serve(t, dir, cfg)
	sure(t, e)
	require.NoError(t, e.Close())
	p.answers(0, true)
	p.mu.Lock()
	p.held = make(chan struct{})
	p.mu.Unlock()
	e = serve(t, dir, cfg)
	defer e.Close()
	bad := send(t, e, "early 60 A 192.0.2.1")
	require.NotNil(t, bad)
	require.Equal(t, "asking", bad.Reason)
	close(p.held)
	sure(t, e)
	require.True(t, source(e).Writer)
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "promote"})
	require.ErrorContains(t, err, "changed here already")
}

// What can be said of promote, and where it makes no sense.
func TestPromoteRefused(t *testing.T) {
	p := newScripted(t, nil, text("5", ""))
	plain, fetched := updatable(t, write(t, content)), behind(t, p)
	for want, cfg := range map[string]engine.Config{"has no primary": plain, "add content-transfer key NAME": fetched} {
		e := serve(t, t.TempDir(), cfg)
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "promote"})
		require.ErrorContains(t, err, want)
		require.NoError(t, e.Close())
	}
}

// A promoted signer is one after a restart as well, with what it took since; its content's
// serial has left that of its primary behind, and the primary's later ones count no more.
func TestPromoted(t *testing.T) {
	dir := t.TempDir()
	p := newScripted(t, nil, text("7", ""))
	cfg := writing(t, "", p)
	e := serve(t, dir, cfg)
	serves(t, e, "www.example.org.")
	eventually(t, "it has content to give", func() bool { return source(e).Given == 7 })
	said, err := e.Do(context.Background(), apex, engine.Command{Kind: "promote"})
	require.NoError(t, err)
	require.Contains(t, said, fmt.Sprint(7+1<<16))
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	p.set(text("8", "late.example.org. 60 A 192.0.2.83"))
	p.notify(e)
	require.Nil(t, send(t, e, "newer 60 A 192.0.2.81"))
	require.NoError(t, e.Close())
	e = serve(t, dir, cfg)
	defer e.Close()
	sure(t, e)
	require.True(t, answersFor(t, e, "new") && answersFor(t, e, "newer") && !answersFor(t, e, "late"))
	s := source(e)
	require.True(t, s.Writer)
	require.EqualValues(t, 7+1<<16+3, s.Given)
	require.True(t, strings.HasPrefix(s.Primaries[0], "127.0.0.1"))
	require.Empty(t, statusOf(t, e).Alarms)
}

// The zone file of a writer that is away may get a serial after that of the one that was
// promoted, as by a time. It does not take the role back by that: what was taken meanwhile
// would be lost. What the file has alone is told of.
func TestWriterAsksBeforeItReadsItsFile(t *testing.T) {
	file, dir := write(t, later), t.TempDir()
	p := newScripted(t, nil, text("5", ""))
	cfg := writing(t, file, p)
	e := serve(t, dir, cfg)
	sure(t, e)
	require.NoError(t, e.Close())
	p.set(text("700000", "theirs.example.org. 60 A 192.0.2.83"))
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(content, "hostmaster 1 ", "hostmaster 1796000000 ", 1)+"\nmine 60 A 192.0.2.84\n"), 0o600))
	e = serve(t, dir, cfg)
	defer e.Close()
	serves(t, e, "theirs.example.org.")
	require.False(t, answersFor(t, e, "mine"))
	eventually(t, "it follows", func() bool { return !source(e).Writer && source(e).Given == 700000 })
	require.NotNil(t, raised(e, status.AlarmLost))
	lost, err := os.ReadFile(filepath.Join(dir, "zones", kept.FileName(apex)+".lost"))
	require.NoError(t, err)
	require.Contains(t, string(lost), "mine.example.org.")
	require.Contains(t, string(lost), "sure.example.org.")
}

// Where nobody was promoted, or can be reached, the file is read when that is known.
func TestWriterReadsItsFileAtAStart(t *testing.T) {
	file, dir := write(t, later), t.TempDir()
	p := newScripted(t, nil, text("5", ""))
	cfg := writing(t, file, p)
	e := serve(t, dir, cfg)
	sure(t, e)
	require.NoError(t, e.Close())
	for i, reached := range []bool{true, false} {
		name := fmt.Sprint("mine", i)
		require.NoError(t, os.WriteFile(file, []byte(later+"\n"+name+" 60 A 192.0.2.84\n"), 0o600))
		p.answers(dns.RcodeServerFailure, !reached)
		e = serve(t, dir, cfg)
		serves(t, e, name+".example.org.")
		require.True(t, source(e).Writer)
		require.True(t, answersFor(t, e, "sure"))
		require.NoError(t, e.Close())
	}
}

// A writer that has followed before has its content from others alone. Where the file with it
// is lost, those that follow have it; with what updates have changed, nothing is missing.
func TestWriterThatLostItsContent(t *testing.T) {
	dir := t.TempDir()
	p := newScripted(t, nil, text("7", ""))
	cfg := writing(t, "", p)
	e := serve(t, dir, cfg)
	serves(t, e, "www.example.org.")
	eventually(t, "it has content to give", func() bool { return source(e).Given == 7 })
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "promote"})
	require.NoError(t, err)
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	given := source(e).Given
	require.NoError(t, e.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "zones")))
	p.set(text("6", "stale.example.org. 60 A 192.0.2.83"))
	e = serve(t, dir, cfg)
	defer e.Close()
	eventually(t, "an alarm tells of it", func() bool {
		a := raised(e, status.AlarmPrimary)
		return a != nil && strings.Contains(a.What, "missing on the disk") && strings.Contains(a.What, "older than serial 7")
	})
	require.Nil(t, e.Find(apex).Open())
	p.set(text(fmt.Sprint(given-1), "late.example.org. 60 A 192.0.2.83"))
	p.notify(e)
	serves(t, e, "late.example.org.")
	require.True(t, answersFor(t, e, "new"))
	sure(t, e)
	require.True(t, source(e).Writer)
	require.Greater(t, source(e).Given, given)
	require.Nil(t, raised(e, status.AlarmPrimary))
}

// Two signers that are promoted in the place of one, each while the other is away, do not
// count from the same serial: with one update at each they would be two writers for ever.
func TestPromotedTwice(t *testing.T) {
	p := newScripted(t, nil, text("7", ""))
	given := map[string]uint32{}
	for _, name := range []string{"b", "c"} {
		cfg := writing(t, "", p)
		cfg.Signer = name
		for _, other := range []string{"a", "b", "c"} {
			if other != name {
				cfg.Peers = append(cfg.Peers, engine.Peer{Name: other, Addresses: []netip.AddrPort{p.addr}, TSIG: cfg.Contents[0].TSIG, Via: peer.Query})
			}
		}
		e := serve(t, t.TempDir(), cfg)
		eventually(t, "it has content to give", func() bool { return source(e).Given == 7 })
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "promote"})
		require.NoError(t, err)
		given[name] = source(e).Given
		require.NoError(t, e.Close())
	}
	require.Greater(t, given["b"], uint32(7+1<<16))
	require.GreaterOrEqual(t, given["c"], given["b"]+1000)
}
