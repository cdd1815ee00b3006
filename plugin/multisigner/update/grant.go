package update

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Grant lets the holder of a TSIG key change some names and types of a zone.
type Grant struct {
	Key       string    // the key's name, as a Corefile has it: lower case, with the final dot
	Algorithm string    // the key's own, as dns.HmacSHA256
	Names     []Pattern // none: every name of the zone
	// Types are those that it is for; none: all but SOA and, at the apex, NS.
	Types []zone.Type
}

// Pattern stands for one or more names of a zone.
type Pattern struct {
	kind kind
	name zone.Name
}

type kind uint8

const (
	exactly  kind = iota
	below         // the name, and all below it
	oneLabel      // one label, and then the name
	self          // the name that the key has
)

var errPattern = errors.New("write @, a NAME, *.NAME, sub NAME or self")

// ParsePatterns reads what stands behind `name` in a grant: @, NAME, *.NAME, sub NAME
// and self. A name without a final dot is below the apex. *.NAME is every name of one
// label more but the wildcard: that answers for all names there are not, at any depth, and
// is written \*.NAME.
func ParsePatterns(words []string, apex zone.Name) ([]Pattern, error) {
	var all []Pattern
	for i := 0; i < len(words); i++ {
		p := Pattern{kind: exactly}
		word := words[i]
		switch {
		case strings.EqualFold(word, "self"):
			all = append(all, Pattern{kind: self})
			continue
		case strings.EqualFold(word, "sub"):
			if i++; i == len(words) {
				return nil, fmt.Errorf("sub stands there without a name: %w", errPattern)
			}
			p.kind, word = below, words[i]
		case strings.HasPrefix(word, "*."):
			p.kind, word = oneLabel, word[2:]
		}
		name, err := absolute(word, apex)
		if err != nil {
			return nil, fmt.Errorf("%q: %w: %w", word, err, errPattern)
		}
		if !name.Under(apex) {
			return nil, fmt.Errorf("%s is not in %s: leave the final dot away where the name is below the zone's", name, apex)
		}
		p.name = name
		all = append(all, p)
	}
	return all, nil
}

func absolute(word string, apex zone.Name) (zone.Name, error) {
	switch {
	case word == "@":
		return apex, nil
	case !strings.HasSuffix(word, ".") && apex != zone.Root:
		word += "." + apex.String()
	}
	return zone.ParseName(word)
}

// ParseType reads a type that a grant may name.
func ParseType(word string) (zone.Type, error) {
	number, ok := dns.StringToType[strings.ToUpper(word)]
	if !ok {
		digits, generic := strings.CutPrefix(strings.ToUpper(word), "TYPE") // RFC 3597 5
		n, err := strconv.ParseUint(digits, 10, 16)
		if !generic || err != nil {
			return 0, fmt.Errorf("%q is no type: write A, TXT or TYPE65280", word)
		}
		number = uint16(n)
	}
	switch t := zone.Type(number); {
	case isMeta(t):
		return 0, fmt.Errorf("%s: no record is of that type", word)
	case t.SignerMade():
		return 0, fmt.Errorf("%s: the signer makes these records, and nobody else can", t)
	default:
		return t, nil
	}
}

func (p Pattern) covers(n zone.Name, key string) bool {
	switch p.kind {
	case exactly:
		return n == p.name
	case below:
		return n.Under(p.name)
	case oneLabel:
		return n != zone.Root && n.Parent() == p.name && !n.IsWildcard()
	case self:
		name, err := zone.ParseName(key)
		return err == nil && n == name
	}
	return false
}

// covers reports whether the grant is for records of type t at n; t 0 is any type.
func (g Grant) covers(n, apex zone.Name, t zone.Type) bool {
	if len(g.Names) > 0 && !slices.ContainsFunc(g.Names, func(p Pattern) bool { return p.covers(n, g.Key) }) {
		return false
	}
	switch {
	case t == 0:
		return true
	case len(g.Types) > 0:
		return slices.Contains(g.Types, t)
	}
	return t != zone.TypeSOA && (t != zone.TypeNS || n != apex)
}

// Permit finds out whether the holder of a key may ask for all of m (RFC 2136 3.3). To
// remove all of a name takes a grant for each type that is there: content has them, as far
// as they are known; nil for not at all. A prerequisite may ask about names that a grant
// covers, of whatever type, and about the SOA: by others a key would find out what the
// zone holds. algorithm is what the message was signed with: a secret is for its own only
// (RFC 8945 6).
func (m *Message) Permit(content *zone.Version, grants []Grant, key, algorithm string) *Refusal {
	of := slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return g.Key != key })
	switch {
	case key == "":
		return refusal("no key", "updates are taken with a TSIG key only")
	case len(of) == 0:
		return refusal("no grant", "key %s may not update this zone: an update line of the zone must name it", key)
	case of[0].Algorithm != algorithm:
		return refusal("algorithm", "key %s is of %s, and the message was signed with %s", key, plain(of[0].Algorithm), plain(algorithm))
	}
	for _, r := range m.Prerequisites {
		if !granted(of, key, r.Name, m.Apex, 0) && (r.Name != m.Apex || r.Type != zone.TypeSOA) {
			return refusal("no grant", "key %s has no grant for %s, and may not ask about it in a prerequisite either", key, r.Name)
		}
	}
	allowed := func(n zone.Name, t zone.Type) *Refusal {
		if granted(of, key, n, m.Apex, t) {
			return nil
		}
		what := "records"
		if t != 0 {
			what = t.String()
		}
		return refusal("no grant", "key %s has no grant for %s %s", key, n, what)
	}
	for _, r := range m.Updates {
		if r.Type != zone.TypeANY {
			if bad := allowed(r.Name, r.Type); bad != nil {
				return bad
			}
			continue
		}
		if bad := allowed(r.Name, 0); bad != nil {
			return bad
		}
		if content == nil {
			continue
		}
		node := content.Get(r.Name)
		if node == nil {
			continue
		}
		for s := range node.All() {
			if s.Type.SignerMade() || m.stays(Key{r.Name, s.Type}) {
				continue
			}
			if bad := allowed(r.Name, s.Type); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// granted reports whether a key has a grant for records of type t at n; t 0 is any type.
func granted(grants []Grant, key string, n, apex zone.Name, t zone.Type) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool { return g.Key == key && g.covers(n, apex, t) })
}

// stays reports whether an RRset stays when all of its name is removed (RFC 2136 3.4.2.3).
func (m *Message) stays(k Key) bool {
	return k.Name == m.Apex && (k.Type == zone.TypeSOA || k.Type == zone.TypeNS)
}

func plain(algorithm string) string { return strings.TrimSuffix(algorithm, ".") }
