package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func (e *Engine) rejectedPath(apex zone.Name) string {
	return e.kept.File(apex, kept.RejectedEnding)
}

// forgetRejected removes what was refused, once the primary has something else.
func (e *Engine) forgetRejected(apex zone.Name) {
	if err := os.Remove(e.rejectedPath(apex)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.log.Warn("content that was refused stays on the disk", "zone", apex, "error", err)
	}
}

// maxRejected bounds the file of content that was refused, in octets: our choice. What is
// wrong stands at its beginning.
const maxRejected = 16 << 20

// keepRejected writes what was refused, as a zone file with the problems before it.
func (e *Engine) keepRejected(apex zone.Name, came *zone.Version, problems []source.Problem) error {
	path := e.rejectedPath(apex)
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "; %s\n", strings.ReplaceAll(p.String(), "\n", " "))
	}
	for n := range came.All() {
		for s := range n.All() {
			if b.Len() <= maxRejected {
				b.WriteString(zone.Text(s))
			}
		}
	}
	if b.Len() > maxRejected {
		b.WriteString("; the rest is left out: the file is full\n")
	}
	if err := os.WriteFile(path+".new", []byte(b.String()), 0o600); err != nil {
		return errors.Join(fmt.Errorf("keep what was refused of %s: %w", apex, err), os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}
