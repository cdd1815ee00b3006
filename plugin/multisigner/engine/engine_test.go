package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const content = `
$ORIGIN example.org.
$TTL 300
@    SOA ns hostmaster 1 7200 900 1209600 300
@    NS  ns
ns   A   192.0.2.53
www  A   192.0.2.80
`

var apex = zone.MustName("example.org.")

// alone is a zone of one signer without a parent: an island.
func alone(t testing.TB, file string) engine.Config {
	t.Helper()
	return engine.Config{
		Apex: apex, File: file, Where: "Corefile:1", Signer: "a", Split: true, Algorithm: 13,
		Validity: 14 * 24 * time.Hour, Refresh: 5 * 24 * time.Hour, DNSKEYTTL: time.Hour,
		Margin: time.Hour, LookBusy: time.Minute, LookIdle: 10 * time.Minute,
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db.example.org")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// serve opens an engine and has it serve cfg.
func serve(t testing.TB, dir string, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	return e
}

// served is what everybody gets now. A start does not wait for a busy machine to
// load a zone; the tests do.
func served(t *testing.T, e *engine.Engine) *zone.Version {
	t.Helper()
	loaded := func() bool { return e.Find(apex).Serving().Refuse != "the zone is being loaded" }
	if !loaded() {
		require.Eventually(t, loaded, time.Minute, 10*time.Millisecond)
	}
	serving := e.Find(apex).Serving()
	require.Empty(t, serving.Refuse)
	require.NotNil(t, serving.Version)
	return serving.Version
}

func dnskey(t *testing.T, v *zone.Version) string {
	t.Helper()
	s, ok := v.RRset(apex, zone.TypeDNSKEY)
	require.True(t, ok)
	return zone.Text(s)
}

// A zone file is all that a zone without a parent needs: it is served signed as
// soon as the start returns, and a restart keeps keys, serial and signatures.
func TestServesSignedAndRestartsAsItWas(t *testing.T) {
	t.Parallel()
	dir, cfg := t.TempDir(), alone(t, write(t, content))
	e := serve(t, dir, cfg)
	first := served(t, e)
	www, ok := first.RRset(zone.MustName("www.example.org."), zone.TypeA)
	require.True(t, ok)
	require.Equal(t, 1, www.Sigs.Len())
	require.Contains(t, dnskey(t, first), "\t257 3 13 ")
	require.Contains(t, dnskey(t, first), "\t256 3 13 ")
	require.NoError(t, e.Close())
	require.Equal(t, first, served(t, e), "a closed engine answers on")

	e = serve(t, dir, cfg)
	defer e.Close()
	again := served(t, e)
	require.Empty(t, zone.Compare(first, again).Changes)
}

// Saving the file again brings the new content, and only what changed is signed
// anew; the serial goes forward.
func TestReload(t *testing.T) {
	t.Parallel()
	file := write(t, content)
	e := serve(t, t.TempDir(), alone(t, file))
	defer e.Close()
	before := served(t, e)
	require.NoError(t, os.WriteFile(file, []byte(content+"new A 192.0.2.81\n"), 0o644))
	text, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Contains(t, text, "db.example.org")
	after := served(t, e)
	require.Equal(t, before.Serial()+1, after.Serial())
	require.NotNil(t, after.Get(zone.MustName("new.example.org.")))
	was, _ := before.RRset(zone.MustName("www.example.org."), zone.TypeA)
	is, _ := after.RRset(zone.MustName("www.example.org."), zone.TypeA)
	require.Equal(t, was, is)
}

// A serial that is raised alone in the file is served. One that is not after the
// served one, or does not count, is passed over, and the status says why.
func TestSerialAlone(t *testing.T) {
	t.Parallel()
	file := write(t, content)
	cfg := alone(t, file)
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	require.EqualValues(t, 1, served(t, e).Serial())
	raise := func(to string) status.Source {
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(content, " 1 7200", " "+to+" 7200", 1)), 0o644))
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
		require.NoError(t, err)
		s, _ := e.Status(apex)
		return s.Source
	}
	// What goes up without a change of it is no news, be it by content or by a step of a key.
	require.NoError(t, os.WriteFile(file, []byte(content+"new A 192.0.2.81\n"), 0o644))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.EqualValues(t, 2, served(t, e).Serial())
	s, _ := e.Status(apex)
	require.Empty(t, s.Source.Passed)
	require.EqualValues(t, 1, s.Source.Serial)

	require.Empty(t, raise("2026113000").Passed)
	after := served(t, e)
	require.EqualValues(t, 2026113000, after.Serial())
	signers, err := validate.Signatures(after.SOA(), must(after.RRset(apex, zone.TypeDNSKEY)), apex, time.Now())
	require.NoError(t, err)
	require.NotEmpty(t, signers)

	require.Equal(t, "not served: it is not greater than 2026113000, which was served already; the next serial is one more than that", raise("7").Passed)
	require.Same(t, after, served(t, e))
	cfg.Serial = sign.UnixTime
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	require.Equal(t, "not served: serials are made from the time", raise("4000000000").Passed)
	require.Same(t, after, served(t, e))
}

func must(s zone.RRset, _ bool) zone.RRset { return s }

// The watcher finds a changed file by itself.
func TestNoticesTheFile(t *testing.T) {
	t.Parallel()
	file := write(t, content)
	e := serve(t, t.TempDir(), alone(t, file))
	defer e.Close()
	require.NoError(t, os.WriteFile(file, []byte(content+"new A 192.0.2.81\n"), 0o644))
	require.Eventually(t, func() bool {
		return served(t, e).Get(zone.MustName("new.example.org.")) != nil
	}, 10*time.Second, 20*time.Millisecond)
}

// A broken file leaves the last good version serving and says where it is broken.
func TestBrokenFileIsRefused(t *testing.T) {
	t.Parallel()
	file := write(t, content)
	dir := t.TempDir()
	e := serve(t, dir, alone(t, file))
	before := served(t, e)
	require.NoError(t, os.WriteFile(file, []byte(content+"www CNAME ns\n"), 0o644))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Same(t, before, served(t, e))
	s, _ := e.Status(apex)
	require.True(t, s.Source.Refused)
	require.NotEmpty(t, s.Alarms)
	require.Contains(t, s.Alarms[0].What, "db.example.org:")
	require.NoError(t, e.Close())

	// A restart with the broken file serves what was served, too, and still says so.
	e = serve(t, dir, alone(t, file))
	defer e.Close()
	require.Empty(t, zone.Compare(before, served(t, e)).Changes)
	s, _ = e.Status(apex)
	require.True(t, s.Source.Refused)
}

// The log names each fault on a line of its own, once however often the file is read with it,
// and says when the file is good again.
func TestRefusedFileInTheLog(t *testing.T) {
	t.Parallel()
	file := write(t, content)
	var text strings.Builder
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))})
	require.NoError(t, err)
	p, err := e.Prepare(context.Background(), []engine.Config{alone(t, file)})
	require.NoError(t, err)
	p.Commit()
	for _, now := range []string{content + "www CNAME ns\nw A 192.0.2.300\n", "", content} {
		require.NoError(t, os.RemoveAll(file))
		if now != "" {
			require.NoError(t, os.WriteFile(file, []byte(now), 0o644))
		}
		for range 3 {
			_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
			require.NoError(t, err)
		}
	}
	require.NoError(t, e.Close())
	for want, times := range map[string]int{
		`level=ERROR msg="the zone file was refused, and changes nothing of what is served" zone=example.org.`:           2,
		`level=ERROR msg="zone file" zone=example.org. problem="` + file + `:8: www.example.org.: a CNAME stands beside`: 1,
		`level=ERROR msg="zone file" zone=example.org. problem="` + file + `:9: A: the address: `:                        1,
		`no such file or directory`: 1,
		`level=INFO msg="the zone file can be served again" zone=example.org.`: 1,
	} {
		require.Equal(t, times, strings.Count(text.String(), want), "%s\n%s", want, text.String())
	}
}

// A first start with a broken file refuses, says why, and serves once it is mended.
func TestFirstStartWithBrokenFile(t *testing.T) {
	t.Parallel()
	file := write(t, "nonsense")
	e := serve(t, t.TempDir(), alone(t, file))
	defer e.Close()
	require.Contains(t, e.Find(apex).Serving().Refuse, "no content")
	require.NotContains(t, e.Find(apex).Serving().Refuse, file, "outsiders read it")
	s, _ := e.Status(apex)
	require.Contains(t, s.Alarms[0].What, file)
	ready, why := e.Ready()
	require.False(t, ready)
	require.Contains(t, why, "example.org.")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	served(t, e)
}

// What is lost is put back by hand, not made anew behind the operator's back: a
// private key that is gone stops nothing that is served, and says what to do.
func TestLostKeysAndState(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), write(t, content)
	e := serve(t, dir, alone(t, file))
	before := served(t, e)
	require.NoError(t, e.Close())

	state := filepath.Join(dir, "state.db")
	good, err := os.ReadFile(state)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(state, []byte(strings.Repeat("x", len(good))), 0o600))
	_, err = engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "restore it from a backup")
	require.NoError(t, os.WriteFile(state, good, 0o600))

	e = serve(t, dir, alone(t, file))
	defer e.Close()
	require.Equal(t, dnskey(t, before), dnskey(t, served(t, e)))
}

// A private key that is gone, or that others could read, takes nothing from what
// is served: the last version is, until somebody has seen to the key.
func TestLostPrivateKey(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), write(t, content)
	cfg := alone(t, file)
	e := serve(t, dir, cfg)
	before := served(t, e)
	require.NoError(t, e.Close())
	keys, err := filepath.Glob(filepath.Join(dir, "keys", "example.org", "K*.private"))
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.NoError(t, os.Rename(keys[0], filepath.Join(dir, "away")))

	var text strings.Builder
	e, err = engine.Open(dir, engine.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))})
	require.NoError(t, err)
	commit := func(cfg engine.Config) {
		t.Helper()
		p, err := e.Prepare(context.Background(), []engine.Config{cfg})
		require.NoError(t, err)
		p.Commit()
	}
	commit(cfg)
	require.Empty(t, zone.Compare(before, served(t, e)).Changes)
	s, _ := e.Status(apex)
	require.Contains(t, s.Alarms[0].What, "has no private key beside it: put "+filepath.Base(keys[0])+" back")
	for range 3 {
		_, err = e.Do(context.Background(), apex, engine.Command{Kind: "look"})
		require.NoError(t, err)
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "away"), keys[0]))
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Empty(t, zone.Compare(before, served(t, e)).Changes)
	require.NoError(t, e.Close())
	require.Equal(t, 1, strings.Count(text.String(), "no private key"), "told once, not each time it is tried")

	require.NoError(t, os.Chmod(keys[1], 0o644))
	cfg.Peers = []engine.Peer{{Name: "b", Addresses: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}}}
	e = serve(t, dir, cfg)
	defer e.Close()
	if refuse := e.Find(apex).Serving().Refuse; refuse != "" { // else the look has ended by now
		require.Contains(t, refuse, "looking", "it may be an old version: not before a look")
	}
}

// A state directory has one user.
func TestStateDirectoryIsLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := serve(t, dir, alone(t, write(t, content)))
	defer e.Close()
	_, err := engine.Open(dir, engine.Options{})
	require.ErrorContains(t, err, "in use by another process")
}

// A zone that leaves the configuration is served no more, and is back as it was
// when it returns.
func TestZoneLeavesAndReturns(t *testing.T) {
	t.Parallel()
	cfg := alone(t, write(t, content))
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	before := served(t, e)
	p, err := e.Prepare(context.Background(), nil)
	require.NoError(t, err)
	p.Commit()
	require.Nil(t, e.Find(apex))
	p, err = e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	require.Empty(t, zone.Compare(before, served(t, e)).Changes)
}

// An end with many zones is as quick as one with few: what they save at the end
// goes to the disk together. One sync for each would take minutes.
func TestEndOfManyZones(t *testing.T) {
	t.Parallel()
	const zones = 300
	dir := t.TempDir()
	transactions := func() int {
		db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, &bbolt.Options{ReadOnly: true})
		require.NoError(t, err)
		defer db.Close()
		tx, err := db.Begin(false)
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback()) }()
		return tx.ID()
	}
	var all []engine.Config
	for i := range zones {
		cfg := alone(t, "")
		cfg.Apex = zone.MustName(fmt.Sprintf("z%d.example.org.", i))
		cfg.Split, cfg.File = false, write(t, strings.Replace(content, "$ORIGIN example.org.", "$ORIGIN "+cfg.Apex.String(), 1))
		all = append(all, cfg)
	}
	run := func() {
		e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		p, err := e.Prepare(context.Background(), all)
		require.NoError(t, err)
		p.Commit()
		require.Eventually(t, func() bool { ready, _ := e.Ready(); return ready }, time.Minute, 10*time.Millisecond)
		require.NoError(t, e.Close())
	}
	run()
	before := transactions()
	run()
	require.Less(t, transactions()-before, zones/2)
}
