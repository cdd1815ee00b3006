package engine_test

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	disk "github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// BenchmarkFirstAnswer serves a large zone for the first time until it gives a signed answer, and
// holds that against reading its file, after which a server without keys would answer.
func BenchmarkFirstAnswer(b *testing.B) {
	names := largeNames(b)
	for _, mode := range []denial.Mode{denial.NSEC, denial.NSEC3} {
		b.Run(mode.String(), func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				cfg := alone(b, filepath.Join(dir, "db"))
				cfg.Parent.Mode, cfg.Denial = engine.ParentNone, mode
				hosting(b, cfg.File, names, 1, -1)
				began, used := time.Now(), processorTime(b)
				content, err := disk.ReadFile(cfg.File, cfg.Apex)
				require.NoError(b, err)
				plain, plainUsed := time.Since(began), processorTime(b)-used
				require.NotNil(b, content.Version)
				content = disk.Content{}
				runtime.GC()

				began, used = time.Now(), processorTime(b)
				e := serve(b, filepath.Join(dir, "state"), cfg)
				var v *zone.Version
				for v = e.Find(cfg.Apex).Open(); v == nil; v = e.Find(cfg.Apex).Open() {
					<-time.After(time.Millisecond)
				}
				var r answer.Response
				r.Plan(v, answer.Question{Name: zone.MustName("ns1.example.org."), Type: zone.TypeA, DO: true, Sign: true})
				took, tookUsed := time.Since(began), processorTime(b)-used
				require.NotEmpty(b, r.Answer[0].Set.Sigs)
				b.ReportMetric(took.Seconds(), "first-s")
				b.ReportMetric(took.Seconds()/plain.Seconds(), "×plain")
				b.ReportMetric(tookUsed.Seconds()/plainUsed.Seconds(), "×plain-cpu")
				b.ReportMetric(plain.Seconds(), "plain-s")
				b.ReportMetric(memory(b, "VmHWM"), "peak-MiB")
				require.NoError(b, e.Close())
			}
		})
	}
}
