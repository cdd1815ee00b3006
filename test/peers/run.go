package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// row is what was measured under one load.
type row struct {
	zone, load string
	results    map[string][]result // by server
	rejected   int
}

// result is one run.
type result struct {
	qps    float64
	micros float64 // of the server's processor time for each query
	octets float64 // of an answer
	lost   float64 // part of the queries
}

// rounds has all servers in turn, again and again, so that what disturbs one
// disturbs all.
func rounds(ctx context.Context, o options, z *benchZone, l load, servers []*server) (row, error) {
	r := row{zone: z.name, load: l.name, results: make(map[string][]result)}
	for round := range o.rounds {
		for _, s := range servers {
			got, rejected, err := undisturbed(ctx, o, func(int) (result, float64, error) { return once(ctx, o, z, l, s) })
			r.rejected += rejected
			if err != nil {
				return r, fmt.Errorf("%s: %w", s.kind, err)
			}
			r.results[s.kind] = append(r.results[s.kind], got)
			fmt.Fprintf(os.Stderr, "%s %s %-13s round %d: %8.0f q/s %6.2f us %5.0f octets, lost %.2f %%\n",
				z.name, l.name, s.kind, round+1, got.qps, got.micros, got.octets, 100*got.lost)
		}
	}
	return r, nil
}

// once runs dnsperf for a while, and says what others did meanwhile.
func once(ctx context.Context, o options, z *benchZone, l load, s *server) (r result, others float64, err error) {
	mode := "udp"
	if l.tcp {
		mode = "tcp"
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(o.loadCore),
		"dnsperf", "-m", mode, "-s", "127.0.0.1", "-p", strconv.Itoa(s.port), "-d", l.path,
		"-l", strconv.FormatFloat(o.seconds, 'f', -1, 64), "-c", "8", "-T", "1", "-q", "150", "-D", "-t", "2")
	finish := s.profile(ctx, o, z, l)
	busy, used, began := busyTime(), s.processorTime(), time.Now()
	out, err := cmd.Output()
	busy, used = busyTime()-busy, s.processorTime()-used
	took := time.Since(began)
	finish()
	if err != nil {
		return r, 0, fmt.Errorf("dnsperf: %w\n%s", err, out)
	}
	sent, completed := number(out, `Queries sent:\s+(\d+)`), number(out, `Queries completed:\s+(\d+)`)
	if completed == 0 {
		return r, 0, fmt.Errorf("no query was answered:\n%s", out)
	}
	r = result{
		qps:    number(out, `Queries per second:\s+([\d.]+)`),
		micros: float64(used.Microseconds()) / completed,
		octets: number(out, `Average packet size:\s+request \d+, response (\d+)`),
		lost:   1 - completed/sent,
	}
	own := used + cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, max(0, (busy-own).Seconds()/took.Seconds()), nil
}

func number(text []byte, pattern string) float64 {
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(string(m[1]), 64)
	return n
}

// tick is the unit of /proc/stat, the same on all Linux that runs Go.
const tick = 10 * time.Millisecond

// busyTime is how long all processors together have not been idle.
func busyTime() (busy time.Duration) {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line) {
		const idle, iowait, steal, guest = 4, 5, 8, 9
		if n, err := strconv.Atoi(field); err == nil && i != idle && i != iowait && i != steal && i < guest {
			busy += time.Duration(n) * tick
		}
	}
	return busy
}

// processorTime is what the server has used so far, all its processes and threads
// together, to the nanosecond.
func (s *server) processorTime() (used time.Duration) {
	for _, pid := range append(children(s.cmd.Process.Pid), strconv.Itoa(s.cmd.Process.Pid)) {
		threads, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		for _, path := range threads {
			text, _ := os.ReadFile(path)
			if fields := strings.Fields(string(text)); len(fields) > 0 {
				n, _ := strconv.ParseInt(fields[0], 10, 64)
				used += time.Duration(n)
			}
		}
	}
	return used
}

// children are the processes below one: NSD answers from those.
func children(pid int) (all []string) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range lists {
		text, _ := os.ReadFile(path)
		for _, child := range strings.Fields(string(text)) {
			n, _ := strconv.Atoi(child)
			all = append(append(all, child), children(n)...)
		}
	}
	return all
}

// profile has one of ours write where its time goes, if that was asked for.
func (s *server) profile(ctx context.Context, o options, z *benchZone, l load) (finish func()) {
	if o.profile == "" || !strings.HasPrefix(s.kind, "ours") {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", s.port+1000, max(1, int(o.seconds)-1))
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			return
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		_ = os.WriteFile(filepath.Join(o.profile, strings.Join([]string{z.name, l.name, s.kind}, "-")+".pprof"), text, 0o644)
	}()
	return func() { <-done }
}
