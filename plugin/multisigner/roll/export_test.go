package roll

import (
	"math/rand/v2"
	"slices"
)

// Reorder lets steps apply the rules in another order that their table admits, and returns
// what undoes that.
func Reorder(r *rand.Rand) (undo func()) {
	was := rules
	left, done := slices.Clone(rules), []string{}
	rules = nil
	for len(left) > 0 {
		i := r.IntN(len(left))
		if slices.ContainsFunc(left[i].after, func(name string) bool { return !slices.Contains(done, name) }) {
			continue
		}
		rules, done = append(rules, left[i]), append(done, left[i].name)
		left = slices.Delete(left, i, i+1)
	}
	return func() { rules = was }
}

// RulesInOrder reports whether the order in which steps apply the rules is one that their
// table admits.
func RulesInOrder() bool {
	done := []string{}
	for _, r := range rules {
		if slices.ContainsFunc(r.after, func(name string) bool { return !slices.Contains(done, name) }) {
			return false
		}
		done = append(done, r.name)
	}
	return true
}
