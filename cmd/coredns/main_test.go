//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/loopback"
)

// The test binary is the server when it is told so: what is tested is the real
// process with its signals.
func TestMain(m *testing.M) {
	if os.Getenv("BE_COREDNS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type process struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
	done chan error
	log  chan string
}

func newProcess(t *testing.T) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "ms")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &process{t: t, dir: dir, addr: loopback.Address(t).String()}
}

func (p *process) write(file, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(filepath.Join(p.dir, file), []byte(text), 0o644))
}

func (p *process) zone(name, text string) {
	p.write("db."+name, fmt.Sprintf("$ORIGIN %s.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\ntxt TXT %s\n", name, text))
}

func (p *process) corefile(more, blocks string) {
	host, port, _ := net.SplitHostPort(p.addr)
	p.write("Corefile", fmt.Sprintf(".:%s {\nbind %s\n%s\n%s\n}\n", port, host, more, blocks))
}

func signed(zone string) string {
	return "multisigner " + zone + " {\nfile db.{zone}\nparent none\n}\n"
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], "-conf", "Corefile")
	p.cmd.Dir = p.dir
	p.cmd.Env = append(os.Environ(), "BE_COREDNS=1")
	out, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	p.cmd.Stderr = p.cmd.Stdout
	require.NoError(p.t, p.cmd.Start())
	p.done, p.log = make(chan error, 1), make(chan string, 1000)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case p.log <- lines.Text():
			default:
			}
		}
		p.done <- p.cmd.Wait()
	}()
	p.t.Cleanup(func() { p.cmd.Process.Kill() })
}

// said waits until the log has had a line with each of the parts, in whatever order.
func (p *process) said(parts ...string) {
	p.t.Helper()
	timeout := time.After(30 * time.Second)
	for len(parts) > 0 {
		select {
		case line := <-p.log:
			parts = slices.DeleteFunc(parts, func(part string) bool { return strings.Contains(line, part) })
		case <-timeout:
			p.t.Fatalf("the server did not say %q", parts)
		}
	}
}

// serves waits until the zone's text is served, signed, and gives who signs it and
// the serial.
func (p *process) serves(zone, text string) (key uint16, serial uint32) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		m, err := p.ask("txt."+zone+".", dns.TypeTXT)
		if err != nil || len(m.Answer) != 2 {
			return false
		}
		key = m.Answer[1].(*dns.RRSIG).KeyTag
		return m.Answer[0].(*dns.TXT).Txt[0] == text
	}, 30*time.Second, 20*time.Millisecond, "%s in %s", text, zone)
	m, err := p.ask(zone+".", dns.TypeSOA)
	require.NoError(p.t, err)
	return key, m.Answer[0].(*dns.SOA).Serial
}

func (p *process) ask(name string, qtype uint16) (*dns.Msg, error) {
	return dns.Exchange(new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, true), p.addr)
}

func (p *process) stop(signal os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("the server did not end after %s", signal)
	}
}

// What must last lasts: through signals that reload, through a Corefile that is
// wrong, through an orderly end and through a sudden one, the zone keeps its keys,
// and its serial never goes back.
func TestLife(t *testing.T) {
	p := newProcess(t)
	p.zone("example.org", "one")
	p.zone("example.net", "net")
	p.corefile("", signed("example.org"))
	p.start()
	key, serial := p.serves("example.org", "one")

	p.corefile("", signed("example.org example.net"))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
	p.serves("example.net", "net")
	p.corefile("", "multisigner example.org {\nfiel x\n}")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
	p.said("do you mean file?")
	p.serves("example.net", "net")

	p.zone("example.org", "two")
	same, later := p.serves("example.org", "two")
	require.Equal(t, key, same)
	require.Greater(t, later, serial)

	p.corefile("", signed("example.org"))
	for _, end := range []os.Signal{syscall.SIGTERM, os.Kill} {
		p.stop(end)
		p.start()
		same, again := p.serves("example.org", "two")
		require.Equal(t, key, same)
		require.GreaterOrEqual(t, again, later)
	}
	p.stop(syscall.SIGTERM)
}

// The reload plugin does what SIGUSR1 does, by itself.
func TestReloadPlugin(t *testing.T) {
	p := newProcess(t)
	p.zone("example.org", "org")
	p.zone("example.net", "net")
	p.corefile("reload 2s 1s", signed("example.org"))
	p.start()
	key, _ := p.serves("example.org", "org")
	p.corefile("reload 2s 1s", signed("example.org example.net"))
	p.serves("example.net", "net")
	same, _ := p.serves("example.org", "org")
	require.Equal(t, key, same)
	p.stop(syscall.SIGTERM)
}

// A reload and an end in the middle of a turn that takes long: the end does not
// wait for the turn, and what was saved before it is there afterwards.
func TestEndInTheMiddleOfATurn(t *testing.T) {
	p := newProcess(t)
	var names strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&names, "h%d A 192.0.2.1\n", i)
	}
	p.zone("example.org", "one\n"+names.String())
	p.corefile("", signed("example.org"))
	p.start()
	p.said("made a key role=ZSK", "CoreDNS-") // the latter when it can be reloaded
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
	p.said("Reloading complete")
	p.stop(syscall.SIGTERM)
	made := p.keys()
	require.Len(t, made, 2)

	p.zone("example.org", "two")
	p.start()
	p.serves("example.org", "two")
	p.stop(syscall.SIGTERM)
	require.Equal(t, made, p.keys())
}

// keys are the files of private keys.
func (p *process) keys() []string {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "multisigner-state", "keys", "*", "K*.private"))
	require.NoError(p.t, err)
	return files
}

// Sockets are opened so that several processes may listen at one address: the
// second one says so and ends, and takes no question from the first, which goes on
// and can be reloaded.
func TestTwoProcessesAtOneAddress(t *testing.T) {
	p := newProcess(t)
	p.zone("example.org", "one")
	p.corefile("", signed("example.org"))
	p.start()
	key, _ := p.serves("example.org", "one")

	host, port, err := net.SplitHostPort(p.addr)
	require.NoError(t, err)
	for _, corefile := range []string{
		".:" + port + " {\nbind " + host + "\n" + signed("example.org") + "}\n",
		".:" + port + " {\n" + signed("example.org") + "}\n",
		"tls://.:" + port + " {\nbind " + host + "\n" + signed("example.org") + "}\n",
	} {
		other := newProcess(t)
		other.zone("example.org", "two")
		other.write("Corefile", corefile)
		other.start()
		other.said("another process listens at ")
		require.Error(t, <-other.done)
		require.NoDirExists(t, filepath.Join(other.dir, "multisigner-state"))
	}

	p.corefile("", signed("example.org"))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
	p.said("Reloading complete")
	p.write("Corefile", ".:"+port+" {\n"+signed("example.org")+"}\n")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGUSR1))
	p.said("Reloading complete")
	same, _ := p.serves("example.org", "one")
	require.Equal(t, key, same)
	p.stop(syscall.SIGTERM)
}

// Which multisigner is in it is told beside which CoreDNS it is.
func TestVersion(t *testing.T) {
	for _, word := range []string{"version", "-version"} {
		cmd := exec.Command(os.Args[0], word)
		cmd.Env = append(os.Environ(), "BE_COREDNS=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err)
		require.Regexp(t, `CoreDNS-1\.\S+, multisigner \S+ \w+/\w+ go1\.`, string(out))
	}
}
