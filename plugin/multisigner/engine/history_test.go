//go:build failpoints

package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// taker is a secondary that has the zone from us, and asks by IXFR.
type taker struct {
	addr         netip.Addr
	has          *zone.Version
	whole, parts int
}

// refreshes is what a secondary does: it asks with its serial, and takes what comes.
// Differences must fit what it has, and make of it, octet by octet, what an AXFR of that
// serial would have brought.
func (s *taker) refreshes(t *testing.T, e *engine.Engine, why string) {
	t.Helper()
	z := e.Find(apex)
	serving := z.Serving()
	if serving.Version == nil || serving.Refuse != "" || s.has != nil && !zone.SerialAfter(serving.Version.Serial(), s.has.Serial()) {
		return
	}
	if s.has != nil {
		if chain := z.Differences(serving, s.addr, "", s.has.Serial()); len(chain) > 0 {
			v := s.has
			for _, d := range chain {
				var err error
				v, err = v.Apply(d)
				require.NoError(t, err, why)
			}
			require.Empty(t, zone.Compare(v, serving.Version).Changes, why)
			require.Equal(t, textOf(serving.Version), textOf(byRecords(t, s.has, chain)), why)
			s.has, s.parts = v, s.parts+1
			z.Sent(serving, s.addr, "")
			return
		}
	}
	s.has, s.whole = serving.Version, s.whole+1
	z.Sent(serving, s.addr, "")
}

// byRecords does to v what an IXFR says, record by record and in its order.
func byRecords(t *testing.T, v *zone.Version, chain []zone.Diff) map[string]bool {
	t.Helper()
	has := textOf(v)
	soas, adding := 0, false
	for rrs := range xfr.IXFR(60_000, chain...) {
		for _, rr := range rrs {
			if _, ok := rr.(*dns.SOA); ok {
				if soas++; soas == 1 || soas == 2*len(chain)+2 {
					continue
				}
				adding = soas%2 == 1
			}
			require.Equal(t, !adding, has[rr.String()], "%v %s", adding, rr)
			if adding {
				has[rr.String()] = true
			} else {
				delete(has, rr.String())
			}
		}
	}
	require.Equal(t, 2*len(chain)+2, soas)
	return has
}

// textOf are all the records of a version.
func textOf(v any) map[string]bool {
	if has, ok := v.(map[string]bool); ok {
		return has
	}
	has := map[string]bool{}
	for rrs := range xfr.AXFR(v.(*zone.Version), 60_000) {
		for _, rr := range rrs {
			has[rr.String()] = true
		}
	}
	return has
}

// names is content in which a change of one name is little.
var names = content + func() (text string) {
	for i := range 30 {
		text += fmt.Sprintf("name%02d A 192.0.2.80\n", i)
	}
	return text
}()

// past is a zone whose signer has a hard life: it dies at any point, its disk takes
// nothing, a backup is put back.
type past struct {
	t      *testing.T
	r      *rand.Rand
	clock  *manual
	cfg    engine.Config
	dir    string
	moves  int // of the state directory
	f      *failing
	lines  [40]string
	takers []*taker
	why    string
	backup string
}

func (p *past) write() {
	text := content
	for i, l := range p.lines {
		if l != "" {
			text += fmt.Sprintf("n%02d %s\n", i, l)
		}
	}
	require.NoError(p.t, os.WriteFile(p.cfg.File, []byte(text), 0o644))
}

func (p *past) edit() {
	for range 1 + p.r.IntN(3) {
		p.lines[p.r.IntN(len(p.lines))] = []string{
			"", "A 192.0.2.1", "A 192.0.2.2", "200 A 192.0.2.1", "TXT \"Some Text\"", "MX 10 Mail.Example.Com.", "MX 10 mail.example.com.", "NS ns",
		}[p.r.IntN(8)]
	}
	p.write()
}

func (p *past) do(kind string, args ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, _ = p.f.Do(ctx, apex, engine.Command{Kind: kind, Args: args}) // an order may be refused
}

// move goes on with a copy of the state directory.
func (p *past) move(from string) {
	p.moves++
	p.dir = filepath.Join(p.t.TempDir(), strconv.Itoa(p.moves))
	restore(p.t, p.dir, from)
}

// dies ends the signer at a random passing of a failpoint, as kill -9 does; what was
// not on the disk by then never gets there.
func (p *past) dies() {
	left, copied := p.r.IntN(12), ""
	fails := *p.f.fails.Load()
	dead := func(point string) error {
		switch {
		case copied != "":
			return errors.New("dead")
		case left == 0:
			copied = filepath.Join(p.t.TempDir(), "died")
			restore(p.t, copied, p.dir)
			return errors.New("dead")
		}
		left--
		return fails(point)
	}
	p.f.fails.Store(&dead)
	p.edit()
	p.do("reload")
	p.ask() // what it shows while it dies is shown
	if copied == "" {
		copied = filepath.Join(p.t.TempDir(), "died")
		restore(p.t, copied, p.dir)
	}
	require.NoError(p.t, p.f.Close())
	p.move(copied)
	p.opens()
}

func (p *past) opens() {
	p.f = open(p.t, p.clock, p.dir, p.cfg)
	served(p.t, p.f.Engine)
}

func (p *past) ask() {
	for _, s := range p.takers {
		if p.r.IntN(3) > 0 {
			s.refreshes(p.t, p.f.Engine, p.why)
		}
	}
}

// damage changes or cuts the history's file.
func (p *past) damage() {
	path := filepath.Join(p.dir, "zones", "example.org.history")
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return
	}
	if at := p.r.IntN(len(text)); p.r.IntN(2) == 0 {
		text[at] ^= 1 << p.r.IntN(8)
	} else {
		text = text[:at]
	}
	require.NoError(p.t, os.WriteFile(path, text, 0o600))
}

func (p *past) goesOn() {
	switch n := p.r.IntN(20); {
	case n < 8:
		p.edit()
		p.do("reload")
	case n < 10:
		p.clock.step(time.Duration(p.r.IntN(100)) * time.Hour)
		settled(p.t, p.f.Engine)
	case n == 10:
		p.do("resign")
	case n == 11:
		p.do("roll", "zsk")
	case n == 12:
		p.f.fail([]string{"save-before", "snapshot-before", "history-before"}[:1+p.r.IntN(3)]...)
	case n == 13:
		p.f.fail([]string{"history-before", "snapshot-before"}[p.r.IntN(2)])
	case n < 15:
		p.f.fail()
	case n == 15:
		p.dies()
	case n < 18:
		require.NoError(p.t, p.f.Close())
		if n == 17 && p.r.IntN(2) == 0 {
			p.damage()
		}
		p.opens()
	case p.backup == "" || p.r.IntN(2) == 0:
		require.NoError(p.t, p.f.Close())
		p.backup = filepath.Join(p.t.TempDir(), "backup")
		restore(p.t, p.backup, p.dir)
		p.opens()
	default:
		require.NoError(p.t, p.f.Close())
		p.move(p.backup)
		p.opens()
	}
}

// Whatever becomes of a signer, no secondary is given differences that make of its copy
// anything but the version that they say they lead to; and most of the time it is given
// differences.
func TestHistoryLeadsNowhereElse(t *testing.T) {
	seeds, first := 4, uint64(1)
	if text := os.Getenv("HISTORY_SEEDS"); text != "" {
		seeds, _ = strconv.Atoi(text)
	}
	if text := os.Getenv("HISTORY_SEED"); text != "" {
		first, _ = strconv.ParseUint(text, 10, 64)
	}
	whole, parts := 0, 0
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := &past{t: t, r: rand.New(rand.NewPCG(seed, 0)), clock: newManual(moment), cfg: alone(t, write(t, content)), dir: t.TempDir(), why: fmt.Sprintf("HISTORY_SEED=%d", seed)}
			for i := range p.lines {
				p.lines[i] = "A 192.0.2.1"
			}
			p.write()
			p.opens()
			for i := range 4 {
				p.takers = append(p.takers, &taker{addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
			}
			for range 60 {
				p.goesOn()
				p.ask()
			}
			require.NoError(t, p.f.Close())
			for _, s := range p.takers {
				whole, parts = whole+s.whole, parts+s.parts
			}
		})
	}
	t.Logf("%d transfers of the whole zone, %d of differences", whole, parts)
	require.Greater(t, parts, whole/2)
}

// A serial that was shown and not saved is given once more after a crash. Who has the
// version of before, and asks by its serial, gets the whole zone.
func TestNoHistoryForASerialGivenTwice(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	file := write(t, names)
	cfg := alone(t, file)
	f := open(t, clock, dir, cfg)
	s := &taker{addr: netip.MustParseAddr("192.0.2.1")}
	served(t, f.Engine)
	s.refreshes(t, f.Engine, "")
	f.fail("save-before", "snapshot-before")
	f.edit(t, file, names+"one A 192.0.2.81\n")
	s.refreshes(t, f.Engine, "")
	unsaved := s.has
	require.True(t, has(t, unsaved, "one"))
	require.Equal(t, 1, s.parts)
	require.NoError(t, f.Close())

	require.NoError(t, os.WriteFile(file, []byte(names+"other A 192.0.2.81\n"), 0o644))
	f = open(t, clock, dir, cfg)
	require.Equal(t, unsaved.Serial(), served(t, f.Engine).Serial())
	f.edit(t, file, names+"other A 192.0.2.81\nmore A 192.0.2.81\n")
	s.refreshes(t, f.Engine, "")
	require.Equal(t, 2, s.whole)
	require.False(t, has(t, s.has, "one"))
	f.edit(t, file, names+"more A 192.0.2.81\n")
	s.refreshes(t, f.Engine, "")
	require.Equal(t, 2, s.parts, "from then on it is sure what it has")
}

// Two servers ask from one address, and one of them has the version of before the crash. Its
// serial does not tell which of the two it has: both get the whole zone, and then differences
// again.
func TestTwoServersBehindOneAddress(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	file := write(t, names)
	cfg := alone(t, file)
	f := open(t, clock, dir, cfg)
	one, other := &taker{addr: netip.MustParseAddr("192.0.2.1")}, &taker{addr: netip.MustParseAddr("192.0.2.1")}
	served(t, f.Engine)
	f.fail("save-before", "snapshot-before")
	f.edit(t, file, names+"one A 192.0.2.81\n")
	one.refreshes(t, f.Engine, "")
	require.True(t, has(t, one.has, "one"))
	require.NoError(t, f.Close())

	require.NoError(t, os.WriteFile(file, []byte(names+"other A 192.0.2.81\n"), 0o644))
	f = open(t, clock, dir, cfg)
	require.Equal(t, one.has.Serial(), served(t, f.Engine).Serial())
	other.refreshes(t, f.Engine, "")
	require.True(t, has(t, other.has, "other"))
	f.edit(t, file, names+"other A 192.0.2.81\nmore A 192.0.2.81\n")
	for _, s := range []*taker{one, other} {
		s.refreshes(t, f.Engine, "")
		require.Equal(t, 2, s.whole)
		require.False(t, has(t, s.has, "one"))
	}
	require.NoError(t, f.Close())
	f = open(t, clock, dir, cfg)
	served(t, f.Engine)
	f.edit(t, file, names+"more A 192.0.2.81\n")
	for _, s := range []*taker{one, other} {
		s.refreshes(t, f.Engine, "")
		require.Equal(t, 1, s.parts)
	}
}

// No chain leads to a version that was withdrawn, nor from or over it.
func TestNoHistoryOverWhatWasWithdrawn(t *testing.T) {
	s := startSigning(t, many, false)
	takers := []*taker{{addr: netip.MustParseAddr("192.0.2.1")}, {addr: netip.MustParseAddr("192.0.2.2")}}
	served(t, s.Engine)
	for _, k := range takers {
		k.refreshes(t, s.Engine, "")
	}
	good := takers[0].has
	s.clock.step(time.Hour)
	s.breakFor(deep)
	s.order(t, "resign")
	takers[0].refreshes(t, s.Engine, "")
	for _, k := range takers {
		require.Equal(t, 0, k.parts, "a zone that is signed anew is sent as a whole")
	}
	require.Eventually(t, func() bool { z, _ := s.Status(apex); return z.Guard.Withdrawals == 1 }, 60*time.Second, time.Millisecond)
	for _, k := range takers {
		k.refreshes(t, s.Engine, "")
	}
	s.mend()
	s.clock.step(31 * time.Second)
	require.Eventually(t, func() bool { z, _ := s.Status(apex); return len(z.Alarms) == 0 }, 60*time.Second, time.Millisecond)
	require.True(t, zone.SerialAfter(served(t, s.Engine).Serial(), good.Serial()+1))
	for _, k := range takers {
		k.refreshes(t, s.Engine, "")
		require.Equal(t, 0, k.parts)
		require.Same(t, served(t, s.Engine), k.has)
	}
}

// A history is bounded, in memory and on the disk, whatever the number of changes; it
// begins anew from a file that is damaged, of another version, or too large.
func TestHistoryIsBounded(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	file := write(t, names)
	cfg := alone(t, file)
	f := open(t, clock, dir, cfg)
	first := &taker{addr: netip.MustParseAddr("192.0.2.1")}
	served(t, f.Engine)
	first.refreshes(t, f.Engine, "")
	path := filepath.Join(dir, "zones", "example.org.history")
	most := int64(0)
	keen := &taker{addr: netip.MustParseAddr("192.0.2.2")}
	for i := range 60 {
		f.edit(t, file, names+fmt.Sprintf("n%d A 192.0.2.81\n", i))
		keen.refreshes(t, f.Engine, "")
		at, err := os.Stat(path)
		require.NoError(t, err)
		most = max(most, at.Size())
	}
	require.Less(t, most, int64(16<<10))
	require.Equal(t, 1, keen.whole)
	first.refreshes(t, f.Engine, "")
	require.Equal(t, 2, first.whole, "its version is no longer in the history")

	for _, spoil := range []func([]byte) []byte{
		func(text []byte) []byte { return text[:len(text)-1] },
		func(text []byte) []byte { return append(text, 0) },
		func(text []byte) []byte { return bytes.Repeat([]byte("x"), 10<<20) },
		func([]byte) []byte { return nil },
	} {
		require.NoError(t, f.Close())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, spoil(text), 0o600))
		f = open(t, clock, dir, cfg)
		served(t, f.Engine)
		whole, parts := keen.whole, keen.parts
		f.edit(t, file, names+fmt.Sprintf("w%d A 192.0.2.81\n", whole))
		keen.refreshes(t, f.Engine, "")
		require.Equal(t, whole+1, keen.whole)
		f.edit(t, file, names+fmt.Sprintf("x%d A 192.0.2.81\n", whole))
		keen.refreshes(t, f.Engine, "")
		require.Equal(t, parts+1, keen.parts)
	}
}

// After a restart secondaries go on with differences, of before it and after.
func TestHistoryOutlivesARestart(t *testing.T) {
	dir, clock := t.TempDir(), newManual(moment)
	file := write(t, names)
	cfg := alone(t, file)
	f := open(t, clock, dir, cfg)
	current, behind := &taker{addr: netip.MustParseAddr("2001:db8::1")}, &taker{addr: netip.MustParseAddr("192.0.2.2")}
	served(t, f.Engine)
	current.refreshes(t, f.Engine, "")
	behind.refreshes(t, f.Engine, "")
	f.edit(t, file, names+"one A 192.0.2.81\n")
	current.refreshes(t, f.Engine, "")
	require.NoError(t, f.Close())
	f = open(t, clock, dir, cfg)
	served(t, f.Engine)
	behind.refreshes(t, f.Engine, "")
	f.edit(t, file, names+"two A 192.0.2.81\n")
	current.refreshes(t, f.Engine, "")
	behind.refreshes(t, f.Engine, "")
	require.Equal(t, []int{2, 2}, []int{current.parts, behind.parts})
	other := &taker{addr: current.addr.Next(), has: current.has}
	f.edit(t, file, names+"three A 192.0.2.81\n")
	other.refreshes(t, f.Engine, "")
	require.Equal(t, 1, other.whole, "nobody knows where it has that serial from")
}
