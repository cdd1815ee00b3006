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
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
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

// Of many zones that begin again, each answers with what was shown last as soon as that is
// read: before the keys of any are. One that refused goes on to do so until it is decided.
func TestManyZonesAnswerBeforeTheyAreDecided(t *testing.T) {
	dir := t.TempDir()
	state, configs := filepath.Join(dir, "state"), smallZones(t, dir, 100)
	open := func(key func(keystore.Key) keystore.Key) *engine.Engine {
		e, err := engine.Open(state, engine.Options{Logger: slog.New(slog.DiscardHandler), Key: key})
		require.NoError(t, err)
		p, err := e.Prepare(context.Background(), configs)
		require.NoError(t, err)
		go p.Commit()
		require.Eventually(t, func() bool { return e.Find(configs[0].Apex) != nil }, time.Minute, time.Millisecond)
		return e
	}
	e := open(nil)
	shown := map[zone.Name]uint32{}
	for _, cfg := range configs {
		<-e.Find(cfg.Apex).Began()
		shown[cfg.Apex] = e.Find(cfg.Apex).Serving().Version.Serial()
	}
	require.NoError(t, e.Close())
	refusing := configs[7].Apex
	record := strings.Replace(engine.EditRecord(t, state, refusing, nil), "{", `{"refused":true,`, 1)
	engine.EditRecord(t, state, refusing, &record)

	damaged := configs[9].Apex
	record = strings.Replace(engine.EditRecord(t, state, damaged, nil), `"roll":"`, `"roll":"AAAA`, 1)
	engine.EditRecord(t, state, damaged, &record)

	hold := make(chan struct{})
	decide := sync.OnceFunc(func() { close(hold) })
	e = open(func(k keystore.Key) keystore.Key { <-hold; return k })
	defer e.Close()
	defer decide()
	for _, cfg := range configs {
		z := e.Find(cfg.Apex)
		if cfg.Apex == refusing || cfg.Apex == damaged { // the latter's fault is found before its keys are wanted
			continue
		}
		<-z.Began()
		require.NotNil(t, z.Open(), "%s", cfg.Apex)
		require.Equal(t, shown[cfg.Apex], z.Open().Serial())
		s, _ := e.Status(cfg.Apex)
		require.True(t, s.Serving)
		require.Empty(t, s.Keys, "nothing was decided yet")
	}
	require.Nil(t, e.Find(refusing).Open(), "it refused when it ended")
	decide()
	require.Eventually(t, func() bool {
		s, _ := e.Status(damaged)
		return !s.Serving && len(s.Alarms) == 1 && s.Alarms[0].Name == status.AlarmStateUnreadable
	}, time.Minute, time.Millisecond, "what is found wrong in the end is told")
	for _, cfg := range configs {
		if cfg.Apex == damaged {
			continue
		}
		require.Eventually(t, func() bool {
			s, _ := e.Status(cfg.Apex)
			return s.Serving && len(s.Keys) == 2
		}, time.Minute, time.Millisecond, "%s", cfg.Apex)
	}
}
