package corefile

import (
	"fmt"
	"os/exec"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
)

// Lacks says what the settings of a zone name and what is not there, but for the zone file:
// each with what does not work without. That is no fault of the Corefile, and a server starts.
func (s Site) Lacks() (all []string) {
	warn := func(err error, consequence string) {
		if err != nil {
			all = append(all, fmt.Sprintf("%v: %s", err, consequence))
		}
	}
	for _, p := range s.Config.Primaries {
		warn(p.TLS.Check(), fmt.Sprintf("nothing is transferred from %s until it can be used", p.Addr))
	}
	warn(runnable(s.Config.Hook), "nobody is told of alarms until it can be run")
	for _, review := range [][]string{s.Config.Review.Content, s.Config.Review.Signed} {
		warn(runnable(review), "new content is held until it can be run")
	}
	c := s.Config
	tls := slices.ContainsFunc(c.Secondaries, func(s engine.Secondary) bool { return s.TLS }) ||
		slices.ContainsFunc(c.AllowTransfer, func(a engine.Allow) bool { return a.TLS })
	if tls && !s.OverTLS {
		all = append(all, "transfers that must go over TLS, and no server block for tls:// that serves the zone: nobody transfers it by these lines (secondary, allow-transfer) until there is one")
	}
	if len(c.Contents) > 0 && c.Forward {
		for _, t := range c.Contents {
			if t.For == "" && !slices.ContainsFunc(c.Updates, func(g update.Grant) bool { return g.Key == t.TSIG.Name }) {
				all = append(all, fmt.Sprintf("content-transfer key %s, update forward, and no update key %[1]s: updates that another signer passes on by that key are refused while the content is changed here", t.TSIG.Name))
			}
		}
	}
	return all
}

// Lacks is the same for the catalog itself.
func (s CatalogSite) Lacks() []string {
	return Site{Dir: s.Dir, Config: &s.Config.Zone}.Lacks()
}

// runnable reports what keeps a command from being run.
func runnable(command []string) error {
	if len(command) == 0 {
		return nil
	}
	_, err := exec.LookPath(command[0])
	return err
}
