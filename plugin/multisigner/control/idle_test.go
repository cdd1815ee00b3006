package control_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// large has answers that fill a socket's buffers.
type large struct{ zones }

func (z *large) Status(names ...string) []status.Zone {
	all := z.zones.Status(names...)
	for i := range all {
		all[i].Refuse = strings.Repeat("x", 1<<18) // more than the 208 KiB that a socket holds
	}
	return all
}

// Connections that only hold their place keep nobody from asking: those that send
// nothing, that stop in a request or its body, and that do not read their answer.
func TestIdleClients(t *testing.T) {
	for name, text := range map[string]string{
		"silent":       "",
		"in a header":  "GET /v1/zones HTTP/1.1\r\nHost: multi",
		"in a body":    "POST /v1/zones/example.org./roll HTTP/1.1\r\nHost: m\r\nContent-Length: 100\r\n\r\n{",
		"between":      "GET /v1/zones/nowhere. HTTP/1.1\r\nHost: m\r\n\r\n",
		"not reading":  "GET /v1/zones HTTP/1.1\r\nHost: m\r\n\r\n",
		"reading none": strings.Repeat("GET /v1/zones/nowhere. HTTP/1.1\r\nHost: m\r\n\r\n", 100),
	} {
		t.Run(name, func(t *testing.T) {
			dir := stateDir(t)
			c := listen(t, dir, &large{zones{names: []string{"example.org."}}})
			for range 300 {
				conn, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
				require.NoError(t, err)
				t.Cleanup(func() { conn.Close() })
				fmt.Fprint(conn, text) // an error: there was no room for it any more
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // a busy machine needs some; 300 in turn would take 45
			defer cancel()
			_, err := c.Zone(ctx, "nowhere.")
			require.ErrorContains(t, err, "is not served here")
		})
	}
}
