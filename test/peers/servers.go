package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// server is a nameserver that runs.
type server struct {
	kind string
	port int
	cmd  *exec.Cmd
	done chan struct{}
}

// firstPort is where the first server listens; the others follow.
const firstPort = 15300

var ports = map[string]int{
	"knot": firstPort, "nsd": firstPort + 1, "bind": firstPort + 2, "file": firstPort + 3,
	"ours": firstPort + 4, "ours-coredns": firstPort + 5, "signer": firstPort + 6, "before": firstPort + 7,
}

// start runs a server of the signed zone, and waits until it answers. It is nil
// where that server cannot serve the zone.
func start(ctx context.Context, o options, z *benchZone, kind string) (*server, error) {
	dir := filepath.Join(z.dir, kind)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	port, config := ports[kind], filepath.Join(dir, "config")
	var text string
	var args []string
	switch kind {
	case "knot":
		text = fmt.Sprintf("server:\n    rundir: %q\n    listen: 127.0.0.1@%d\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"+
			"database:\n    storage: %[1]q\ntemplate:\n  - id: default\n    storage: %[1]q\n    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\n"+
			"acl:\n  - id: anybody\n    address: 127.0.0.0/8\n    action: transfer\n"+
			"zone:\n  - domain: %[3]s\n    file: %[4]q\n    acl: anybody\n", dir, port, z.apex, z.signed())
		args = []string{"knotd", "-c", config}
	case "nsd":
		text = fmt.Sprintf("server:\n\tip-address: 127.0.0.1@%d\n\tdatabase: \"\"\n\tzonesdir: %[2]q\n\tpidfile: \"%[2]s/pid\"\n\tzonelistfile: \"%[2]s/list\"\n\txfrdfile: \"%[2]s/xfrd\"\n\txfrdir: %[2]q\n"+
			"\tusername: \"\"\n\tserver-count: 1\n\tminimal-responses: yes\n\trrl-ratelimit: 0\n\trrl-whitelist-ratelimit: 0\n\ttcp-count: 1000\nremote-control:\n\tcontrol-enable: no\n"+
			"zone:\n\tname: %[3]q\n\tzonefile: %[4]q\n\tprovide-xfr: 127.0.0.0/8 NOKEY\n", port, dir, z.apex, z.signed())
		args = []string{"nsd", "-d", "-c", config}
	case "bind":
		text = fmt.Sprintf("options {\n\tdirectory %q;\n\tpid-file \"pid\";\n\tsession-keyfile \"key\";\n\tlisten-on port %d { 127.0.0.1; };\n\tlisten-on-v6 { none; };\n"+
			"\trecursion no;\n\tnotify no;\n\tminimal-responses yes;\n\tdnssec-validation no;\n\tempty-zones-enable no;\n\tcheck-integrity no;\n};\ncontrols { };\n"+
			"zone %q { type primary; file %q; };\n", dir, port, z.apex, z.signed())
		args = []string{"named", "-g", "-n", "1", "-c", config}
	case "file":
		if z.denial != "nsec" {
			return nil, nil // it does not know NSEC3
		}
		text = fmt.Sprintf("%s:%d {\n\tbind 127.0.0.1\n\tfile %s\n}\n", z.apex, port, z.signed())
		args = []string{o.binary, "-quiet", "-conf", config}
	default:
		text = z.corefile(kind, port)
		args = []string{o.binary, "-quiet", "-conf", config}
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return run(ctx, o, z, kind, dir, args)
}

// corefile is ours: with a plugin before us that keeps us off the fast path where
// CoreDNS's own is to be measured. The signed zone is in the state that signZone left.
func (z *benchZone) corefile(kind string, port int) string {
	more := ""
	if kind == "ours-coredns" {
		more = "\tlocal\n"
	}
	return fmt.Sprintf("%s:%d {\n\tbind 127.0.0.1\n%s\tmultisigner {\n\t\tfile %s\n\t\tstate %s\n\t\tparent none\n\t\tdenial %s\n\t\tallow-transfer 127.0.0.0/8\n\t}\n\tpprof 127.0.0.1:%d\n}\n",
		z.apex, port, more, z.unsigned(), filepath.Join(z.dir, "state-"+kind), z.denial, port+1000)
}

// patience is how long a server may take to load or sign the zone.
const patience = 5 * time.Minute

func run(ctx context.Context, o options, z *benchZone, kind, dir string, args []string) (*server, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	pinned := append([]string{"-c", strconv.Itoa(o.serverCore)}, args...)
	s := &server{kind: kind, port: ports[kind], cmd: exec.Command("taskset", pinned...), done: make(chan struct{})}
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !s.answers(z.apex) || kind != "signer" && !s.quiet() {
		select {
		case <-s.done:
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
			continue
		}
		s.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%s does not serve the zone:\n%.2000s", kind, text)
	}
	return s, nil
}

// answers reports whether the server serves the zone, signed.
func (s *server) answers(apex string) bool {
	m := new(dns.Msg).SetQuestion(apex, dns.TypeSOA).SetEdns0(1232, true)
	reply, err := dns.Exchange(m, fmt.Sprintf("127.0.0.1:%d", s.port))
	return err == nil && len(reply.Answer) == 2
}

// quiet reports whether the server does nothing while it is not asked: we verify
// what we have loaded, and that is not to be counted as answering.
func (s *server) quiet() bool {
	const look, idle = time.Second, 20 * time.Millisecond
	before := s.processorTime()
	time.Sleep(look)
	return s.processorTime()-before < idle
}

// stop ends the process that we started, with force if it takes too long.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// signZone has us sign the zone, and writes what we serve as a zone file.
func signZone(ctx context.Context, o options, z *benchZone) error {
	s, err := start(ctx, o, z, "signer")
	if err != nil {
		return err
	}
	defer func() {
		s.stop()
		for _, kind := range []string{"ours", "ours-coredns"} {
			_ = os.CopyFS(filepath.Join(z.dir, "state-"+kind), os.DirFS(filepath.Join(z.dir, "state-signer")))
		}
	}()
	for end := time.Now().Add(patience); ; {
		err := s.transfer(z)
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // a new zone answers before it is signed, and is given out after that
	}
}

// transfer writes what the server gives out as the signed zone file.
func (s *server) transfer(z *benchZone) error {
	messages, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(z.apex), fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return err
	}
	file, err := os.Create(z.signed())
	if err != nil {
		return err
	}
	defer file.Close()
	out, soas := bufio.NewWriter(file), 0
	for m := range messages {
		if m.Error != nil {
			return m.Error
		}
		for _, rr := range m.RR {
			if _, ok := rr.(*dns.SOA); ok {
				if soas++; soas > 1 {
					continue
				}
			}
			_, _ = fmt.Fprintln(out, rr)
		}
	}
	if soas != 2 {
		return errors.New("the transfer of the signed zone broke off")
	}
	return out.Flush()
}
