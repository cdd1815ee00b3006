package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// wholeAtMost is the largest change, in RRsets, of which every signature is
// verified before it is shown; of a larger one sampleSize are, and the rest in the
// background. Our choice: a quarter of a second on one processor.
const (
	wholeAtMost = 2500
	sampleSize  = 256
)

// errWorse is that the guard has refused a version.
var errWorse = errors.New("the guard objects")

// guard looks at a version before it is shown. What it refuses is kept for
// inspection, and the error says where. whole: every signature of the change was
// verified.
func (e *Engine) guard(z *Zone, cfg *Config, out sign.Output, now time.Time) (whole bool, err error) {
	w := z.work
	g := validate.Guard{Held: w.heldNow(cfg), At: w.times.Judged(), Sample: sampleSize, Place: e.share.Place}
	old, d := w.signed, out.Diff
	if w.proving.withdrawn {
		old = w.shown() // what it replaces; not what was taken away
		if d = (zone.Diff{}); old != nil {
			d = zone.Compare(old, out.Version)
		}
	}
	size := len(d.Changes)
	if old == nil {
		size = out.Version.Records() // at least as many
	}
	if whole = size <= wholeAtMost || w.proving.careful || w.behindToken(); whole {
		g.Sample = 0
	}
	faults := g.Faults(old, d, out.Version)
	if len(faults) == 0 {
		w.guarded.refused = nil
		return whole, nil
	}
	w.proving.tried(now)
	path, err := e.keepRefused(z, out.Version, faults, now)
	if err != nil {
		w.alarm(status.AlarmRefusedNotKept, err.Error(), "make room on the disk, or mend it")
	}
	return whole, fmt.Errorf("%w: version %d was not published, it would be worse than the one that is served: %s; %s has what was refused", errWorse, out.Version.Serial(), describe(faults), path)
}

// behindToken reports whether a key that signs is not in this process's memory:
// what a device answers is believed only after every signature of it was verified.
func (w *work) behindToken() bool {
	for _, k := range w.own {
		if k.Token {
			return true
		}
	}
	return false
}

// guarded is what the guard has done since the start.
type guarded struct {
	refusals, withdrawals int
	reasons               status.Reasons
	refused               *status.Refused // the last try was refused
	last                  *status.Refused // whenever that was
}

func (e *Engine) refusedPath(apex zone.Name) string {
	return e.kept.File(apex, kept.RefusedEnding)
}

// maxRefused bounds the file of a refused version, in octets: our choice, above what
// an apex with sixty-four keys needs.
const maxRefused = 256 << 10

// keepRefused writes what was refused and why in the place of what was before. The
// same version is refused at every try: it is counted and written once.
func (e *Engine) keepRefused(z *Zone, v *zone.Version, faults []validate.Fault, now time.Time) (path string, err error) {
	w := z.work
	path = e.refusedPath(z.apex)
	r := &status.Refused{At: now, Serial: v.Serial(), File: path, Faults: []string{}}
	for i, f := range faults {
		if i == maxShown {
			break
		}
		r.Faults = append(r.Faults, f.String())
	}
	again := w.guarded.refused != nil && slices.Equal(w.guarded.refused.Faults, r.Faults)
	if again {
		return path, nil
	}
	w.guarded.refusals++
	switch faults[0].Type {
	case zone.TypeDNSKEY:
		w.guarded.reasons.Keys++
	case zone.TypeCDS, zone.TypeCDNSKEY:
		w.guarded.reasons.CDS++
	case zone.TypeNSEC, zone.TypeNSEC3, zone.TypeNSEC3PARAM:
		w.guarded.reasons.Denial++
	default:
		w.guarded.reasons.Data++
	}
	w.guarded.refused, w.guarded.last = r, r
	text := refusedText(v, faults, now)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return path, errors.Join(fmt.Errorf("keep what the guard refused of %s: %w", z.apex, err), os.Remove(path+".new"))
	}
	return path, os.Rename(path+".new", path)
}

// maxShown is how many faults the status lists. The file has all that were found.
const maxShown = 10

// refusedText is the faults as comments, and then the records that they are about:
// those of the apex, and of the names that the faults name.
func refusedText(v *zone.Version, faults []validate.Fault, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "; version %d of %s, refused %s\n", v.Serial(), v.Apex(), now.UTC().Format(time.RFC3339))
	for _, f := range faults {
		fmt.Fprintf(&b, "; %s\n", strings.ReplaceAll(f.String(), "\n", " "))
	}
	add := func(s zone.RRset) {
		text := zone.Text(s)
		if b.Len()+len(text) > maxRefused {
			text = fmt.Sprintf("; %s %s is left out: the file is full\n", s.Name, s.Type)
		}
		if b.Len()+len(text) <= maxRefused+1<<10 {
			b.WriteString(text)
		}
	}
	for s := range v.Top().All() {
		add(s)
	}
	for _, f := range faults {
		if s, ok := v.RRset(f.Name, f.Type); ok && f.Name != v.Apex() {
			add(s)
		}
	}
	return b.String()
}

// reportGuard is what the status says of it.
func (w *work) reportGuard() status.Guard {
	return status.Guard{
		Refusals: w.guarded.refusals, Reasons: w.guarded.reasons, Withdrawals: w.guarded.withdrawals,
		Refused: w.guarded.last, Verifying: w.proving.version != nil,
	}
}
