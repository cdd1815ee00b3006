package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// heap is what is held in memory, in octets.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first has found to be free of finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkStart serves as many small zones as it has rounds, for the first time and
// again from their state: -benchtime 10000x is a start of ten thousand zones.
func BenchmarkStart(b *testing.B) {
	for _, again := range []bool{false, true} {
		b.Run(fmt.Sprintf("again=%v", again), func(b *testing.B) {
			dir := b.TempDir()
			configs := smallZones(b, dir, b.N)
			start := func() *engine.Engine {
				e, err := engine.Open(filepath.Join(dir, "state"), engine.Options{Logger: slog.New(slog.DiscardHandler)})
				require.NoError(b, err)
				p, err := e.Prepare(context.Background(), configs)
				require.NoError(b, err)
				p.Commit()
				for _, cfg := range configs {
					<-e.Find(cfg.Apex).Began()
				}
				return e
			}
			if again {
				require.NoError(b, start().Close())
			}
			before := heap()
			b.ResetTimer()
			used := processorTime(b)
			e := start()
			b.StopTimer()
			b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
			require.Eventually(b, e.Idle, 10*time.Minute, 10*time.Millisecond)
			b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "whole-cpu-µs/op")
			b.ReportMetric(float64(heap()-before)/float64(b.N), "heap-B/op")
			require.NoError(b, e.Close())
		})
	}
}
