package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// A server of many small zones signs each of them at its first start, and finds
// them signed at the next. Both sign by themselves, with a KSK and a ZSK of ECDSA
// P-256 and NSEC.

// begun is what a start took, and what it left.
type begun struct {
	took, used time.Duration // until every zone was answered, signed; of processors
	memory     int           // then, that is the process's own, in MB
	// Of a process that has come to rest: its memory, the share of a core that it uses, and how
	// long it takes until a change of one zone is answered.
	resting int
	idle    float64
	change  time.Duration
	files   int // on its disk
}

// smallZones writes count zone files of ten names and returns the zones' names.
func smallZones(dir string, count int) (apexes []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for i := range count {
		apex := fmt.Sprintf("z%05d.test", i)
		text := "$TTL 3600\n@ SOA ns1 hostmaster 1 7200 3600 1209600 3600\n@ NS ns1\n"
		for n := range 9 {
			text += fmt.Sprintf("ns%d A 192.0.2.%d\n", 1+n, n)
		}
		if err := os.WriteFile(filepath.Join(dir, apex), []byte(text), 0o644); err != nil {
			return nil, err
		}
		apexes = append(apexes, apex)
	}
	return apexes, nil
}

// measureStarts starts each server of many zones twice, in turn.
func measureStarts(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	zones := filepath.Join(dir, "zones")
	apexes, err := smallZones(zones, o.starts)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s, %d zones of ten names.\n\n| server | start | round | s | core s | MB then | MB at rest | core at rest | change, s | files |\n|---|---|---|---|---|---|---|---|---|---|\n", machine(), o.starts)
	for round := range o.rounds {
		for _, kind := range strings.Split(o.servers, ",") {
			own := filepath.Join(dir, fmt.Sprint(kind, round))
			for _, start := range []string{"first", "again"} {
				b, err := o.startMany(ctx, kind, own, zones, apexes, start)
				if err != nil {
					return err
				}
				fmt.Printf("| %s | %s | %d | %.1f | %.1f | %d | %d | %.2f %% | %.2f | %d |\n", kind, start, round+1,
					b.took.Seconds(), b.used.Seconds(), b.memory, b.resting, 100*b.idle, b.change.Seconds(), b.files)
			}
		}
	}
	return nil
}

// startMany starts a server, waits until it answers for every zone, and ends it.
func (o options) startMany(ctx context.Context, kind, dir, zones string, apexes []string, start string) (b begun, err error) {
	args, err := o.manyConfig(kind, dir, zones, apexes)
	if err != nil {
		return b, err
	}
	log, err := os.Create(filepath.Join(dir, start+".log"))
	if err != nil {
		return b, err
	}
	defer log.Close()
	s := &server{kind: kind, port: ports[kind], done: make(chan struct{})}
	s.cmd = exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(o.serverCore)}, args...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return b, err
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	defer s.stop()
	// From the last to the first, so that most have begun when they are asked.
	for i := len(apexes) - 1; i >= 0; i-- {
		for !s.answers(dns.Fqdn(apexes[i])) {
			select {
			case <-s.done:
				text, _ := os.ReadFile(log.Name())
				return b, fmt.Errorf("%s ended:\n%.2000s", kind, text)
			case <-time.After(50 * time.Millisecond):
			}
			if time.Since(began) > patience {
				return b, errors.New(kind + " does not serve all zones")
			}
		}
	}
	b.took, b.used, b.memory = time.Since(began), s.processorTime(), s.memory()
	if b.idle, err = s.rest(ctx); err != nil {
		return b, err
	}
	b.resting = s.memory()
	if b.change, err = s.change(dir, zones, apexes[len(apexes)/2]); err != nil {
		return b, err
	}
	return b, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			b.files++
		}
		return err
	})
}

// memory is what the process has of its own, in MB.
func (s *server) memory() int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if m := regexp.MustCompile(`RssAnon:\s+(\d+)`).FindSubmatch(text); m != nil {
		kB, _ := strconv.Atoi(string(m[1]))
		return kB >> 10
	}
	return 0
}

// A server rests when it has used less than busyAtMost of a core for restsFor: what a start
// leaves to be done afterwards has been done then. The last restsFor are what it uses at rest.
const (
	restsFor   = 15 * time.Second
	busyAtMost = 0.02
)

// rest waits until the server rests.
func (s *server) rest(ctx context.Context) (idle float64, err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		before := s.processorTime()
		select {
		case <-s.done:
			return 0, errors.New(s.kind + " ended")
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(restsFor):
		}
		if idle = (s.processorTime() - before).Seconds() / restsFor.Seconds(); idle < busyAtMost {
			return idle, nil
		}
	}
	return 0, errors.New(s.kind + " does not come to rest")
}

// change adds a name to a zone's file, and waits until it is answered. Knot is told; we notice.
func (s *server) change(dir, zones, apex string) (took time.Duration, err error) {
	path := filepath.Join(zones, apex)
	before, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	name := fmt.Sprintf("n%d", time.Now().UnixNano())
	after := strings.Replace(string(before), " hostmaster 1 ", fmt.Sprintf(" hostmaster %d ", time.Now().Unix()), 1) + name + " A 192.0.2.99\n"
	if err := os.WriteFile(path+".new", []byte(after), 0o644); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := os.Rename(path+".new", path); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, before, 0o644)) }()
	if s.kind == "knot" {
		if text, err := exec.Command("knotc", "-c", filepath.Join(dir, "config"), "zone-reload", apex).CombinedOutput(); err != nil {
			return 0, fmt.Errorf("knotc: %w: %s", err, text)
		}
	}
	for time.Since(began) < patience {
		m := new(dns.Msg).SetQuestion(name+"."+dns.Fqdn(apex), dns.TypeA).SetEdns0(1232, true)
		if reply, err := dns.Exchange(m, fmt.Sprintf("127.0.0.1:%d", s.port)); err == nil && len(reply.Answer) == 2 {
			return time.Since(began), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s does not answer what was added to %s", s.kind, apex)
}

func (o options) manyConfig(kind, dir, zones string, apexes []string) (args []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "config")
	var text strings.Builder
	switch kind {
	case "knot":
		fmt.Fprintf(&text, "server:\n    rundir: %q\n    listen: 127.0.0.1@%d\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n"+
			"database:\n    storage: %[1]q\npolicy:\n  - id: p\n    algorithm: ecdsap256sha256\ntemplate:\n  - id: default\n    storage: %[3]q\n    file: %%s\n"+
			"    zonefile-sync: -1\n    zonefile-load: difference-no-serial\n    journal-content: all\n    semantic-checks: off\n    dnssec-signing: on\n    dnssec-policy: p\nzone:\n", dir, ports[kind], zones)
		for _, apex := range apexes {
			fmt.Fprintf(&text, "  - domain: %s\n", apex)
		}
		args = []string{"knotd", "-c", config}
	case "ours":
		fmt.Fprintf(&text, ".:%d {\n\tbind 127.0.0.1\n\tmultisigner %s {\n\t\tfile %s/{zone}\n\t\tstate %s\n\t\tparent none\n\t}\n\tpprof 127.0.0.1:%d\n}\n",
			ports[kind], strings.Join(apexes, " "), zones, filepath.Join(dir, "state"), ports[kind]+1000)
		args = []string{o.binary, "-conf", config}
	default:
		return nil, fmt.Errorf("%s does not sign", kind)
	}
	return args, os.WriteFile(config, []byte(text.String()), 0o644)
}
