package engine_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// BenchmarkIdle is what a process takes that serves as many small zones as there are rounds, for four
// minutes in which nothing happens: -benchtime 10000x is of ten thousand zones.
func BenchmarkIdle(b *testing.B) {
	dir := b.TempDir()
	configs := smallZones(b, dir, b.N)
	e, err := engine.Open(filepath.Join(dir, "state"), engine.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	p, err := e.Prepare(context.Background(), configs)
	require.NoError(b, err)
	p.Commit()
	for _, cfg := range configs {
		<-e.Find(cfg.Apex).Began()
	}
	require.Eventually(b, e.Idle, 10*time.Minute, time.Second)
	<-time.After(20 * time.Second) // what the start leaves behind is given back
	b.ResetTimer()
	used := processorTime(b)
	<-time.After(4 * time.Minute)
	b.ReportMetric(100*(processorTime(b)-used).Seconds()/(4*time.Minute).Seconds(), "%-of-a-core")
	b.StopTimer()
	require.NoError(b, e.Close())
}
