package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

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
			b.ResetTimer()
			e := start()
			b.StopTimer()
			require.NoError(b, e.Close())
		})
	}
}
