package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/simulation"
)

// Whatever happens, no resolver may ever find a bogus answer, and what was begun must
// end. SIM_SEED replays one world, SIM_YEARS runs for that many zone-years.
func TestWorlds(t *testing.T) {
	years, each := 60.0, 2.0
	if s := os.Getenv("SIM_YEARS"); s != "" {
		years, _ = strconv.ParseFloat(s, 64)
	}
	seed := rand.Uint64() % 1e9
	if s := os.Getenv("SIM_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
		if os.Getenv("SIM_YEARS") == "" {
			years = each
		}
	}
	t.Logf("SIM_SEED=%d", seed)
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	began := cpu(t)
	steps, made, excused, checks := 0, 0.0, 0, 0
	for done := 0.0; done < years; done += each {
		c := world(seed, each)
		r := simulation.Run(c)
		steps += r.Steps
		made += each
		excused += r.Excused
		checks += r.Checks
		if len(r.Bogus) > 0 || len(r.Stuck) > 0 {
			c.Story = true
			tell(t, simulation.Run(c))
			return
		}
		seed++
	}
	t.Logf("%.0f zone-years, %.0f a second of one core, %d steps, %d mixes asked about, %d excused moments", made, made/(cpu(t)-began).Seconds(), steps, checks, excused)
}

// cpu is the time that this process has computed for; others may share the machine.
func cpu(t *testing.T) time.Duration {
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// world draws a world for a seed.
func world(seed uint64, years float64) simulation.Config {
	r := rand.New(rand.NewPCG(seed, 1))
	c := simulation.Config{Seed: seed, Signers: 1 + r.IntN(5), Years: years, Faults: r.IntN(4) != 0, Late: r.IntN(4) == 0,
		CSK: r.IntN(3) == 0, Double: r.IntN(4) == 0, Parent: simulation.ParentKind(r.IntN(6)), Stated: r.IntN(2) == 0}
	if r.IntN(2) == 0 {
		c.Start = simulation.Beginning(r.IntN(5))
	}
	if r.IntN(4) == 0 {
		c.Tags = 200
	}
	if c.Signers > 1 && r.IntN(3) == 0 {
		c.Foreign = 1 // its CDS stands alone at times, which a careless parent would take
		c.Parent = []simulation.ParentKind{simulation.Strict, simulation.Person}[r.IntN(2)]
	}
	return c
}

func tell(t *testing.T, r simulation.Result) {
	t.Helper()
	lines := r.Story
	if n := 80; len(lines) > n && os.Getenv("SIM_STORY") != "all" {
		lines = lines[len(lines)-n:]
	}
	for _, line := range lines {
		fmt.Println(line)
	}
	t.Errorf("SIM_SEED=%d: %+v\nbogus: %q\nstuck: %q", r.Seed, r.Config, r.Bogus, r.Stuck)
}
