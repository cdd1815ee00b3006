package simulation_test

import (
	"testing"

	"github.com/multisigner/multisigner/test/simulation"
)

// One iteration is one zone-year of a group of three with faults.
func BenchmarkZoneYear(b *testing.B) {
	for i := range b.N {
		r := simulation.Run(simulation.Config{Seed: uint64(i), Signers: 3, Years: 1, Faults: true})
		if len(r.Bogus) > 0 {
			b.Fatal(i, r.Bogus)
		}
	}
}
