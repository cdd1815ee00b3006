package roll

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A state that shares memory with an older one is the same state, and what is added to
// either is not seen in the other.
func TestSharing(t *testing.T) {
	state := func(shown moment) State {
		f := facts{
			Clock: 7, Keys: []key{{ID: KeyID{Tag: 1}, Pub: 3}}, Spread: []moment{5}, Signers: []signer{{Name: "a"}},
			Served: []served{{Signers: keyIDs{{Tag: 1}}, MaxTTL: 60}}, CDS: keyIDs{{Tag: 1}}, Waiting: []waiting{{Since: 4}},
		}
		f.Keys[0].Shown = shown
		return State{f}
	}
	old, same, other := state(1), state(1), state(2)
	shared := same.Sharing(old)
	require.Equal(t, same, shared)
	require.Equal(t, unsafe.SliceData(old.f.Keys), unsafe.SliceData(shared.f.Keys))
	require.Equal(t, unsafe.SliceData(old.f.Served), unsafe.SliceData(shared.f.Served))
	require.Equal(t, other, other.Sharing(old))
	require.NotEqual(t, unsafe.SliceData(old.f.Keys), unsafe.SliceData(other.Sharing(old).f.Keys))

	old.f.CDS = append(make(keyIDs, 0, 4), old.f.CDS...)
	shared = same.Sharing(old)
	_ = append(shared.f.CDS, KeyID{Tag: 2})
	require.Zero(t, old.f.CDS[:2][1], "what is added to the one does not reach the other")
}
