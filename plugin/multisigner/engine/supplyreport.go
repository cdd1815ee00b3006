package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// transferredTo notes what came of a transfer that a signer asked for that is supplied.
func (n *notes) transferredTo(signer string, t status.Transfer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.supplied == nil {
		n.supplied = map[string]*note{}
	}
	if n.supplied[signer] == nil {
		n.supplied[signer] = &note{}
	}
	at := n.supplied[signer]
	at.transfer = &t
	if slices.Contains([]string{"full", "incremental", "current"}, t.Result) {
		at.has = &t.Serial
	}
}

// supplies reports whether a foreign signer has our keys with the content.
func (c *Config) supplies(signer string) bool {
	return signer != "" && slices.ContainsFunc(c.Contents, func(t Content) bool { return t.For == signer })
}

// reportSupply is what a foreign signer is given with the content; nil: nothing.
func (z *Zone) reportSupply(cfg *Config, signer string) *status.Supply {
	w := z.work
	if !cfg.supplies(signer) {
		return nil
	}
	s := &status.Supply{}
	switch is, numbered := w.record.Supplied[signer]; {
	case numbered:
		s.Serial = &is.Serial
	default:
		if _, s.Why = w.standing(cfg, signer); s.Why == "" {
			s.Why = "there is nothing to give yet"
		}
	}
	z.notes.mu.Lock()
	defer z.notes.mu.Unlock()
	if at := z.notes.supplied[signer]; at != nil {
		s.Transfer, s.Has = at.transfer, at.has
	}
	return s
}

// carried are the alarms of what a foreign signer does not have, or still has, by name. A person who carries it
// there is their cure.
var carried = []status.AlarmName{name(roll.AlarmPeerLacksKey), name(roll.AlarmPeerLacksCDS), name(roll.AlarmPeerKeepsKey)}

// curesOfSupplied has the alarms of signers that are supplied say what helps there: nobody carries anything.
func (z *Zone) curesOfSupplied(cfg *Config, alarms []status.Alarm) []status.Alarm {
	for i := range alarms {
		signer, _, _ := strings.Cut(alarms[i].About, " ")
		if s := z.reportSupply(cfg, signer); s != nil && slices.Contains(carried, alarms[i].Name) {
			alarms[i].Cure = cureOfSupplied(signer, s)
		}
	}
	return alarms
}

func cureOfSupplied(signer string, s *status.Supply) string {
	switch {
	case s.Serial == nil:
		return fmt.Sprintf("%s has our keys with the content, and is given nothing yet: %s", signer, s.Why)
	case s.Has != nil && *s.Has == *s.Serial:
		return fmt.Sprintf("%s has transferred serial %d, which says what belongs there: see in its log why it does not keep the DNSKEY, CDS and CDNSKEY records that come with the content", signer, *s.Serial)
	case s.Transfer != nil:
		return fmt.Sprintf("serial %d of the content says what belongs there, and %s has not transferred it; it asked last for serial %d: %s. See in its log why", *s.Serial, signer, s.Transfer.Serial, s.Transfer.Result)
	}
	return fmt.Sprintf("serial %d of the content says what belongs there, and %s has asked for no transfer since the start: see that it names this server as its primary, with the key of its content-transfer line, and takes NOTIFYs from here", *s.Serial, signer)
}
