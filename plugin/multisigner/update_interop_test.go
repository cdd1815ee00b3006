//go:build interop

package multisigner

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// updating runs BIND's or Knot's program for updates with a script.
func updating(port int, program, key, script string) (said string, err error) {
	cmd := exec.Command(program, "-y", key)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("server 127.0.0.1 %d\nzone example.org.\n%s\nsend\n", port, script))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// BIND's nsupdate and Knot's knsupdate change a zone whose file is edited meanwhile:
// what they were told is done is in the next answer, what they were refused says why in
// their own words, and all of it together validates.
func TestUpdatePrograms(t *testing.T) {
	port, busy := freePort(t)
	busy.Close()
	h := newLoadHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	r := h.start(fmt.Sprintf("example.org:%d {\nroot %s\nbind 127.0.0.1\ntsig {\nsecret xfr-key. %s\n}\nmultisigner {\nfile db.example.org\nparent none\nallow-transfer 127.0.0.1\nupdate key xfr-key.\n}\n}\n", port, h.dir, keySecret))
	key := "hmac-sha256:xfr-key.:" + keySecret
	has := func(name string) bool {
		return len(r.ask("udp", query4(name+".example.org.", dns.TypeA)).Answer) == 1
	}
	require.Eventually(t, func() bool { return has("www") }, time.Minute, 50*time.Millisecond)

	for _, program := range []string{"nsupdate", "knsupdate"} {
		said, err := updating(port, program, key, "update add "+program+".example.org. 60 A 192.0.2.81")
		require.NoError(t, err, said)
		require.True(t, has(program))
		said, err = updating(port, program, key, "prereq yxdomain "+program+".example.org.\nupdate delete "+program+".example.org. A")
		require.NoError(t, err, said)
		require.False(t, has(program))
	}
	for _, tc := range []struct{ key, script, says string }{
		{key, "prereq nxdomain www.example.org.\nupdate delete www.example.org. A", "YXDOMAIN"},
		{key, "prereq yxdomain absent.example.org.\nupdate delete www.example.org. A", "NXDOMAIN"},
		{key, "update add www.example.org. 60 NSEC next.example.org. A", "REFUSED"},
		{key, "update add www.example.com. 60 A 192.0.2.81", "NOTZONE"},
		{"hmac-sha256:xfr-key.:" + strings.Repeat("A", 43) + "=", "update delete www.example.org. A", "BADSIG"},
		{"hmac-sha256:other-key.:" + keySecret, "update delete www.example.org. A", "BADKEY"},
		{"hmac-md5:xfr-key.:" + keySecret, "update delete www.example.org. A", "BADKEY"},
	} {
		said, err := updating(port, "nsupdate", tc.key, tc.script)
		require.Error(t, err, tc.script)
		require.Contains(t, said, tc.says)
		require.True(t, has("www"))
	}

	const programs, sends = 16, 4
	var all sync.WaitGroup
	faults := make(chan string, programs*sends)
	for i := range programs {
		all.Go(func() {
			var script []string
			for j := range sends {
				script = append(script, fmt.Sprintf("update add n%d-%d.example.org. 60 A 192.0.2.81", i, j))
			}
			if said, err := updating(port, "nsupdate", key, strings.Join(script, "\nsend\n")); err != nil {
				faults <- said
			}
		})
	}
	h.zone("example.org", 8, "www A 192.0.2.1", "edited A 192.0.2.2")
	all.Wait()
	close(faults)
	for said := range faults {
		t.Error(said)
	}
	require.Eventually(t, func() bool { return has("edited") }, time.Minute, 50*time.Millisecond)
	for i := range programs {
		for j := range sends {
			require.True(t, has(fmt.Sprintf("n%d-%d", i, j)))
		}
	}
	h.validates(t, r)
}
