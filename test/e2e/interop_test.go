//go:build interop

package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
)

// setting is one way to run a group.
type setting struct {
	signers   int
	denial    string
	algorithm string
	keys      string
}

func (s setting) name() string {
	return fmt.Sprintf("%d-%s-%s-%s", s.signers, s.denial, s.algorithm, s.keys)
}

// pairwise has every pair of size, denial and algorithm.
var pairwise = []setting{
	{2, "nsec", "ECDSAP256SHA256", "split"},
	{3, "nsec", "ED25519", "csk"},
	{2, "nsec", "RSASHA256", "split"},
	{3, "nsec3", "ECDSAP256SHA256", "split"},
	{2, "nsec3", "ED25519", "split"},
	{3, "nsec3", "RSASHA256", "split"},
	{3, "nsec3-optout", "ECDSAP256SHA256", "csk"},
	{2, "nsec3-optout", "ED25519", "split"},
	{2, "nsec3-optout", "RSASHA256", "csk"},
}

func settings() []setting {
	if !all {
		return pairwise
	}
	var every []setting
	for _, signers := range []int{2, 3, 4} {
		for _, denial := range []string{"nsec", "nsec3", "nsec3-optout"} {
			for _, algorithm := range []string{"ECDSAP256SHA256", "ECDSAP384SHA384", "ED25519", "RSASHA256"} {
				for _, keys := range []string{"split", "csk"} {
					every = append(every, setting{signers, denial, algorithm, keys})
				}
			}
		}
	}
	return every
}

// atOnce bounds how many groups run at the same time: each is some six
// processes, most of them waiting.
const atOnce = 2

// A resolver that trusts the parent zone alone takes every answer for secure,
// whichever signer gives it, and BIND's delv agrees. Each signer in turn is
// killed: the zone stays secure.
func TestResolvers(t *testing.T) {
	t.Parallel()
	slots := make(chan struct{}, atOnce)
	for _, s := range settings() {
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			g := startGroup(t, "--signers", strconv.Itoa(s.signers), "--denial", s.denial, "--algorithm", s.algorithm, "--keys", s.keys)
			optOut := s.denial == "nsec3-optout"
			g.green(t, 0, g.Signers...)
			for _, signer := range g.Signers {
				require.NoError(t, startUnbound(t, g, signer).secure(optOut), "signer %s alone", signer.Name)
				delv(t, g, signer, optOut)
				verify(t, signer, s.keys)
			}
			require.NoError(t, startUnbound(t, g, g.Signers...).secure(optOut))
			for i := range g.Signers {
				signer := &g.Signers[i]
				g.kill(t, signer)
				require.NoError(t, startUnbound(t, g, g.Signers...).secure(optOut), "with signer %s dead", signer.Name)
				g.restart(t, signer)
				g.green(t, patience, g.Signers...)
			}
		})
	}
}

// delv, of BIND, validates the answers of a signer under the DS RRset at the parent.
func delv(t *testing.T, g *group, s lab.Signer, optOut bool) {
	host, port, err := net.SplitHostPort(s.Address)
	require.NoError(t, err)
	for _, q := range questions {
		if q.kind == local {
			continue
		}
		out, err := exec.CommandContext(t.Context(), "delv", "-a", filepath.Join(g.dir, "anchors.conf"), "+root=example.test",
			"@"+host, "-p", port, q.full(), dns.Type(q.t).String()).CombinedOutput()
		require.NoError(t, err, "%s at signer %s\n%s", q, s.Name, out)
		if optOut && q.kind == spanned && strings.Contains(string(out), "; unsigned answer") {
			continue
		}
		require.Contains(t, string(out), "fully validated", "%s at signer %s", q, s.Name)
	}
}
