package keystore

import (
	"crypto/ecdsa"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 11, 23, 13, 24, 6, 0, time.UTC)

func openTemp(t testing.TB) *Dir {
	d, err := Open(filepath.Join(t.TempDir(), "state", "keys"))
	require.NoError(t, err)
	d.Now = func() time.Time { return now }
	return d
}

func create(t testing.TB, d *Dir, zone string, algorithm uint8, flags uint16) Key {
	t.Helper()
	key, err := d.Create(zone, algorithm, flags, nil)
	require.NoError(t, err)
	return key
}

func list(t testing.TB, d *Dir, zone string) []Key {
	t.Helper()
	keys, problems := d.List(zone)
	require.Empty(t, problems)
	return keys
}

// Every zone has a directory of its own, whatever its name, and none leads out.
func TestDirName(t *testing.T) {
	for zone, want := range map[string]string{
		".":                   "%2E",
		"Example.ORG":         "example.org",
		"a_b-1.example.":      "a_b-1.example",
		`a\.b.example.`:       "a%2Eb.example",
		`..\/x.example.`:      "",
		`\046\046.`:           "%2E%2E",
		`\000\255 /.example.`: "%00%FF%20%2F.example",
		`%2e.`:                "%252e",
		"0/25.2.0.192.test.":  "0%2F25.2.0.192.test",
	} {
		got, err := DirName(zone)
		if want == "" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
		d := openTemp(t)
		key := create(t, d, zone, 15, 257)
		require.Equal(t, filepath.Join(d.dir, want), filepath.Dir(key.Base))
		require.Len(t, list(t, d, zone), 1, zone)
	}
}

// A directory that everybody may write to holds no keys to be trusted.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := Open(dir)
	require.EqualError(t, err, "open keys: everybody may write to "+dir+": chmod 700 "+dir+", and look at what is in it")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(file)
	require.ErrorContains(t, err, "is not a directory")
	_, err = Open(filepath.Join(file, "keys"))
	require.ErrorContains(t, err, "open keys: ")
}

// Keys of many zones are made at the same time without harm.
func TestConcurrent(t *testing.T) {
	d := openTemp(t)
	t.Run("zones", func(t *testing.T) {
		for i := range 8 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				zone := fmt.Sprintf("z%d.example.", i%4)
				for range 5 {
					key := create(t, d, zone, 13, 256)
					require.IsType(t, &ecdsa.PrivateKey{}, key.Signer)
					require.NoError(t, d.Destroy(zone, create(t, d, zone, 15, 257).Rdata))
				}
			})
		}
	})
	for i := range 4 {
		zone := fmt.Sprintf("z%d.example.", i)
		require.Len(t, list(t, d, zone), 10)
		retired, problems := d.Retired(zone)
		require.Empty(t, problems)
		require.Len(t, retired, 10)
	}
}
