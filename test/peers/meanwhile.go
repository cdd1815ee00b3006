package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// meanwhileRate is how many questions a second are asked about one zone while another is
// read and signed.
const meanwhileRate = 5000

// delays are what questions waited, ordered, and how many got no answer.
type delays struct {
	all  []float64 // seconds
	lost int
}

func (w delays) quantile(q float64) float64 {
	return w.all[min(int(q*float64(len(w.all))), len(w.all)-1)]
}

// measureMeanwhile asks Knot and us about a small zone until a large one, which the same process
// has just been given, was read and signed for the first time.
func measureMeanwhile(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	small, err := makeZone(filepath.Join(dir, "small"), "hosting-1000")
	if err != nil {
		return err
	}
	fmt.Println("| zone that is signed | server | mean ms | p99 | p99.9 | worst | lost | questions |\n|---|---|---|---|---|---|---|---|")
	for _, name := range strings.Split(o.zones, ",") {
		z, err := makeZone(dir, name)
		if err != nil {
			return err
		}
		z.rename("large.test.")
		for round := range o.rounds {
			for _, kind := range []string{"knot", "ours"} {
				w, _, err := undisturbed(ctx, o, func(try int) (delays, float64, error) { return meanwhile(ctx, o, small, z, kind, round*100+try) })
				if err != nil {
					return fmt.Errorf("zone %s, %s: %w", name, kind, err)
				}
				sum := 0.0
				for _, each := range w.all {
					sum += each
				}
				fmt.Printf("| %s | %s | %.2f | %.2f | %.2f | %.2f | %.3f %% | %d |\n", name, kind, 1000*sum/float64(len(w.all)), 1000*w.quantile(0.99),
					1000*w.quantile(0.999), 1000*w.quantile(1), 100*float64(w.lost)/float64(len(w.all)+w.lost), len(w.all)+w.lost)
			}
		}
	}
	return nil
}

// rename has the zone be another one: its file says its origin.
func (z *benchZone) rename(apex string) {
	text, err := os.ReadFile(z.unsigned())
	if err == nil {
		text = bytes.Replace(text, []byte("$ORIGIN "+z.apex), []byte("$ORIGIN "+apex), 1)
		err = os.WriteFile(z.unsigned(), text, 0o644)
	}
	if err != nil {
		panic(err) // we have just written it
	}
	z.apex = apex
}

// bothConfig is the configuration of a server of some zones.
func bothConfig(kind, dir string, port int, zones ...*benchZone) string {
	var text strings.Builder
	if kind != "knot" {
		for i, z := range zones {
			fmt.Fprintf(&text, "%s:%d {\n\tbind 127.0.0.1\n\tmultisigner {\n\t\tfile %s\n\t\tstate %s\n\t\tparent none\n\t\tdenial %s\n\t}\n}\n",
				z.apex, port, z.unsigned(), filepath.Join(dir, fmt.Sprintf("state-%d", i)), z.denial)
		}
		return text.String()
	}
	fmt.Fprintf(&text, "server:\n    rundir: %q\n    listen: 127.0.0.1@%d\ndatabase:\n    storage: %[1]q\npolicy:\n", dir, port)
	for i, z := range zones {
		fmt.Fprintf(&text, "  - id: p%d\n    algorithm: ecdsap256sha256\n    signing-threads: 2\n    nsec3: %s\n    nsec3-opt-out: %s\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n",
			i, onOff(z.denial != "nsec"), onOff(z.denial == "nsec3-optout"))
	}
	text.WriteString("zone:\n")
	for i, z := range zones {
		fmt.Fprintf(&text, "  - domain: %s\n    storage: %q\n    file: %q\n    zonefile-sync: -1\n    dnssec-signing: on\n    dnssec-policy: p%d\n    journal-content: none\n    zonefile-load: whole\n    semantic-checks: off\n",
			z.apex, dir, z.unsigned(), i)
	}
	return text.String()
}

// meanwhile starts a server of the small zone, has it take up the large one, and asks as
// long as it has not signed that.
func meanwhile(ctx context.Context, o options, small, large *benchZone, kind string, n int) (w delays, others float64, err error) {
	dir := filepath.Join(large.dir, fmt.Sprintf("%s-%d", kind, n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return w, 0, err
	}
	defer os.RemoveAll(dir)
	const port = firstPort + 11
	config, log := filepath.Join(dir, "config"), filepath.Join(dir, "log")
	args, reload := []string{o.binary, "-conf", config}, syscall.SIGUSR1
	if kind == "knot" {
		args, reload = []string{"knotd", "-c", config}, syscall.SIGHUP
	}
	if err := os.WriteFile(config, []byte(bothConfig(kind, dir, port, small)), 0o644); err != nil {
		return w, 0, err
	}
	s, err := begin(log, dir, kind, port, args)
	if err != nil {
		return w, 0, err
	}
	defer s.stop()
	if err := s.await(ctx, small.apex, log); err != nil {
		return w, 0, err
	}
	if err := os.WriteFile(config, []byte(bothConfig(kind, dir, port, small, large)), 0o644); err != nil {
		return w, 0, err
	}
	busy, used, began := busyTime(), s.processorTime(), time.Now()
	asking := exec.CommandContext(ctx, "dnsperf", "-s", "127.0.0.1", "-p", strconv.Itoa(port), "-d", small.loads[0].path,
		"-l", strconv.Itoa(int(patience.Seconds())), "-c", "8", "-T", "1", "-q", "2000", "-Q", strconv.Itoa(meanwhileRate), "-D", "-t", "1", "-v")
	answers, err := os.Create(filepath.Join(dir, "answers"))
	if err != nil {
		return w, 0, err
	}
	defer answers.Close()
	asking.Stdout = answers
	if err := asking.Start(); err != nil {
		return w, 0, err
	}
	if err = s.cmd.Process.Signal(reload); err == nil {
		err = s.await(ctx, large.apex, log)
	}
	_ = asking.Process.Signal(syscall.SIGINT)
	_ = asking.Wait()
	if err != nil {
		return w, 0, err
	}
	own := s.processorTime() - used + asking.ProcessState.UserTime() + asking.ProcessState.SystemTime()
	others = (busyTime() - busy - own).Seconds() / time.Since(began).Seconds()
	w, err = readDelays(answers.Name())
	return w, others, err
}

// answered is a line of dnsperf's about an answer, and its wait at the end.
var answered = regexp.MustCompile(`^> NOERROR .* ([0-9.]+)$`)

func readDelays(path string) (w delays, err error) {
	file, err := os.Open(path)
	if err != nil {
		return w, err
	}
	defer file.Close()
	var text []byte
	for lines := bufio.NewScanner(file); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "> T ") || strings.HasPrefix(line, "> SERVFAIL"):
			w.lost++
		case strings.HasPrefix(line, "> "):
			if m := answered.FindStringSubmatch(line); m != nil {
				wait, _ := strconv.ParseFloat(m[1], 64)
				w.all = append(w.all, wait)
			}
		default:
			text = append(append(text, line...), '\n')
		}
	}
	if len(w.all) == 0 {
		return w, fmt.Errorf("dnsperf got no answers:\n%.2000s", text)
	}
	slices.Sort(w.all)
	return w, nil
}
