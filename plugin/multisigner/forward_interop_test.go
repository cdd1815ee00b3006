//go:build interop

package multisigner

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// nsupdate and knsupdate change a zone at a signer, which passes it on to BIND and to Knot
// as the primary. The signer's grants count, the primary's answer is given back, and what
// it has taken is served signed.
func TestForwardToPrimaries(t *testing.T) {
	for _, each := range hiddenPrimaries[1:] {
		t.Run(each.program, func(t *testing.T) {
			p := &each
			p.config = strings.NewReplacer(
				"action: transfer", "action: [ transfer, update ]",
				"ixfr-from-differences yes;", `update-policy { grant primary-key. zonesub any; };`,
			).Replace(p.config)
			p.dir = t.TempDir()
			port, busy := freePort(t)
			busy.Close()
			us, busy := freePort(t)
			busy.Close()
			p.zone(t, 1)
			p.start(t, port, us)
			h := newLoadHome(t)
			r := h.start(fmt.Sprintf("example.org:%d {\nroot %s\nbind 127.0.0.1\ntsig {\nsecret primary-key. %s\nsecret xfr-key. %s\nsecret acme. %s\n}\n"+
				"multisigner {\nprimary 127.0.0.1:%d key primary-key.\nparent none\nallow-transfer 127.0.0.1\nupdate key xfr-key.\nupdate key acme. name *.acme type TXT\nupdate forward\n}\n}\n",
				us, h.dir, primarySecret, keySecret, keySecret, port))
			count := func(name string, kind uint16) int {
				return len(r.ask("udp", query4(name+".example.org.", kind)).Answer)
			}
			require.Eventually(t, func() bool { return count("at", dns.TypeTXT) == 1 }, time.Minute, 50*time.Millisecond)
			key, acme := "hmac-sha256:xfr-key.:"+keySecret, "hmac-sha256:acme.:"+keySecret
			for _, program := range []string{"nsupdate", "knsupdate"} {
				said, err := updating(us, program, key, "prereq nxdomain "+program+".example.org.\nupdate add "+program+".example.org. 60 A 192.0.2.81\nupdate delete www.example.org. A")
				require.NoError(t, err, said)
				require.Eventually(t, func() bool { return count(program, dns.TypeA) == 1 && count("www", dns.TypeA) == 0 }, time.Minute, 50*time.Millisecond)
				said, err = updating(us, program, acme, "update add "+program+".acme.example.org. 60 TXT x")
				require.NoError(t, err, said)
				require.Eventually(t, func() bool { return count(program+".acme", dns.TypeTXT) == 1 }, time.Minute, 50*time.Millisecond)
				said, err = updating(us, program, acme, "update delete "+program+".acme.example.org.")
				require.NoError(t, err, said)
				require.Eventually(t, func() bool { return count(program+".acme", dns.TypeTXT) == 0 }, time.Minute, 50*time.Millisecond)
			}
			for _, tc := range []struct{ key, script, says string }{
				{key, "prereq nxdomain at.example.org.\nupdate delete at.example.org. TXT", "YXDOMAIN"},
				{acme, "update delete at.example.org. TXT", "REFUSED"},
				{key, "update add at.example.com. 60 A 192.0.2.81", "NOTZONE"},
			} {
				said, err := updating(us, "nsupdate", tc.key, tc.script)
				require.Error(t, err, tc.script)
				require.Contains(t, said, tc.says)
			}
			h.validates(t, r)

			p.kill()
			said, err := updating(us, "nsupdate", key, "update add late.example.org. 60 A 192.0.2.81")
			require.Error(t, err)
			require.Contains(t, said, "SERVFAIL")
			require.Equal(t, 1, count("at", dns.TypeTXT), "and the zone is served on")
		})
	}
}
