package player

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Worlds that are drawn from seeds: as many as PLAYER_SEEDS says (1), from PLAYER_SEED (3, a
// quick one) on.
// PLAYER_OFF=2,5 leaves out what befalls them at these numbers, PLAYER_SHRINK=1 leaves out
// all that is not needed for the failure.
func TestWorlds(t *testing.T) {
	first, n := number(t, "PLAYER_SEED", 3), number(t, "PLAYER_SEEDS", 1)
	off := map[int]bool{}
	for _, word := range strings.FieldsFunc(os.Getenv("PLAYER_OFF"), func(c rune) bool { return c == ',' }) {
		i, err := strconv.Atoi(word)
		require.NoError(t, err)
		off[i] = true
	}
	for seed := first; seed < first+n; seed++ {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			var d *drawn
			run := func(off map[int]bool) []string {
				return play(t, uint64(seed), func(w *world) {
					d = draw(w, uint64(seed), off)
					d.play()
				})
			}
			faults := run(off)
			t.Logf("%d mixes, %d questions", d.w.caches.mixes, d.w.network.carried)
			if len(faults) > 0 && os.Getenv("PLAYER_SHRINK") != "" {
				for i := range d.count {
					without := maps.Clone(off)
					without[i] = true
					if !off[i] {
						if less := run(without); len(less) > 0 {
							faults, off = less, without
						}
					}
				}
				t.Logf("left out: %v", slices.Sorted(maps.Keys(off)))
			}
			require.Empty(t, strings.Join(faults, "\n"), "PLAYER_SEED=%d", seed)
		})
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}

// drawn is a world from a seed, and what befalls it.
type drawn struct {
	w     *world
	r     *rand.Rand // of what befalls it next
	seed  uint64
	off   map[int]bool
	count int // of what befell it
	moved bool
}

func (d *drawn) stream(n int) *rand.Rand { return rand.New(rand.NewPCG(d.seed, uint64(n))) }

func (d *drawn) chance(percent int) bool { return d.r.IntN(100) < percent }

func (d *drawn) between(a, b time.Duration) time.Duration {
	return a + time.Duration(d.r.Int64N(int64(b-a)+1))
}

func oneOf[T any](d *drawn, of ...T) T { return of[d.r.IntN(len(of))] }

// draw makes the group, its parent and its policies.
func draw(w *world, seed uint64, off map[int]bool) *drawn {
	d := &drawn{w: w, seed: seed, off: off}
	d.r = d.stream(0)
	var secondaries []int
	for range oneOf(d, 1, 1, 2, 2, 2, 3) {
		secondaries = append(secondaries, oneOf(d, 0, 1, 1, 1, 2))
	}
	w.content.ttl = oneOf(d, 10*minute, 2*hour, 2*hour, 12*hour, day)
	w.parent.kind = oneOf(d, strict, strict, askOne, person)
	w.parent.ttl = oneOf(d, hour, hour, 6*hour, day)
	w.group(oneOf(d, 1, 2), secondaries...)
	for _, s := range w.signers {
		c := &s.core
		c.csk, c.standby, c.double = d.chance(30), d.chance(15), d.chance(20)
		c.denial = oneOf(d, "nsec", "nsec", "nsec3")
		c.ttl = oneOf(d, 30*minute, hour, hour, 6*hour)
		c.lifetimeZSK, c.lifetimeKSK = d.between(3*day, 6*day), d.between(6*day, 12*day)
		for _, p := range c.peers {
			p.query = d.chance(30)
			if d.chance(40) {
				for _, sec := range p.of.secondaries {
					p.addresses = append(p.addresses, sec.addr)
				}
			}
		}
		for _, sec := range s.secondaries {
			sec.lag = oneOf(d, time.Second, time.Minute, d.between(minute, hour))
		}
	}
	return d
}

// play lets things befall the world, and demands that it comes to rest after.
func (d *drawn) play() {
	w := d.w
	for _, s := range w.signers {
		c := s.core
		w.note("%s: csk %v, standby %v, double %v, %s, TTL %s, lifetimes %s %s, %d secondaries", s.name, c.csk, c.standby, c.double, c.denial, c.ttl, c.lifetimeKSK, c.lifetimeZSK, len(s.secondaries))
	}
	w.note("parent: %s, %d servers, TTL %s; TTL of data %s", w.parent.kind, len(w.parent.addrs), w.parent.ttl, w.content.ttl)
	w.atRest()
	end := time.Now().Add(d.between(9*day, 13*day))
	for {
		next := d.between(hour, 40*hour)
		if time.Now().Add(next).After(end) {
			break
		}
		w.pass(next)
		d.happens(d.befall)
	}
	w.pass(time.Until(end))
	w.settle()
	w.rest()
}

// happens lets something happen, unless it is left out. Each has a number and chance of
// its own, so that leaving it out changes no other.
func (d *drawn) happens(do func()) {
	n := d.count
	d.count++
	if d.off[n] {
		return
	}
	before := d.r
	d.r = d.stream(1000 + n)
	d.w.note("-- %d", n)
	do()
	d.r = before
}

// befallings are what may happen to a world. Those that are open break it, as is known:
// they happen with PLAYER_ALL=1 alone.
var befallings = []struct {
	share int
	open  string
	what  func(*drawn, *signer)
}{
	{3, "", (*drawn).order},
	{3, "", (*drawn).restart},
	{2, "", (*drawn).crash},
	{2, "", (*drawn).cut},
	{2, "", (*drawn).mute},
	{2, "", (*drawn).dataTTL},
	{3, "", (*drawn).directives},
	{1, "", (*drawn).freeze},
	{1, "", (*drawn).clock},
	{1, "", (*drawn).lossy},
	{1, "", (*drawn).parentTTL},
	{1, "", (*drawn).move},
	{3, "", (*drawn).sleep},
	{1, "a restored state is served", (*drawn).backup},
	{1, "recover while peers are out of sight", (*drawn).lose},
	{1, "", (*drawn).leave},
}

func (d *drawn) befall() {
	total := 0
	all := os.Getenv("PLAYER_ALL") != ""
	for _, b := range befallings {
		if b.open == "" || all {
			total += b.share
		}
	}
	at := d.r.IntN(total)
	for _, b := range befallings {
		if b.open != "" && !all {
			continue
		}
		if at -= b.share; at < 0 {
			b.what(d, d.w.signers[d.r.IntN(len(d.w.signers))])
			return
		}
	}
}

// order has one or two signers roll keys out of turn.
func (d *drawn) order(s *signer) {
	told := []*signer{s}
	if other := oneOf(d, d.w.signers...); other != s && d.chance(50) {
		told = append(told, other)
	}
	for _, s := range told {
		what := oneOf(d, "zsk", "ksk")
		if s.core.csk {
			what = "csk"
		}
		s.do("roll", what)
		if d.chance(15) && !d.moved { // else one would abort what all do
			d.w.after(d.between(minute, 6*hour), func() {
				if !d.moved {
					s.do("abort")
				}
			})
		}
	}
}

func (d *drawn) restart(s *signer) {
	s.stop()
	d.w.after(oneOf(d, 0, 0, d.between(minute, 12*hour)), s.begin)
}

func (d *drawn) crash(s *signer) {
	if d.w.crash(s, d) {
		return
	}
	s.kill()
	d.w.after(oneOf(d, 0, d.between(minute, day)), s.begin)
}

// cut lets nothing pass between two hosts for a while, one way or both.
func (d *drawn) cut(s *signer) {
	hosts := slices.Clone(d.w.parent.addrs)
	for _, o := range d.w.signers {
		if o != s {
			hosts = append(hosts, o.addr)
		}
		for _, sec := range o.secondaries {
			hosts = append(hosts, sec.addr)
		}
	}
	to, length := oneOf(d, hosts...), d.between(10*minute, 2*day)
	if d.chance(60) {
		d.w.cut(s.addr, to, length)
		return
	}
	d.w.note("nothing passes from %s to %s for %s", s.addr, to, length)
	d.w.network.cutOff(s.addr, to, time.Now().Add(length))
}

// mute has an address say nothing about some types to those who look at it.
func (d *drawn) mute(s *signer) {
	addr := s.addr
	if len(s.secondaries) > 0 && d.chance(60) {
		addr = oneOf(d, s.secondaries...).addr
	}
	types := oneOf(d, "CDS CDNSKEY", "CDS", "DNSKEY", "SOA", "NS", "CSYNC", "DNSKEY SOA NS CDS CDNSKEY", "AXFR")
	d.w.note("%s says nothing about %s", addr, types)
	d.w.network.mute(addr, types)
	d.w.after(d.between(10*minute, 2*day), func() {
		d.w.note("%s says all", addr)
		d.w.network.mute(addr, "")
	})
}

// dataTTL edits the TTL of the data, at each signer at a time of its own.
func (d *drawn) dataTTL(*signer) {
	d.w.content.ttl = oneOf(d, 10*minute, hour, 12*hour, day)
	c := d.w.content
	for _, s := range d.w.signers {
		d.w.after(d.between(0, 2*hour), func() {
			d.w.note("%s gets a file with TTL %s", s.name, c.ttl)
			s.write(c)
			if d.chance(50) {
				s.do("reload")
			}
		})
	}
}

// directives edits the Corefile.
func (d *drawn) directives(s *signer) {
	c := &s.core
	for range d.r.IntN(3) + 1 {
		switch d.r.IntN(10) {
		case 0:
			c.margin = oneOf(d, 5*minute, 10*minute, hour)
		case 1:
			c.ttl = oneOf(d, 30*minute, hour, 6*hour, day)
		case 2:
			c.lifetimeZSK = d.between(4*day, 6*day)
		case 3:
			c.lifetimeKSK = d.between(6*day, 12*day)
		case 4:
			c.denial = oneOf(d, "nsec", "nsec3")
		case 5:
			c.standby = !c.standby
		case 6:
			c.double = !c.double
		case 7:
			if d.chance(40) {
				c.csk = !c.csk
			}
		case 8:
			for _, p := range c.peers {
				p.query = !p.query
			}
		case 9:
			for _, p := range c.peers {
				p.addresses = []netip.Addr{p.of.addr}
				if d.chance(50) {
					for _, sec := range p.of.secondaries {
						p.addresses = append(p.addresses, sec.addr)
					}
				}
			}
		}
	}
	d.w.note("%s: csk %v, standby %v, double %v, %s, TTL %s, margin %s, lifetimes %s %s", s.name, c.csk, c.standby, c.double, c.denial, c.ttl, c.margin, c.lifetimeKSK, c.lifetimeZSK)
	s.reload()
}

func (d *drawn) freeze(s *signer) {
	if s.do("freeze") == nil {
		d.w.after(d.between(hour, 3*day), s.thaw)
	}
}

func (s *signer) thaw() {
	if s.do("thaw") != nil {
		s.w.after(hour, s.thaw)
	}
}

// clock sets a wall clock wrong for a while.
func (d *drawn) clock(s *signer) {
	by := oneOf[time.Duration](d, -1, 1) * d.between(hour, 10*hour)
	d.w.note("the clock of %s is set by %s", s.name, by)
	s.set(by)
	d.w.after(d.between(hour, 20*hour), func() { s.set(0) })
}

// lossy has one message of ten get lost.
func (d *drawn) lossy(*signer) {
	d.w.note("messages get lost")
	luck := rand.New(rand.NewPCG(d.seed, uint64(d.count)))
	d.w.network.lose(func() bool { return luck.IntN(10) == 0 })
	d.w.after(d.between(hour, day), func() { d.w.network.lose(nil) })
}

func (d *drawn) parentTTL(*signer) {
	p := d.w.parent
	p.set(oneOf(d, hour, 6*hour, day))
	d.w.note("the parent's TTL is %s", p.ttl)
	for i := range p.addrs {
		p.show(i, p.current())
	}
}

// move rolls the algorithm of the group, or takes it to insecure and back: once in a
// world, each signer at a time of its own.
func (d *drawn) move(*signer) {
	if d.moved {
		return
	}
	d.moved = true
	all := func(after, within time.Duration, kind string, args ...string) {
		for _, s := range d.w.signers {
			d.w.after(after+d.between(0, within), func() {
				s.ordered = append([]string{kind}, args...)
				s.insist(kind, args...)
			})
		}
	}
	if d.chance(35) {
		all(0, 12*hour, "insecure")
		all(d.between(12*hour, 4*day), 12*hour, "secure")
		return
	}
	for _, s := range d.w.signers {
		s.core.algorithm = "ED25519"
	}
	all(0, 12*hour, "roll", "algorithm", "ED25519")
}

// insist gives an order until it is taken.
func (s *signer) insist(kind string, args ...string) {
	if s.now() != nil {
		s.reload()
	}
	if s.do(kind, args...) != nil && s.insists < 60 {
		s.insists++
		s.w.after(2*hour, func() { s.insist(kind, args...) })
	}
}

// sleep has a secondary transfer nothing for hours or days, out of its signer's sight or not.
func (d *drawn) sleep(s *signer) {
	if len(s.secondaries) == 0 {
		return
	}
	sec, length := oneOf(d, s.secondaries...), d.between(hour, 60*hour)
	sec.sleep(length)
	if d.chance(40) {
		for _, o := range d.w.signers {
			d.w.cut(o.addr, sec.addr, length)
		}
	}
	if d.chance(40) {
		d.w.after(d.between(0, length), func() { d.restart(s) })
	}
}

// backup keeps a copy of the state, and restores it some time later.
func (d *drawn) backup(s *signer) {
	if s.now() == nil {
		return
	}
	s.save()
	b := s.backups[len(s.backups)-1]
	d.w.after(d.between(hour, 5*day), func() {
		s.kill()
		d.w.note("%s is restored to its state of %s", s.name, stamp(b.at))
		s.restore(&b)
		s.begin()
	})
}

// lose loses the state, but not the keys.
func (d *drawn) lose(s *signer) {
	s.kill()
	d.w.note("%s loses its state", s.name)
	for _, name := range []string{"state.db", "zones"} {
		d.w.must(os.RemoveAll(s.stateDir(s.lives) + "/" + name))
	}
	d.w.after(d.between(0, 6*hour), func() {
		s.begin()
		s.insist("recover")
		if len(s.ordered) > 0 { // what it was told with all others it has forgotten
			d.w.after(hour, func() { s.insist(s.ordered[0], s.ordered[1:]...) })
		}
	})
}

// leave takes a secondary out of the NS RRset, the delegation and the Corefile, and off
// when no resolver knows it any more.
func (d *drawn) leave(s *signer) {
	if len(s.secondaries) == 0 {
		return
	}
	sec := s.secondaries[0]
	s.secondaries = s.secondaries[1:]
	s.core.secondaries = s.secondaries
	without := func(ns []nameserver) []nameserver {
		return slices.DeleteFunc(slices.Clone(ns), func(n nameserver) bool { return n.addr == sec.addr })
	}
	d.w.content.ns = without(d.w.content.ns)
	d.w.note("%s leaves", sec.name)
	for _, o := range d.w.signers {
		for _, p := range o.core.peers {
			p.addresses = slices.DeleteFunc(p.addresses, func(a netip.Addr) bool { return a == sec.addr })
		}
		o.write(d.w.content)
		o.reload()
		o.do("reload")
	}
	late := oneOf(d, 0, d.between(hour, day))
	d.w.after(late, func() { d.w.parent.delegate(without(d.w.parent.ns)) })
	d.w.after(late+hour+10*minute, func() { d.w.leave(sec) })
}
