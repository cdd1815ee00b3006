package multisigner

import (
	"github.com/coredns/coredns/plugin"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Over gives what answers for zones from e, whether it serves them already or not yet,
// without a Corefile: all that stands in a server block, with the tsig plugin in its place
// if between puts it before the handler that it is given. What is for others is refused.
func Over(e *engine.Engine, between func(plugin.Handler) plugin.Handler, zones ...zone.Name) plugin.Handler {
	s := new(state)
	s.engine.Store(e)
	h := &Handler{load: &load{}, zones: map[zone.Name]*state{}}
	for _, apex := range zones {
		h.zones[apex] = s
	}
	return front{h, between(h)}
}
