package engine

import (
	"context"
	"errors"

	"github.com/multisigner/multisigner/plugin/multisigner/hook"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// tellHook has the zone's hook told that an alarm begins or ends. Turns never wait for it.
func (e *Engine) tellHook(cfg *Config, event string, a status.Alarm) {
	if len(cfg.Hook) == 0 {
		return
	}
	if !e.hooks.Tell(hook.Errand{Zone: cfg.Apex.String(), Command: cfg.Hook, Env: hookEnv(cfg, event, a)}) {
		e.log.Warn("the hook is not told of an alarm: too many are in line", "zone", cfg.Apex, "alarm", string(a.Name), "event", event)
	}
}

// hookEnv is what a hook is told, as the manual has it. No shell looks at it here; what
// came from the network is one line without control characters, for those that do.
func hookEnv(cfg *Config, event string, a status.Alarm) []string {
	return []string{
		"MULTISIGNER_EVENT=" + event,
		"MULTISIGNER_ZONE=" + hook.OneLine(cfg.Apex.String()),
		"MULTISIGNER_SIGNER=" + hook.OneLine(cfg.Signer),
		"MULTISIGNER_ALARM=" + string(a.Name),
		"MULTISIGNER_ABOUT=" + hook.OneLine(a.About),
		"MULTISIGNER_UNDER=" + string(a.Under),
		"MULTISIGNER_WHAT=" + hook.OneLine(a.What),
		"MULTISIGNER_SINCE=" + dateOf(a.Since),
		"MULTISIGNER_DO=" + hook.OneLine(a.Cure),
		"MULTISIGNER_BREAKS=" + hook.OneLine(a.Breaks),
		"MULTISIGNER_BY=" + dateOf(a.By),
	}
}

// hookFailed says so in the log.
func (e *Engine) hookFailed(h hook.Errand, why error, printed string) {
	if errors.Is(why, context.DeadlineExceeded) {
		e.log.Error("the hook was ended: it took too long", "zone", h.Zone, "command", h.Command[0], "after", e.hooks.Limit())
		return
	}
	e.log.Error("the hook failed", "zone", h.Zone, "command", h.Command[0], "error", why, "printed", printed)
}
