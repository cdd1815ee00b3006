package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// signers are those that sign a zone file with two threads.
var signers = []string{"kzonesign", "dnssec-signzone", "ours"}

// signed is one signing of a zone from its file.
type signed struct {
	wall, cpu time.Duration
	peak      float64       // MiB
	pass      time.Duration // of ours: signing alone, without reading the file
	count     float64       // of ours: RRsets that were signed in it
}

// measureSigning signs each zone with each algorithm by each of the signers in turn,
// from the file until the signed zone is written or served, and holds our pass against what the
// bare library signs in the same minute.
func measureSigning(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Println("| zone | algorithm | signer | seconds | × kzonesign, time | × kzonesign, processor time | peak MiB | signatures/s of the bare library's |\n|---|---|---|---|---|---|---|---|")
	for _, name := range strings.Split(o.zones, ",") {
		for _, algorithm := range []string{"ECDSAP256SHA256", "ED25519"} {
			if err := signRounds(ctx, o, filepath.Join(dir, algorithm), name, algorithm); err != nil {
				return fmt.Errorf("zone %s: %w", name, err)
			}
		}
	}
	return nil
}

func signRounds(ctx context.Context, o options, dir, name, algorithm string) error {
	z, err := makeZone(dir, name)
	if err != nil {
		return err
	}
	got := map[string][]signed{}
	var rates []float64
	for round := range o.rounds {
		for _, kind := range signers {
			one, _, err := undisturbed(ctx, o, func(try int) (signed, float64, error) {
				busy, began := busyTime(), time.Now()
				one, err := signOnce(ctx, o, z, kind, algorithm, round*100+try)
				return one, (busyTime() - busy - one.cpu).Seconds() / time.Since(began).Seconds(), err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			got[kind] = append(got[kind], one)
			fmt.Fprintf(os.Stderr, "%s %s %-15s round %d: %6.2f s, processor %6.2f s, peak %5.0f MiB\n",
				name, algorithm, kind, round+1, one.wall.Seconds(), one.cpu.Seconds(), one.peak)
		}
		rates = append(rates, bareRate(algorithm))
	}
	of := func(kind string, value func(signed) float64) float64 {
		var values []float64
		for _, one := range got[kind] {
			values = append(values, value(one))
		}
		return midmost(values)
	}
	wall, cpu := func(s signed) float64 { return s.wall.Seconds() }, func(s signed) float64 { return s.cpu.Seconds() }
	for _, kind := range signers {
		rate := ""
		if kind == "ours" {
			rate = fmt.Sprintf("%.2f", of(kind, func(s signed) float64 { return s.count / s.pass.Seconds() })/midmost(rates))
		}
		fmt.Printf("| %s | %s | %s | %.2f | %.2f | %.2f | %.0f | %s |\n", name, algorithm, kind, of(kind, wall),
			of(kind, wall)/of("kzonesign", wall), of(kind, cpu)/of("kzonesign", cpu), of(kind, func(s signed) float64 { return s.peak }), rate)
	}
	return nil
}

func midmost(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// bareRate is how many signatures a second all processors make with the library alone.
func bareRate(algorithm string) float64 {
	sign := func() func() { // a key for each processor
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		digest := make([]byte, 32)
		if err != nil {
			panic(err)
		}
		return func() { _, _ = key.Sign(nil, digest, crypto.SHA256) }
	}
	if algorithm == "ED25519" {
		sign = func() func() {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				panic(err)
			}
			message := make([]byte, 80)
			return func() { _, _ = key.Sign(nil, message, crypto.Hash(0)) }
		}
	}
	const length = 2 * time.Second
	var count atomic.Int64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			one, n := sign(), int64(0)
			for end := time.Now().Add(length); n%64 != 0 || time.Now().Before(end); n++ {
				one()
			}
			count.Add(n)
		})
	}
	all.Wait()
	return float64(count.Load()) / length.Seconds()
}

// signOnce signs the zone in a directory of its own.
func signOnce(ctx context.Context, o options, z *benchZone, kind, algorithm string, n int) (signed, error) {
	dir := filepath.Join(z.dir, fmt.Sprintf("%s-%d", kind, n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return signed{}, err
	}
	defer os.RemoveAll(dir)
	apex := strings.TrimSuffix(z.apex, ".")
	switch kind {
	case "kzonesign":
		config := filepath.Join(dir, "config")
		text := fmt.Sprintf("database:\n    storage: %q\npolicy:\n  - id: bench\n    algorithm: %s\n    signing-threads: 2\n    nsec3: %s\n    nsec3-opt-out: %s\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n"+
			"zone:\n  - domain: %s\n    storage: %[1]q\n    file: %[6]q\n    dnssec-signing: on\n    dnssec-policy: bench\n    journal-content: none\n    semantic-checks: off\n",
			dir, strings.ToLower(algorithm), onOff(z.denial != "nsec"), onOff(z.denial == "nsec3-optout"), z.apex, z.unsigned())
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			return signed{}, err
		}
		return runSigner(ctx, dir, "kzonesign", "-c", config, "-o", dir, apex)
	case "dnssec-signzone":
		for _, more := range [][]string{{"-f", "KSK"}, nil} {
			args := append([]string{"-q", "-K", dir, "-a", algorithm}, more...)
			if out, err := exec.CommandContext(ctx, "dnssec-keygen", append(args, apex)...).CombinedOutput(); err != nil {
				return signed{}, fmt.Errorf("dnssec-keygen: %w\n%s", err, out)
			}
		}
		args := []string{"-n", "2", "-S", "-K", dir, "-d", dir, "-e", "now+2592000", "-O", "full", "-P", "-f", filepath.Join(dir, "signed"), "-o", apex}
		if z.denial != "nsec" {
			args = append(args, "-3", "-", "-H", "0")
		}
		if z.denial == "nsec3-optout" {
			args = append(args, "-A")
		}
		return runSigner(ctx, dir, "dnssec-signzone", append(args, z.unsigned())...)
	}
	return signOurs(ctx, o, z, dir, algorithm)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func runSigner(ctx context.Context, dir, program string, args ...string) (signed, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return signed{}, fmt.Errorf("%s: %w\n%.2000s", program, err, out)
	}
	s := signed{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = float64(usage.Maxrss) / 1024
	}
	return s, nil
}

var publishedLine = regexp.MustCompile(`published.* signatures=(\d+) after=(\S+)`)

// published reports whether our log says that a zone is served as a whole: we answer from it before.
func published(log, apex string) bool {
	text, _ := os.ReadFile(log)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " "+apex+" published ") {
			return true
		}
	}
	return false
}

// signOurs serves the zone from its file until it answers.
func signOurs(ctx context.Context, o options, z *benchZone, dir, algorithm string) (signed, error) {
	const port = firstPort + 10
	config := filepath.Join(dir, "config")
	text := fmt.Sprintf("%s:%d {\n\tbind 127.0.0.1\n\tmultisigner {\n\t\tfile %s\n\t\tstate %s\n\t\tparent none\n\t\tdenial %s\n\t\talgorithm %s\n\t}\n}\n",
		z.apex, port, z.unsigned(), filepath.Join(dir, "state"), z.denial, strings.ToLower(algorithm))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return signed{}, err
	}
	began := time.Now()
	s, err := begin(filepath.Join(dir, "log"), dir, "ours", port, []string{o.binary, "-conf", config})
	if err != nil {
		return signed{}, err
	}
	defer s.stop()
	if err := s.await(ctx, z.apex, filepath.Join(dir, "log")); err != nil {
		return signed{}, err
	}
	got := signed{wall: time.Since(began), cpu: s.processorTime(), peak: peak(s.cmd.Process.Pid)}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		return signed{}, err
	}
	m := publishedLine.FindSubmatch(log)
	if m == nil {
		return signed{}, fmt.Errorf("the log does not tell how long signing took:\n%.2000s", log)
	}
	got.count = number(m[1], `(\d+)`)
	got.pass, err = time.ParseDuration(string(m[2]))
	return got, err
}

// peak is the most memory that a process has used, in MiB.
func peak(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return number(text, `VmHWM:\s+(\d+)`) / 1024
}

// begin starts a server on all processors.
func begin(log, dir, kind string, port int, args []string) (*server, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s := &server{kind: kind, port: port, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = file, file
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	return s, nil
}

// await waits until the server serves a zone, all of it signed.
func (s *server) await(ctx context.Context, apex, log string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	// While we are asked we sign with fewer processors.
	for s.kind == "ours" && !published(log, apex) || !s.answers(apex) {
		select {
		case <-s.done:
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
			continue
		}
		text, _ := os.ReadFile(log)
		return fmt.Errorf("%s does not serve %s:\n%.2000s", s.kind, apex, bytes.TrimSpace(text))
	}
	return nil
}
