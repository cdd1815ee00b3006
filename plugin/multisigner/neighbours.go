package multisigner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/file"
	"github.com/coredns/coredns/plugin/secondary"
)

// breakers are plugins beside which signed answers cannot be right.
var breakers = map[string]string{
	"dnssec": "it signs what is signed already, and answers DNSKEY itself, without the peers' keys",
	"dns64":  "it makes AAAA records that are not in the zone, and nobody signed them",
	"siit":   "it makes addresses that are not in the zone, and nobody signed them",
	"any":    "it answers ANY with a record that is not signed; we answer ANY ourselves (RFC 8482)",
}

// suspects are plugins that can break signed answers, depending on what they are told to do.
var suspects = map[string]string{
	"rewrite":  "it must not change names or answers of our zones",
	"autopath": "it must not answer for our zones",
	"template": "it must not answer for our zones: such answers are not signed",
	"header":   "it must not clear the AA bit",
	"minimal":  "it breaks transfers, and cuts proofs out of negative answers",
	"tls":      "certificates by ACME put unsigned records under our zones: use names elsewhere",
}

// neighbours looks at the other plugins of the server block whose first
// multisigner block is at where. ours are the zones of all of them.
func neighbours(cfg *dnsserver.Config, where string, ours []string) error {
	if len(cfg.FilterFuncs) > 0 || cfg.ViewName != "" {
		return plugin.Error(name, fmt.Errorf("%s: plugin view in the same server block: a signed zone has one content for everybody; remove view", where))
	}
	for _, p := range slices.Sorted(maps.Keys(breakers)) {
		if cfg.Handler(p) != nil {
			return plugin.Error(name, fmt.Errorf("%s: plugin %s in the same server block: %s; remove it, or give our zones a server block of their own", where, p, breakers[p]))
		}
	}
	for _, p := range []string{"file", "secondary", "auto"} {
		for _, theirs := range servedBy(cfg.Handler(p)) {
			if apex := plugin.Zones(ours).Matches(theirs); apex != "" {
				return plugin.Error(name, fmt.Errorf("%s: plugin %s in the same server block serves %s, and no question for it comes there, since zone %s is ours: "+
					"remove one of them, or give %[3]s a server block of its own", where, p, theirs, apex))
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(suspects)) {
		if cfg.Handler(p) != nil {
			log.Warningf("%s: plugin %s in the same server block: %s", where, p, suspects[p])
		}
	}
	if cfg.Handler("transfer") != nil {
		log.Infof("%s: the transfer plugin answers first: for zones that it names, its list alone decides who may transfer", where)
	}
	return nil
}

// servedBy lists the zones of a plugin that stands behind us and serves zones, too.
func servedBy(h plugin.Handler) []string {
	switch h := h.(type) {
	case file.File:
		return h.Zones.Names
	case *secondary.Secondary:
		return h.Zones.Names
	case interface{ Names() []string }: // auto, once it has looked for files
		return h.Names()
	}
	return nil
}
