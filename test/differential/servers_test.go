//go:build interop

package differential

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/loopback"
)

// peer is another nameserver: what starts it and what to write for it.
type peer struct {
	name    string
	address string // BIND listens only at addresses that an interface has
	program string
	args    func(dir string) []string
	config  func(dir string, at netip.AddrPort, zones []signedZone) string
}

// peers answer as little as they can and never limit rates; else they are as
// their makers set them up.
var peers = []peer{
	{
		name: "nsd", address: "127.0.53.2", program: "nsd",
		args: func(dir string) []string { return []string{"-d", "-c", filepath.Join(dir, "config")} },
		config: func(dir string, at netip.AddrPort, zones []signedZone) string {
			var b strings.Builder
			fmt.Fprintf(&b, `server:
	ip-address: %s@%d
	zonesdir: %q
	database: ""
	pidfile: "%[3]s/nsd.pid"
	zonelistfile: "%[3]s/zone.list"
	xfrdfile: "%[3]s/xfrd.state"
	xfrdir: %[3]q
	username: ""
	server-count: 1
	minimal-responses: yes
	ipv4-edns-size: 4096
	rrl-ratelimit: 0
	rrl-whitelist-ratelimit: 0
remote-control:
	control-enable: no
`, at.Addr(), at.Port(), dir)
			for _, z := range zones {
				fmt.Fprintf(&b, "zone:\n\tname: %q\n\tzonefile: %q\n", z.apex, z.file(dir))
			}
			return b.String()
		},
	},
	{
		name: "knot", address: "127.0.53.3", program: "knotd",
		args: func(dir string) []string { return []string{"-c", filepath.Join(dir, "config")} },
		config: func(dir string, at netip.AddrPort, zones []signedZone) string {
			var b strings.Builder
			fmt.Fprintf(&b, `server:
    rundir: %q
    listen: %s@%d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 4096
database:
    storage: %[1]q
template:
  - id: default
    storage: %[1]q
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
zone:
`, dir, at.Addr(), at.Port())
			for _, z := range zones {
				fmt.Fprintf(&b, "  - domain: %q\n    file: %q\n", z.apex, z.file(dir))
			}
			return b.String()
		},
	},
	{
		name: "bind", address: "127.0.0.1", program: "named",
		args: func(dir string) []string { return []string{"-g", "-n", "1", "-c", filepath.Join(dir, "config")} },
		config: func(dir string, at netip.AddrPort, zones []signedZone) string {
			var b strings.Builder
			fmt.Fprintf(&b, `options {
	directory %q;
	pid-file "named.pid";
	session-keyfile "session.key";
	listen-on port %d { %s; };
	listen-on-v6 { none; };
	recursion no;
	allow-query { any; };
	notify no;
	minimal-responses yes;
	minimal-any yes;
	zero-no-soa-ttl no;
	max-udp-size 4096;
	dnssec-validation no;
	empty-zones-enable no;
	check-integrity no;
	check-names primary ignore;
};
controls { };
`, dir, at.Port(), at.Addr())
			for _, z := range zones {
				fmt.Fprintf(&b, "zone %q { type primary; file %q; };\n", z.apex, z.file(dir))
			}
			return b.String()
		},
	},
}

// start runs the peer over the zones until the test ends, and says where. It
// waits until the peer answers for every zone.
func (p peer) start(t *testing.T, zones []signedZone) netip.AddrPort {
	t.Helper()
	program, err := exec.LookPath(p.program)
	if err != nil {
		program = "/usr/sbin/" + p.program
	}
	dir := t.TempDir()
	at := free(t, p.address)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte(p.config(dir, at, zones)), 0o644))
	for _, z := range zones {
		require.NoError(t, os.WriteFile(z.file(dir), []byte(z.text), 0o644))
	}
	var log bytes.Buffer
	cmd := exec.Command(program, p.args(dir)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start(), "make interop installs it")
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { stop(cmd.Process.Pid, exited) })

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, z := range zones {
		for !ready(ctx, at, z.apex) {
			select {
			case err := <-exited:
				exited <- err
				require.FailNow(t, p.name+" ended", "%v\n%s", err, &log)
			case <-ctx.Done():
				stop(cmd.Process.Pid, exited)
				require.FailNow(t, p.name+" does not serve "+z.apex, "%s", &log)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return at
}

// stop ends the process group that we started, with force when asking does not help.
func stop(pid int, exited chan error) {
	_ = syscall.Kill(pid, syscall.SIGTERM)
	select {
	case err := <-exited:
		exited <- err
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
}

func free(t *testing.T, address string) netip.AddrPort {
	at, err := loopback.Free(address)
	require.NoError(t, err)
	return at
}

func ready(ctx context.Context, at netip.AddrPort, apex string) bool {
	client := dns.Client{Timeout: time.Second}
	reply, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(apex, dns.TypeSOA), at.String())
	return err == nil && reply.Rcode == dns.RcodeSuccess && len(reply.Answer) > 0
}
