// Package catalog reads catalog zones (RFC 9432), makes them, and decides what is to become of
// the zones that are named in them. It touches nothing: its caller has the zones, and
// carries out what Next says.
package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// typePTR is the type of what names a zone (RFC 9432 4.1).
const typePTR zone.Type = 12

// Catalog is what a catalog zone says. It is never changed.
type Catalog struct {
	Name    zone.Name
	Serial  uint32
	Members map[zone.Name]Member // by the zone
}

// Member is a zone that a catalog names.
type Member struct {
	ID     string    // its label below zones, in lower case: another one asks for a reset (RFC 9432 5.4)
	Groups []string  // sorted; what they mean is between producer and consumer
	Coo    zone.Name // the catalog that it may move to (RFC 9432 4.3.1); "": none
}

// MaxMembers bounds a catalog: our choice, ten times what anybody is known to have in one.
const MaxMembers = 1_000_000

// Parse reads a catalog. The error says why it is broken: then it must not be processed, and
// everything stays as it was (RFC 9432 5.1). What has no meaning to us is passed over.
func Parse(v *zone.Version) (*Catalog, error) {
	if err := checkVersion(v); err != nil {
		return nil, fmt.Errorf("catalog %s is broken: %w", v.Apex(), err)
	}
	c := &Catalog{Name: v.Apex(), Serial: v.Serial(), Members: map[zone.Name]Member{}}
	zones, ok := below("zones", v.Apex())
	if !ok {
		return c, nil // no name fits below, so that there is no member
	}
	for n := range v.From(zones) {
		if !n.Name().Under(zones) {
			break
		}
		if err := c.add(v, n, zones); err != nil {
			return nil, fmt.Errorf("catalog %s is broken: %w", v.Apex(), err)
		}
	}
	return c, nil
}

// checkVersion asks for what every catalog has (RFC 9432 4, 4.2.1).
func checkVersion(v *zone.Version) error {
	if !v.SOA().Exists() {
		return fmt.Errorf("it has no SOA record")
	}
	if ns, _ := v.RRset(v.Apex(), zone.TypeNS); !ns.Exists() {
		return fmt.Errorf("it has no NS record, where a catalog has invalid. as its nameserver")
	}
	var set zone.RRset
	if name, ok := below("version", v.Apex()); ok {
		set, _ = v.RRset(name, zone.TypeTXT)
	}
	switch {
	case !set.Exists():
		return fmt.Errorf("it has no TXT record at version.%s: is it a catalog?", plain(v.Apex()))
	case set.Rdata.Len() > 1:
		return fmt.Errorf("it has %d versions, and must have one", set.Rdata.Len())
	}
	for rdata := range set.Rdata.All() {
		if text := join(rdata); text != "2" {
			return fmt.Errorf("its version is %q, and only \"2\" is known (RFC 9432)", text)
		}
	}
	return nil
}

// add reads the node of a member; others are passed over.
func (c *Catalog) add(v *zone.Version, n *zone.Node, zones zone.Name) error {
	if n.Name().Labels() != zones.Labels()+1 {
		return nil
	}
	ptr, ok := n.Get(typePTR)
	if !ok {
		return nil
	}
	id := n.Name().Label()
	member, err := single(ptr)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name(), err)
	}
	if other, twice := c.Members[member]; twice {
		return fmt.Errorf("%s is named twice, by the ids %s and %s", member, Text(other.ID), Text(id))
	}
	m := Member{ID: id}
	if name, ok := below("group", n.Name()); ok {
		set, _ := v.RRset(name, zone.TypeTXT)
		for rdata := range set.Rdata.All() {
			m.Groups = append(m.Groups, join(rdata))
		}
		slices.Sort(m.Groups)
	}
	if name, ok := below("coo", n.Name()); ok {
		if set, _ := v.RRset(name, typePTR); set.Exists() {
			if m.Coo, err = single(set); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if len(c.Members) == MaxMembers {
		return fmt.Errorf("it has more than %d members", MaxMembers)
	}
	c.Members[member] = m
	return nil
}

// single is the name in a PTR RRset, which must be the only one (RFC 9432 4.1, 4.3.1).
func single(set zone.RRset) (zone.Name, error) {
	if n := set.Rdata.Len(); n != 1 {
		return "", fmt.Errorf("%d PTR records stand there, and must be one", n)
	}
	for rdata := range set.Rdata.All() {
		if name, size, err := zone.NameFromWire([]byte(rdata)); err == nil && size == len(rdata) {
			return name, nil
		}
	}
	return "", fmt.Errorf("its PTR record holds no name")
}

// below is the name with a label before it; ok is false when that is too long.
func below(label string, n zone.Name) (name zone.Name, ok bool) {
	return zone.Name([]byte{byte(len(label))}) + zone.Name(label) + n, 1+len(label)+len(n) <= zone.MaxName
}

// join is the text of TXT rdata: all its strings, as one.
func join(rdata string) string {
	var b strings.Builder
	for len(rdata) > 0 {
		size := min(int(rdata[0]), len(rdata)-1)
		b.WriteString(rdata[1 : 1+size])
		rdata = rdata[1+size:]
	}
	return b.String()
}

// Text is a label in presentation form.
func Text(label string) string {
	if label == "" || len(label) > zone.MaxLabel {
		return fmt.Sprintf("%q", label)
	}
	name, _ := below(label, zone.Root)
	return plain(name)
}

func plain(n zone.Name) string {
	if n == zone.Root {
		return "."
	}
	return strings.TrimSuffix(n.String(), ".")
}
