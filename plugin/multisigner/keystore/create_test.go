package keystore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A key that was made is there after a restart as it was, for every algorithm,
// and nobody but its owner can read it.
func TestCreate(t *testing.T) {
	d := openTemp(t)
	for algorithm, size := range map[uint8]int{8: 256, 10: 256, 13: 64, 14: 96, 15: 32} {
		zone := fmt.Sprintf("Alg%d.Example.", algorithm)
		ksk, zsk := create(t, d, zone, algorithm, 257), create(t, d, zone, algorithm, 256)
		require.EqualValues(t, 257, ksk.Flags())
		require.EqualValues(t, 256, zsk.Flags())
		require.Equal(t, algorithm, ksk.Algorithm())
		require.GreaterOrEqual(t, len(ksk.Rdata), 4+size)
		require.Equal(t, now, ksk.Created)
		require.Equal(t, filepath.Join(d.dir, fmt.Sprintf("alg%d.example", algorithm),
			fmt.Sprintf("Kalg%d.example.+%03d+%05d", algorithm, algorithm, ksk.Tag())), ksk.Base)

		again, err := Open(d.dir)
		require.NoError(t, err)
		keys := list(t, again, strings.ToLower(zone))
		require.Len(t, keys, 2)
		byFlags := map[uint16]Key{keys[0].Flags(): keys[0], keys[1].Flags(): keys[1]}
		require.Equal(t, ksk.Rdata, byFlags[257].Rdata)
		require.Equal(t, zsk.Base, byFlags[256].Base)
		require.Equal(t, now, byFlags[257].Created)
		for _, key := range keys {
			require.NoError(t, prove(key.Rdata, key.Signer))
		}
	}
	require.NoError(t, filepath.Walk(d.dir, func(path string, at os.FileInfo, err error) error {
		require.NoError(t, err)
		want := os.FileMode(0o600)
		if at.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, at.Mode().Perm(), path)
		require.NotContains(t, path, unfinished)
		return nil
	}))
}

// The files are BIND's, to the letter.
func TestFormat(t *testing.T) {
	d := openTemp(t)
	key := create(t, d, "example.org.", 15, 257)
	private, err := os.ReadFile(key.Base + ".private")
	require.NoError(t, err)
	require.Regexp(t, `^Private-key-format: v1\.3
Algorithm: 15 \(ED25519\)
PrivateKey: [A-Za-z0-9+/]{43}=
Created: 20261123132406
$`, string(private))
	public, err := os.ReadFile(key.Base + ".key")
	require.NoError(t, err)
	require.Regexp(t, fmt.Sprintf(`^; This is a key-signing key, keyid %d, for example\.org\.
; Created: 20261123132406 \(Mon Nov 23 13:24:06 2026\)
example\.org\. IN DNSKEY 257 3 15 [A-Za-z0-9+/]{43}=
$`, key.Tag()), string(public))
}

// Tags keep to what the caller accepts; when nothing is acceptable the search ends.
func TestCreateAccepts(t *testing.T) {
	d := openTemp(t)
	for range 20 {
		key, err := d.Create("example.", 13, 256, func(tag uint16) bool { return tag%3 == 1 })
		require.NoError(t, err)
		require.EqualValues(t, 1, key.Tag()%3)
	}
	tries := 0
	_, err := d.Create("example.", 15, 256, func(uint16) bool { tries++; return false })
	require.ErrorContains(t, err, "none of 2000 keys has a tag that may be used: widen the class of tags")
	require.Equal(t, MaxTries, tries)
	require.Len(t, list(t, d, "example."), 20)
}

// A tag that a key has or had is not given again: the files would be mixed up.
func TestCreateAvoidsTakenTags(t *testing.T) {
	d := openTemp(t)
	p, err := d.place("example.")
	require.NoError(t, err)
	require.NoError(t, makeDir(p.retired))
	for tag := 5; tag < 1<<16; tag += 128 {
		require.NoError(t, os.Symlink("nothing", filepath.Join(p.retired, fmt.Sprintf("Kexample.+015+%05d.key", tag))))
	}
	for range 3 {
		key, err := d.Create("example.", 15, 256, func(tag uint16) bool { return tag%64 == 5 })
		require.NoError(t, err)
		require.EqualValues(t, 69, key.Tag()%128)
	}
}

// What cannot be made is refused before anything is written.
func TestCreateRefuses(t *testing.T) {
	d := openTemp(t)
	for _, tc := range []struct {
		zone      string
		algorithm uint8
		flags     uint16
		err       string
	}{
		{"example.", 7, 256, "algorithm 7 (RSASHA1-NSEC3-SHA1) is not supported: use 8, 10, 13, 14 or 15"},
		{"example.", 16, 256, "algorithm 16 (ED448) is not supported"},
		{"example.", 99, 256, "algorithm 99 (unknown) is not supported"},
		{"example.", 13, 1, "do not say that it is a zone's key"},
		{"", 13, 256, `"" is no name of a zone`},
		{"a..example.", 13, 256, `"a..example." is no name of a zone`},
	} {
		_, err := d.Create(tc.zone, tc.algorithm, tc.flags, nil)
		require.ErrorContains(t, err, tc.err)
	}
	entries, err := os.ReadDir(d.dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// A crash while a key is made leaves nothing that List takes for one or complains
// of, and the next Create tidies up.
func TestCreateCutOff(t *testing.T) {
	d := openTemp(t)
	good, cut := create(t, d, "example.", 13, 256), create(t, d, "example.", 13, 256)
	dir := filepath.Dir(cut.Base)
	require.NoError(t, os.Rename(cut.Base+".private", unfinishedName(cut.Base+".private")))
	require.Equal(t, []Key{good}, list(t, d, "example."))
	require.NoError(t, os.Rename(cut.Base+".key", unfinishedName(cut.Base+".key")))
	require.Equal(t, []Key{good}, list(t, d, "example."))
	require.NoError(t, os.Rename(unfinishedName(cut.Base+".key"), cut.Base+".key"))
	create(t, d, "example.", 13, 256)
	require.Len(t, list(t, d, "example."), 2)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 4)
}
