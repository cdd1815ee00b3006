package player

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type netConn = net.Conn

// world is a group with its parent and secondaries, and all resolvers.
type world struct {
	t       *testing.T
	network *network
	caches  *caches
	signers []*signer
	parent  *parent
	content content
	luck    *rand.Rand
	matrix  bool // signers keep the matrix

	life     context.Context
	dir      string
	began    time.Time
	judged   time.Time
	crashing crashing

	events []event // that are to come

	mu    sync.Mutex
	story []string
	told  map[string]time.Time // when each was last added to it
}

// event is something that is to happen.
type event struct {
	at time.Time
	do func()
}

// after has something happen later.
func (w *world) after(d time.Duration, do func()) {
	w.events = append(w.events, event{time.Now().Add(d), do})
	slices.SortStableFunc(w.events, func(a, b event) int { return a.at.Compare(b.at) })
}

// settle lets all happen that is to come.
func (w *world) settle() {
	for len(w.events) > 0 {
		w.pass(max(tick, time.Until(w.events[len(w.events)-1].at)))
	}
}

// content is the zone file.
type content struct {
	ns  []nameserver
	ttl time.Duration // of the data below the apex, which no look asks for
}

// from is when worlds begin: after this program was written.
var from = time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)

// tick is how often what is served is looked at besides at each change.
const tick = 2 * time.Minute

// play runs a story in a bubble, where time passes when nobody has anything to do. It
// gives what would have been bogus.
func play(t *testing.T, seed uint64, story func(w *world)) (faults []string) {
	dir := t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "player"); err == nil { // a sync costs nothing there
		t.Cleanup(func() { os.RemoveAll(shm) })
		dir = shm
	}
	var w *world
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(from))
		ctx, end := context.WithCancel(context.Background())
		w = &world{
			t: t, network: newNetwork(), caches: newCaches(), luck: rand.New(rand.NewPCG(seed, 7)),
			life: ctx, dir: dir, told: map[string]time.Time{}, began: time.Now(), judged: time.Now(), content: content{ttl: 2 * hour},
		}
		w.parent = &parent{w: w, every: 3 * hour, lag: 10 * minute, ttl: hour, poke: make(chan struct{}, 1)}
		defer func() {
			for _, s := range w.signers {
				s.kill()
			}
			w.crashing.bury()
			end()
		}()
		story(w)
		w.caches.again()
		if faults = w.caches.found(); len(faults) > 2 {
			faults = append(faults[:2], fmt.Sprintf("and %d more", len(faults)-2))
		}
	})
	if len(faults) > 0 || t.Failed() || testing.Verbose() {
		t.Log(w.tale())
	}
	return faults
}

// tale is what has happened.
func (w *world) tale() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.story, "\n")
}

// note adds to the story.
func (w *world) note(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if when, known := w.told[what]; known && time.Since(when) < day {
		return // it is said again and again
	}
	w.told[what] = time.Now()
	w.story = append(w.story, stamp(time.Now())+"  "+what)
}

// quiet does so only where all is to be told.
func (w *world) quiet(format string, args ...any) {
	if os.Getenv("PLAYER_STORY") == "all" {
		w.note(format, args...)
	}
}

// must ends the test for what cannot be.
func (w *world) must(err error) {
	if err != nil {
		panic(err)
	}
}

// group makes signers, each with secondaries, and their parent; none is started.
func (w *world) group(parents int, secondaries ...int) {
	for i := range parents {
		w.parent.addrs = append(w.parent.addrs, netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}))
		w.network.at(w.parent.addrs[i], registry{w.parent, i})
		w.parent.shown = append(w.parent.shown, nil)
	}
	for i, n := range secondaries {
		s := &signer{w: w, name: string(rune('a' + i)), addr: netip.AddrFrom4([4]byte{192, 0, byte(2 + i), 1}), core: policy(), boot: time.Now().Add(-hour)}
		s.dir = filepath.Join(w.dir, s.name)
		w.must(os.MkdirAll(s.dir, 0o700))
		w.content.ns = append(w.content.ns, nameserver{"ns-" + s.name + "." + apex, s.addr})
		w.network.at(s.addr, s)
		for j := range n {
			sec := newSecondary(w, fmt.Sprintf("%s%d", s.name, j+2), netip.AddrFrom4([4]byte{192, 0, byte(2 + i), byte(j + 2)}), s)
			s.secondaries = append(s.secondaries, sec)
			w.content.ns = append(w.content.ns, nameserver{"ns-" + sec.name + "." + apex, sec.addr})
			w.network.at(sec.addr, sec)
			go sec.run(w.life)
		}
		s.core.secondaries = s.secondaries
		w.signers = append(w.signers, s)
	}
	for _, s := range w.signers {
		for _, p := range w.signers {
			if p != s {
				s.core.peers = append(s.core.peers, &peering{of: p, addresses: []netip.Addr{p.addr}})
			}
		}
		s.write(w.content)
	}
	w.parent.ns = slices.Clone(w.content.ns)
	go w.parent.run(w.life)
}

// write puts a zone file in place.
func (s *signer) write(c content) {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL 3600\n", apex)
	fmt.Fprintf(&b, "@ SOA ns-a hostmaster 1 7200 900 1209600 600\n")
	for _, ns := range c.ns {
		fmt.Fprintf(&b, "@ NS %s\n%s A %s\n", ns.host, ns.host, ns.addr)
	}
	fmt.Fprintf(&b, "www %[1]d A 192.0.2.80\n*.wild %[1]d A 192.0.2.81\n", int(c.ttl/time.Second))
	name := s.zoneFile()
	s.w.must(os.WriteFile(name+".new", []byte(b.String()), 0o600))
	s.w.must(os.Rename(name+".new", name))
}

// pass lets time pass for everybody.
func (w *world) pass(d time.Duration) {
	end := time.Now().Add(d)
	for left := time.Until(end); left > 0; left = time.Until(end) {
		if len(w.events) > 0 {
			left = min(left, max(0, time.Until(w.events[0].at)))
		}
		<-time.After(min(left, tick))
		for len(w.events) > 0 && !time.Now().Before(w.events[0].at) {
			do := w.events[0].do
			w.events = w.events[1:]
			do()
		}
		for _, s := range w.signers {
			s.poll()
		}
		if time.Since(w.judged) > 6*hour {
			w.judged = time.Now()
			w.caches.again()
		}
		w.revive()
	}
	synctest.Wait()
}

// until lets time pass until something is so, and reports whether it came.
func (w *world) until(what string, limit time.Duration, is func() bool) bool {
	end := time.Now().Add(limit)
	for !is() {
		if time.Now().After(end) {
			w.note("never: %s", what)
			for _, s := range w.signers {
				z := s.status()
				w.note("%s: refuse %q, waits %+v, alarms %+v", s.name, z.Refuse, z.Waits, z.Alarms)
			}
			return false
		}
		w.pass(10 * minute)
	}
	w.note("now %s", what)
	return true
}

// calm reports whether the zone is secure, everybody answers and nobody waits.
func (w *world) calm() bool {
	n := 0
	for _, s := range w.signers {
		z := s.status()
		if z.Refuse != "" || len(z.Waits) > 0 || len(z.Alarms) > 0 {
			return false
		}
		n++
	}
	return len(w.parent.current()) == n
}

// begin starts all signers and waits until the zone is secure.
func (w *world) begin() bool {
	for _, s := range w.signers {
		s.start()
	}
	return w.until("the zone is secure", 3*day, w.calm)
}
