package engine_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// judge notes what it is told, keeps the file, and does not take what has the word bad in it.
const judge = `echo "$MULTISIGNER_REVIEW $MULTISIGNER_ZONE $MULTISIGNER_SERIAL $MULTISIGNER_SERVED" >> TOLD
cp "$MULTISIGNER_FILE" TOLD.$MULTISIGNER_REVIEW
if grep -q bad "$MULTISIGNER_FILE"; then echo first; echo "no bad names here" >&2; exit 7; fi
`

func reload(t *testing.T, e *engine.Engine, file, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
}

func reviews(e *engine.Engine) []status.Review {
	s, _ := e.Status(apex)
	return s.Reviews
}

func order(t *testing.T, e *engine.Engine, kind string, args ...string) {
	t.Helper()
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: kind, Args: args})
	require.NoError(t, err)
}

// left lists the files that were written for reviews and are still there.
func leftOfReviews(t *testing.T, dir string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "zones", "*~review-*"))
	require.NoError(t, err)
	return left
}

// Content that its review does not take is not served, whatever else goes on; the last good
// version is, over a restart as well. Later content takes its place, and a person can let it
// pass or give it up.
func TestReview(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"content", "signed"} {
		t.Run(stage, func(t *testing.T) {
			program, told := script(t, judge)
			file, dir := write(t, content), t.TempDir()
			cfg := alone(t, file)
			cfg.Review.Content = []string{program}
			if stage == "signed" {
				cfg.Review = engine.Review{Signed: []string{program}}
			}
			e := serve(t, dir, cfg)
			first := serves(t, e, "www.example.org.")
			require.True(t, wrote(told, stage+" example.org. 1 \n")())
			raw, err := os.ReadFile(told + "." + stage)
			require.NoError(t, err)
			require.Equal(t, view(t, e, stage), string(raw), "what was looked at is what is served")
			require.Equal(t, stage == "signed", strings.Contains(string(raw), "\tRRSIG\t"))

			held := func() {
				t.Helper()
				eventually(t, "it is held", func() bool {
					return raised(e, status.AlarmReview) != nil && len(reviews(e)) == 1 && reviews(e)[0].Held
				})
				require.Contains(t, raised(e, status.AlarmReview).What, stage+" of serial ")
				require.Contains(t, raised(e, status.AlarmReview).What, program+": exit status 7: first; no bad names here")
				require.False(t, answersFor(t, e, "bad"))
				require.True(t, answersFor(t, e, "www"))
			}
			reload(t, e, file, content+"bad A 192.0.2.81\n")
			held()
			require.Equal(t, first, served(t, e))
			order(t, e, "resign")
			eventually(t, "signed anew", func() bool { return served(t, e).Serial() == first.Serial()+1 })
			held()
			require.NoError(t, e.Close())
			require.Empty(t, leftOfReviews(t, dir))

			require.NoError(t, os.WriteFile(filepath.Join(dir, "zones", "example.org~review-signed-4711"), nil, 0o600))
			other := filepath.Join(dir, "zones", kept.FileName(zone.MustName("example.org.review-site."))+".snapshot")
			require.NoError(t, os.WriteFile(other, nil, 0o600))
			e = serve(t, dir, cfg)
			defer func() { e.Close() }()
			require.Equal(t, first.Serial()+1, served(t, e).Serial())
			held()
			require.Empty(t, leftOfReviews(t, dir))
			require.FileExists(t, other, "another zone's")

			reload(t, e, file, content+"good A 192.0.2.82\n")
			serves(t, e, "good.example.org.")
			eventually(t, "it is over", func() bool { return raised(e, status.AlarmReview) == nil && len(reviews(e)) == 0 })
			reload(t, e, file, content+"bad A 192.0.2.83\n")
			held()
			order(t, e, "review", "pass")
			serves(t, e, "bad.example.org.")
			eventually(t, "it is over", func() bool { return raised(e, status.AlarmReview) == nil })

			reload(t, e, file, content+"bad A 192.0.2.84\n")
			eventually(t, "it is held", func() bool { return raised(e, status.AlarmReview) != nil })
			order(t, e, "review", "drop")
			eventually(t, "it is over", func() bool { return raised(e, status.AlarmReview) == nil && len(reviews(e)) == 0 })
			is, _ := served(t, e).RRset(zone.MustName("bad.example.org."), zone.TypeA)
			require.Contains(t, zone.Text(is), "192.0.2.83")
			for _, args := range [][]string{nil, {"pass"}, {"keep"}} {
				_, err := e.Do(t.Context(), apex, engine.Command{Kind: "review", Args: args})
				require.Error(t, err)
			}

			// Without the line nothing is held.
			reload(t, e, file, content+"bad A 192.0.2.85\n")
			eventually(t, "it is held", func() bool { return raised(e, status.AlarmReview) != nil })
			cfg.Review = engine.Review{}
			p, err := e.Prepare(t.Context(), []engine.Config{cfg})
			require.NoError(t, err)
			p.Commit()
			eventually(t, "it is served", func() bool {
				is, _ := served(t, e).RRset(zone.MustName("bad.example.org."), zone.TypeA)
				return strings.Contains(zone.Text(is), "192.0.2.85")
			})
		})
	}
}

// While a review looks at content, keys and signatures go on, and of what comes meanwhile only
// the last waits. What passes is served, and then the last is looked at.
func TestReviewsDoNotPileUp(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"content", "signed"} {
		program, told := script(t, judge+"while [ ! -e TOLD.go ]; do sleep 0.01; done\n")
		require.NoError(t, os.WriteFile(told+".go", nil, 0o600))
		file := write(t, content)
		cfg := alone(t, file)
		cfg.Review.Content = []string{program}
		if stage == "signed" {
			cfg.Review = engine.Review{Signed: []string{program}}
		}
		e := serve(t, t.TempDir(), cfg)
		defer e.Close()
		first := serves(t, e, "www.example.org.")
		require.NoError(t, os.Remove(told+".go"))
		for i, name := range []string{"one", "two", "three"} {
			reload(t, e, file, content+name+" A 192.0.2.81\n")
			if i == 0 {
				eventually(t, "it is looked at", func() bool { return len(reviews(e)) == 1 && wrote(told+"."+stage, "one")() })
			}
		}
		order(t, e, "resign")
		eventually(t, "signed anew", func() bool { return served(t, e).Serial() == first.Serial()+1 })
		require.False(t, reviews(e)[0].Held)
		require.NoError(t, os.WriteFile(told+".go", nil, 0o600))
		serves(t, e, "three.example.org.")
		text, err := os.ReadFile(told)
		require.NoError(t, err)
		require.Equal(t, 3, strings.Count(string(text), "\n"), "%s", text)
		require.Equal(t, first.Serial()+3, served(t, e).Serial(), "the first was served, too")
	}
}

// A review that takes too long, with all that it has started, is ended, and content is held
// or passes, as was chosen. A person need not wait for it.
func TestReviewThatHangs(t *testing.T) {
	t.Parallel()
	program, told := script(t, judge+"sleep 1000 &\necho $! > TOLD.pid\nwait\n")
	for _, pass := range []bool{false, true} {
		var pid []byte
		for limit := 100 * time.Millisecond; len(pid) == 0; limit *= 4 { // until the program has come so far
			cfg := alone(t, write(t, content))
			cfg.Review = engine.Review{Content: []string{program}, Limit: limit, Pass: pass}
			e := serve(t, t.TempDir(), cfg)
			defer e.Close()
			if pass {
				serves(t, e, "www.example.org.")
				require.Nil(t, raised(e, status.AlarmReview))
			} else {
				eventually(t, "it is held", func() bool { return raised(e, status.AlarmReview) != nil })
				require.Contains(t, raised(e, status.AlarmReview).What, program+" took longer than "+limit.String())
				require.Equal(t, "the zone's first content is being reviewed, or was not taken by its review", e.Find(apex).Serving().Refuse)
			}
			pid, _ = os.ReadFile(told + ".pid")
		}
		require.NoError(t, os.Remove(told+".pid"))
		eventually(t, "what it has started has ended", func() bool {
			state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
			return err != nil || strings.Contains(string(state), ") Z ")
		})
	}
	cfg := alone(t, write(t, content))
	cfg.Review = engine.Review{Signed: []string{program}, Limit: time.Hour}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	eventually(t, "it is looked at", func() bool { return len(reviews(e)) == 1 })
	order(t, e, "review", "pass")
	serves(t, e, "www.example.org.")
}

// A review that cannot be run takes nothing and refuses nothing: it is tried again.
func TestReviewThatIsNotThere(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "review")
	clock, cfg := newManual(moment), alone(t, write(t, content))
	cfg.Review.Signed = []string{program}
	e := by(t, clock, t.TempDir(), cfg)
	eventually(t, "alarm", func() bool { return raised(e, status.AlarmReview) != nil })
	require.Contains(t, raised(e, status.AlarmReview).Cure, "it is tried again")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nexit 0\n"), 0o755))
	clock.step(31 * time.Second)
	serves(t, e, "www.example.org.")
	eventually(t, "over", func() bool { return raised(e, status.AlarmReview) == nil })
}

// What a primary gave is held the same way: its next serial comes as a difference, and a
// restart has both the last good version and what is held.
func TestReviewBehindAPrimary(t *testing.T) {
	t.Parallel()
	program, _ := script(t, judge)
	p := newScripted(t, nil, text("10", ""))
	dir, clock, cfg := t.TempDir(), newManual(moment), behind(t, p)
	cfg.Review = engine.Review{Content: []string{program}, Signed: []string{program}}
	e := by(t, clock, dir, cfg)
	first := serves(t, e, "www.example.org.")
	p.set(text("11", "bad.example.org. 300 A 192.0.2.81"))
	p.notify(e)
	clock.step(2 * time.Second)
	held := func() bool {
		return raised(e, status.AlarmReview) != nil && strings.Contains(raised(e, status.AlarmReview).What, "content of serial 11 ")
	}
	eventually(t, "it is held", held)
	require.NoError(t, e.Close())
	e = by(t, clock, dir, cfg)
	require.Empty(t, zone.Compare(first, served(t, e)).Changes)
	eventually(t, "it is held", held)
	require.EqualValues(t, 11, source(e).Serial)
	require.Empty(t, zone.Compare(first, served(t, e)).Changes)
	p.questions()
	p.set(text("12", "good.example.org. 300 A 192.0.2.81"))
	eventually(t, "nothing is under way", e.Idle) // the visit of the start, too
	p.notify(e)
	clock.step(2 * time.Second)
	serves(t, e, "good.example.org.")
	require.False(t, answersFor(t, e, "bad"))
	require.Contains(t, strings.Join(p.questions(), " "), "SOA IXFR")
	eventually(t, "over", func() bool { return raised(e, status.AlarmReview) == nil })
}

// An update cannot wait for a person, and is refused where content is reviewed.
func TestReviewRefusesUpdates(t *testing.T) {
	t.Parallel()
	cfg := updatable(t, write(t, content))
	cfg.Review.Content = []string{"/bin/true"}
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	serves(t, e, "www.example.org.")
	bad := send(t, e, "new 60 A 192.0.2.81")
	require.NotNil(t, bad)
	require.Contains(t, bad.Text, "reviewed")
}

// What a review holds is given to nobody as content either: signers that have theirs from here
// get what is served, under a serial that goes up when that changes, over a restart as well.
func TestReviewBesideContentTransfer(t *testing.T) {
	for _, stage := range []string{"content", "signed"} {
		t.Run(stage, func(t *testing.T) {
			program, _ := script(t, judge)
			file, dir := write(t, content), t.TempDir()
			cfg := alone(t, file)
			cfg.Contents = []engine.Content{{TSIG: &ask.TSIG{Name: "content.", Algorithm: dns.HmacSHA256, Secret: "AAAA"}}}
			cfg.Review.Content = []string{program}
			if stage == "signed" {
				cfg.Review = engine.Review{Signed: []string{program}}
			}
			e := serve(t, dir, cfg)
			serves(t, e, "www.example.org.")
			gives := func(serial uint32, names ...string) {
				t.Helper()
				eventually(t, "it is given", func() bool {
					v := e.Find(apex).Serving().Content
					return v != nil && v.Serial() == serial && source(e).Given == serial
				})
				v := e.Find(apex).Serving().Content
				for _, n := range []string{"bad", "good"} {
					require.Equal(t, slices.Contains(names, n), v.Get(zone.MustName(n+".example.org.")) != nil, n)
				}
				known, ok := e.Find(apex).ContentSerial()
				require.True(t, ok)
				require.Equal(t, serial, known)
			}
			held := func() {
				t.Helper()
				eventually(t, "it is held", func() bool { return len(reviews(e)) == 1 && reviews(e)[0].Held })
			}
			gives(1)
			reload(t, e, file, content+"bad A 192.0.2.81\n")
			held()
			gives(1)
			order(t, e, "review", "pass")
			serves(t, e, "bad.example.org.")
			gives(2, "bad")
			reload(t, e, file, content+"bad A 192.0.2.82\nbad2 A 192.0.2.82\n")
			held()
			gives(2, "bad")
			reload(t, e, file, content+"good A 192.0.2.82\n")
			serves(t, e, "good.example.org.")
			gives(3, "good")
			require.NoError(t, e.Close())
			e = serve(t, dir, cfg)
			defer e.Close()
			gives(3, "good")
		})
	}
}
