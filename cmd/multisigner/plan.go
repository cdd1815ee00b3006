package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// plan shows what will happen, and when at the earliest.
func (a *app) plan(ctx context.Context, args []string) int {
	zones, err := a.zones(ctx, args)
	if err != nil {
		return a.fail(err)
	}
	plans := []status.Plan{}
	for _, z := range zones {
		p, err := a.client.Plan(ctx, z.Zone)
		if err != nil {
			return a.fail(fmt.Errorf("plan %s: %w", z.Zone, err))
		}
		plans = append(plans, p)
		if !a.json {
			writePlan(a.out, z, p, a.all)
		}
	}
	if a.json {
		a.print(plans)
	}
	return exitOK
}

// stepsShown is how many steps are printed without --all: our choice, a screen.
const stepsShown = 16

// writePlan prints the steps with their dates, each with what was waited for until
// then, and what no time alone ends.
func writePlan(w io.Writer, z status.Zone, p status.Plan, all bool) {
	fmt.Fprintf(w, "%s, if everybody does at once what they should\n", p.Zone)
	if z.Frozen {
		fmt.Fprintf(w, "  frozen: no rollover goes on until multisigner thaw %s\n", z.Zone)
	}
	if len(p.Steps) == 0 {
		fmt.Fprintln(w, "  nothing happens by itself")
	}
	for i, step := range p.Steps {
		if i >= stepsShown && !all && !step.At.Equal(p.Steps[i-1].At) {
			fmt.Fprintf(w, "  and %d steps more until %s; --all shows them\n", len(p.Steps)-i, moment(p.Steps[len(p.Steps)-1].At, z.At))
			break
		}
		if i == 0 || !step.At.Equal(p.Steps[i-1].At) {
			fmt.Fprintf(w, "  %s\n", moment(step.At, z.At))
		}
		fmt.Fprintf(w, "    %s\n", step.What)
		for _, wait := range step.After {
			fmt.Fprintf(w, "      after waiting%s for %s%s\n", purpose(wait, step), wait.Why, holders(wait))
			if wait.From != "" {
				fmt.Fprintf(w, "        made of %s\n", wait.From)
			}
		}
	}
	if len(p.Waits) > 0 {
		fmt.Fprintln(w, "  and then it waits")
		writeWaits(w, status.Zone{At: z.At, Waits: p.Waits})
	}
	writeAlarms(w, z)
}

// purpose is what was to be done after a wait, where it is not just what then happens.
func purpose(wait status.Wait, step status.Step) string {
	if wait.What == "" || wait.What == step.What {
		return ""
	}
	return " to " + wait.What + ","
}

func holders(wait status.Wait) string {
	if len(wait.Holding) == 0 {
		return ""
	}
	return ": " + strings.Join(wait.Holding, ", ")
}
