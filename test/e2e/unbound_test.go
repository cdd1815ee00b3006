//go:build interop

package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
	"github.com/multisigner/multisigner/test/loopback"
)

// unbound is a validating resolver that trusts nothing but the lab's parent zone.
type unbound struct {
	address string
	log     string
	control string // its socket
}

// startUnbound runs one that asks the given signers for the zone. NS records
// carry no port, so it is told by stub zones.
func startUnbound(t *testing.T, g *group, signers ...lab.Signer) *unbound {
	dir := t.TempDir()
	u := &unbound{address: loopback.Address(t).String(), log: filepath.Join(dir, "log"), control: filepath.Join(dir, "control")}
	host, port, err := net.SplitHostPort(u.address)
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, `server:
	interface: %s@%s
	access-control: 127.0.0.0/8 allow
	do-daemonize: no
	chroot: ""
	username: ""
	directory: %q
	pidfile: ""
	use-syslog: no
	logfile: ""
	verbosity: 1
	val-log-level: 2
	ede: yes
	num-threads: 1
	do-ip6: no
	do-not-query-localhost: no
	module-config: "validator iterator"
	harden-algo-downgrade: yes
	harden-below-nxdomain: yes
	harden-referral-path: no
	aggressive-nsec: yes
	local-zone: "test." nodefault
`, host, port, dir)
	for _, anchor := range g.Parent.Anchors {
		fmt.Fprintf(&b, "\ttrust-anchor: %q\n", anchor)
	}
	fmt.Fprintf(&b, "remote-control:\n\tcontrol-enable: yes\n\tcontrol-interface: %q\n\tcontrol-use-cert: no\n", u.control)
	stub(&b, g.Parent.Zone, g.Parent.Address)
	addresses := make([]string, len(signers))
	for i, s := range signers {
		addresses[i] = s.Address
	}
	stub(&b, g.Zone, addresses...)
	config := filepath.Join(dir, "unbound.conf")
	require.NoError(t, os.WriteFile(config, []byte(b.String()), 0o644))
	runServer(t, u.log, "unbound", "-d", "-c", config)
	require.Eventually(t, func() bool {
		resp, err := u.ask(question{"@", dns.TypeSOA, positive, 0})
		return err == nil && resp.Rcode == dns.RcodeSuccess
	}, patience, 100*time.Millisecond, "unbound does not answer")
	return u
}

func stub(b *strings.Builder, zone string, addresses ...string) {
	fmt.Fprintf(b, "stub-zone:\n\tname: %q\n", zone)
	for _, a := range addresses {
		fmt.Fprintf(b, "\tstub-addr: %s\n", strings.Replace(a, ":", "@", 1))
	}
}

// runServer runs a program until the test ends. Debian keeps servers in sbin.
func runServer(t *testing.T, log, program string, args ...string) (pid int) {
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
	}
	out, err := os.Create(log)
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, lab.Start(cmd), "make interop installs it")
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		require.NoError(t, out.Close())
		if t.Failed() {
			text, err := os.ReadFile(log)
			t.Logf("-- %s %v\n%s", program, err, text[max(0, len(text)-4000):])
		}
	})
	return cmd.Process.Pid
}

// forget has it drop all that it knows of the lab's zones, their keys too.
func (u *unbound) forget() error {
	conn, err := net.DialTimeout("unix", u.control, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "UBCT1 flush_zone test.\n"); err != nil {
		return err
	}
	reply, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(reply), "ok") {
		err = fmt.Errorf("unbound answers %q to flush_zone", reply)
	}
	return err
}

func (u *unbound) ask(q question) (*dns.Msg, error) {
	m := new(dns.Msg).SetQuestion(q.full(), q.t).SetEdns0(4096, true)
	m.AuthenticatedData = true
	client := &dns.Client{Net: "tcp", Timeout: 10 * time.Second}
	resp, _, err := client.Exchange(m, u.address)
	return resp, err
}

// secure asks everything and wants AD on it, but where RFC 5155 9.2 forbids it:
// below an opt-out span nobody knows what was never signed.
func (u *unbound) secure(optOut bool) error {
	for _, q := range questions {
		if q.kind == local {
			continue
		}
		resp, err := u.ask(q)
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
		if resp.Rcode != q.rcode {
			return fmt.Errorf("%s: %s, want %s", q, dns.RcodeToString[resp.Rcode], dns.RcodeToString[q.rcode])
		}
		if want := q.kind != spanned || !optOut; want && !resp.AuthenticatedData {
			return fmt.Errorf("%s: not secure\n%s", q, resp)
		}
	}
	return nil
}
