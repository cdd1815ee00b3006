package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// foresight is how far ahead a plan looks: our choice; a KSK of the default lifetime
// is rolled once in it.
const foresight = 400 * 24 * time.Hour

// foretell says what will happen to the zone, by the same rules that will do it.
func (w *work) foretell(cfg *Config, now time.Time) status.Plan {
	policy := policyOf(cfg)
	policy.Hosts = w.ourHosts(cfg)
	found, waits := roll.Forecast(w.state, policy, w.observation(cfg, now), now, cfg.LookBusy, now.Add(foresight))
	plan := status.Plan{Zone: cfg.Apex.String(), Steps: []status.Step{}, Waits: reportWaits(waits)}
	for _, h := range found {
		plan.Steps = append(plan.Steps, status.Step{At: h.At, What: h.What, After: reportWaits(h.Ended)})
	}
	return plan
}

// cost says what an emergency rollover of a key will cost, before it is begun.
func (w *work) cost(c *command, cfg *Config) (string, error) {
	if len(c.Args) != 1 {
		return "", errors.New("cost of which key? Give its tag")
	}
	id, err := w.keyOf(c.Args[0])
	if err != nil {
		return "", err
	}
	price, err := roll.Cost(w.state, policyOf(cfg), id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("with all waits nothing breaks, and key %d can be used against resolvers for at least %s more; "+
		"without waiting for caches (--now) resolvers find bogus: %s", id.Tag, price.Waiting, strings.Join(price.Bogus, "; ")), nil
}
