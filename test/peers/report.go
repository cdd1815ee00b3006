package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The tables stand between these lines of the document.
const (
	begins       = "<!-- written by make bench-peers: from here -->\n"
	ends         = "<!-- to here -->\n"
	changesBegin = "<!-- written by make bench-changes: from here -->\n"
	changesEnd   = "<!-- changes: to here -->\n"
)

// report writes the table.
func report(o options, rows []row, now time.Time) error {
	return into(o.document, begins, ends, table(o, rows, now))
}

// into writes a table between two lines of a document, or to standard output.
func into(document, begins, ends, text string) error {
	if document == "" {
		_, err := fmt.Print(text)
		return err
	}
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table: the lines %q and %q", document, begins, ends)
	}
	return os.WriteFile(document, []byte(before+begins+text+ends+after), 0o644)
}

func table(o options, rows []row, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, %s, %s, kernel %s. Runs of %g s, %d of each server and load, in turn; rejected if others used more than %g cores.\n\n",
		now.UTC().Format("2006-01-02"), machine(), runtime.Version(), kernel(), o.seconds, o.rounds, o.others)
	fmt.Fprintf(&b, "Versions: %s.\n\n", strings.Join(versions(), "; "))
	b.WriteString("| zone | load | server | × Knot, queries/s | × Knot, core time | queries/s | core µs/query | octets | lost |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		base := r.results["knot"]
		for _, kind := range strings.Split(o.servers, ",") {
			got := r.results[kind]
			if len(got) == 0 {
				continue
			}
			speed, cost := ratio(got, base, qps), ratio(got, base, micros)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %.0f | %.2f %% |\n", r.zone, r.load, kind, speed, cost,
				spread(got, qps, "%.0f"), spread(got, micros, "%.2f"), median(got, octets), 100*median(got, lost))
		}
		if r.rejected > 0 {
			fmt.Fprintf(&b, "| | | | %d runs were rejected | | | | | |\n", r.rejected)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

func qps(r result) float64    { return r.qps }
func micros(r result) float64 { return r.micros }
func octets(r result) float64 { return r.octets }
func lost(r result) float64   { return r.lost }

func sorted(all []result, of func(result) float64) (values []float64) {
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values
}

func median(all []result, of func(result) float64) float64 {
	values := sorted(all, of)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// ratio is the median of the ratios of runs that came one soon after the other,
// and the least and the greatest of them.
func ratio(some, base []result, of func(result) float64) string {
	var pairs []result
	for i := range min(len(some), len(base)) {
		pairs = append(pairs, result{qps: of(some[i]) / of(base[i])})
	}
	if len(pairs) == 0 {
		return "-"
	}
	return spread(pairs, qps, "%.2f")
}

func spread(all []result, of func(result) float64, format string) string {
	values := sorted(all, of)
	return fmt.Sprintf(format+" ["+format+"–"+format+"]", median(all, of), values[0], values[len(values)-1])
}

func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	model := "unknown processor"
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d × %s", runtime.NumCPU(), model)
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

// versions are those of the packages, as the package manager names them.
func versions() (all []string) {
	for _, name := range []string{"knot", "nsd", "bind9", "dnsperf"} {
		out, err := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}", name).Output()
		if err == nil {
			all = append(all, string(out))
		}
	}
	return all
}
