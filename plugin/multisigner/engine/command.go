package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Command is what an operator may ask of a zone.
type Command struct {
	// Kind is one of reload, look, resign, freeze, thaw, roll, abort, disown,
	// recover, rejoin, insecure, secure.
	Kind string   `json:"kind"`
	Args []string `json:"args,omitempty"`
}

// command is one on its way to the turn that carries it out.
type command struct {
	Command
	done chan struct{}
	text string
	err  error
}

// Do carries out an operator's command in a turn of the zone, and says in a
// sentence what was done. What takes longer goes on after it returns.
func (e *Engine) Do(ctx context.Context, apex zone.Name, c Command) (string, error) {
	z := (*e.zones.Load())[apex]
	if z == nil {
		return "", fmt.Errorf("zone %s is not served here", apex)
	}
	asked := &command{Command: c, done: make(chan struct{})}
	z.ask(func(w *wants) { w.commands = append(w.commands, asked) })
	select {
	case <-asked.done:
		return asked.text, asked.err
	case <-ctx.Done():
		return "", fmt.Errorf("%s %s: %w", c.Kind, apex, ctx.Err())
	case <-e.life.Done():
		return "", fmt.Errorf("%s %s: the server is stopping", c.Kind, apex)
	}
}

// obey takes the commands into the turn.
func (a *wants) obey(e *Engine, z *Zone, cfg *Config, now time.Time) {
	for _, c := range a.commands {
		switch c.Kind {
		case "reload":
			a.reload, c.text = true, fmt.Sprintf("read %s", cfg.File)
		case "look":
			a.look, c.text = true, "looking at the peers and the parent"
		case "resign":
			z.work.resign, c.text = true, "made every signature anew"
		default:
			c.err = z.work.order(c, cfg, now)
			c.text = "taken on; see status for what it waits for"
		}
		if c.err == nil {
			e.log.Info("command", "zone", cfg.Apex, "kind", c.Kind, "args", strings.Join(c.Args, " "))
		}
	}
}

// orders are the commands that the rules carry out.
var orders = map[string]roll.Kind{
	"abort": roll.Abort, "freeze": roll.Freeze, "thaw": roll.Thaw, "disown": roll.Disown,
	"recover": roll.Recover, "rejoin": roll.Rejoin, "insecure": roll.Insecure, "secure": roll.Secure,
}

// order hands a command to the rules.
func (w *work) order(c *command, cfg *Config, now time.Time) error {
	order, err := parseOrder(c.Command)
	if err != nil {
		return err
	}
	state, err := roll.Do(w.state, order, policyOf(cfg), now)
	if err != nil {
		return err
	}
	w.state = state
	return nil
}

func parseOrder(c Command) (roll.Command, error) {
	if kind, ok := orders[c.Kind]; ok {
		return roll.Command{Kind: kind}, nil
	}
	if c.Kind != "roll" {
		return roll.Command{}, fmt.Errorf("command %q is not known", c.Kind)
	}
	roles := map[string]roll.Role{"ksk": roll.KSK, "zsk": roll.ZSK, "csk": roll.CSK}
	if len(c.Args) == 1 {
		if role, ok := roles[c.Args[0]]; ok {
			return roll.Command{Kind: roll.RollKey, Role: role}, nil
		}
	}
	if len(c.Args) == 2 && c.Args[0] == "algorithm" {
		algorithm, err := keystore.ParseAlgorithm(c.Args[1])
		return roll.Command{Kind: roll.RollAlgorithm, Algorithm: algorithm}, err
	}
	return roll.Command{}, fmt.Errorf("roll %s: say roll ksk, roll zsk, roll csk or roll algorithm NAME", strings.Join(c.Args, " "))
}

// answer ends the commands of a turn.
func (a *wants) answer() {
	for _, c := range a.commands {
		close(c.done)
	}
}

// refuse says of the commands of a turn that they could not be carried out.
func (a *wants) refuse(err error) {
	for _, c := range a.commands {
		c.err = err
	}
}
