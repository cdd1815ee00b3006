package kept_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var apex = zone.MustName("example.")

func version(serial, more string) *zone.Version {
	return zone.MustVersion("example. 60 SOA ns.example. root.example. " + serial + " 2 3 4 5\n" + more)
}

// A snapshot is read as it was written. One that is cut off, of another zone, or none at all,
// is said to be so; none is no error.
func TestSnapshot(t *testing.T) {
	d := kept.Dir{Path: t.TempDir()}
	v, _, _, err := d.ReadSnapshot(apex)
	require.NoError(t, err)
	require.Nil(t, v)
	want := version("7", "www.example. 60 A 192.0.2.1\n")
	require.NoError(t, d.WriteSnapshot(want, "a stamp\nof two lines", 42))
	v, stamp, at, err := d.ReadSnapshot(apex)
	require.NoError(t, err)
	require.Empty(t, zone.Compare(want, v).Changes)
	require.Equal(t, "a stamp\nof two lines", stamp)
	require.EqualValues(t, 42, at)

	path := d.File(apex, kept.SnapshotEnding)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, spoilt := range []string{"", "nonsense\n" + string(text), string(text[:len(text)-1])} {
		require.NoError(t, os.WriteFile(path, []byte(spoilt), 0o600))
		_, _, _, err = d.ReadSnapshot(apex)
		require.ErrorContains(t, err, "will be replaced")
	}
	require.NoError(t, os.WriteFile(d.File(zone.MustName("other."), kept.SnapshotEnding), text, 0o600))
	_, _, _, err = d.ReadSnapshot(zone.MustName("other."))
	require.ErrorContains(t, err, "holds zone example.")
}

// What a primary gave is added to by differences, and read as the last of them left it; a
// difference that is cut off was never shown. A disk that takes nothing leaves what was there.
func TestContent(t *testing.T) {
	d, k := kept.Dir{Path: t.TempDir()}, kept.Content{}
	first, second := version("1", ""), version("2", "www.example. 60 A 192.0.2.1\n")
	require.NoError(t, d.KeepContent(&k, first, nil, 1))
	require.NoError(t, d.KeepContent(&k, second, []zone.Diff{zone.Compare(first, second)}, 2))
	v, again, err := d.ReadContent(apex)
	require.NoError(t, err)
	require.Equal(t, second.Serial(), v.Serial())
	require.EqualValues(t, 2, again.Number)

	path := d.File(apex, kept.ContentEnding)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text[:len(text)-1], 0o600))
	v, again, err = d.ReadContent(apex)
	require.NoError(t, err)
	require.Equal(t, first.Serial(), v.Serial())
	require.EqualValues(t, 1, again.Number)

	full := errors.New("no space left on device")
	d.Fail = func(string) error { return full }
	require.ErrorIs(t, d.KeepContent(&k, version("3", ""), nil, 3), full)
	v, _, err = d.ReadContent(apex)
	require.NoError(t, err)
	require.Equal(t, first.Serial(), v.Serial())
}

// Each zone has a file name of its own that no path can be made of.
func TestFileName(t *testing.T) {
	for name, want := range map[string]string{".": "%2E", "Example.ORG.": "example.org", `a\.b.example.`: "a%2Eb.example"} {
		require.Equal(t, want, kept.FileName(zone.MustName(name)), name)
	}
	require.Equal(t, "a%2F%2E%2E.example", kept.FileName(zone.MustName(`a/\.\..example.`)))
}
