package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Command is what an operator may ask of a zone.
type Command struct {
	Kind string   `json:"kind"` // the name of an order in the table of package commands
	Args []string `json:"args,omitempty"`
}

// command is one on its way to the turn that carries it out.
type command struct {
	Command
	done chan struct{}
	text string
	plan *status.Plan    // of plan
	made []status.Update // of updates
	// version is what was asked for by content; signed: it is in there.
	version *zone.Version
	signed  bool
	err     error
}

// Do carries out an operator's command in a turn of the zone, and says in a
// sentence what was done. What takes longer goes on after it returns.
func (e *Engine) Do(ctx context.Context, apex zone.Name, c Command) (string, error) {
	asked := &command{Command: c, done: make(chan struct{})}
	err := e.do(ctx, apex, asked)
	return asked.text, err
}

// Plan foretells what will happen to a zone until a time.
func (e *Engine) Plan(ctx context.Context, apex zone.Name) (status.Plan, error) {
	asked := &command{Command: Command{Kind: "plan"}, done: make(chan struct{})}
	if err := e.do(ctx, apex, asked); err != nil {
		return status.Plan{}, err
	}
	return *asked.plan, nil
}

// Updates lists what updates have changed in a zone beside its file.
func (e *Engine) Updates(ctx context.Context, apex zone.Name) ([]status.Update, error) {
	asked := &command{Command: Command{Kind: "updates"}, done: make(chan struct{})}
	err := e.do(ctx, apex, asked)
	return asked.made, err
}

func (e *Engine) do(ctx context.Context, apex zone.Name, asked *command) error {
	z := (*e.zones.Load())[apex]
	if z == nil {
		return fmt.Errorf("zone %s is not served here", apex)
	}
	z.ask(func(w *wants) { w.commands = append(w.commands, asked) })
	select {
	case <-asked.done:
		return asked.err
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", asked.Kind, apex, ctx.Err())
	case <-z.gone.wait():
		return fmt.Errorf("%s %s: the zone is no longer served here", asked.Kind, apex)
	case <-e.life.Done():
		return fmt.Errorf("%s %s: the server is stopping", asked.Kind, apex)
	}
}

// obey takes the commands into the turn.
func (a *wants) obey(e *Engine, z *Zone, cfg *Config, now time.Time) {
	for _, c := range a.commands {
		switch c.Kind {
		case "reload":
			if a.reload, c.text = true, fmt.Sprintf("read %s", cfg.File); !z.work.readsFile(cfg) {
				c.text = "asking the primaries"
			}
		case "promote":
			c.text, c.err = z.work.promote(cfg, now)
		case "retransfer":
			if z.work.writes(cfg) && len(cfg.Primaries) > 0 {
				c.err = fmt.Errorf("the content of %s is changed here: promote it at another signer to have it from there", cfg.Apex)
				break
			}
			if len(cfg.Primaries) == 0 {
				c.err = fmt.Errorf("zone %s has no primary: give `reload` to read its file", cfg.Apex)
				break
			}
			a.retransfer, c.text = true, "transferring all of the zone, whatever its serial at the primary; that stays wanted until a primary has given it"
		case "look":
			a.look, c.text = true, "looking at the peers and the parent"
		case "resign":
			z.work.resign, c.text = true, "made every signature anew"
		case "trust":
			c.text, c.err = z.work.repin(cfg, c.Args)
			a.look = a.look || c.err == nil
		case "plan":
			plan := z.work.foretell(cfg, now)
			c.plan = &plan
		case "content":
			c.version, c.signed = z.work.exported()
		case "updates":
			c.made = z.work.reportOverlay(cfg)
		case "fold":
			c.text = z.work.fold()
		case "review":
			var ended []reviewed
			ended, c.text, c.err = z.work.settleReview(c.Args)
			a.reviewed = append(a.reviewed, ended...)
		case "drop":
			c.text, c.err = z.work.drop(cfg, c.Args)
		case "hold-updates", "resume-updates":
			z.work.record.HoldUpdates, z.work.dirty = c.Kind == "hold-updates", true
			c.text = "updates are refused until resume-updates"
			if c.Kind == "resume-updates" {
				c.text = "updates are taken"
			}
		case "cost":
			c.text, c.err = z.work.cost(c, cfg)
		default:
			c.err = z.work.order(c, cfg, now)
			c.text = "accepted; `status` says what it waits for"
		}
		if c.err == nil && !slices.Contains([]string{"plan", "cost", "content", "updates", "fold"}, c.Kind) {
			e.log.Info("command", "zone", cfg.Apex, "kind", c.Kind, "args", strings.Join(c.Args, " "))
		}
	}
}

// passing are the commands that change nothing which must be saved.
var passing = []string{"plan", "cost", "content", "updates", "fold", "reload", "look", "resign", "review"}

// unsaved tells who has given an order when a turn has ended, with err, and has not saved what
// came of it: this process goes on by it, and another would not know of it.
func (a *wants) unsaved(w *work, err error) {
	if !w.dirty && !w.state.Differs(w.saved) && len(w.overlay.unsaved) == 0 {
		return
	}
	for _, c := range a.commands {
		switch {
		case c.err != nil || slices.Contains(passing, c.Kind):
		case err != nil:
			c.err = fmt.Errorf("%s was taken, but it is not saved: %w: saving is tried again, and if this process ends before that, give it again", c.Kind, err)
		default:
			c.text += "; it is saved after the first look at the peers and the parent"
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
	order, err := w.parseOrder(c.Command, cfg)
	if err != nil {
		return err
	}
	state, err := roll.Do(w.state, order, policyOf(cfg), now)
	if err != nil {
		return err
	}
	w.state = state
	if order.Hasty {
		k, _ := w.known.record(order.Key)
		w.record.Hasty, w.dirty = []byte(k), true
	}
	return nil
}

func (w *work) parseOrder(c Command, cfg *Config) (roll.Command, error) {
	if kind, ok := orders[c.Kind]; ok {
		return roll.Command{Kind: kind}, nil
	}
	if c.Kind != "roll" {
		return roll.Command{}, fmt.Errorf("command %q is not known", c.Kind)
	}
	roles := map[string]roll.Role{"ksk": roll.KSK, "zsk": roll.ZSK, "csk": roll.CSK}
	what := strings.Join(c.Args[:min(1, len(c.Args))], "")
	switch role, ok := roles[what]; {
	case ok && len(c.Args) == 1:
		return roll.Command{Kind: roll.RollKey, Role: role}, nil
	case what == "algorithm" && len(c.Args) == 1:
		return roll.Command{Kind: roll.RollAlgorithm, Algorithm: cfg.Algorithm}, nil
	case what == "algorithm" && len(c.Args) == 2:
		algorithm, err := keystore.ParseAlgorithm(c.Args[1])
		return roll.Command{Kind: roll.RollAlgorithm, Algorithm: algorithm}, err
	case what == "compromised" && (len(c.Args) == 2 || len(c.Args) == 3 && c.Args[2] == "now"):
		key, err := w.keyOf(c.Args[1])
		return roll.Command{Kind: roll.Compromised, Key: key, Hasty: len(c.Args) == 3}, err
	}
	return roll.Command{}, fmt.Errorf("roll %s: say roll ksk, zsk, csk, algorithm [NAME], or compromised TAG [now]", strings.Join(c.Args, " "))
}

// keyOf finds the key that a tag names, ours or a peer's; where several have it, the
// algorithm stands before it: 13/4711.
func (w *work) keyOf(text string) (roll.KeyID, error) {
	var found []roll.KeyID
	for _, k := range w.plan.Keys {
		tag := fmt.Sprint(k.ID.Tag)
		if text == tag || text == fmt.Sprintf("%d/%s", k.ID.Algorithm, tag) {
			found = append(found, k.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return roll.KeyID{}, fmt.Errorf("no key has the tag %s: see keys", text)
	}
	return roll.KeyID{}, fmt.Errorf("%d keys have the tag %s: write ALGORITHM/TAG, as in %d/%d", len(found), text, found[0].Algorithm, found[0].Tag)
}

// answer ends the commands and updates of a turn.
func (a *wants) answer() {
	for _, c := range a.commands {
		close(c.done)
	}
	for _, u := range a.updates {
		close(u.done)
	}
}

// refuse says of the commands and updates of a turn that they could not be carried out.
func (a *wants) refuse(err error) {
	for _, c := range a.commands {
		c.err = err
	}
	for _, u := range a.updates {
		u.refuse(unable("not ready", "the zone takes no turn: nothing was changed"))
	}
}
