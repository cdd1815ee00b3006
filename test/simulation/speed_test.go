package simulation_test

import (
	"runtime/debug"
	"testing"

	"github.com/multisigner/multisigner/test/simulation"
)

// One iteration is one zone-year of a group of three with faults.
func BenchmarkZoneYear(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	steps := 0
	for i := range b.N {
		r := simulation.Run(simulation.Config{Seed: uint64(i), Signers: 3, Years: 1, Faults: true})
		if steps += r.Steps; len(r.Bogus) > 0 {
			b.Fatal(i, r.Bogus)
		}
	}
	b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
}
