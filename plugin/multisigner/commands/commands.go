// Package commands is the table of what an operator may ask. The engine carries orders
// out, control lets them in, the multisigner command offers them, and the manual shows
// them: none of these keeps a list of its own.
package commands

import (
	"fmt"
	"slices"
	"strings"
)

// Command is one form of a command; those with several forms stand in several rows.
type Command struct {
	Name string
	Form string // what follows the name
	What string // what it does, in a line or a few
	Kind Kind
}

// Kind says what a command needs and does.
type Kind uint8

// View and Order are asked of the server. Part is too, by another command that needs
// it; it is not offered by itself.
const (
	View  Kind = iota // shows what is
	List              // shows what is, too, in the server's own words
	Order             // says what shall be
	Local             // needs no server
	Part
	Catalog // says what shall become of a catalog
)

// All lists every command in the order in which it is shown.
var All = []Command{
	{"status", "[ZONE...]", "what each zone is, has, and waits for", View},
	{"keys", "[ZONE...] [--records]", "the keys of all signers, and what each one signs; --records\nprints the DNSKEY records", View},
	{"keys", "ZONE --for nsupdate|knot|pdnsutil PEER", "what to add and to remove at a foreign signer, as commands", View},
	{"ds", "[ZONE...]", "the DS records that the parent may have now", View},
	{"plan", "[ZONE...] [--all]", "what will happen, with dates, and what each step waits for: the\nfirst steps, with --all those of more than a year", View},
	{"check", "[ZONE...]", "ask every address of every signer: does each one's answer\nvalidate under each one's keys? Exit status 1: no", View},
	{"export", "ZONE [signed|content]", "the zone as a zone file: as it is served, or its unsigned content", View},

	{"catalog", "[NAME]", "what each catalog brings; of one that is named, every member,\nand why one is not served", View},

	{"updates", "ZONE...", "what updates have changed beside the file, by whom, and what of\nit is not served", View},
	{"fold", "ZONE...", "the same as text to paste into the zone file; what the file has\nis no longer listed", List},

	{"catalog", "accept NAME", "remove and reset as many members as the catalog says now", Catalog},
	{"catalog", "retransfer NAME", "take all of it from a primary, whatever its serial there", Catalog},

	{"roll", "ZONE... ksk|zsk|csk", "begin a rollover now", Order},
	{"roll", "ZONE... algorithm [NAME]", "begin one to another algorithm, the configured one if none is\nnamed; give it at every signer", Order},
	{"roll", "ZONE --compromised TAG [--yes [--now]]", "what an emergency rollover costs; --yes begins it with all\nwaits, --now without waiting for caches", Order},
	{"insecure", "ZONE...", "have the DS removed, then stop signing; at every signer", Order},
	{"secure", "ZONE...", "take that back", Order},
	{"abort", "ZONE...", "give up the rollover, as far as it can be undone", Order},
	{"freeze", "ZONE...", "hold rollovers; content and signatures go on", Order},
	{"thaw", "ZONE...", "let them go on", Order},
	{"reload", "ZONE...", "read the zone file now, or ask the primaries", Order},
	{"retransfer", "ZONE...", "take all of the zone from a primary, whatever its serial there", Order},
	{"review", "ZONE pass|drop", "let pass what a review holds or looks at, or give it up", Order},
	{"promote", "ZONE...", "have the content changed here: the other signers follow", Order},
	{"hold-updates", "ZONE...", "refuse every UPDATE", Order},
	{"resume-updates", "ZONE...", "take them again", Order},
	{"drop", "ZONE NAME TYPE", "take back what updates have made of an RRset", Order},
	{"resign", "ZONE...", "make all signatures anew", Order},
	{"look", "ZONE...", "look at the peers and the parent now", Order},
	{"trust", "ZONE PEER TAG", "the peer has lost its keys: believe it by the one of that tag,\nwhich signs its DNSKEY RRset now", Order},
	{"disown", "ZONE...", "the DS at the parent that no known key explains may go", Order},
	{"recover", "ZONE...", "the state was lost, and the keys are back from a backup", Order},
	{"rejoin", "ZONE...", "begin anew, as a signer that joins, although the parent has a DS", Order},

	{"lab", "[--signers N] ...", "a parent and signers on loopback, to try it (lab --help)", Local},
	{"check-config", "COREFILE", "would coredns start with it? All faults with their lines;\nexit status 1: no", Local},
	{"check-zone", "FILE ZONE", "would the zone be served? The same of a zone file", Local},
	{"version", "", "which version this is", Local},
	{"help", "", "this text", Local},

	{"cost", "TAG", "what an emergency rollover costs", Part},
}

// Is reports whether name is a command of one of these kinds.
func Is(name string, kinds ...Kind) bool {
	return slices.ContainsFunc(All, func(c Command) bool { return c.Name == name && slices.Contains(kinds, c.Kind) })
}

// Names lists the commands of these kinds, each once.
func Names(kinds ...Kind) []string {
	var names []string
	for _, c := range All {
		if slices.Contains(kinds, c.Kind) && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// Usage is what the multisigner command says of itself, and what the manual shows.
func Usage() string {
	var b strings.Builder
	b.WriteString("usage: multisigner [--state DIR] [--json] COMMAND [ARGUMENT...]\n")
	for _, part := range []struct {
		heading string
		kinds   []Kind
	}{
		{"What is:", []Kind{View, List}},
		{"Of catalogs:", []Kind{Catalog}},
		{"What shall be (--all instead of ZONE... means every zone):", []Kind{Order}},
		{"Without a server:", []Kind{Local}},
	} {
		fmt.Fprintf(&b, "\n%s\n", part.heading)
		for _, c := range All {
			if slices.Contains(part.kinds, c.Kind) {
				c.write(&b)
			}
		}
	}
	b.WriteString(`
--state DIR is the state directory of the server's Corefile; the default is
MULTISIGNER_STATE, else multisigner-state here.
`)
	return b.String()
}

// column is where the text of a command begins; a form that reaches it has a line of its own.
const column = 29

func (c Command) write(b *strings.Builder) {
	form := "  " + strings.TrimSpace(c.Name+" "+c.Form)
	if len(form) >= column {
		fmt.Fprintf(b, "%s\n", form)
		form = ""
	}
	for line := range strings.SplitSeq(c.What, "\n") {
		fmt.Fprintf(b, "%-*s%s\n", column, form, line)
		form = ""
	}
}
