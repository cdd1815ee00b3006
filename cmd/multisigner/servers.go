package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// writeServers is who was last seen to publish what.
func writeServers(w io.Writer, z status.Zone) {
	for _, p := range z.Peers {
		switch {
		case p.Silent:
			fmt.Fprintf(w, "\n%s does not answer: %s\n", p.Name, p.Why)
		case !p.Trusted:
			fmt.Fprintf(w, "\n%s is not trusted: %s\n", p.Name, p.Why)
		}
	}
	type row struct {
		who string
		at  status.Address
		ds  string
	}
	var rows []row
	for _, a := range z.Self {
		who := z.Signer + " (we)"
		if a.Host != "" && a.State != "good" {
			who = "?" // a nameserver's that nobody has named, and that shows no keys of ours
		}
		rows = append(rows, row{who, a, "-"})
	}
	for _, p := range z.Peers {
		for _, a := range p.Addresses {
			rows = append(rows, row{p.Name, a, "-"})
		}
	}
	for _, a := range z.Parent.Addresses {
		rows = append(rows, row{"parent", status.Address{Address: a.Address, Seen: a.Seen, State: a.State, Why: a.Why}, dsTags(a)})
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintln(w, "\nseen")
	t := table(w)
	fmt.Fprintln(t, "  WHO\tADDRESS\tWHEN\tSTATE\tSERIAL\tDNSKEY\tCDS\tDS")
	for _, r := range rows {
		serial := "-"
		if r.at.Serial != 0 {
			serial = strconv.FormatUint(uint64(r.at.Serial), 10)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.who, r.at.Address, ago(r.at.Seen, z.At), r.at.State, serial, tags(r.at.DNSKEY), tags(r.at.CDS), r.ds)
	}
	t.Flush()
	for _, r := range rows { // reasons are long: beneath the table they spoil no column
		if r.at.Why != "" {
			fmt.Fprintf(w, "  %s: %s\n", r.at.Address, r.at.Why)
		}
	}
}

// dsTags are the tags of the DS that an address of the parent was seen to have.
func dsTags(a status.ParentAddress) string {
	switch {
	case a.State != "good":
		return "?"
	case len(a.DS) == 0:
		return "none"
	}
	var all []uint16
	for _, ds := range a.DS {
		tag, _, _ := strings.Cut(ds, " ")
		if n, err := strconv.ParseUint(tag, 10, 16); err == nil && !slices.Contains(all, uint16(n)) {
			all = append(all, uint16(n)) // a key may have several DS, one for each digest
		}
	}
	return tags(all)
}

func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return span(now.Sub(at)) + " ago"
}

func tags(all []uint16) string {
	text := make([]string, len(all))
	for i, tag := range slices.Sorted(slices.Values(all)) {
		text[i] = strconv.Itoa(int(tag))
	}
	return list(text)
}
