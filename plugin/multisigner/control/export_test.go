package control_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// reader counts what it reads, and fails when it has had enough.
type reader struct {
	read   int64
	enough int64
	look   func(read int64)
}

var errEnough = errors.New("enough")

func (r *reader) Write(b []byte) (int, error) {
	r.read += int64(len(b))
	r.look(r.read)
	if r.enough > 0 && r.read > r.enough {
		return 0, errEnough
	}
	return len(b), nil
}

// A zone of any size is written as it is read: what was made and not read is less than the
// buffers on the way. Whoever leaves in the middle ends the making.
func TestExportIsMadeAsItIsRead(t *testing.T) {
	const most = 4 << 20 // two socket buffers, and those of both programs
	line := strings.Repeat("x", 99) + "\n"
	var made atomic.Int64
	ended := make(chan struct{}, 2)
	z := &zones{names: []string{"example.org."}, lines: func(yield func(string) bool) {
		defer func() { ended <- struct{}{} }()
		for range 1 << 20 {
			made.Add(int64(len(line)))
			if !yield(line) {
				return
			}
		}
	}}
	c := listen(t, stateDir(t), z)
	r := &reader{look: func(read int64) { require.Less(t, made.Load()-read, int64(most)) }}
	require.NoError(t, c.Export(t.Context(), "Example.org", "signed", r))
	require.EqualValues(t, 100<<20, r.read)
	<-ended

	made.Store(0)
	r.read, r.enough = 0, 1<<20
	require.ErrorIs(t, c.Export(t.Context(), "example.org", "signed", r), errEnough)
	<-ended
	require.Less(t, made.Load(), int64(r.enough+most))
}

// An export that breaks off is told from one that is whole; and one that cannot begin says why.
func TestExportBreaksOff(t *testing.T) {
	z := &zones{names: []string{"example.org."}}
	c := listen(t, stateDir(t), z)
	var b strings.Builder
	require.EqualError(t, c.Export(t.Context(), "example.org", "content", &b), "there is no content of example.org.")
	require.ErrorContains(t, c.Export(t.Context(), "example.net", "content", &b), "zone example.net. is not served here")
	require.Empty(t, b.String())
	z.lines = func(yield func(string) bool) {
		yield(strings.Repeat("x", 1<<20) + "\n")
		panic("it breaks")
	}
	require.ErrorContains(t, c.Export(t.Context(), "example.org", "signed", &b), "the zone file is not whole")
}
