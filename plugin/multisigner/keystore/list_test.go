package keystore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that cannot be used is named with what to do, and the others are listed.
func TestListProblems(t *testing.T) {
	replace := func(t *testing.T, path, old, new string) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(content), old)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), old, new, 1)), 0o600))
	}
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, d *Dir, base string)
		err    string
	}{
		{"readable by others", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.Chmod(base+".private", 0o640))
		}, "BASE.private can be read by others (mode 0640): chmod 600 BASE.private, and replace the key if somebody may have read it"},
		{"no public half", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.Remove(base+".key"))
		}, "BASE.private has no public key beside it: put BASE.key back, or remove both"},
		{"no private half", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.Remove(base+".private"))
		}, "BASE.key has no private key beside it"},
		{"another zone's", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".key", "example. IN", "example.net. IN")
		}, "BASE.key has a key of zone example.net., not of example."},
		{"another key's private half", func(t *testing.T, d *Dir, base string) {
			other := create(t, d, "other.", 13, 256)
			content, err := os.ReadFile(other.Base + ".private")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(base+".private", content, 0o600))
		}, "BASE.private: the private key is not that of the public one"},
		{"another algorithm's private half", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".private", "Algorithm: 13", "Algorithm: 14")
		}, "BASE.private is of algorithm 14, its public key of 13"},
		{"no zone key", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".key", "256 3", "1 3")
		}, "BASE.key: the record's flags do not say that it is a zone's key"},
		{"not DNSSEC", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".key", "256 3", "256 2")
		}, "BASE.key: the record has protocol 2, not 3"},
		{"an algorithm of the past", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".key", "256 3 13", "256 3 5")
		}, "BASE.key: algorithm 5 (RSASHA1) is not supported"},
		{"no record", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.WriteFile(base+".key", []byte("; nothing\n"), 0o600))
		}, "BASE.key has no record"},
		{"another record", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.WriteFile(base+".key", []byte("example. IN A 192.0.2.1\n"), 0o600))
		}, "BASE.key has a record of type A instead of DNSKEY"},
		{"no syntax", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.WriteFile(base+".key", []byte("example. IN DNSKEY what\n"), 0o600))
		}, "BASE.key: dns: bad DNSKEY"},
		{"a reading of other files", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.WriteFile(base+".key", []byte("$INCLUDE /etc/passwd\n"), 0o600))
		}, "not allowed"},
		{"no private key file", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".private", "v1.3", "v2.0")
		}, `BASE.private: it has the format "v2.0", not v1.2 or v1.3`},
		{"cut off", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".private", "PrivateKey: ", "Nothing: ")
		}, "BASE.private: it has no PrivateKey"},
		{"garbled", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".private", "PrivateKey: ", "PrivateKey: !")
		}, "BASE.private: its PrivateKey is not base64"},
		{"in a module", func(t *testing.T, d *Dir, base string) {
			replace(t, base+".private", "PrivateKey: ", "Label: pkcs11:object=x\nEngine: ")
		}, "BASE.private: the key is in a hardware module"},
		{"huge", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.WriteFile(base+".private", make([]byte, maxFile+1), 0o600))
		}, "a key file at most 65536"},
		{"a directory", func(t *testing.T, d *Dir, base string) {
			require.NoError(t, os.Remove(base+".private"))
			require.NoError(t, os.Mkdir(base+".private", 0o700))
		}, "BASE.private is not a file"},
		{"a copy", func(t *testing.T, d *Dir, base string) {
			for _, ending := range []string{".key", ".private"} {
				require.NoError(t, os.Link(base+ending, filepath.Join(filepath.Dir(base), "Kz"+ending)))
			}
		}, "Kz.private is the same key as BASE.private: remove one"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := openTemp(t)
			good := create(t, d, "example.", 15, 256)
			bad := create(t, d, "example.", 13, 256)
			tc.damage(t, d, bad.Base)
			keys, problems := d.List("example.")
			require.Len(t, problems, 1)
			require.ErrorContains(t, problems[0], strings.ReplaceAll(tc.err, "BASE", bad.Base))
			require.Contains(t, keys, good)
			if tc.name != "a copy" {
				require.Len(t, keys, 1)
			}
		})
	}
}

// Damage to an RSA key is found when it is read, not when it signs wrongly.
func TestRSADamage(t *testing.T) {
	d := openTemp(t)
	key := create(t, d, "example.", 8, 256)
	whole, err := os.ReadFile(key.Base + ".private")
	require.NoError(t, err)
	lines := strings.SplitAfter(string(whole), "\n")
	for i, line := range lines {
		word, value, ok := strings.Cut(line, ": ")
		if !ok || !strings.ContainsAny(word, "MP") || word == "Private-key-format" {
			continue
		}
		damaged := append([]string(nil), lines...)
		damaged[i] = word + ": " + string(value[0]^1) + value[1:]
		require.NoError(t, os.WriteFile(key.Base+".private", []byte(strings.Join(damaged, "")), 0o600))
		keys, problems := d.List("example.")
		require.Len(t, problems, 1, word)
		require.Empty(t, keys, word)
	}
}
