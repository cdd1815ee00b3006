package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab/registry"
	"github.com/multisigner/multisigner/test/loopback"
)

// fakeServer is a file that passes for a coredns nobody runs.
func fakeServer(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "coredns")
	require.NoError(t, os.WriteFile(path, nil, 0o755))
	return path
}

func layoutOf(t *testing.T, args ...string) *layout {
	o, err := parseOptions(append([]string{"--dir", t.TempDir(), "--coredns", fakeServer(t)}, args...), os.Stderr)
	require.NoError(t, err)
	l, err := layOut(o)
	require.NoError(t, err)
	return l
}

// What a newcomer mistypes is answered with what would be right.
func TestOptionsRefused(t *testing.T) {
	for _, tc := range []struct{ args, says string }{
		{"--signers 0", "from 1 to 9"},
		{"--signers 10", "from 1 to 9"},
		{"--denial nsec5", "nsec, nsec3, nsec3-optout"},
		{"--algorithm RSASHA1", "RSASHA256, ECDSAP256SHA256, ECDSAP384SHA384, ED25519"},
		{"--keys both", "split, csk"},
		{"--primary powerdns", "--primary powerdns: not one of bind, knot, nsd"},
		{"--primary nsd --updates", "nsd takes no UPDATE; knot and bind do"},
		{"--fast --lifetime-zsk 5s", "--lifetime-zsk 5s: a rollover takes at least 9s"},
		{"--lifetime-ksk 100s", "at least 1m45s"},
		{"--lifetime-zsk soon", "is no duration: write 90m, 1h30m, 14d or 2w"},
		{"--lifetime-zsk xd", "is no duration"},
		{"--lifetime-ksk -3h", "is no duration"},
		{"--ds-ttl 1500ms", "whole number of seconds"},
		{"--ds-ttl 0s", "whole number of seconds"},
		{"--scan 0s", "longer than nothing"},
		{"--keys csk --lifetime-zsk 30d", "--lifetime-ksk is that of the CSK"},
		{"--port 70000", "from 1 to"},
		{"--sigers 3", "flag provided but not defined"},
		{"three", "not an option"},
		{"--name test", "two labels"},
		{"--name a..b", "two labels"},
		{"--coredns /nowhere/coredns", "make build"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			var stdout, stderr strings.Builder
			args := append([]string{"--dir", t.TempDir()}, strings.Fields(tc.args)...)
			require.NotZero(t, Run(args, &stdout, &stderr))
			require.Contains(t, stderr.String(), tc.says)
			require.Empty(t, stdout.String())
		})
	}
}

// Each process has an address of its own, and the next port.
func TestAddresses(t *testing.T) {
	l := layoutOf(t, "--signers", "3")
	seen := map[string]bool{l.Parent.Address: true}
	for _, s := range l.Signers {
		require.NoError(t, loopback.Check(s.Address))
		seen[s.Address] = true
	}
	require.Len(t, seen, 4)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = FreeAddresses(2, taken.Addr().(*net.TCPAddr).Port)
	require.ErrorContains(t, err, "in use")
}

// The signers know each other, the parent and their common file; each pair has
// one key, known to no third.
func TestCorefiles(t *testing.T) {
	l := layoutOf(t, "--signers", "3", "--denial", "nsec3", "--algorithm", "ed25519", "--keys", "csk", "--fast")
	text := make([]string, 3)
	for i, s := range l.Signers {
		raw, err := os.ReadFile(l.path(s.Corefile))
		require.NoError(t, err)
		text[i] = string(raw)
		info, err := os.Stat(l.path(s.Corefile))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "it holds secrets")
	}
	secret := func(i int, name string) string {
		_, after, found := strings.Cut(text[i], "secret "+name+" ")
		require.True(t, found)
		return strings.Fields(after)[0]
	}
	require.Equal(t, secret(0, "a-b.lab."), secret(1, "a-b.lab."))
	require.Equal(t, secret(0, "a-c.lab."), secret(2, "a-c.lab."))
	require.NotEqual(t, secret(0, "a-b.lab."), secret(0, "a-c.lab."))
	require.NotContains(t, text[0], "b-c.lab.")

	host, port, err := net.SplitHostPort(l.Signers[0].Address)
	require.NoError(t, err)
	want := strings.NewReplacer("PORT", port, "HOST", host, "DIR", l.dir, "S1", secret(0, "a-b.lab."), "S2", secret(0, "a-c.lab."),
		"PARENT", l.Parent.Address, "ADDR_A", l.Signers[0].Address, "ADDR_B", l.Signers[1].Address, "ADDR_C", l.Signers[2].Address).Replace(`
example.test:PORT {
    bind HOST
    errors
    tsig {
        secret a-b.lab. S1
        secret a-c.lab. S2
    }
    multisigner {
        file "DIR/db.example.test"
        state "DIR/a/state"
        signer a ADDR_A
        keys csk
        algorithm ED25519
        denial nsec3
        ttl dnskey 2s
        margin 1s
        earlier-ttl 2s
        propagation 1s
        look 1s 2s
        parent PARENT
        allow-transfer 127.0.0.0/8
        peer b {
            address ADDR_B
            key a-b.lab. hmac-sha256
            trust tsig
        }
        peer c {
            address ADDR_C
            key a-c.lab. hmac-sha256
            trust tsig
        }
    }
}
`)
	_, body, _ := strings.Cut(text[0], "\n")
	require.Equal(t, want, "\n"+body)
}

// Without a word about lifetimes the signers have their own; what is said reaches
// each as it was written.
func TestLifetimes(t *testing.T) {
	corefile := func(args ...string) string {
		l := layoutOf(t, args...)
		text, err := os.ReadFile(l.path(l.Signers[1].Corefile))
		require.NoError(t, err)
		return string(text)
	}
	require.NotContains(t, corefile("--fast"), "lifetime")
	both := corefile("--fast", "--lifetime-zsk", "20s", "--lifetime-ksk", "1m")
	require.Contains(t, both, "        lifetime zsk 20s\n        lifetime ksk 1m\n")
	csk := corefile("--keys", "csk", "--lifetime-ksk", "2w")
	require.Contains(t, csk, "        lifetime ksk 2w\n")
	require.NotContains(t, csk, "lifetime zsk")
	require.Contains(t, corefile("--lifetime-zsk", "0"), "        lifetime zsk 0\n")
	require.NotContains(t, both, "standby")
	require.Contains(t, corefile("--standby"), "\n        standby\n")
}

// The registry asks every signer by the name that the zone gives it.
func TestParentConfig(t *testing.T) {
	l := layoutOf(t, "--signers", "2")
	c, err := registry.ReadConfig(l.path("parent", "config.json"))
	require.NoError(t, err)
	require.Equal(t, map[string][]string{
		"ns-a.example.test.": {l.Signers[0].Address},
		"ns-b.example.test.": {l.Signers[1].Address},
	}, c.Nameservers)
	require.Equal(t, l.Parent.Address, c.Address)
}

// records parses the zone file that was written and groups it.
func records(t *testing.T, l *layout) map[string][]string {
	text, err := os.ReadFile(l.path(l.zoneFile()))
	require.NoError(t, err)
	parser := dns.NewZoneParser(strings.NewReader(string(text)), "", "")
	all := make(map[string][]string)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		h := rr.Header()
		require.Equal(t, l.options.pace().seconds(), fmt.Sprint(h.Ttl), rr)
		key := h.Name + " " + dns.TypeToString[h.Rrtype]
		all[key] = append(all[key], strings.TrimPrefix(rr.String(), h.String()))
	}
	require.NoError(t, parser.Err())
	return all
}

func TestZone(t *testing.T) {
	all := records(t, layoutOf(t, "--fast", "--signers", "3"))
	require.Equal(t, []string{"ns-a.example.test.", "ns-b.example.test.", "ns-c.example.test."}, all["example.test. NS"])
	require.Equal(t, []string{"127.0.0.3"}, all["ns-b.example.test. A"])
	require.Len(t, all["example.test. SOA"], 1)
	require.Len(t, all["big.example.test. TXT"], 20)
	for _, key := range []string{"*.wild.example.test. A", "moved.example.test. DNAME", "alias.example.test. CNAME", "secure.example.test. DS", "svc.example.test. HTTPS"} {
		require.Contains(t, all, key)
	}
}

// A file of the user's own is served with the signers in the place of its NS RRset.
func TestUsersZone(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "db")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	good := write("$TTL 2\n@ SOA ns.provider.test. me 7 1 1 1 1\n@ NS ns.provider.test.\nsub NS ns.provider.test.\nwww A 192.0.2.1\nodd TYPE65280 \\# 1 00\n")
	all := records(t, layoutOf(t, "--zone", good, "--fast"))
	require.Equal(t, []string{"ns-a.example.test.", "ns-b.example.test."}, all["example.test. NS"])
	require.Equal(t, []string{"ns.provider.test."}, all["sub.example.test. NS"])
	require.Equal(t, []string{"192.0.2.1"}, all["www.example.test. A"])

	for name, tc := range map[string]struct{ text, says string }{
		"no SOA":       {"www 2 A 192.0.2.1\n", "no SOA"},
		"another zone": {"example.org. 2 SOA a b 1 1 1 1 1\n", "is not in example.test."},
		"syntax":       {"@ 2 SOA a b 1 1 1 1 1\nwww 2 A 192.0.2\n", "line: 2"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseOptions([]string{"--dir", t.TempDir(), "--coredns", fakeServer(t), "--zone", write(tc.text)}, os.Stderr)
			require.NoError(t, err)
			_, err = layOut(o)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// A zone of the user's own name hangs below its own parent, and its TTLs are told at
// once: who waits for an hour should know it.
func TestUsersName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, []byte("$TTL 2\n@ SOA ns.provider.test. me 7 1 1 1 1\nwww 3600 A 192.0.2.1\nft 60 A 192.0.2.1\n"), 0o644))
	l := layoutOf(t, "--name", "Shop.Example.org", "--zone", path, "--signers", "1")
	require.Equal(t, "shop.example.org.", l.Zone)
	c, err := registry.ReadConfig(l.path("parent", "config.json"))
	require.NoError(t, err)
	require.Equal(t, "example.org.", c.Zone)
	require.Equal(t, "shop.example.org.", c.Child)
	require.Equal(t, map[string][]string{"ns-a.shop.example.org.": {l.Signers[0].Address}}, c.Nameservers)
	require.FileExists(t, l.path("db.shop.example.org"))
	require.Equal(t, path+" has TTLs of up to 1h0m0s: every wait for caches lasts that long. TTLs of 30s make a lab to watch.\n", l.slow())
	require.Empty(t, layoutOf(t).slow())
	var out strings.Builder
	l.explain(&out, l.options)
	require.Contains(t, out.String(), "the parent and 1 signer agree on shop.example.org.")
	require.NotContains(t, out.String(), "example.test")
}

// An earlier lab's directory is gone on with, unless its state would not fit; and
// nobody takes the old lab.json for the new lab's.
func TestSecondLab(t *testing.T) {
	l := layoutOf(t)
	require.NoError(t, registry.WriteJSON(l.path(File), Description{Ready: true}))
	again := func(args ...string) error {
		o, err := parseOptions(append([]string{"--dir", l.dir, "--coredns", l.coredns}, args...), os.Stderr)
		require.NoError(t, err)
		_, err = layOut(o)
		return err
	}
	require.NoError(t, again("--denial", "nsec3"))
	require.NoFileExists(t, l.path(File))
	require.ErrorContains(t, again("--signers", "3"), "holds a lab with 2 signers of example.test., ECDSAP256SHA256")
	require.ErrorContains(t, again("--name", "other.test"), "example.test.")
	require.ErrorContains(t, again("--algorithm", "ED25519"), "ECDSAP256SHA256")
	require.NoError(t, again("--keys", "csk", "--lifetime-ksk", "365d"))
}

// How the parent is to be reaches it.
func TestParentOptions(t *testing.T) {
	l := layoutOf(t, "--fast", "--ds-ttl", "7s", "--scan", "1h")
	c, err := registry.ReadConfig(l.path("parent", "config.json"))
	require.NoError(t, err)
	require.Equal(t, uint32(7), c.DSTTL)
	require.Equal(t, uint32(2), c.TTL)
	require.Equal(t, registry.Duration(time.Hour), c.Interval)
}

// Programs read lab.json by these names.
func TestDescription(t *testing.T) {
	text, err := json.Marshal(Description{Ready: true, Zone: "z.", Parent: Parent{"p.", "addr", []string{"ds"}, 1}, Primary: &Primary{"nsd", "addr", "db", []string{"nsd", "-d"}, 3}, Signers: []Signer{{"a", "addr", "a/state", "a/Corefile", 2}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"ready": true, "zone": "z.",
		"parent": {"zone": "p.", "address": "addr", "anchors": ["ds"], "pid": 1},
		"primary": {"kind": "nsd", "address": "addr", "file": "db", "command": ["nsd", "-d"], "pid": 3},
		"signers": [{"name": "a", "address": "addr", "state": "a/state", "corefile": "a/Corefile", "pid": 2}]}`, string(text))
}

// A lab that is running is left alone by a second one in its directory, which
// would write its Corefiles anew with other addresses, and lab.json too.
func TestRunningLabIsLeftAlone(t *testing.T) {
	l := layoutOf(t)
	before, err := os.ReadFile(l.path("a", "Corefile"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(l.path(File), []byte("{}"), 0o644))
	require.NoError(t, os.MkdirAll(l.path("a", "state"), 0o700))
	socket, err := net.Listen("unix", l.path("a", "state", "control.sock"))
	require.NoError(t, err)
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"zones":[]}`)) // whoever asks reads it
	})}
	go func() { _ = server.Serve(socket) }() // ends with Close
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	_, err = layOut(l.options)
	require.ErrorContains(t, err, "signer a of a lab in "+l.dir+" is running: end it first, or give another --dir")
	after, err := os.ReadFile(l.path("a", "Corefile"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.FileExists(t, l.path(File))
}
