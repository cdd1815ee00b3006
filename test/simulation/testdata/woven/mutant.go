package roll

import (
	"os"
	"strconv"
)

// This file and another one are put beside the rules when these are broken by program. Each place
// at which they can be broken asks here whether it is now.

// Mutant is the number of the rule that is broken; 0: none.
var Mutant, _ = strconv.Atoi(os.Getenv("SIM_MUTANT"))

// MutantsReached are those that would have made a difference at once, while that is noted.
var MutantsReached map[int]bool

func mutantReached(n int) {
	if MutantsReached != nil {
		MutantsReached[n] = true
	}
}

// mutantKeeps reports whether what a place asks for is done.
func mutantKeeps(n int) bool {
	mutantReached(n)
	return Mutant != n
}

// mutantGate is a gate of a row, or one that is always open.
func mutantGate(n int, gate func(*step, *hold, int)) func(*step, *hold, int) {
	return func(z *step, h *hold, k int) {
		var one hold
		if gate(z, &one, k); one.blocked {
			mutantReached(n)
		}
		if Mutant != n {
			gate(z, h, k)
		}
	}
}

// mutantBelieves is a claim, or true without a look at it.
func mutantBelieves(n int, claim bool) bool {
	if !claim {
		mutantReached(n)
	}
	return claim || Mutant == n
}

// mutantMinds is an objection, or false without a look at it.
func mutantMinds(n int, objection bool) bool {
	if objection {
		mutantReached(n)
	}
	return objection && Mutant != n
}

// mutantTerm is a part of a wait, or one that takes no time.
func mutantTerm(n int, t term) term {
	if t.long != 0 {
		mutantReached(n)
	}
	if Mutant == n {
		t.long, t.ttl = 0, nil
	}
	return t
}

// mutantTerms are the parts of a wait, without those of a kind.
func mutantTerms(terms []term) []term {
	for i := range terms {
		if n := mutantOfTerm[terms[i].of]; terms[i].long != 0 {
			mutantReached(n)
			if Mutant == n {
				left := append([]term(nil), terms...)
				left[i].long = 0
				terms = left
			}
		}
	}
	return terms
}

// mutantOpens reports whether a gate is open whatever it asks for.
func mutantOpens(g gate) bool {
	n := mutantOfGate[g]
	mutantReached(n)
	return Mutant == n && n != 0
}
