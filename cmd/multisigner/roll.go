package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// roll takes what is to be rolled from wherever it stands among the zones.
func (a *app) roll(ctx context.Context, args []string) int {
	if a.compromised != "" {
		return a.emergency(ctx, args)
	}
	what := slices.IndexFunc(args, func(s string) bool { return slices.Contains([]string{"ksk", "zsk", "csk", "algorithm"}, s) })
	if what < 0 {
		return a.misused("roll what? ksk, zsk, csk, algorithm NEW, or --compromised TAG")
	}
	end := what + 1
	if args[what] == "algorithm" && end < len(args) && isAlgorithm(args[end]) {
		end++
	}
	return a.order(ctx, "roll", args[what:end], slices.Delete(slices.Clone(args), what, end))
}

// isAlgorithm tells the mnemonic or number of an algorithm from a zone's name; which
// ones there are is the server's to know.
func isAlgorithm(s string) bool {
	if _, err := strconv.Atoi(s); err == nil {
		return true
	}
	s = strings.ToUpper(s)
	return !strings.Contains(s, ".") && (strings.HasPrefix(s, "RSA") || strings.HasPrefix(s, "ECDSA") || strings.HasPrefix(s, "ED"))
}

// emergency rolls a compromised key: it says what that costs, and begins only when
// the operator has accepted it.
func (a *app) emergency(ctx context.Context, zones []string) int {
	if len(zones) != 1 {
		return a.misused("roll --compromised TAG of which zone? Name one: a tag is a key of one zone")
	}
	if !a.yes {
		cost, err := a.client.Do(ctx, zones[0], "cost", a.compromised)
		if err != nil {
			return a.fail(fmt.Errorf("roll --compromised %s %s: %w", a.compromised, zones[0], err))
		}
		if a.json {
			a.print(struct {
				Zone  string `json:"zone"`
				Cost  string `json:"cost"`
				Begun bool   `json:"begun"`
			}{zones[0], cost, false})
			return exitFailure
		}
		fmt.Fprintf(a.out, "%s: %s\nNothing was begun: give --yes to roll the key with all waits, --yes --now to wait for no cache.\n", zones[0], cost)
		return exitFailure
	}
	order := []string{"compromised", a.compromised}
	if a.now {
		order = append(order, "now")
	}
	return a.order(ctx, "roll", order, zones)
}
