package keystore

import (
	"crypto/ecdsa"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// A key that was put away is out of use and can be brought back; only then is it
// removed for ever. Each step may be done again.
func TestRetire(t *testing.T) {
	d := openTemp(t)
	key, other := create(t, d, "example.", 13, 256), create(t, d, "example.", 13, 256)
	for range 2 {
		require.NoError(t, d.Destroy("example.", key.Rdata))
		require.Equal(t, []Key{other}, list(t, d, "example."))
		retired, problems := d.Retired("example.")
		require.Empty(t, problems)
		require.Len(t, retired, 1)
		require.Equal(t, key.Rdata, retired[0].Rdata)
		require.NoError(t, prove(key.Rdata, retired[0].Signer))
	}
	for range 2 {
		back, err := d.Restore("example.", key.Rdata)
		require.NoError(t, err)
		require.Equal(t, key.Base, back.Base)
		require.Len(t, list(t, d, "example."), 2)
		require.ErrorContains(t, d.Purge("example.", key.Rdata), "is in use: only retired keys are removed")
	}
	require.NoError(t, d.Destroy("example.", key.Rdata))
	for range 2 {
		require.NoError(t, d.Purge("example.", key.Rdata))
		retired, problems := d.Retired("example.")
		require.Empty(t, problems)
		require.Empty(t, retired)
	}
	require.Equal(t, []Key{other}, list(t, d, "example."))
	require.NoError(t, d.Destroy("example.", key.Rdata), "it is gone already")
	_, err := d.Restore("example.", key.Rdata)
	require.ErrorContains(t, err, fmt.Sprintf("there is no key of example. with tag %d", key.Tag()))
}

// A crash between the two moves of Destroy or Restore leaves the key on one side,
// and doing the same again ends it.
func TestRetireHalf(t *testing.T) {
	d := openTemp(t)
	key := create(t, d, "example.", 13, 256)
	retired := filepath.Join(filepath.Dir(key.Base), "retired", filepath.Base(key.Base))
	require.NoError(t, d.Destroy("example.", key.Rdata))
	require.NoError(t, os.Rename(retired+".key", key.Base+".key"))

	require.Empty(t, list(t, d, "example."), "the private file is away")
	away, problems := d.Retired("example.")
	require.Empty(t, problems)
	require.Len(t, away, 1)
	require.NoError(t, d.Destroy("example.", key.Rdata))
	require.FileExists(t, retired+".key")

	require.NoError(t, os.Rename(retired+".private", key.Base+".private"))
	require.Len(t, list(t, d, "example."), 1)
	_, err := d.Restore("example.", key.Rdata)
	require.NoError(t, err)
	require.FileExists(t, key.Base+".key")
	require.NoFileExists(t, retired+".key")
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

// BenchmarkCreate is a first start: the keys of many zones, sixteen at a time.
func BenchmarkCreate(b *testing.B) {
	d := openTemp(b)
	work := make(chan int)
	done := make(chan error)
	for range 16 {
		go func() {
			for i := range work {
				zone := fmt.Sprintf("z%d.example.", i)
				for _, flags := range []uint16{256, 257} {
					if _, err := d.Create(zone, 13, flags, nil); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	b.ResetTimer()
	for i := range b.N {
		work <- i
	}
	close(work)
	for range 16 {
		require.NoError(b, <-done)
	}
}

// BenchmarkList is a later start: it reads the two keys of a zone.
func BenchmarkList(b *testing.B) {
	for _, algorithm := range []uint8{8, 13, 14, 15} {
		b.Run(algorithms[algorithm].name, func(b *testing.B) {
			d := openTemp(b)
			create(b, d, "example.", algorithm, 257)
			create(b, d, "example.", algorithm, 256)
			for b.Loop() {
				if len(list(b, d, "example.")) != 2 {
					b.Fatal("keys are missing")
				}
			}
		})
	}
}
