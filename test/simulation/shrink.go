package simulation

// Shrink looks for a smaller world that fails, too: it leaves out faults and orders,
// first many at a time and then one by one, for as long as something still fails, and
// returns what happened then. Each run costs as much as the first; at most tries are made.
func Shrink(c Config, tries int) Result {
	best := Run(c)
	if !best.Failed() {
		return best
	}
	try := func(off map[int]bool) bool {
		tries--
		smaller := c
		smaller.Off = off
		if r := Run(smaller); r.Failed() {
			c, best = smaller, r
			return true
		}
		return false
	}
	for size := best.Faults; size > 0 && tries > 0; size /= 2 {
		for first := best.Faults - size; first > -size && tries > 0; first -= size {
			off := map[int]bool{}
			for n := range c.Off {
				off[n] = true
			}
			for n := max(first, 0); n < first+size; n++ {
				off[n] = true
			}
			if len(off) > len(c.Off) {
				try(off)
			}
		}
	}
	c.Story = true
	return Run(c)
}

// Failed reports whether a resolver could be bogus, a rule was broken, a guard objected, or something
// that began did not end.
func (r *Result) Failed() bool { return len(r.Bogus)+len(r.Stuck)+len(r.Refused) > 0 }
