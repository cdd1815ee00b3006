//go:build failpoints

package player

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// base is a group at rest on the disk, from which many worlds begin.
type base struct {
	dir string
	ds  []*dns.DS
	at  time.Time
}

// newBase brings a group to rest.
func newBase(t *testing.T, group func(w *world)) base {
	b := base{dir: t.TempDir()}
	require.Empty(t, play(t, 1, func(w *world) {
		group(w)
		w.atRest()
		w.pass(6 * hour)
		for _, s := range w.signers {
			s.stop()
			w.must(copyDir(filepath.Join(b.dir, s.name), s.stateDir(s.lives)))
		}
		b.ds, b.at = w.parent.current(), time.Now()
	}))
	return b
}

// begin starts the signers from there.
func (b base) begin(w *world) {
	<-time.After(time.Until(b.at))
	for i := range w.parent.addrs {
		w.parent.show(i, b.ds)
	}
	w.parent.ds = b.ds
	for _, s := range w.signers {
		w.must(copyDir(s.stateDir(0), filepath.Join(b.dir, s.name)))
		s.start()
	}
	w.become("they are at rest again", hour, w.calm)
}

// The group rolls its algorithm, while one signer dies at each passing of each
// failpoint and is back at once, or an hour later. CDS is asked for like all else, and no
// resolver finds it bogus. Some deaths only, unless CRASHES is all.
func TestCrashesInAlgorithmRollovers(t *testing.T) {
	group := func(w *world) { w.group(1, 0, 0) }
	b := newBase(t, group)
	rollover := func(of, point string, nth int, back time.Duration) (faults []string, passed map[string]int) {
		faults = play(t, 1, func(w *world) {
			group(w)
			b.begin(w)
			w.crashing.watch(of, point, nth, back)
			for _, s := range w.signers {
				s.core.algorithm = "ED25519"
				s.reload()
				for s.do("roll", "algorithm") != nil { // it may have died in the middle of it
					w.pass(10 * minute)
				}
			}
			w.become("the DS is of the new algorithm", 3*day, func() bool { return w.only("ED25519") })
			w.become("the old one is gone", 3*day, func() bool { return w.calm() && w.published() == 8 })
			w.pass(8 * hour)
			passed = w.crashing.count()
		})
		return faults, passed
	}
	faults, passed := rollover("a", "", 0, 0)
	require.Empty(t, faults)
	t.Log(passed)
	all, backs := os.Getenv("CRASHES") == "all", []time.Duration{0}
	if all {
		backs = append(backs, hour)
	}
	few := []string{"save-after", "publish-before", "tell-before", "snapshot-before"}
	worlds := 0
	for _, point := range slices.Sorted(maps.Keys(passed)) {
		for nth := 1; nth <= passed[point]; nth++ {
			if !all && (nth != 1+passed[point]/2 || !slices.Contains(few, point)) {
				continue
			}
			for _, back := range backs {
				worlds++
				t.Run(fmt.Sprintf("%s:%d+%s", point, nth, back), func(t *testing.T) {
					faults, _ := rollover("a", point, nth, back)
					require.Empty(t, strings.Join(faults, "\n"))
				})
			}
		}
	}
	t.Logf("%d worlds", worlds)
}

// only reports whether all DS are of an algorithm.
func (w *world) only(algorithm string) bool {
	for _, d := range w.parent.current() {
		if dns.AlgorithmToString[d.Algorithm] != algorithm {
			return false
		}
	}
	return true
}

// published is how many keys the signers publish, all together.
func (w *world) published() (n int) {
	for _, s := range w.signers {
		if l := s.now(); l != nil {
			for _, set := range everything(s, w.caches, s.name) {
				if set.t == dns.TypeDNSKEY {
					n += len(set.rrs)
				}
			}
		}
	}
	return n
}
