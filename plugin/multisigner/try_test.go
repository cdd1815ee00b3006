package multisigner

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
)

const faulty = `example.org:0 {
	multisigner {
		fiel db
		parent none
	}
}
example.net:0 {
	tsig {
		secret xfr-key. NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=
	}
	multisigner {
		file db
		parent none
		secondary 127.0.0.1 key xfr-key.
		secondary 127.0.0.1 key other-key.
	}
}
example.com:0 {
	multisigner
}
`

const faults = `Corefile:3: unknown directive "fiel": do you mean file?
Corefile:15: no secret for key other-key.: add tsig { secret other-key. SECRET } to this server block
Corefile:19: no file and no primary: add file PATH, the unsigned zone, or primary ADDRESS..., a server that has it
Corefile:19: no parent: add parent ADDRESS..., parent resolver, or parent none if the zone has no DS and shall get none`

// A Corefile is tried by what starts it: the same faults, of all server blocks at once,
// each with its line, and nothing is made or opened.
func TestTry(t *testing.T) {
	h := newLoadHome(t)
	t.Chdir(h.dir)
	try := func(text string) ([]string, error) {
		writeFile(t, "Corefile", text)
		sites, err := Try("Corefile")
		return apexes(sites.All), err
	}
	_, err := try(faulty)
	require.EqualError(t, err, faults)
	require.ErrorContains(t, h.startError(faulty), faults)

	for _, tc := range []struct{ corefile, says string }{
		{"example.org:0 {\nmultisigner {\nfile db\nparent none\n}\ndns64\n}", "Corefile:2: plugin dns64 in the same server block"},
		{"example.org:0 {\nmultisigner {\nfile db\nparent none\n}\n}\nexample.org:1 {\nmultisigner {\nfile other\nparent none\n}\n}", "Corefile:8: zone example.org. is served with other settings at Corefile:2"},
		{"example.org:0 {\nwhoami\n}", "no multisigner block"},
		{"example.org:0 {\nmultisinger {\n}\n}", "Unknown directive 'multisinger'"},
		{"example.org:0 {\n", "Corefile:"},
	} {
		_, err := try(tc.corefile)
		require.ErrorContains(t, err, tc.says)
	}
	zones, err := try(strings.Replace(block("example.org example.net", ""), "COMMON\n", "", 1))
	require.NoError(t, err)
	require.Equal(t, []string{"example.org.", "example.net."}, zones)
	for keys, over := range map[string]bool{"example.org:0": false, "tls://example.org:0": true, "example.org:0 tls://example.org:0": true} {
		path := filepath.Join(h.dir, "tls")
		require.NoError(t, os.WriteFile(path, []byte(keys+" {\nmultisigner {\nfile db\nparent none\n}\n}"), 0o644))
		sites, err := Try(path)
		require.NoError(t, err)
		require.Equal(t, over, sites.All[0].OverTLS, keys)
	}
	_, err = Try("nowhere")
	require.ErrorIs(t, err, os.ErrNotExist)

	_, err = os.Stat(h.state())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, process.engines())
}

// A reload that was refused is told where operators look, with all that is wrong, until
// one succeeds.
func TestRefusedReloadIsTold(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	refused := func() string {
		z, err := client.New(h.state()).Zone(t.Context(), "example.org")
		require.NoError(t, err)
		metric := 0.0
		if z.Reload != nil {
			metric = 1
		}
		require.Equal(t, metric, testutil.ToFloat64(only{"reload_refused", collector{process}}))
		if z.Reload == nil {
			return ""
		}
		require.False(t, z.Reload.At.IsZero())
		return z.Reload.Why
	}
	require.Empty(t, refused())
	require.Error(t, r.restart(h.corefile(faulty)))
	require.Equal(t, faults, refused())
	require.Error(t, r.restart(h.corefile(block("example.net", "dns64"))))
	require.Contains(t, refused(), "Corefile:5: plugin dns64")
	require.Error(t, r.restart(h.corefile(block("example.org", "failing"))))
	require.Equal(t, "CoreDNS's log says why", refused(), "it is not ours to know")
	require.NoError(t, r.restart(h.corefile(block("example.org", "nsid x"))))
	require.Empty(t, refused())
}

// A typing error in a path makes a second set of keys: that one was made is said at once,
// with the whole path, and only then.
func TestNewStateDirectoryIsTold(t *testing.T) {
	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	require.Contains(t, heard.all(), "warning a new state directory was made")
	require.Contains(t, heard.all(), "dir="+filepath.Join(h.dir, "multisigner-state"))
	r.stop()
	heard.clear()
	h.start(block("example.org", ""))
	require.NotContains(t, heard.all(), "new state directory")
}

// A state that was lost beside its keys is no new directory, and no keys are said to be made.
func TestLostStateIsTold(t *testing.T) {
	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	require.Eventually(t, func() bool {
		keys, err := filepath.Glob(filepath.Join(h.state(), "keys", "*", "*.private"))
		return err == nil && len(keys) > 0
	}, 10*time.Second, time.Millisecond)
	r.stop()
	require.NoError(t, os.Remove(filepath.Join(h.state(), "state.db")))
	heard.clear()
	h.start(block("example.org", ""))
	require.Contains(t, heard.all(), "warning there is no state.db in the state directory, but there are keys")
	require.NotContains(t, heard.all(), "keys are made in it anew")
}

// Where we listen we can ask ourselves, over plain DNS; a wildcard is asked on loopback.
func TestAskable(t *testing.T) {
	ap := netip.MustParseAddrPort
	require.Equal(t, []netip.AddrPort{ap("127.0.0.1:1053"), ap("192.0.2.1:53"), ap("[2001:db8::1]:53")},
		askable([]string{"dns://:1053", "dns://[::]:1053", "tls://192.0.2.1:853", "dns://192.0.2.1:53", "dns://[2001:db8::1]:53", "dns://127.0.0.1:0"}))
}

// On a port that nobody looks at, the start says what to write; where it is said, or no
// parent sends anybody, there is nothing to say.
func TestPortHint(t *testing.T) {
	h := newLoadHome(t)
	t.Chdir(h.dir)
	for more, hinted := range map[string]bool{
		"parent 127.0.0.9": true, "parent none": false, "parent 127.0.0.9\nsigner a 127.0.0.1:1053": false, "parent 127.0.0.9\nsigner a": true,
	} {
		for _, port := range []string{"1053", "53"} {
			heard := &listener{}
			require.NoError(t, clog.RegisterListener(heard))
			writeFile(t, "Corefile", "example.org:"+port+" {\nmultisigner {\nfile db.{zone}\n"+more+"\n}\n}")
			_, err := Try("Corefile")
			clog.DeregisterListener(heard)
			require.NoError(t, err)
			if hinted && port == "1053" {
				require.Contains(t, heard.all(), "warning Corefile:2: zone example.org. is answered on port 1053", more)
				require.Contains(t, heard.all(), "signer NAME ADDRESS:PORT")
			} else {
				require.NotContains(t, heard.all(), "signer NAME", more)
			}
		}
	}
}
