package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	_ "github.com/multisigner/multisigner/cmd/coredns/plugins"
	"github.com/multisigner/multisigner/plugin/multisigner"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// checkConfig reads a Corefile as coredns does when it starts, and starts nothing.
func (a *app) checkConfig(args []string) int {
	if len(args) != 1 {
		return a.misused("check which Corefile? Say check-config COREFILE")
	}
	sites, err := multisigner.Try(args[0])
	if err != nil {
		fmt.Fprintln(a.err, err)
		return exitFailure
	}
	for _, s := range sites {
		from := s.Config.File
		for _, p := range s.Config.Primaries {
			from = strings.TrimSpace(from + " " + p.Addr.String())
		}
		fmt.Fprintf(a.out, "%s: zone %s from %s, state in %s\n", s.Config.Where, s.Config.Apex, from, s.Dir)
		if s.Config.File == "" {
			continue
		}
		if err := readable(s.Config.File); err != nil {
			fmt.Fprintf(a.err, "%s: warning: %v: zone %s answers SERVFAIL until it can be read\n", s.Config.Where, err, s.Config.Apex)
		}
	}
	return exitOK
}

// readable reports what keeps the zone file from being read. It is no fault of the
// Corefile: the server starts, and reads the file when it comes.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return cmp.Or(err, fmt.Errorf("open %s: not a file", path))
	}
	return nil
}

// checkZone reads a zone file as the server does, and serves nothing.
func (a *app) checkZone(args []string) int {
	if len(args) != 2 {
		return a.misused("check which zone? Say check-zone FILE ZONE")
	}
	apex, err := zone.ParseName(args[1])
	if err != nil {
		return a.misused(fmt.Sprintf("%q is no zone name: %v", args[1], err))
	}
	content, err := source.ReadFile(args[0], apex)
	for _, p := range content.Problems {
		fmt.Fprintln(a.err, p)
	}
	switch {
	case err != nil && len(content.Problems) == 0:
		return a.fail(err)
	case err != nil || content.Version == nil:
		return exitFailure
	}
	v := content.Version
	fmt.Fprintf(a.out, "%s: zone %s, serial %d, %d names, %d records\n", args[0], apex, v.Serial(), v.Names(), v.Records())
	return exitOK
}
