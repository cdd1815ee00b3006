package simulation

import "math/rand/v2"

// Each is how many years a world lasts: long enough for every kind of rollover.
const Each = 2.0

// guardEvery is of how many worlds one has real records: signing and verifying costs a hundred times what
// all else does.
const guardEvery = 100

// Draw draws a world for a seed. It avoids what no world does, but for what it dares.
func Draw(seed uint64, dares Avoidance) Config {
	r := rand.New(rand.NewPCG(seed, 1))
	c := Config{Seed: seed, Dares: dares, Signers: 1 + r.IntN(5), Years: Each, Faults: r.IntN(4) != 0, Lost: r.IntN(2) == 0, Late: r.IntN(4) == 0,
		CSK: r.IntN(3) == 0, Double: r.IntN(4) == 0, Parent: ParentKind(r.IntN(6))}
	if r.IntN(2) == 0 {
		c.Start = Beginning(r.IntN(5))
	}
	switch r.IntN(6) {
	case 0:
		c.Tags = 2000
	case 1, 2:
		c.Moves = true
	}
	if c.Signers > 1 && !c.Moves && r.IntN(3) == 0 {
		c.Foreign = 1
		if careful := []ParentKind{Strict, Person}[r.IntN(2)]; c.avoids(carelessParent, true) {
			c.Parent = careful
		}
	}
	c.Hidden = !c.avoids(lostStateBesideHidden, c.Lost) && r.IntN(2) == 0
	c.Moves = c.Moves || c.Foreign > 0 && !c.avoids(algorithmWithFewTags, c.Tags > 0) && r.IntN(2) == 0
	if c.Foreign > 0 && c.Signers > 2 && r.IntN(2) == 0 {
		c.Foreign = 2 + r.IntN(c.Signers-2)
	}
	c.Crowd = c.Foreign == 1 && c.Tags == 0 && !c.avoids(crowdAmongFaults, c.Faults || c.Moves) && r.IntN(2) == 0
	c.Old = r.IntN(4) == 0
	c.Guard = seed%guardEvery == 0 && !c.avoids(realKeysOfOneTag, c.Tags > 0 || c.Crowd)
	return c
}
