package validate

import (
	"errors"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// nsec is an NSEC record.
type nsec struct {
	owner, next zone.Name
	types       bitmap
}

func readNSEC(owner zone.Name, rdata string) (nsec, error) {
	next, size, err := zone.NameFromWire([]byte(rdata))
	if err != nil {
		return nsec{}, errors.New("its next name is broken")
	}
	types, err := readBitmap(rdata[size:])
	return nsec{owner, next, types}, err
}

// covers reports whether r denies n: it lies between owner and next, which for
// the last record is the apex, and r may speak of it.
func (r nsec) covers(n, apex zone.Name) bool {
	if r.owner.Compare(n) >= 0 || n.Under(r.owner) && r.types.hidesBelow() {
		return false
	}
	return r.next == apex || n.Compare(r.next) < 0
}

// encloser is the closest encloser of a name that r covers: of the names that it
// shares with owner and next, the longer.
func (r nsec) encloser(n zone.Name) zone.Name {
	return n.Ancestor(max(n.CommonLabels(r.owner), n.CommonLabels(r.next)))
}

// covering gives the record that denies n, unless it shows n to be an empty
// non-terminal.
func (p *proof) covering(n zone.Name) (r nsec, empty bool, err error) {
	for _, r := range p.plain {
		if r.covers(n, p.apex) {
			return r, r.next.Under(n), nil
		}
	}
	return nsec{}, false, errors.New("no NSEC record covers " + n.String())
}

// nameErrorPlain is RFC 4035 5.4: neither n nor the wildcard at its closest encloser.
func (p *proof) nameErrorPlain(n zone.Name) error {
	r, empty, err := p.covering(n)
	switch {
	case err != nil:
		return err
	case empty:
		return errors.New("the name is an empty non-terminal")
	}
	wildcard, ok := r.encloser(n).Wildcard()
	if !ok {
		return nil
	}
	if _, empty, err = p.covering(wildcard); err == nil && empty {
		err = errors.New("the wildcard is an empty non-terminal")
	}
	return err
}

// noDataPlain is RFC 4035 5.4: n shown without the type, n as an empty
// non-terminal, or the wildcard that would answer for n shown without the type.
func (p *proof) noDataPlain(n zone.Name, t zone.Type) error {
	for _, r := range p.plain {
		if r.owner == n {
			return p.lacks(r.types, t)
		}
	}
	r, empty, err := p.covering(n)
	if err != nil || empty {
		return err
	}
	wildcard, ok := r.encloser(n).Wildcard()
	if !ok || n == wildcard {
		return errors.New("there is no such name")
	}
	for _, w := range p.plain {
		if w.owner == wildcard {
			return p.lacks(w.types, t)
		}
	}
	if _, empty, err = p.covering(wildcard); err == nil && !empty {
		err = errors.New("there is no such name")
	}
	return err
}

func (p *proof) noCloserPlain(n, encloser zone.Name) error {
	r, empty, err := p.covering(n)
	switch {
	case err != nil:
		return err
	case empty:
		return errors.New("the name is an empty non-terminal")
	case r.encloser(n) != encloser:
		return errors.New("a closer encloser exists, " + r.encloser(n).String())
	}
	return nil
}
