package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// smallZones are configurations of n small zones in a directory.
func smallZones(t testing.TB, dir string, n int) (configs []engine.Config) {
	t.Helper()
	for i := range n {
		cfg := alone(t, filepath.Join(dir, fmt.Sprintf("db.z%d", i)))
		cfg.Apex = zone.MustName(fmt.Sprintf("z%d.example.", i))
		require.NoError(t, os.WriteFile(cfg.File, []byte("$TTL 300\n@ SOA ns hostmaster 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n"), 0o644))
		configs = append(configs, cfg)
	}
	return configs
}

// The log of a start of many zones says how far it is and when it has ended, and what
// is wrong; not what is as expected of each zone.
func TestLogOfAStartOfManyZones(t *testing.T) {
	var text strings.Builder
	var mu sync.Mutex
	clock, dir := newManual(moment), t.TempDir()
	configs := smallZones(t, dir, 40)
	require.NoError(t, os.WriteFile(configs[3].File, []byte("nonsense"), 0o644))
	e, err := engine.Open(filepath.Join(dir, "state"), engine.Options{Logger: slog.New(slog.NewTextHandler(&locked{mu: &mu, to: &text}, nil)), Clock: clock})
	require.NoError(t, err)
	defer e.Close()
	p, err := e.Prepare(context.Background(), configs)
	require.NoError(t, err)
	go p.Commit()
	log := func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
	require.Eventually(t, func() bool {
		clock.step(time.Second)
		return strings.Contains(log(), "zones are loaded")
	}, 30*time.Second, time.Millisecond)
	require.Contains(t, log(), `msg="loading zones" zones=40`)
	require.Regexp(t, regexp.MustCompile(`msg="loading zones" zones=40 loaded=\d+`), log())
	require.Contains(t, log(), `msg="zones are loaded" zones=40 refusing=1 `)
	require.Contains(t, log(), "db.z3:1")
	require.NotContains(t, log(), "made a key")
	require.NotContains(t, log(), "published")

	_, err = e.Do(context.Background(), configs[0].Apex, engine.Command{Kind: "resign"})
	require.NoError(t, err)
	require.Contains(t, log(), "msg=published zone=z0.example.", "later each zone tells of itself")
}

// Edits are served before anybody was looked at, signed with the keys that were shown: the
// first look of many zones behind a dead network is long in coming.
func TestEditsBeforeTheFirstLook(t *testing.T) {
	dir, file := t.TempDir(), write(t, content)
	cfg := alone(t, file)
	cfg.Parent = engine.Parent{Mode: engine.ParentNone}
	e := serve(t, dir, cfg)
	keys := dnskey(t, served(t, e))
	require.NoError(t, e.Close())

	require.NoError(t, os.WriteFile(file, []byte(content+"one A 192.0.2.81\n"), 0o644))
	cfg.Parent = engine.Parent{Mode: engine.ParentServers, Servers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}}
	dead := make(chan struct{})
	e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler), Dial: func(context.Context, string, string) (net.Conn, error) {
		<-dead
		return nil, errors.New("the network is dead")
	}})
	require.NoError(t, err)
	defer e.Close()
	defer close(dead)
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	require.NotNil(t, served(t, e).Get(zone.MustName("one.example.org.")))
	require.NoError(t, os.WriteFile(file, []byte(content+"two A 192.0.2.81\n"), 0o644))
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	v := served(t, e)
	require.NotNil(t, v.Get(zone.MustName("two.example.org.")))
	two, _ := v.RRset(zone.MustName("two.example.org."), zone.TypeA)
	require.Equal(t, 1, two.Sigs.Len())
	require.Equal(t, keys, dnskey(t, v))
}

// A start of many zones loads all before it verifies any in the background.
func TestManyZonesAreLoadedBeforeTheyAreVerified(t *testing.T) {
	var text strings.Builder
	var mu sync.Mutex
	dir := t.TempDir()
	configs := smallZones(t, dir, 30)
	log := func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
	const loaded, verified = "zones are loaded", "every signature was verified"
	start := func(done func() bool) {
		mu.Lock()
		text.Reset()
		mu.Unlock()
		e, err := engine.Open(filepath.Join(dir, "state"), engine.Options{Logger: slog.New(slog.NewTextHandler(&locked{mu: &mu, to: &text}, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		require.NoError(t, err)
		defer func() { require.NoError(t, e.Close()) }()
		p, err := e.Prepare(context.Background(), configs)
		require.NoError(t, err)
		p.Commit()
		require.Eventually(t, done, time.Minute, 10*time.Millisecond)
	}
	start(func() bool { return strings.Contains(log(), loaded) })
	start(func() bool { return strings.Count(log(), verified) == len(configs) }) // what a disk had
	require.Less(t, strings.Index(log(), loaded), strings.Index(log(), verified))
}
