package engine_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// largeNames is how many names a large zone has: NAMES=1000000 needs gigabytes.
func largeNames(b *testing.B) int {
	if text := os.Getenv("NAMES"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(b, err)
		return n
	}
	return 100_000
}

// hosting writes the file of a zone of hosts, of which changed one has another address.
func hosting(b *testing.B, path string, names int, serial, changed int) {
	f, err := os.Create(path)
	require.NoError(b, err)
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "$ORIGIN example.org.\n$TTL 3600\n@ SOA ns1 hostmaster %d 7200 3600 1209600 3600\n@ NS ns1\nns1 A 192.0.2.1\n", serial)
	for i := range names {
		n, address := fmt.Sprintf("h%08x", uint32(i)*2654435761), i%256
		if i == changed {
			address = (address + 1) % 256
		}
		fmt.Fprintf(w, "%s A 192.0.2.%d\n", n, address)
		switch i % 10 {
		case 0, 1, 2:
			fmt.Fprintf(w, "%s AAAA 2001:db8::%x:%x\n", n, i>>16, i&0xffff)
		case 3, 4:
			fmt.Fprintf(w, "%s MX 10 mail.example.net.\n", n)
		case 5:
			fmt.Fprintf(w, "%s TXT \"v=spf1 ip4:192.0.2.%d -all\"\n", n, i%256)
		}
	}
	require.NoError(b, w.Flush())
}

// BenchmarkLarge signs a large zone for the first time, and takes in a file in which
// one record is another. It tells processor time, which other programs disturb less
// than time, and memory.
func BenchmarkLarge(b *testing.B) {
	names := largeNames(b)
	for b.Loop() {
		dir := b.TempDir()
		cfg := alone(b, filepath.Join(dir, "db"))
		cfg.Parent.Mode = engine.ParentNone
		hosting(b, cfg.File, names, 1, -1)
		began, used := time.Now(), processorTime(b)
		e := serve(b, filepath.Join(dir, "state"), cfg)
		<-e.Find(cfg.Apex).Began()
		version := e.Find(cfg.Apex).Serving().Version
		require.NotNil(b, version)
		b.ReportMetric(time.Since(began).Seconds(), "first-s")
		b.ReportMetric((processorTime(b) - used).Seconds(), "first-cpu-s")
		b.ReportMetric(memory(b, "VmHWM"), "peak-MiB")
		b.ReportMetric(memory(b, "VmRSS"), "after-MiB")
		if os.Getenv("VERIFIED") != "" {
			for verifying := true; verifying; <-time.After(time.Second) {
				s, _ := e.Status(cfg.Apex)
				verifying = s.Guard.Verifying
			}
			b.ReportMetric(memory(b, "VmRSS"), "verified-MiB")
		}
		b.ReportMetric(float64(version.Records()), "records")
		hosting(b, cfg.File, names, 2, names/2)
		began, used = time.Now(), processorTime(b)
		_, err := e.Do(b.Context(), cfg.Apex, engine.Command{Kind: "reload"})
		require.NoError(b, err)
		b.ReportMetric(time.Since(began).Seconds(), "change-s")
		b.ReportMetric((processorTime(b) - used).Seconds(), "change-cpu-s")
		require.NotSame(b, version, e.Find(cfg.Apex).Serving().Version)
		require.NoError(b, e.Close())
		runtime.KeepAlive(version)
	}
}

var _ status.Zone

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// memory is a line of the system's account of this process, in MiB.
func memory(b *testing.B, line string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for each := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(each), line+":"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(b, err)
			return float64(kib) / 1024
		}
	}
	return 0
}
