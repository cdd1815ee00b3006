//go:build interop

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the guide has for Knot and BIND, their own programs find no fault in.
func TestGuidePeers(t *testing.T) {
	guide, err := os.ReadFile("../../docs/GUIDE.md")
	require.NoError(t, err)
	for block, check := range map[string]func(file string) *exec.Cmd{
		"yaml":  func(file string) *exec.Cmd { return exec.Command("knotc", "-c", file, "conf-check") },
		"named": func(file string) *exec.Cmd { return exec.Command("named-checkconf", file) },
	} {
		t.Run(block, func(t *testing.T) {
			found := regexp.MustCompile("(?ms)^~~~ "+block+"$(.*?)^~~~$").FindAllSubmatch(guide, -1)
			require.NotEmpty(t, found)
			for i, config := range found {
				file := filepath.Join(t.TempDir(), fmt.Sprint(i))
				require.NoError(t, os.WriteFile(file, config[1], 0o600))
				out, err := check(file).CombinedOutput()
				require.NoError(t, err, "%s\n%s", config[1], out)
			}
		})
	}
}

// What the guide has for PowerDNS, it takes: the settings, and then the commands.
func TestGuidePowerDNS(t *testing.T) {
	guide, err := os.ReadFile("../../docs/GUIDE.md")
	require.NoError(t, err)
	settings := regexp.MustCompile("(?ms)^~~~ pdns\n(.*?)^~~~$").FindSubmatch(guide)
	require.NotNil(t, settings)
	commands := regexp.MustCompile("(?ms)^~~~ sh\n(pdnsutil.*?)^~~~$").FindSubmatch(guide)
	require.NotNil(t, commands)
	dir := t.TempDir()
	write(t, dir, "pdns.conf", string(settings[1])+"gsqlite3-database="+filepath.Join(dir, "db")+"\n")
	write(t, dir, "zone", unsigned)
	powerDNSTools(t, dir)
	out, err := exec.Command("pdns_server", "--config-dir="+dir, "--config=check").CombinedOutput()
	require.NoError(t, err, "%s", out)
	pipe(t, "pdnsutil load-zone example.org "+dir+"/zone\npdnsutil secure-zone example.org\n", "sh", "-e")
	secret := regexp.MustCompile(` K\n`).ReplaceAll(commands[1], []byte(" NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=\n"))
	pipe(t, string(secret), "sh", "-e")
}
