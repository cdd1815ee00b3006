package lab

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// fakePrimaries are files in PATH that pass for servers that nobody runs.
func fakePrimaries(t *testing.T) string {
	dir := t.TempDir()
	for _, h := range hiddens {
		require.NoError(t, os.WriteFile(filepath.Join(dir, h.program), nil, 0o755))
	}
	t.Setenv("PATH", dir)
	return dir
}

// The zone is in the hidden primary and nowhere else. Each signer transfers it by a key of its
// own, and is told of changes; the primary has no other key.
func TestHiddenPrimary(t *testing.T) {
	dir := fakePrimaries(t)
	for kind, told := range map[string]string{
		"knot": "    address: HOST@PORT\n    key: KEY\n",
		"nsd":  "\tprovide-xfr: 127.0.0.0/8 KEY\n\tnotify: HOST@PORT KEY\n",
		"bind": "\t\tHOST port PORT key \"KEY\";\n",
	} {
		t.Run(kind, func(t *testing.T) {
			l := layoutOf(t, "--primary", kind, "--fast")
			require.Equal(t, append(append([]string{filepath.Join(dir, hiddens[kind].program)}, hiddens[kind].args...), l.path("primary", "config")), l.Primary.Command)
			require.Equal(t, l.path("db.example.test"), l.Primary.File)
			config, err := os.ReadFile(l.path("primary", "config"))
			require.NoError(t, err)
			info, err := os.Stat(l.path("primary", "config"))
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o077, "it holds secrets")
			require.Contains(t, string(config), l.path("db.example.test"))
			for _, s := range l.Signers {
				host, port, err := net.SplitHostPort(s.Address)
				require.NoError(t, err)
				key := "primary-" + s.Name + ".lab."
				require.Contains(t, string(config), strings.NewReplacer("HOST", host, "PORT", port, "KEY", key).Replace(told))
				require.Contains(t, string(config), l.secrets[key])
				corefile, err := os.ReadFile(l.path(s.Corefile))
				require.NoError(t, err)
				require.Contains(t, string(corefile), "\n        primary "+l.Primary.Address+" key "+key+"\n        primary-refresh 1s 2s\n")
				require.Contains(t, string(corefile), "\n        secret "+key+" "+l.secrets[key]+"\n")
				require.NotContains(t, string(corefile), "\n        file ")
			}
			require.NotContains(t, string(config), l.secrets["a-b.lab."])
			require.NotContains(t, string(config), "allow-update")
			require.NotContains(t, string(config), ", update")
			var out strings.Builder
			l.Primary.PID = 4711
			l.explain(&out, l.options)
			require.Contains(t, out.String(), "\n  primary   "+kind+" ")
			require.Contains(t, out.String(), "  kill -HUP 4711\n")
		})
	}
}

// Updates go to any signer. Where there is a primary each passes them on to that by its own key,
// else to the first signer, which writes the content of all. The key is in a file that nsupdate reads, for
// nobody else to read.
func TestUpdates(t *testing.T) {
	fakePrimaries(t)
	for kind, grant := range map[string]string{
		"knot": "    key: [ primary-a.lab., primary-b.lab. ]\n    action: [ transfer, update ]\n",
		"bind": "\tallow-update { key \"primary-a.lab.\"; key \"primary-b.lab.\"; };\n",
		"":     "",
	} {
		t.Run(kind, func(t *testing.T) {
			l := layoutOf(t, "--primary", kind, "--updates")
			key, err := os.ReadFile(l.path("update.key"))
			require.NoError(t, err)
			require.Equal(t, "key \"update.lab.\" { algorithm hmac-sha256; secret \""+l.secrets["update.lab."]+"\"; };\n", string(key))
			info, err := os.Stat(l.path("update.key"))
			require.NoError(t, err)
			require.Zero(t, info.Mode().Perm()&0o077)
			var out strings.Builder
			l.explain(&out, l.options)
			for _, s := range l.Signers {
				corefile, err := os.ReadFile(l.path(s.Corefile))
				require.NoError(t, err)
				require.Contains(t, string(corefile), "\n        update key update.lab.\n")
				require.Contains(t, string(corefile), "\n        update forward\n")
				require.Equal(t, kind == "", strings.Contains(string(corefile), "\n        content-transfer key content.lab.\n        update key content.lab.\n"))
				require.Equal(t, kind == "" && s.Name == "a", strings.Contains(string(corefile), "\n        file "))
				require.Equal(t, (kind == "") == (s.Name == "b"), strings.Contains(out.String(), "printf 'server "+strings.Replace(s.Address, ":", " ", 1)+"\\nzone example.test\\n"))
			}
			if kind == "" {
				return
			}
			config, err := os.ReadFile(l.path("primary", "config"))
			require.NoError(t, err)
			require.Contains(t, string(config), grant)
			require.NotContains(t, string(config), "update.lab.")
		})
	}
}

// One signer takes updates beside its file, and has nobody to pass them on to.
func TestUpdatesAlone(t *testing.T) {
	l := layoutOf(t, "--updates", "--signers", "1")
	corefile, err := os.ReadFile(l.path(l.Signers[0].Corefile))
	require.NoError(t, err)
	require.Contains(t, string(corefile), "\n        update key update.lab.\n")
	require.Contains(t, string(corefile), "\n        file ")
	require.NotContains(t, string(corefile), "forward")
	require.NotContains(t, string(corefile), "content")
}

// A server that is not installed is named before anything is written, with what to do.
func TestPrimaryMissing(t *testing.T) {
	_, err := hidden{program: "no-such-server", debian: "no-such-package"}.find()
	require.EqualError(t, err, "no no-such-server in PATH or in /usr/sbin, to be the hidden primary: install it (on Debian: apt install no-such-package), or choose another --primary")
}

// A primary that went back would be no good to the signers: a second lab in the directory goes on
// from what the file has become, and forgets what an earlier primary has kept.
func TestPrimarySerial(t *testing.T) {
	fakePrimaries(t)
	l := layoutOf(t, "--primary", "bind")
	first := l.serial(1)
	require.True(t, zone.SerialAfter(first, 1), "serials of a primary begin with the time")
	text, err := os.ReadFile(l.path(l.zoneFile()))
	require.NoError(t, err)
	text = regexp.MustCompile(`hostmaster.example.test. \d+`).ReplaceAll(text, []byte("hostmaster.example.test. 3000000000"))
	require.NoError(t, os.WriteFile(l.path(l.zoneFile()), text, 0o644))
	require.NoError(t, os.WriteFile(l.path(l.zoneFile()+".jnl"), nil, 0o644))
	require.NoError(t, os.WriteFile(l.path("primary", "timers.mdb"), nil, 0o644))
	_, err = layOut(l.options)
	require.NoError(t, err)
	text, err = os.ReadFile(l.path(l.zoneFile()))
	require.NoError(t, err)
	require.Contains(t, string(text), "hostmaster.example.test. 3000000001 3600")
	require.Equal(t, uint32(3_000_000_002), l.serial(7))
	require.NoFileExists(t, l.path(l.zoneFile()+".jnl"))
	require.NoFileExists(t, l.path("primary", "timers.mdb"))
	require.FileExists(t, l.path("primary", "config"))
}
