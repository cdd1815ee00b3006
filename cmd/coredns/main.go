// Command coredns is CoreDNS with multisigner and the plugins of package plugins.
package main

import (
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/coremain"

	_ "github.com/multisigner/multisigner/cmd/coredns/plugins"
	"github.com/multisigner/multisigner/plugin/multisigner/commands"
)

func main() {
	caddy.AppVersion += ", " + commands.Version().String()
	if len(os.Args) == 2 && os.Args[1] == "version" { // as the multisigner command has it
		os.Args[1] = "-version"
	}
	coremain.Run()
}
