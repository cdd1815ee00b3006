//go:build interop

package keystore

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/miekg/dns"
)

// run calls a program in dir and gives what it prints.
func run(t *testing.T, dir string, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	require.NoError(t, err, "make interop installs it")
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s %s: %s", name, strings.Join(args, " "), stderr.String())
	return strings.TrimSpace(stdout.String())
}

// dsOf is the DS record of a key with a SHA-256 digest.
func dsOf(t *testing.T, key Key) string {
	rr, _, err := dns.UnpackRRWithHeader(dns.RR_Header{Name: "example.org.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Rdlength: uint16(len(key.Rdata))}, []byte(key.Rdata), 0)
	require.NoError(t, err)
	ds := rr.(*dns.DNSKEY).ToDS(dns.SHA256)
	return fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest))
}

// dsData gives the data of a DS record in one form: ldns and BIND break the digest differently.
func dsData(t *testing.T, line string) string {
	_, data, ok := strings.Cut(line, "DS")
	require.True(t, ok, line)
	words := strings.Fields(data)
	require.GreaterOrEqual(t, len(words), 4, line)
	return strings.ToUpper(strings.Join(words[:3], " ") + " " + strings.Join(words[3:], ""))
}

// The tools of BIND, ldns and Knot read our keys and see the same keys in them.
func TestOthersReadOurs(t *testing.T) {
	d := openTemp(t)
	for _, algorithm := range []uint8{8, 10, 13, 14, 15} {
		ksk, zsk := create(t, d, "example.org.", algorithm, 257), create(t, d, "example.org.", algorithm, 256)
		dir := filepath.Dir(ksk.Base)
		require.Equal(t, dsOf(t, ksk), dsData(t, run(t, dir, "dnssec-dsfromkey", "-2", ksk.Base)))
		require.Equal(t, dsOf(t, ksk), dsData(t, run(t, dir, "ldns-key2ds", "-n", "-2", ksk.Base+".key")))
		require.Contains(t, run(t, dir, "dnssec-settime", "-p", "C", ksk.Base), "Created: Mon Nov 23 13:24:06 2026")

		kasp := t.TempDir()
		for _, key := range []Key{ksk, zsk} {
			id := run(t, kasp, "keymgr", "-D", kasp, "example.org", "import-bind", key.Base+".key")
			require.Contains(t, run(t, kasp, "keymgr", "-D", kasp, "-x", "-e", "example.org", "list"), fmt.Sprintf("tag=%05d", key.Tag()), id)
		}
	}
}

// What our keys sign, others verify, and each other's private keys are what they
// say: a zone signed by BIND with our keys, and by ldns.
func TestOthersSignWithOurs(t *testing.T) {
	d := openTemp(t)
	for _, algorithm := range []uint8{8, 10, 13, 14, 15} {
		zone := fmt.Sprintf("a%d.example.", algorithm)
		ksk, zsk := create(t, d, zone, algorithm, 257), create(t, d, zone, algorithm, 256)
		dir := t.TempDir()
		file := filepath.Join(dir, "zone")
		text := "$TTL 60\n@ SOA ns root 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\n"
		for _, key := range []Key{ksk, zsk} { // not by $INCLUDE, which ldns does not know
			public, err := os.ReadFile(key.Base + ".key")
			require.NoError(t, err)
			text += string(public)
		}
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		run(t, dir, "dnssec-signzone", "-o", zone, "-f", "signed", "-k", ksk.Base, "zone", zsk.Base)
		run(t, dir, "dnssec-verify", "-o", zone, "signed")
		run(t, dir, "ldns-signzone", "-o", zone, "-f", "ldns", "zone", ksk.Base, zsk.Base)
		run(t, dir, "ldns-verify-zone", "ldns")
	}
}

// Keys that other tools have made are used where they lie, and can be imported,
// with what they say of their life.
func TestWeReadOthers(t *testing.T) {
	theirs := t.TempDir()
	var bases []string
	for _, args := range [][]string{
		{"dnssec-keygen", "-q", "-a", "RSASHA256", "-b", "2048", "-f", "KSK", "example.org"},
		{"dnssec-keygen", "-q", "-a", "RSASHA512", "-b", "4096", "example.org"},
		{"dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "example.org"},
		{"dnssec-keygen", "-q", "-a", "ECDSAP384SHA384", "-f", "KSK", "example.org"},
		{"dnssec-keygen", "-q", "-a", "ED25519", "-P", "20260101000000", "-A", "20260102000000", "-I", "20270101000000", "-D", "20270201000000", "example.org"},
		{"ldns-keygen", "-a", "RSASHA256", "-b", "1024", "example.org"},
		{"ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "example.org"},
		{"ldns-keygen", "-a", "ECDSAP384SHA384", "example.org"},
		{"ldns-keygen", "-a", "ED25519", "-k", "example.org"},
	} {
		bases = append(bases, run(t, theirs, args[0], args[1:]...))
	}
	d := openTemp(t)
	for i, base := range bases {
		key, err := d.Import("example.org.", filepath.Join(theirs, base+[]string{"", ".key", ".private"}[i%3]))
		require.NoError(t, err)
		require.Equal(t, base, filepath.Base(key.Base), "the tag is theirs")
		require.NoError(t, prove(key.Rdata, key.Signer))
		if strings.Contains(base, "+015+") && i == 4 {
			for word, got := range map[string]time.Time{"20260101": key.Publish, "20260102": key.Activate, "20270101": key.Inactive, "20270201": key.Delete} {
				require.Equal(t, word, got.Format("20060102"))
			}
			require.False(t, key.Created.IsZero())
		}
	}
	require.Len(t, list(t, d, "example.org."), len(bases))

	put := openTemp(t)
	p, err := put.place("example.org.")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(p.dir), 0o700))
	require.NoError(t, os.Rename(theirs, p.dir))
	require.Len(t, list(t, put, "example.org."), len(bases))
}

// Keys that Knot has made are imported from its PEM files.
func TestImportFromKnot(t *testing.T) {
	kasp := t.TempDir()
	d := openTemp(t)
	for _, tc := range []struct {
		name      string
		algorithm uint8
	}{{"RSASHA256", 8}, {"RSASHA512", 10}, {"ECDSAP256SHA256", 13}, {"ECDSAP384SHA384", 14}, {"ED25519", 15}} {
		id := run(t, kasp, "keymgr", "-D", kasp, "example.org", "generate", "algorithm="+tc.name, "ksk=yes", "zsk=no")
		pem := filepath.Join(kasp, "keys", id+".pem")
		require.NoError(t, os.Chmod(pem, 0o600))
		var dnskey string
		for _, line := range strings.Split(run(t, kasp, "keymgr", "-D", kasp, "example.org", "dnskey"), "\n") {
			if strings.Contains(line, fmt.Sprintf("257 3 %d ", tc.algorithm)) {
				dnskey = line
			}
		}
		require.NotEmpty(t, dnskey)

		key, err := d.ImportPEM("example.org.", pem, tc.algorithm, 257)
		require.NoError(t, err)
		public, err := os.ReadFile(key.Base + ".key")
		require.NoError(t, err)
		require.Equal(t, lastWord(dnskey), lastWord(string(public)), "the key is the one that Knot publishes")

		_, err = d.Import("example.org.", pem)
		require.ErrorContains(t, err, "says neither its algorithm nor its flags: put a .key file beside it, or name them")
		require.NoError(t, os.WriteFile(strings.TrimSuffix(pem, ".pem")+".key", []byte(dnskey+"\n"), 0o600))
		again, err := d.Import("example.org.", pem)
		require.NoError(t, err)
		require.Equal(t, key.Rdata, again.Rdata)
	}
	require.Len(t, list(t, d, "example.org."), 5)
}

func lastWord(s string) string {
	words := strings.Fields(s)
	return words[len(words)-1]
}
