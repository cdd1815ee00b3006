// Package source reads a zone's unsigned content from files and judges whether
// it can be served. It serves and signs nothing, and keeps no content: whoever
// calls it decides what becomes of a zone that is refused.
package source

import (
	"fmt"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Content is what a zone's files hold.
type Content struct {
	// Version is the content without DNSSEC records (see Dropped), nil when a
	// problem is fatal. Its serial is the file's.
	Version *zone.Version
	// Problems are those found, in the order of the files; at most MaxProblems.
	Problems []Problem
	// Files are the zone file and those it includes, in the order in which they
	// were opened, also those that could not be. There is always the first.
	Files []string
	// Stamp is that of Files as they were when they were opened: while Look(Files)
	// gives the same, there is nothing new to read.
	Stamp Stamp
	// Torn says that a file was written to while it was read: what was read of it may
	// be neither what it was nor what it is going to be.
	Torn bool
	// Dropped counts the records that were left out because the signer makes them:
	// DNSKEY, RRSIG, NSEC, NSEC3, NSEC3PARAM, CDS and CDNSKEY; TYPE65534 at the apex;
	// and ZONEMD, which signing makes wrong. One Problem tells of them all.
	Dropped int
}

// Problem is something wrong with a zone's content. Its text says what, and what
// to do about it.
type Problem struct {
	File  string // empty when the content came from elsewhere
	Line  int    // where the record or line begins; 0 when no place can be named
	Name  string // the owner's name in presentation form; may be empty
	Text  string
	Fatal bool // the zone cannot be served with it
}

// String gives the problem as one line, in the form that editors know:
// file:line: [warning: ]name: text.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if !p.Fatal {
		b.WriteString("warning: ")
	}
	if p.Name != "" {
		b.WriteString(p.Name + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// MaxProblems is how many problems are told at once. When there are more, the
// last says how many; a fatal one is told before any warning is left out.
const MaxProblems = 50

// Error is why a zone cannot be served: all fatal problems, and none other.
type Error struct {
	Zone     zone.Name
	Problems []Problem
}

func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	lines = append(lines, fmt.Sprintf("zone %s cannot be served", e.Zone))
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n\t")
}
