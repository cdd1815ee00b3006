package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// updatable is a zone that the key k. may update.
func updatable(t testing.TB, file string) engine.Config {
	cfg := alone(t, file)
	cfg.Updates = []update.Grant{{Key: "k.", Algorithm: dns.HmacSHA256}}
	return cfg
}

// send sends an UPDATE that adds records, or with a - before them removes them, and gives
// what it was refused with.
func send(t testing.TB, e *engine.Engine, lines ...string) *update.Refusal {
	t.Helper()
	_, bad := e.Find(apex).Update(context.Background(), asUpdate(t, lines...), "k.", dns.HmacSHA256)
	return bad
}

func asUpdate(t testing.TB, lines ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetUpdate(apex.String())
	for _, line := range lines {
		text, removed := strings.CutPrefix(line, "-")
		name, rest, _ := strings.Cut(text, " ")
		rr, err := dns.NewRR(name + ".example.org. " + rest)
		require.NoError(t, err)
		if removed {
			m.Remove([]dns.RR{rr})
		} else {
			m.Insert([]dns.RR{rr})
		}
	}
	wire, err := m.Pack()
	require.NoError(t, err)
	require.NoError(t, m.Unpack(wire))
	return m
}

func answersFor(t testing.TB, e *engine.Engine, name string) bool {
	t.Helper()
	v := e.Find(apex).Serving().Version
	return v.Get(zone.MustName(name+".example.org.")) != nil
}

// NOERROR says that the next question is answered with it, signed, and that a restart
// has it; the file has its say beside it, and neither destroys the other.
func TestUpdate(t *testing.T) {
	t.Parallel()
	file, dir := write(t, content), t.TempDir()
	cfg := updatable(t, file)
	e := serve(t, dir, cfg)
	before := served(t, e)
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81", "-www 300 A 192.0.2.80"))
	after := served(t, e)
	require.Equal(t, before.Serial()+1, after.Serial())
	new, ok := after.RRset(zone.MustName("new.example.org."), zone.TypeA)
	require.True(t, ok)
	signers, err := validate.Signatures(new, must(after.RRset(apex, zone.TypeDNSKEY)), apex, time.Now())
	require.NoError(t, err)
	require.NotEmpty(t, signers)
	require.False(t, answersFor(t, e, "www"))

	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	require.Same(t, after, served(t, e), "no change makes no version")

	require.NoError(t, os.WriteFile(file, []byte(content+"more A 192.0.2.82\n"), 0o644))
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.True(t, answersFor(t, e, "more") && answersFor(t, e, "new") && !answersFor(t, e, "www"))
	require.NoError(t, e.Close())

	e = serve(t, dir, cfg)
	require.True(t, answersFor(t, e, "more") && answersFor(t, e, "new") && !answersFor(t, e, "www"))
	require.Equal(t, after.Serial()+1, served(t, e).Serial(), "nothing was signed anew")
	require.NoError(t, e.Close())

	// An edit of the file while nobody looks, and a line of the Corefile less.
	require.NoError(t, os.WriteFile(file, []byte(content+"less A 192.0.2.82\n"), 0o644))
	e = serve(t, dir, alone(t, file))
	require.True(t, answersFor(t, e, "less") && answersFor(t, e, "new") && !answersFor(t, e, "www") && !answersFor(t, e, "more"))
	bad := send(t, e, "newer 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Equal(t, dns.RcodeRefused, bad.Rcode)
	require.NoError(t, e.Close())
}

// Whoever says updates, fold and drop sees and takes back what updates have done; with
// hold-updates none is taken, also after a restart.
func TestUpdateCommands(t *testing.T) {
	t.Parallel()
	file, dir := write(t, content), t.TempDir()
	e := serve(t, dir, updatable(t, file))
	do := func(kind string, args ...string) string {
		t.Helper()
		text, err := e.Do(context.Background(), apex, engine.Command{Kind: kind, Args: args})
		require.NoError(t, err)
		return text
	}
	made, err := e.Updates(context.Background(), apex)
	require.NoError(t, err)
	require.Empty(t, made)
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81", "-www 300 A 192.0.2.80", "ns 60 A 192.0.2.53"))
	made, err = e.Updates(context.Background(), apex)
	require.NoError(t, err)
	ttl := uint32(60)
	for i := range made {
		require.False(t, made[i].Since.IsZero())
		made[i].Since = time.Time{}
	}
	require.ElementsMatch(t, []status.Update{
		{Name: "new.example.org.", Type: "A", Added: []string{"192.0.2.81"}, Removed: []string{}, TTL: &ttl, By: "k."},
		{Name: "www.example.org.", Type: "A", Added: []string{}, Removed: []string{"192.0.2.80"}, By: "k."},
		{Name: "ns.example.org.", Type: "A", Added: []string{}, Removed: []string{}, TTL: &ttl, By: "k."},
	}, made)
	require.Equal(t, "new.example.org.\t60\tIN\tA\t192.0.2.81\n; give the other A records of ns.example.org. the TTL 60\n; remove: www.example.org.\t300\tIN\tA\t192.0.2.80", do("fold"))

	do("drop", "www.example.org.", "A")
	require.True(t, answersFor(t, e, "www"))
	for _, args := range [][]string{{"www.example.org.", "A"}, {"www.example.com.", "A"}, {"www.example.org.", "FOO"}, {}} {
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "drop", Args: args})
		require.Error(t, err)
	}

	do("hold-updates")
	bad := send(t, e, "newer 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Equal(t, "held", bad.Reason)
	require.NoError(t, e.Close())
	e = serve(t, dir, updatable(t, file))
	defer func() { require.NoError(t, e.Close()) }()
	require.NotNil(t, send(t, e, "newer 60 A 192.0.2.81"))
	s, _ := e.Status(apex)
	require.True(t, s.Source.UpdatesHeld)
	require.Equal(t, 2, s.Source.Updated)
	do("resume-updates")
	require.Nil(t, send(t, e, "newer 60 A 192.0.2.81"))
}

// What does not go with a new file is an alarm, and served when the file makes room.
func TestUpdateParked(t *testing.T) {
	t.Parallel()
	file := write(t, content)
	e := serve(t, t.TempDir(), updatable(t, file))
	defer e.Close()
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	edit := func(text string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
		require.NoError(t, err)
	}
	edit(content + "new CNAME www\n")
	s, _ := e.Status(apex)
	require.Len(t, s.Alarms, 1)
	require.Contains(t, s.Alarms[0].What, "new.example.org. A, because new.example.org. would have a CNAME beside other records")
	made, err := e.Updates(context.Background(), apex)
	require.NoError(t, err)
	require.Contains(t, made[0].NotServed, "would have a CNAME beside other records")
	require.Nil(t, send(t, e, "-new 300 CNAME www.example.org.", "new 60 A 192.0.2.82"))
	s, _ = e.Status(apex)
	require.Empty(t, s.Alarms)
	require.Equal(t, 2, must(served(t, e).RRset(zone.MustName("new.example.org."), zone.TypeA)).Rdata.Len(), "what was parked, and what has made room")
	edit(content)
	require.True(t, answersFor(t, e, "new"))
}

// A file that cannot be read at a start has updates wait: over which base they are to be
// laid is not known. What is served is, and what was acknowledged comes back with the file.
func TestUpdateWithoutFile(t *testing.T) {
	t.Parallel()
	file, dir := write(t, content), t.TempDir()
	e := serve(t, dir, updatable(t, file))
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	require.NoError(t, e.Close())
	require.NoError(t, os.WriteFile(file, []byte("broken"), 0o644))
	e = serve(t, dir, updatable(t, file))
	defer e.Close()
	require.True(t, answersFor(t, e, "new"))
	bad := send(t, e, "newer 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Equal(t, "no content", bad.Reason)
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "fold"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	_, err = e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Nil(t, send(t, e, "newer 60 A 192.0.2.81"))
	require.True(t, answersFor(t, e, "new") && answersFor(t, e, "newer"))
}

// Many at once are each judged alone: one that is refused takes no other with it, and
// each that was answered is there. Of two that ask for the same state one gets it.
func TestUpdatesAtOnce(t *testing.T) {
	t.Parallel()
	file, dir := write(t, content), t.TempDir()
	e := serve(t, dir, updatable(t, file))
	before := served(t, e).Serial()
	var all sync.WaitGroup
	won := make(chan int, 100)
	for i := range 100 {
		all.Go(func() {
			name := fmt.Sprintf("n%d", i)
			if i%10 == 0 {
				m := asUpdate(t, name+" 60 A 192.0.2.81", "lock 60 TXT "+name)
				m.RRsetNotUsed([]dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "lock.example.org.", Rrtype: dns.TypeTXT}}})
				if _, bad := e.Find(apex).Update(context.Background(), m, "k.", dns.HmacSHA256); bad == nil {
					won <- i
				} else if bad.Rcode != dns.RcodeYXRrset {
					t.Error(bad)
				}
				return
			}
			if bad := send(t, e, name+" 60 A 192.0.2.81"); bad != nil {
				t.Error(bad)
			}
			if !answersFor(t, e, name) {
				t.Error(name, "was acknowledged and is not served")
			}
		})
	}
	all.Wait()
	require.Len(t, won, 1)
	turns := served(t, e).Serial() - before
	require.Less(t, turns, uint32(91), "they share turns")
	require.NoError(t, e.Close())
	e = serve(t, dir, updatable(t, file))
	defer e.Close()
	for i := range 100 {
		require.True(t, i%10 == 0 || answersFor(t, e, fmt.Sprintf("n%d", i)))
	}
}

// Who may not update takes no turn, and learns nothing of the zone.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	e := serve(t, t.TempDir(), updatable(t, write(t, content)))
	defer e.Close()
	for _, tc := range []struct{ key, algorithm, why string }{
		{"other.", dns.HmacSHA256, "may not update this zone"},
		{"", "", "with a TSIG key only"},
		{"k.", dns.HmacSHA512, "key k. is of hmac-sha256"},
	} {
		_, bad := e.Find(apex).Update(context.Background(), asUpdate(t, "new 60 A 192.0.2.81"), tc.key, tc.algorithm)
		require.NotNil(t, bad)
		require.Contains(t, bad.Text, tc.why)
	}
	require.False(t, answersFor(t, e, "new"))
}

// While there is nothing to answer with, nobody's update waits for a turn: who may not is
// told that, and who may that it is too early.
func TestUpdateWithoutAVersion(t *testing.T) {
	t.Parallel()
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer e.Close()
	p, err := e.Prepare(context.Background(), []engine.Config{updatable(t, write(t, "broken"))})
	require.NoError(t, err)
	p.Commit()
	ended, end := context.WithCancel(context.Background())
	end() // whoever waited would be told of that
	for key, why := range map[string]string{"": "no key", "other.": "no grant", "k.": "refusing"} {
		_, bad := e.Find(apex).Update(ended, asUpdate(t, "new 60 A 192.0.2.81"), key, dns.HmacSHA256)
		require.NotNil(t, bad)
		require.Equal(t, why, bad.Reason)
	}
}

// Who had found a zone when it left the Corefile is told, and does not wait for a turn that
// never comes.
func TestUpdateOfAZoneThatIsGone(t *testing.T) {
	t.Parallel()
	e := serve(t, t.TempDir(), updatable(t, write(t, content)))
	defer e.Close()
	z := e.Find(apex)
	p, err := e.Prepare(context.Background(), nil)
	require.NoError(t, err)
	p.Commit()
	ctx, end := context.WithTimeout(context.Background(), time.Minute)
	defer end()
	_, bad := z.Update(ctx, asUpdate(t, "new 60 A 192.0.2.81"), "k.", dns.HmacSHA256)
	require.NoError(t, ctx.Err())
	require.Equal(t, dns.RcodeServerFailure, bad.Rcode)
	require.Contains(t, bad.Text, "no longer served here")
}

// A TTL that rises by an update or a transfer in the middle of a rollover lengthens the waits as
// one by file does: what caches may hold is read off the versions that were shown.
func TestTTLRisesInARollover(t *testing.T) {
	t.Parallel()
	waits := func(cfg engine.Config, change func(e *engine.Engine, clock *manual)) (ttl string) {
		clock := newManual(moment)
		cfg.LifetimeZSK = 0
		e := by(t, clock, t.TempDir(), cfg)
		served(t, e)
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "roll", Args: []string{"zsk"}})
		require.NoError(t, err)
		keys := func() int { return must(e.Find(apex).Serving().Version.RRset(apex, zone.TypeDNSKEY)).Rdata.Len() }
		require.Equal(t, 3, keys(), "the old key signs, and the new one is published")
		change(e, clock)
		for range 300 {
			clock.step(10 * time.Minute)
			for _, w := range settled(t, e).Waits {
				if ttl, of, _ := strings.Cut(w.From, " TTL of data"); of != "" {
					return ttl
				}
			}
		}
		t.Fatal("nothing waits for the data of the old key")
		return ""
	}
	long := text("11", "long.example.org. 86400 A 192.0.2.82")
	file, updated, p := write(t, content), write(t, content), newScripted(t, groupKey, text("10", ""))
	require.Equal(t, "1h0m0s", waits(alone(t, write(t, content)), func(*engine.Engine, *manual) {}))
	require.Equal(t, "24h0m0s", waits(alone(t, file), func(e *engine.Engine, _ *manual) {
		require.NoError(t, os.WriteFile(file, []byte(content+"long 86400 A 192.0.2.82\n"), 0o644))
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
		require.NoError(t, err)
	}))
	require.Equal(t, "24h0m0s", waits(updatable(t, updated), func(e *engine.Engine, _ *manual) {
		require.Nil(t, send(t, e, "long 86400 A 192.0.2.82"))
	}))
	require.Equal(t, "24h0m0s", waits(behind(t, p), func(e *engine.Engine, clock *manual) {
		p.set(long)
		p.notify(e)
		clock.step(2 * time.Second)
		serves(t, e, "long.example.org.")
	}))
}

// start has e serve cfg.
func start(t *testing.T, e *engine.Engine, cfg engine.Config) {
	t.Helper()
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	served(t, e)
}

// A catalog gives a member another id while its file cannot be read. What updates have made of the
// zone is dropped with it, and comes back by no crash before the file can be read again.
func TestAnotherIDDropsUpdates(t *testing.T) {
	t.Parallel()
	file, dir, copied := write(t, content), t.TempDir(), filepath.Join(t.TempDir(), "copied")
	cfg := updatable(t, file)
	cfg.Member = engine.Member{Catalog: zone.MustName("cat.example."), ID: "1"}
	e := serve(t, dir, cfg)
	defer e.Close()
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	turn := func(e *engine.Engine) {
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "look"})
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(file, []byte("no zone at all"), 0o644))
	cfg.Member.ID = "2"
	start(t, e, cfg)
	turn(e)
	turn(e)
	restore(t, copied, dir)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	for _, e := range []*engine.Engine{e, serve(t, copied, cfg)} {
		defer e.Close()
		_, err := e.Do(context.Background(), apex, engine.Command{Kind: "reload"})
		require.NoError(t, err)
		require.False(t, answersFor(t, e, "new"))
		require.Nil(t, send(t, e, "newer 60 A 192.0.2.82"))
		turn(e)
		require.True(t, answersFor(t, e, "newer"), "what comes after stays")
	}
	require.NoError(t, e.Close())
	e = serve(t, dir, cfg)
	defer e.Close()
	require.True(t, answersFor(t, e, "newer"))
}

// A file was changed, its review did not take that, and an operator gave it up. When reviews end and
// updates are taken again, they are judged by what the file has: else one that removes a record of
// it would be acknowledged, and a restart would serve the record.
func TestUpdateAfterReviewsHaveEnded(t *testing.T) {
	t.Parallel()
	file, dir := write(t, content), t.TempDir()
	cfg := updatable(t, file)
	e := serve(t, dir, cfg)
	defer e.Close()
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	reviewed := cfg
	reviewed.Review.Content = []string{"/bin/false"}
	start(t, e, reviewed)
	reload(t, e, file, content+"held 300 IN A 192.0.2.82\n")
	eventually(t, "it is held", func() bool { return raised(e, status.AlarmReview) != nil })
	order(t, e, "review", "drop")
	start(t, e, cfg)
	require.Nil(t, send(t, e, "-held 300 A 192.0.2.82"))
	require.False(t, answersFor(t, e, "held"))
	require.Nil(t, send(t, e, "newer 60 A 192.0.2.83"))
	require.NoError(t, e.Close())

	e = serve(t, dir, cfg)
	defer e.Close()
	require.True(t, answersFor(t, e, "new") && answersFor(t, e, "newer"))
	require.False(t, answersFor(t, e, "held"))
}
