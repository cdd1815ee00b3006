package history

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// version is a zone at a serial, in which one name of thirty has another address each time.
func version(serial int) *zone.Version {
	text := fmt.Sprintf("example. 60 SOA ns.example. root.example. %d 2 3 4 5\n", serial)
	for i := range 30 {
		text += fmt.Sprintf("n%02d.example. 60 A 192.0.2.%d\n", i, map[bool]int{true: serial % 250, false: 251}[i == serial%30])
	}
	return zone.MustVersion(text)
}

var (
	one   = Asker{netip.MustParseAddr("192.0.2.1"), ""}
	other = Asker{netip.MustParseAddr("192.0.2.1"), "key."}
)

// past is a chronicle with its marks and its file.
type past struct {
	*testing.T
	Chronicle
	marks Marks
	file  File
	at    *zone.Version
}

func newPast(t *testing.T) *past {
	return &past{T: t, file: File{Path: filepath.Join(t.TempDir(), "history")}}
}

func (p *past) show(serial int) {
	p.at = version(serial)
	p.GoOn(p.at)
	require.NoError(p, p.file.Keep(&p.Chronicle, &p.marks))
}

func (p *past) send(to Asker) { p.marks.Put(to, p.Chain.Version(p.at.Serial())) }

// since are the serials that lead an asker on from one.
func (p *past) since(who Asker, serial uint32) (serials []uint32) {
	chain, err := p.Since(p.marks.Of(who), serial)
	require.NoError(p, err)
	for _, d := range chain {
		serials = append(serials, d.To)
	}
	return serials
}

// again is the same after a restart from a snapshot of what was shown last.
func (p *past) again() *past {
	next := &past{T: p.T, file: p.file, at: p.at}
	require.NoError(p, next.file.Recall(&next.Chronicle, &next.marks, p.at, p.LotOf(p.at)))
	return next
}

// Whoever was sent a version by us is led on from it, and nobody else: not who has another
// key, not from a serial that was never sent; after a restart as before.
func TestSince(t *testing.T) {
	p := newPast(t)
	p.show(1)
	p.send(one)
	p.show(2)
	p.send(one)
	p.show(3)
	for range 2 {
		require.Equal(t, []uint32{2, 3}, p.since(one, 1))
		require.Equal(t, []uint32{3}, p.since(one, 2))
		require.Empty(t, p.since(one, 3), "there is nothing after it")
		require.Empty(t, p.since(other, 1))
		p = p.again()
	}
	p.show(4)
	require.Equal(t, []uint32{2, 3, 4}, p.since(one, 1))

	var none *Chain
	chain, err := none.Since([]Sent{{1, 1}}, 1)
	require.NoError(t, err)
	require.Empty(t, chain)
}

// Of two versions with one serial nobody knows which an asker has.
func TestOneSerialTwice(t *testing.T) {
	p := newPast(t)
	p.show(1)
	p.show(2)
	p.send(one)
	p.Withdraw()
	p.GoOn(zone.MustVersion("example. 60 SOA ns.example. root.example. 2 2 3 4 5"))
	p.send(one)
	p.show(3)
	require.Empty(t, p.since(one, 2))
}

// What was withdrawn leads nowhere.
func TestWithdraw(t *testing.T) {
	p := newPast(t)
	p.show(1)
	p.send(one)
	p.show(2)
	p.Withdraw()
	p.show(3)
	require.Empty(t, p.since(one, 1))
	p.send(one)
	p.show(4)
	require.Equal(t, []uint32{4}, p.since(one, 3))
}

// A version that was said to be made by a difference is not compared; what was said of
// another counts for nothing.
func TestMade(t *testing.T) {
	p := newPast(t)
	p.show(1)
	p.send(one)
	next := version(2)
	part := zone.Compare(p.at, next)
	all := len(part.Changes)
	part.Changes = slices.DeleteFunc(part.Changes, func(c zone.Change) bool { return c.Type() != zone.TypeSOA })
	p.Made(p.at, next, part)
	p.at = next
	p.GoOn(next)
	chain, err := p.Since(p.marks.Of(one), 1)
	require.NoError(t, err)
	require.Len(t, chain[0].Changes, 1)

	p.Made(version(2), version(3), part)
	p.send(one)
	p.show(3)
	chain, err = p.Since(p.marks.Of(one), 2)
	require.NoError(t, err)
	require.Len(t, chain[0].Changes, all)
}

// In memory and on the disk there is a limit, and what is over it goes, the oldest first.
func TestBounds(t *testing.T) {
	p := newPast(t)
	for serial := range 200 {
		p.show(serial + 1)
		p.send(one)
		require.LessOrEqual(t, p.octets, limitOf(p.at))
		is, err := os.Stat(p.file.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.LessOrEqual(t, is.Size(), int64(fileAtMost(p.at, maxLots)))
	}
	require.Empty(t, p.since(one, 1))
	require.NotEmpty(t, p.since(one, 199))
	require.Len(t, p.marks.Of(one), maxLots)
	for i := range 2 * maxAskers {
		p.marks.Put(Asker{one.Addr, fmt.Sprint(i)}, Sent{1, 1})
	}
	require.LessOrEqual(t, len(p.marks.of), maxAskers)
}

// A file is believed as a whole or not at all: one octet that is another, an end that is cut
// off, the history of another version. What cannot be written is tried again.
func TestDamagedFile(t *testing.T) {
	p := newPast(t)
	for serial := range 3 {
		p.show(serial + 1)
		p.send(one)
	}
	require.NoError(t, p.file.Keep(&p.Chronicle, &p.marks))
	text, err := os.ReadFile(p.file.Path)
	require.NoError(t, err)
	spoilt := func(text []byte, at Lot) *past {
		require.NoError(t, os.WriteFile(p.file.Path, text, 0o600))
		next := &past{T: t, file: p.file, at: p.at}
		require.Error(t, next.file.Recall(&next.Chronicle, &next.marks, p.at, at))
		return next
	}
	for i := range text {
		text[i] ^= 1
		require.Empty(t, spoilt(text, p.LotOf(p.at)).since(one, 2), "octet %d", i)
		text[i] ^= 1
	}
	for _, i := range []int{0, len(head) - 1, len(head), len(text) / 2, len(text) - 1} {
		require.Empty(t, spoilt(text[:i], p.LotOf(p.at)).since(one, 2), "cut at %d", i)
	}
	other := spoilt(text, p.LotOf(p.at)+2)
	require.Empty(t, other.since(one, 2))
	require.NotEmpty(t, other.marks.Of(one), "who was sent what holds all the same")

	full := errors.New("no space left on device")
	fails := true
	p.file.Before = func() error {
		if fails {
			return full
		}
		return nil
	}
	p.GoOn(version(4))
	p.at = p.of
	require.ErrorIs(t, p.file.Keep(&p.Chronicle, &p.marks), full)
	_, err = os.Stat(p.file.Path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	fails = false
	require.NoError(t, p.file.Keep(&p.Chronicle, &p.marks))
	require.Equal(t, []uint32{3, 4}, p.again().since(one, 2))
}
