package validate

import (
	"errors"
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A server may leave the rest of a long chain of aliases to the resolver: what has
// this many needs no end. Longer ones than maxAliases are not followed. Our choice.
const (
	enoughAliases = 8
	maxAliases    = 64
)

// follow uses up the answer section from the name asked for along its aliases.
// complete says that it ends in data, or where others answer; else r.name is left
// at the name that has to be denied or delegated.
func (r *response) follow() (complete bool, err error) {
	visited := map[zone.Name]bool{}
	for range maxAliases {
		if !r.name.Under(r.apex) || visited[r.name] {
			return true, nil
		}
		visited[r.name], r.moved = true, false
		if dname := r.dname(); dname != nil {
			complete, err = r.substitute(dname)
		} else {
			complete, err = r.plain()
		}
		if complete || err != nil {
			return complete, err
		}
		if !r.moved {
			return len(visited) > enoughAliases && len(r.authority) == 0, nil
		}
	}
	return false, errors.New("the aliases do not end")
}

// plain answers for a name below no DNAME: with what was asked for, or by moving
// r.name on along a CNAME.
func (r *response) plain() (complete bool, err error) {
	for i := range r.answer {
		if s := &r.answer[i]; s.Name == r.name && (s.Type == r.qtype || r.qtype == zone.TypeANY) {
			complete = true
			if err := r.use(s); err != nil {
				return false, err
			}
		}
	}
	if complete {
		return true, nil
	}
	cname := r.find(r.name, zone.TypeCNAME)
	if cname == nil {
		return false, nil
	}
	to, err := target(cname)
	if err == nil {
		err = r.use(cname)
	}
	if err == nil {
		r.name, r.moved = to, true
	}
	return false, err
}

// use checks an RRset of the answer section. Signatures themselves, which somebody
// asked for, are not signed, and nothing can be said of them.
func (r *response) use(s *item) error {
	s.used = true
	if s.Type == zone.TypeRRSIG && (r.qtype == zone.TypeRRSIG || r.qtype == zone.TypeANY) {
		return nil
	}
	encloser, err := r.signed(s.RRset)
	if err == nil && encloser != "" {
		r.expanded = append(r.expanded, expansion{s.Name, encloser})
	}
	return err
}

// dname gives the DNAME of the answer that stands above the present name.
func (r *response) dname() *item {
	for i := range r.answer {
		if s := &r.answer[i]; s.Type == zone.TypeDNAME && s.Name != r.name && r.name.Under(s.Name) {
			return s
		}
	}
	return nil
}

// substitute moves r.name on along a DNAME. The CNAME that it makes is not signed,
// and must be what the DNAME says (RFC 6672 5.3.1).
func (r *response) substitute(dname *item) (complete bool, err error) {
	encloser, err := r.signed(dname.RRset)
	if err != nil {
		return false, err
	}
	if dname.used = true; encloser != "" {
		return false, fmt.Errorf("DNAME %s was made by a wildcard", dname.Name) // RFC 6672 3.3
	}
	to, err := target(dname)
	if err != nil {
		return false, err
	}
	next := r.name[:len(r.name)-len(dname.Name)] + to
	if len(next) > zone.MaxName {
		r.tooLong = true
		return true, nil
	}
	made := r.find(r.name, zone.TypeCNAME)
	if made == nil {
		return false, fmt.Errorf("DNAME %s comes without the CNAME that it makes", dname.Name)
	}
	if is, err := target(made); err != nil || is != next {
		return false, fmt.Errorf("CNAME of %s is not what DNAME %s makes", r.name, dname.Name)
	}
	made.used, r.name, r.moved = true, next, true
	return r.qtype == zone.TypeCNAME || r.qtype == zone.TypeANY, nil
}

// find gives an RRset of the answer.
func (r *response) find(name zone.Name, t zone.Type) *item {
	for i := range r.answer {
		if s := &r.answer[i]; s.Name == name && s.Type == t {
			return s
		}
	}
	return nil
}

// target is the name that the one record of a CNAME or DNAME holds.
func target(s *item) (zone.Name, error) {
	if s.Rdata.Len() != 1 {
		return "", fmt.Errorf("%s has %d %s records", s.Name, s.Rdata.Len(), s.Type)
	}
	var to zone.Name
	for rdata := range s.Rdata.All() {
		n, size, err := zone.NameFromWire([]byte(rdata))
		if err != nil || size != len(rdata) {
			return "", fmt.Errorf("%s %s has no name", s.Name, s.Type)
		}
		to = n
	}
	return to, nil
}
