// Package kept has files of zones in the state directory: the last signed version of each
// (Snapshot), and what its primaries gave (Content). It decides nothing of when they are
// written.
package kept

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Dir is where the files are.
type Dir struct {
	Path string
	// Fail is called at each failpoint, with its name; an error is that of the disk. nil: there
	// are none.
	Fail func(point string) error
}

// File is the path of a zone's own file with some ending.
func (d Dir) File(apex zone.Name, ending string) string {
	return filepath.Join(d.Path, FileName(apex)+ending)
}

// Endings are those of all that is kept of a zone while it is served.
var Endings = []string{ContentEnding, SnapshotEnding, HistoryEnding, RefusedEnding, RejectedEnding}

// The endings of files that others write.
const (
	HistoryEnding  = ".history"  // differences between versions
	RefusedEnding  = ".refused"  // a version that was worse than the one before
	RejectedEnding = ".rejected" // content that cannot be served
)

// pass is a point at which the disk may answer with an error.
func (d Dir) pass(point string) error {
	if d.Fail == nil {
		return nil
	}
	return d.Fail(point)
}

// reach is a point at which nothing can fail but the process.
func (d Dir) reach(point string) { _ = d.pass(point) }

// FileName is the name of apex as a part of a path: lower case, without the
// final dot, octets outside a-z0-9._- as %XX, and the root as "%2E".
func FileName(apex zone.Name) string {
	if apex == zone.Root {
		return "%2E"
	}
	var b strings.Builder
	for n := apex; n != zone.Root; n = n.Parent() {
		if n != apex {
			b.WriteByte('.')
		}
		for _, c := range []byte(n.Label()) {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
				b.WriteByte(c)
			default: // a dot inside a label too: it is not the dot between labels
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	return b.String()
}
