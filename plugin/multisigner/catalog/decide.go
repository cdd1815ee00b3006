package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Entry is what was acted on for a zone: whose member it is, or was.
type Entry struct {
	Catalog zone.Name
	ID      string
	Block   string    // the group block whose settings it has
	Since   time.Time // when it became a member
	Gone    time.Time // when it left the catalog; zero: it is in it
	Reset   time.Time // when it last got another id; zero: never
}

// Rules are what the operator has set for a catalog, and what else there is.
type Rules struct {
	Suffixes []zone.Name // a member must be below one of these, or be it; none: it may be any
	Blocks   []string    // the group blocks, in their order
	// Accepted: a person has said that what this version of the catalog removes may go.
	Accepted bool
	// Since is up to when a person has accepted what was removed and reset: it does not count
	// against what is to come.
	Since time.Time
	// Elsewhere says where a zone comes from that is no member; "" when it does not.
	Elsewhere func(zone.Name) string
	// Other gives what another catalog says of a zone. consumed is false when there is no such
	// catalog any more, ok when it does not name the zone.
	Other func(catalog, member zone.Name) (m Member, ok, consumed bool)
}

// DefaultBlock is the group block for members of which no other block is.
const DefaultBlock = "default"

// Plan is what is to be done for the zones of a catalog, and what is not.
type Plan struct {
	// Changes are the entries that become others, by zone; of a removed one Gone is set. They may
	// be carried out in any order, and some of them now and others later.
	Changes map[zone.Name]Entry
	// Unserved are members that do not get what the catalog says, and why.
	Unserved map[zone.Name]Unserved
	// Waiting are removals and resets that wait for a person; nil when none do.
	Waiting []zone.Name
	Of      int // members there are, where some are Waiting
}

// Unserved says why a member does not get what the catalog says.
type Unserved struct {
	Held bool // somebody has to do something: its group is not known
	Why  string
}

// A version that removes or resets more than fewRemoved members, and more than one in
// massOf of them, waits for a person: our choice. RFC 9432 6 warns of the catalog that
// was emptied by mistake. So does one by which it comes to that within massWithin: a
// mistake may come in several versions.
const (
	fewRemoved = 10
	massOf     = 10
	massWithin = 24 * time.Hour
)

// Next compares what a catalog says with what was acted on, at a time. It changes nothing of
// its arguments, and gives the same plan again as long as nothing was carried out.
func Next(c *Catalog, have map[zone.Name]Entry, rules Rules, now time.Time) Plan {
	p := Plan{Changes: map[zone.Name]Entry{}, Unserved: map[zone.Name]Unserved{}}
	of, removes := 0, map[zone.Name]Entry{}
	for name, e := range have {
		if e.Catalog != c.Name || !e.Gone.IsZero() {
			continue
		}
		of++
		if _, stays := c.Members[name]; !stays || !rules.admits(name, c.Name) {
			e.Gone = now
			removes[name] = e
		}
	}
	for name, m := range c.Members {
		e, known := have[name]
		block, ok := rules.Choose(m.Groups)
		next := Entry{Catalog: c.Name, ID: m.ID, Block: block, Since: now, Reset: e.Reset}
		mine := known && e.Catalog == c.Name && e.Gone.IsZero()
		moved := known && !mine && e.Gone.IsZero() // if at all: two catalogs have said so, each member by itself
		if known && e.ID != m.ID && !moved {
			next.Reset = now
		}
		switch {
		case !rules.admits(name, c.Name):
			p.Unserved[name] = Unserved{Why: rules.outside(name, c.Name)}
		case rules.Elsewhere(name) != "":
			p.Unserved[name] = Unserved{Why: "it is served from elsewhere: " + rules.Elsewhere(name)}
			if mine { // the Corefile has it now: its state stays where it is
				e.Gone = now
				p.Changes[name] = e
			}
		case moved && !rules.moves(name, e, c.Name):
			p.Unserved[name] = Unserved{Why: fmt.Sprintf("it is a member of catalog %s, which does not give it to this one (no coo)", e.Catalog)}
		case !ok:
			p.Unserved[name] = Unserved{Held: true, Why: unknownGroup(m.Groups, mine && slices.Contains(rules.Blocks, e.Block))}
		case !mine:
			p.Changes[name] = next
		case e.ID != m.ID:
			next.Since = e.Since
			removes[name] = next
		case e.Block != block:
			next.Since = e.Since
			p.Changes[name] = next
		}
	}
	gone, reset := rules.lately(c.Name, have, removes, now)
	if lost := len(removes) + gone + reset; len(removes) > 0 && lost > fewRemoved && lost*massOf > of+gone && !rules.Accepted {
		for name := range removes {
			p.Waiting = append(p.Waiting, name)
		}
		slices.SortFunc(p.Waiting, zone.Name.Compare)
		p.Of = of
		return p
	}
	for name, e := range removes {
		p.Changes[name] = e
	}
	return p
}

// lately counts the members that were removed and reset within massWithin, beside those that are to be now, and
// that nobody has accepted. A clock that was ahead when somebody did so excuses nothing.
func (r Rules) lately(catalog zone.Name, have, removes map[zone.Name]Entry, now time.Time) (gone, reset int) {
	since := r.Since
	if since.After(now) {
		since = time.Time{}
	}
	counts := func(at time.Time) bool { return at.After(since) && now.Sub(at) < massWithin }
	for name, e := range have {
		_, again := removes[name]
		switch {
		case e.Catalog != catalog || again:
		case counts(e.Gone) && r.Elsewhere(name) == "":
			gone++
		case e.Gone.IsZero() && counts(e.Reset):
			reset++
		}
	}
	return gone, reset
}

// admits reports whether a catalog may bring a zone at all (RFC 9432 7).
func (r Rules) admits(member, catalog zone.Name) bool {
	if member == catalog {
		return false
	}
	return len(r.Suffixes) == 0 || slices.ContainsFunc(r.Suffixes, func(s zone.Name) bool { return member.Under(s) })
}

func (r Rules) outside(member, catalog zone.Name) string {
	if member == catalog {
		return "it is the catalog itself"
	}
	var all []string
	for _, s := range r.Suffixes {
		all = append(all, s.String())
	}
	return "it is not below " + strings.Join(all, " ") + " (members)"
}

// moves reports whether a member of another catalog may come to this one: that one says so
// by coo (RFC 9432 4.3.1), or is consumed no more.
func (r Rules) moves(member zone.Name, e Entry, to zone.Name) bool {
	m, ok, consumed := r.Other(e.Catalog, member)
	return !consumed || ok && m.Coo == to
}

// Choose finds the first block that one of the groups names, else the default one; ok is false where
// there is none of either.
func (r Rules) Choose(groups []string) (block string, ok bool) {
	for _, b := range r.Blocks {
		if slices.Contains(groups, b) {
			return b, true
		}
	}
	return DefaultBlock, slices.Contains(r.Blocks, DefaultBlock)
}

func unknownGroup(groups []string, served bool) string {
	why := "it has no group"
	switch len(groups) {
	case 0:
	case 1:
		why = fmt.Sprintf("its group %q is not known", groups[0])
	default:
		why = fmt.Sprintf("none of its groups %q is known", groups)
	}
	if served {
		return why + "; it keeps the settings that it has"
	}
	return why + ", and there is no group default"
}
