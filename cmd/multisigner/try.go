package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	_ "github.com/multisigner/multisigner/cmd/coredns/plugins"
	"github.com/multisigner/multisigner/plugin/multisigner"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// checkConfig reads a Corefile as coredns does when it starts, and starts nothing.
func (a *app) checkConfig(args []string) int {
	if len(args) != 1 {
		return a.misused("check which Corefile? Say check-config COREFILE")
	}
	result := struct {
		OK       bool     `json:"ok"`
		Zones    []wanted `json:"zones"`
		Catalogs []wanted `json:"catalogs"`
		Faults   []string `json:"faults"`
	}{true, []wanted{}, []wanted{}, []string{}}
	sites, err := multisigner.Try(args[0])
	if err != nil {
		result.OK, result.Faults = false, strings.Split(err.Error(), "\n")
	}
	for _, s := range sites.All {
		w := wanted{Where: s.Config.Where, Zone: s.Config.Apex.String(), From: s.Config.File, State: s.Dir}
		for _, p := range s.Config.Primaries {
			w.From = strings.TrimSpace(w.From + " " + p.Addr.String())
		}
		if s.Config.File != "" {
			if err := readable(s.Config.File); err != nil {
				w.Warnings = []string{fmt.Sprintf("%v: zone %s answers SERVFAIL until it can be read", err, s.Config.Apex)}
			}
		}
		w.warn(s.Lacks())
		result.Zones = append(result.Zones, w)
	}
	for _, s := range sites.Catalogs {
		w := wanted{Where: s.Config.Zone.Where, Zone: s.Config.Zone.Apex.String(), State: s.Dir}
		for _, p := range s.Config.Zone.Primaries {
			w.From = strings.TrimSpace(w.From + " " + p.Addr.String())
		}
		w.warn(s.Lacks())
		result.Catalogs = append(result.Catalogs, w)
	}
	if a.json {
		a.print(result)
		return exitOf(result.OK)
	}
	for _, fault := range result.Faults {
		fmt.Fprintln(a.err, fault)
	}
	a.tellWanted("zone", result.Zones)
	a.tellWanted("catalog", result.Catalogs)
	return exitOf(result.OK)
}

func (a *app) tellWanted(what string, all []wanted) {
	for _, w := range all {
		fmt.Fprintf(a.out, "%s: %s %s from %s, state in %s\n", w.Where, what, w.Zone, w.From, w.State)
		for _, warning := range w.Warnings {
			fmt.Fprintf(a.err, "%s: warning: %s\n", w.Where, warning)
		}
	}
}

// wanted is a zone or a catalog that a Corefile wants.
type wanted struct {
	Where    string   `json:"where"`
	Zone     string   `json:"zone"`
	From     string   `json:"from"`
	State    string   `json:"state"`
	Warning  string   `json:"warning,omitempty"` // the first of them
	Warnings []string `json:"warnings,omitempty"`
}

// warn adds to what is warned of.
func (w *wanted) warn(lacks []string) {
	if w.Warnings = append(w.Warnings, lacks...); len(w.Warnings) > 0 {
		w.Warning = w.Warnings[0]
	}
}

func exitOf(ok bool) int {
	if ok {
		return exitOK
	}
	return exitFailure
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
	if a.json {
		return a.printChecked(args[0], apex, content, err)
	}
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

// printChecked is what came of reading a zone file, for programs.
func (a *app) printChecked(file string, apex zone.Name, content source.Content, err error) int {
	result := struct {
		OK       bool             `json:"ok"`
		File     string           `json:"file"`
		Zone     string           `json:"zone"`
		Serial   uint32           `json:"serial"`
		Names    int              `json:"names"`
		Records  int              `json:"records"`
		Problems []status.Problem `json:"problems"`
	}{OK: err == nil && content.Version != nil, File: file, Zone: apex.String(), Problems: []status.Problem{}}
	if v := content.Version; v != nil {
		result.Serial, result.Names, result.Records = v.Serial(), v.Names(), v.Records()
	}
	if err != nil && len(content.Problems) == 0 {
		result.Problems = append(result.Problems, status.Problem{Where: file, Text: err.Error(), Fatal: true})
	}
	for _, p := range content.Problems {
		result.Problems = append(result.Problems, status.Problem{Where: fmt.Sprintf("%s:%d", p.File, p.Line), Name: p.Name, Text: p.Text, Fatal: p.Fatal})
	}
	a.print(result)
	return exitOf(result.OK)
}
