package keystore

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// copyKey puts a key's files into a directory of their own, as if from elsewhere.
func copyKey(t *testing.T, key Key) (base string) {
	base = filepath.Join(t.TempDir(), filepath.Base(key.Base))
	for _, ending := range []string{".key", ".private"} {
		content, err := os.ReadFile(key.Base + ending)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(base+ending, content, 0o600))
	}
	return base
}

// An imported key is a copy, with all that its files say. Importing it again, or
// when it was retired, gives the key that is there.
func TestImport(t *testing.T) {
	key := create(t, openTemp(t), "example.", 13, 257)
	base := copyKey(t, key)
	f, err := os.OpenFile(base+".private", os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("Publish: 20260101000000\nActivate: 20260102030405\nInactive: soon\nRevoke: 20260102030405\n")
	require.NoError(t, err)
	require.NoError(t, f.Close())

	d := openTemp(t)
	for _, ending := range []string{"", ".key", ".private"} {
		got, err := d.Import("Example", base+ending)
		require.NoError(t, err)
		require.Equal(t, key.Rdata, got.Rdata)
		require.Equal(t, filepath.Join(d.dir, "example", filepath.Base(base)), got.Base)
		require.Equal(t, now, got.Created)
		require.Equal(t, "2026-01-02T03:04:05Z", got.Activate.Format("2006-01-02T15:04:05Z07:00"))
		require.True(t, got.Inactive.IsZero(), "what is no time is not said")
		require.Equal(t, []Key{got}, list(t, d, "example."))
		copied, err := os.ReadFile(got.Base + ".private")
		require.NoError(t, err)
		require.Contains(t, string(copied), "Revoke: 20260102030405")
		require.FileExists(t, base+".private", "it is a copy")
		require.NoError(t, d.Destroy("example.", key.Rdata))
	}
	got, err := d.Import("example.", base)
	require.NoError(t, err)
	retired, problems := d.Retired("example.")
	require.Empty(t, problems)
	require.Empty(t, retired, "it is in use again")
	require.Equal(t, []Key{got}, list(t, d, "example."))
}

// What cannot be used is not imported, and the reason names the file.
func TestImportRefuses(t *testing.T) {
	key := create(t, openTemp(t), "example.", 13, 257)
	for _, tc := range []struct {
		name   string
		zone   string
		change func(base string) (path string)
		err    string
	}{
		{"nothing", "example.", func(base string) string { return base + "x" }, "no such file: "},
		{"no private half", "example.", func(base string) string {
			require.NoError(t, os.Remove(base+".private"))
			return base
		}, "no such file: "},
		{"another zone's", "example.net.", func(base string) string { return base }, "has a key of zone example., not of example.net."},
		{"readable", "example.", func(base string) string {
			require.NoError(t, os.Chmod(base+".private", 0o604))
			return base
		}, "can be read by others (mode 0604): chmod 600 "},
		{"a PEM file without the other half", "example.", func(base string) string {
			require.NoError(t, os.Remove(base+".key"))
			require.NoError(t, os.WriteFile(base+".pem", nil, 0o600))
			return base + ".pem"
		}, "says neither its algorithm nor its flags"},
		{"a PEM file of something else", "example.", func(base string) string {
			require.NoError(t, os.WriteFile(base+".pem", []byte("-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----\n"), 0o600))
			return base + ".pem"
		}, "is no PKCS#8 PEM file: openssl pkcs8 -topk8 -nocrypt makes one"},
		{"a PEM file of another key", "example.", func(base string) string {
			other := create(t, openTemp(t), "example.", 13, 257)
			writePEM(t, base+".pem", other)
			return base + ".pem"
		}, "the private key is not that of the public one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := openTemp(t)
			_, err := d.Import(tc.zone, tc.change(copyKey(t, key)))
			require.ErrorContains(t, err, tc.err)
			require.True(t, strings.HasPrefix(err.Error(), "import key of "+tc.zone+": "))
			require.Empty(t, list(t, d, tc.zone))
		})
	}
}

// Two keys with one algorithm and tag cannot both have their files.
func TestImportClash(t *testing.T) {
	d := openTemp(t)
	mine, theirs := create(t, d, "example.", 15, 256), create(t, openTemp(t), "example.", 15, 256)
	clash := filepath.Join(filepath.Dir(mine.Base), filepath.Base(theirs.Base))
	for _, ending := range []string{".key", ".private"} {
		require.NoError(t, os.Rename(mine.Base+ending, clash+ending))
	}
	_, err := d.Import("example.", theirs.Base)
	require.ErrorContains(t, err, "another key of algorithm 15 with tag")
	keys := list(t, d, "example.")
	require.Len(t, keys, 1)
	require.Equal(t, mine.Rdata, keys[0].Rdata)
}

func writePEM(t *testing.T, path string, key Key) {
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// A key in a PEM file is told its algorithm and flags, or finds them beside it.
func TestImportPEM(t *testing.T) {
	from := openTemp(t)
	for _, algorithm := range []uint8{8, 10, 13, 14, 15} {
		key := create(t, from, "example.", algorithm, 257)
		path := key.Base + ".pem"
		writePEM(t, path, key)
		for _, load := range []func(d *Dir) (Key, error){
			func(d *Dir) (Key, error) { return d.ImportPEM("example.", path, algorithm, 257) },
			func(d *Dir) (Key, error) { return d.Import("example.", path) },
		} {
			d := openTemp(t)
			got, err := load(d)
			require.NoError(t, err)
			require.Equal(t, key.Rdata, got.Rdata)
			require.Equal(t, []Key{got}, list(t, d, "example."))
			again, err := load(d)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	}
	key := create(t, from, "example.", 13, 257)
	writePEM(t, key.Base+".pem", key)
	_, err := from.ImportPEM("example.", key.Base+".pem", 8, 257)
	require.ErrorContains(t, err, "a key of this kind does not sign with algorithm 8")
	_, err = from.ImportPEM("example.", key.Base+".pem", 13, 0)
	require.ErrorContains(t, err, "do not say that it is a zone's key")
}
