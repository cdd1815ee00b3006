package multisigner

import (
	"bytes"
	"errors"
	"os"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"

	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
)

// Try reads a Corefile as a start does, and starts nothing: no file but the Corefile and
// those that it names is touched, no port opened, no key made. It gives the zones and
// catalogs that it wants; the error has every fault of multisigner's blocks with its line, or the first
// one of another plugin. Only one Try may run at a time, and no server beside it.
func Try(path string) (sites corefile.Sites, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return sites, err
	}
	process.read(nil)
	input := caddy.CaddyfileInput{Filepath: path, Contents: text, ServerTypeName: "dns"}
	if err := caddy.ValidateAndExecuteDirectives(input, nil, true); err != nil {
		return sites, bare(err)
	}
	l := process.latest
	if l == nil {
		return sites, errors.New(path + ": no multisigner block in it")
	}
	// What stands beside us in a server block is known when the servers are made. None
	// listens before it is told to.
	if _, err := l.context.MakeServers(); err != nil {
		return sites, err
	}
	for _, check := range l.checks {
		if err := check(); err != nil {
			return sites, bare(err)
		}
	}
	return l.sites, nil
}

// bare leaves out which plugin an error comes from where that is ours: a line then
// begins with its place, as editors know it.
func bare(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "plugin/"+name+": "))
}

// elsewhere gives the faults of the multisigner blocks in the server blocks after c's:
// CoreDNS stops at the first server block with a fault, and an operator wants to know
// them all. The plugins that come before us have been set up for all of them. path is
// that of the Corefile.
func elsewhere(c *caddy.Controller, path string) corefile.Faults {
	text := corefileOf(c, path)
	if text == nil {
		return nil
	}
	blocks, err := caddyfile.Parse(path, bytes.NewReader(text), nil)
	if err != nil {
		return nil // then it would not have come to us
	}
	var faults corefile.Faults
	for i := c.ServerBlockIndex + 1; i < len(blocks); i++ {
		other := *c
		other.ServerBlockIndex, other.ServerBlockKeyIndex = i, 0
		cfg := dnsserver.GetConfig(&other)
		d := caddyfile.NewDispenserTokens(path, blocks[i].Tokens[name])
		configs, wrong := corefile.Parse(&d, blocks[i].Keys)
		faults = append(faults, wrong...)
		for _, config := range configs {
			faults = append(faults, config.Check(cfg.TsigSecret)...)
		}
	}
	return faults
}

// corefileOf is the text that c is part of: the one that an instance starts with, else
// that of the file.
func corefileOf(c *caddy.Controller, path string) []byte {
	l := c.Get(storageKey{})
	for _, i := range caddy.Instances() {
		i.StorageMu.RLock()
		found := l != nil && i.Storage[storageKey{}] == l
		i.StorageMu.RUnlock()
		if found {
			return i.Caddyfile().Body()
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}
