//go:build failpoints

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// crash is where a signer is to die: at the nth passing of a point. The state
// directory is copied at that very moment, and the engine gets no further.
type crash struct {
	point string
	nth   int
	fails bool // the signer does not die: what was tried there fails

	m       *member
	mu      sync.Mutex
	passed  map[string]int
	died    chan struct{}
	dir     string // the copy
	shown   *zone.Version
	release chan struct{}
}

func (c *crash) arm(m *member) {
	c.m, c.passed = m, map[string]int{}
	c.died, c.release = make(chan struct{}), make(chan struct{})
	m.options = func(o *engine.Options) { o.Failpoint = c.pass }
	m.dead = func() <-chan struct{} { return c.died }
}

func (c *crash) pass(point string) error {
	c.mu.Lock()
	c.passed[point]++
	now := point == c.point && c.passed[point] == c.nth && c.dir == ""
	if now && c.fails {
		c.mu.Unlock()
		return errors.New("failpoint " + point)
	}
	dies := now
	if dies {
		c.dir = c.m.dir + "-after-" + point
		c.shown = nil
		if e := c.m.e.Load(); e != nil && e.Find(apex) != nil {
			c.shown = e.Find(apex).Serving().Version
		}
		restore(c.m.group.T, c.dir, c.m.dir)
		close(c.died)
	}
	c.mu.Unlock()
	if dies {
		<-c.release
		return errors.New("dead")
	}
	return nil
}

// restart starts the signer anew from the copy, if it has died. What was shown must
// have been saved.
func (c *crash) restart() {
	select {
	case <-c.died:
	default:
		return
	}
	g := c.m.group
	c.died = make(chan struct{})
	serial, keys, err := engine.Saved(c.dir, apex)
	require.NoError(g, err)
	if c.shown != nil {
		require.False(g, zone.SerialAfter(c.shown.Serial(), serial), "serial %d was shown, %d was saved", c.shown.Serial(), serial)
		own := c.keys(c.dir)
		dnskey, _ := c.shown.RRset(apex, zone.TypeDNSKEY)
		for rdata := range dnskey.Rdata.All() {
			require.True(g, keys[rdata], "a key was shown that was not saved")
			if c.m.cfg.Tags.Admits(zone.DNSKEY(rdata).Tag()) {
				require.Contains(g, own, rdata, "a key of ours was shown that the key store does not hold")
			}
		}
	}
	c.m.dir, c.m.options, c.m.dead = c.dir, nil, nil
	c.m.e.Store(nil)
	c.m.start()
}

// keys are the DNSKEY rdata of the private keys in use in a state directory.
func (c *crash) keys(dir string) (rdata []string) {
	d, err := keystore.Open(filepath.Join(dir, "keys"))
	require.NoError(c.m.group, err)
	list, errs := d.List(apex.String())
	require.Empty(c.m.group, errs)
	for _, k := range list {
		rdata = append(rdata, k.Rdata)
	}
	return rdata
}

// told gives the order until it was taken: an operator who gets no answer asks again.
func (c *crash) told(args ...string) {
	for {
		ctx, cancel := context.WithCancel(context.Background())
		died := c.died
		go func() {
			select {
			case <-died:
				cancel()
			case <-ctx.Done():
			}
		}()
		_, err := c.m.e.Load().Do(ctx, apex, engine.Command{Kind: "roll", Args: args})
		cancel()
		if err == nil {
			return
		}
		require.ErrorIs(c.m.group, err, context.Canceled)
		c.restart()
	}
}

// base is a group at rest, from which each run begins.
type base struct {
	dirs []string
	ds   zone.RRset
	now  time.Time
}

func atRest(t *testing.T, change func(*engine.Config)) base {
	g := newGroup(t, "a b", change)
	g.begin()
	b := base{ds: g.parent.set(), now: g.clock.Now()}
	for _, m := range g.signers {
		m.stop()
		b.dirs = append(b.dirs, m.dir)
	}
	return b
}

// outcome is what is left when a rollover is over.
type outcome struct {
	Keys    []string // of all signers, without what is random in them
	InUse   int
	Retired int
	DS      int
	New     bool // the keys that were to change have
}

// rolls takes the group through a rollover at a, with c in its way.
func (b base) rolls(t *testing.T, c *crash, change func(*engine.Config), args ...string) outcome {
	g := newGroup(t, "a b", change)
	g.clock = newManual(b.now)
	g.parent.put(b.ds)
	a := g.signers[0]
	for i, m := range g.signers {
		restore(t, m.dir, b.dirs[i])
	}
	before := (&crash{m: a}).keys(a.dir)
	c.arm(a)
	defer close(c.release)
	g.broken = c.restart
	for _, m := range g.signers {
		m.start()
	}
	g.settle()
	c.told(args...)
	g.settle()
	g.until("the rollover is over", func() bool { return g.calm() && a.removed() && g.published() == len(before)*4 })
	for range 10 { // retired keys are kept for a week
		g.clock.step(day)
		g.settle()
		g.matrix()
	}
	return c.outcome(g, before)
}

// published is how many keys the signers publish, all together.
func (g *group) published() (n int) {
	for _, m := range g.signers {
		if v := m.version(); v != nil {
			s, _ := v.RRset(apex, zone.TypeDNSKEY)
			n += s.Rdata.Len()
		}
	}
	return n
}

// begins takes the group from nothing to a secure zone, with c in a's way.
func begins(t *testing.T, c *crash) outcome {
	g := newGroup(t, "a b", nil)
	c.arm(g.signers[0])
	defer close(c.release)
	g.broken = c.restart
	g.begin()
	return c.outcome(g, nil)
}

// removed reports whether a key of m has left its DNSKEY RRset.
func (m *member) removed() bool {
	s, _ := m.e.Load().Status(apex)
	for _, k := range s.Keys {
		if k.Own && k.State == "removed" {
			return true
		}
	}
	return false
}

func (c *crash) outcome(g *group, before []string) outcome {
	d, err := keystore.Open(filepath.Join(c.m.dir, "keys"))
	require.NoError(g, err)
	retired, errs := d.Retired(apex.String())
	require.Empty(g, errs)
	now := c.keys(c.m.dir)
	o := outcome{InUse: len(now), Retired: len(retired), DS: g.parent.set().Rdata.Len(), New: !slices.Equal(before, now)}
	for _, m := range g.signers {
		s, _ := m.e.Load().Status(apex)
		for _, k := range s.Keys {
			if k.State == "removed" || k.State == "withdrawn" {
				continue // it is remembered for a while
			}
			o.Keys = append(o.Keys, fmt.Sprint(m.cfg.Signer, " has ", k.Owner, "'s ", k.Role, " ", k.State, " ", k.Signs))
		}
	}
	slices.Sort(o.Keys)
	return o
}

// A signer that dies at any moment of any rollover goes on with it from its state
// directory: with the same keys, none lost and none made twice, a serial that does
// not go back, nothing shown that was not saved, and the same end. Whatever a
// resolver holds meanwhile, it can validate.
func TestCrashesAnywhere(t *testing.T) {
	csk := func(cfg *engine.Config) { cfg.Split = false }
	for _, tc := range []struct {
		name   string
		change func(*engine.Config)
		args   []string
	}{
		{"zsk", nil, []string{"zsk"}},
		{"ksk", nil, []string{"ksk"}},
		{"csk", csk, []string{"csk"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := atRest(t, tc.change)
			var whole crash
			want := b.rolls(t, &whole, tc.change, tc.args...)
			require.True(t, want.New)
			require.NotZero(t, want.Retired)
			whole.everywhere(t, func(t *testing.T, c *crash) {
				require.Equal(t, want, b.rolls(t, c, tc.change, tc.args...))
			})
		})
	}
	t.Run("first start", func(t *testing.T) {
		var whole crash
		want := begins(t, &whole)
		require.Equal(t, 2, want.DS)
		whole.everywhere(t, func(t *testing.T, c *crash) { require.Equal(t, want, begins(t, c)) })
	})
}

// everywhere runs one for each crash, and each failure, that the plan has.
func (c *crash) everywhere(t *testing.T, run func(*testing.T, *crash)) {
	runs, died := 0, 0
	for _, next := range c.plan() {
		name := fmt.Sprintf("%s-%d", next.point, next.nth)
		if next.fails {
			name += "-fails"
		}
		t.Run(name, func(t *testing.T) { run(t, next) })
		if runs++; next.dir != "" {
			died++
		}
	}
	t.Logf("%d runs, a crash in %d of them; passings %v", runs, died, c.passed)
	require.NotZero(t, died)
}

// answers are the points at which the world may answer with an error.
var answers = []string{"history-before", "make-before", "retire-before", "save-before", "sign", "snapshot-before"}

// plan is a crash, and an error where there may be one, at each passing of each
// point; in the short form at one of each.
func (c *crash) plan() (all []*crash) {
	var points []string
	for p := range c.passed {
		points = append(points, p)
	}
	slices.Sort(points)
	for i, p := range points {
		n := c.passed[p]
		for nth := range n {
			if os.Getenv("CRASHES") != "all" && nth != i*n/len(points) {
				continue
			}
			all = append(all, &crash{point: p, nth: nth + 1})
			if slices.Contains(answers, p) {
				all = append(all, &crash{point: p, nth: nth + 1, fails: true})
			}
		}
	}
	return all
}
