package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// world is what time it really is, beside what a signer's clock shows.
type world struct {
	*testing.T
	truth time.Time
	clock *manual
	dir   string
	cfg   engine.Config
	e     *engine.Engine
	lag   time.Duration // for how long the signer did not run
	blind bool          // it started with a wrong clock and knows nothing else
}

func (w *world) start() {
	e, err := engine.Open(w.dir, engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: w.clock})
	require.NoError(w, err)
	p, err := e.Prepare(context.Background(), []engine.Config{w.cfg})
	require.NoError(w, err)
	p.Commit()
	w.e = e
}

// sound says what is wrong with what is served, if anything, by the world's time;
// with left, that signatures last for less.
func (w *world) sound(left time.Duration) string {
	serving := w.e.Find(apex).Serving()
	if serving.Version == nil || serving.Refuse != "" {
		return "it refuses: " + serving.Refuse
	}
	for n := range serving.Version.All() {
		for s := range n.All() {
			for sig := range s.Sigs.All() {
				// Serial arithmetic, as validators have it (RFC 4034 3.1.5).
				at, r := uint32(w.truth.Unix()), zone.RRSIG(sig)
				if zone.SerialAfter(r.Inception(), at) || zone.SerialAfter(at+uint32(left/time.Second), r.Expiration()) {
					return fmt.Sprintf("%s %s is good from %s to %s", s.Name, s.Type, zone.Time(r.Inception()), zone.Time(r.Expiration()))
				}
			}
		}
	}
	return ""
}

// pass lets d pass, once the signer and its watcher wait for that: what they do takes
// none of this time.
func (w *world) pass(d time.Duration) {
	require.Eventually(w, func() bool { return w.clock.awaits(time.Second) && w.e.Idle() }, 10*time.Second, 100*time.Microsecond)
	w.clock.step(d)
	w.truth = w.truth.Add(d)
}

// check demands that what is served is good at this very moment, and that signatures
// are renewed as they should be as soon as the zone has had its turn.
func (w *world) check(what string) {
	if !w.blind {
		require.Empty(w, w.sound(0), "at once after: %s", what)
	}
	w.pass(2 * time.Second) // the watcher's round
	if w.blind {
		return
	}
	fault := ""
	if !assert.Eventually(w, func() bool {
		fault = w.sound(w.cfg.Refresh - w.lag - time.Minute)
		return fault == ""
	}, 10*time.Second, time.Millisecond) {
		w.Fatalf("after %s, at %s: %s", what, w.truth, fault)
	}
}

// obey does what one word of a story says: +1h and -365d set the clock, right sets
// it right, 9d lets nine days pass, restart and down 3d stop the signer and start it.
func (w *world) obey(word string) {
	duration := func(s string) time.Duration {
		if days, ok := strings.CutSuffix(s, "d"); ok {
			d, err := time.ParseDuration(days + "h")
			require.NoError(w, err)
			return 24 * d
		}
		d, err := time.ParseDuration(s)
		require.NoError(w, err)
		return d
	}
	switch {
	case word == "right":
		w.clock.set(w.truth.Sub(w.clock.Now()))
		if w.blind {
			w.blind = false
			w.pass(2 * time.Second)
			require.Eventually(w, func() bool { return w.sound(0) == "" }, 10*time.Second, time.Millisecond)
		}
	case word[0] == '+' || word[0] == '-':
		w.clock.set(duration(word))
	case word == "restart" || strings.HasPrefix(word, "down"):
		require.NoError(w, w.e.Close())
		if after, ok := strings.CutPrefix(word, "down"); ok {
			d := duration(after)
			w.clock.set(d)
			w.truth, w.lag = w.truth.Add(d), w.lag+d
		}
		w.clock = newManual(w.clock.Now())
		w.start()
	default:
		for d := duration(word); d > 0; d -= 6 * time.Hour {
			w.pass(6 * time.Hour)
			w.check(word)
		}
	}
}

// Whatever is done to the clock, at whatever moment, nobody gets a signature that is
// not good in the world, and signatures are renewed in time. The one thing that
// cannot be is a first start with a clock that is ahead: that heals when it is set.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	for _, story := range []string{
		// start: how wrong the clock is at first; then what happens.
		"0h: 3d +1h 30d",
		"0h: 3d -1h 30d",
		"0h: 3d +365d 30d",
		"0h: 3d -365d 60d",
		"0h: 3d +365d right 30d",
		"0h: 3d +365d 2d right 30d",
		"0h: 3d +365d 30d right 30d",
		"0h: 3d -365d 30d right 30d",
		"0h: 8d +1h right +1h right -1h right 30d",
		"0h: 3d +87600h right 30d -87600h 30d right 30d",
		"0h: 3d +365d restart 30d right 30d",
		"0h: 3d +365d restart 2h right restart 30d",
		"0h: 3d -365d restart 30d right 30d",
		"0h: 3d restart +365d restart right restart 30d",
		"0h: 3d down2d 30d",
		"0h: 3d down2d +365d 20d right 20d",
		"0h: 3d down2d -365d 20d right 20d",
		"0h: 3d +365d down2d right 30d",
		"-365d: 3d right 30d",
		"-365d: 30d right restart 30d",
		"+365d: 3d right 30d",
		"+365d: 3d restart 3d right 30d",
		"+1h: 3d right 30d",
		"+30h: 3d right 30d -1h 20d",
		"-500000h: 3d right 30d", // 1969: a machine without a battery
		"+438000h: 3d right 30d", // fifty years ahead
		"0h: 3d +700800h 3d right 30d",
	} {
		t.Run(story, func(t *testing.T) {
			t.Parallel()
			head, rest, _ := strings.Cut(story, ":")
			w := &world{T: t, truth: moment, clock: newManual(moment), dir: t.TempDir(), cfg: alone(t, write(t, content))}
			w.obey(map[bool]string{true: "+0h", false: head}[head == "0h"])
			w.blind = w.clock.Now().Sub(moment).Abs() > time.Hour
			w.start()
			defer func() { w.e.Close() }()
			for _, word := range strings.Fields(rest) {
				w.obey(word)
				w.check(word)
			}
		})
	}
}
