package multisigner

import (
	"cmp"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// refusals says in the log what was refused to whom: once a minute for each cause,
// so that nobody can fill the log, and a secondary that was set up wrongly is found.
type refusals struct {
	mu     sync.Mutex
	causes map[cause]said
}

// cause is what makes two refusals alike. Who asked is not part of it: there is no
// end of addresses.
type cause struct {
	what, why string
	apex      zone.Name
}

// said is when a cause was in the log, and how often it has come since.
type said struct {
	at   time.Time
	more int
}

const (
	refusalsPause = time.Minute
	// Far more than the rules of a zone. When so many are fresh, others are not said.
	maxCauses = 1000
)

var refused = refusals{causes: make(map[cause]said)}

// due reports whether c is to be said now, and how often it came without.
func (r *refusals) due(c cause, now time.Time) (more int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, known := r.causes[c]
	if known && now.Sub(before.at) < refusalsPause {
		before.more++
		r.causes[c] = before
		return 0, false
	}
	if !known && len(r.causes) >= maxCauses {
		for c, s := range r.causes {
			if now.Sub(s.at) >= refusalsPause {
				delete(r.causes, c)
			}
		}
		if len(r.causes) >= maxCauses {
			return 0, false
		}
	}
	r.causes[c] = said{at: now}
	return before.more, true
}

// log says that what r asked of a zone was refused to from, and why. Refusals of
// ordinary questions are nothing that an operator could mend.
func (r *refusals) log(m *dns.Msg, apex zone.Name, from asker, why string) {
	switch {
	case m.Opcode == dns.OpcodeNotify:
		r.say("refused a NOTIFY", apex, from, why)
	case m.Opcode == dns.OpcodeUpdate:
		r.say("refused an UPDATE", apex, from, why)
	case isTransfer(m):
		r.say("refused a transfer", apex, from, why)
	}
}

func (r *refusals) say(what string, apex zone.Name, from asker, why string) {
	more, due := r.due(cause{what, why, apex}, time.Now())
	if !due {
		return
	}
	attrs := []any{"zone", apex, "address", from.addr, "key", cmp.Or(from.key, "none"), "why", why}
	if more > 0 {
		attrs = append(attrs, "alike-since", more)
	}
	slogger.Warn(what, attrs...)
}
