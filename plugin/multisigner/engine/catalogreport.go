package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// catalogFailing is how long no primary may give a catalog before somebody is told: our
// choice. Catalogs name long times in their SOAs, for they never expire.
const catalogFailing = time.Hour

// namedInAlarm is how many zones an alarm names: our choice.
const namedInAlarm = 5

// report makes the alarms of a catalog anew, and tells who is to be told of them.
func (c *Catalog) report(now time.Time) {
	w := c.zone.work
	w.ended.alarms = w.arrange(w.date(c.alarms(now), now))
	c.of.engine.announce(c.zone, w.ended.alarms, now)
}

func (c *Catalog) alarms(now time.Time) (all []alarm) {
	raise := func(n status.AlarmName, about, cure, format string, args ...any) {
		all = append(all, newAlarm(n, about, fmt.Sprintf(format, args...), cure))
	}
	if c.of.fault != nil {
		raise(status.AlarmCatalogNotSaved, "", cureOfDisk, "what a catalog says is not acted upon: %s", c.of.fault)
	} else if c.unkept != nil {
		raise(status.AlarmCatalogNotSaved, "", cureOfDisk, "the catalog is not acted upon, because it cannot be kept: %s", c.unkept)
	}
	s := c.record.Intake
	if s.Rejected != nil {
		raise(status.AlarmCatalogBroken, "", "mend it at its producer, and raise its serial; what was refused is in zones/"+kept.FileName(c.name)+".rejected of the state directory",
			"serial %d from %s was refused: %s", s.Rejected.Serial, s.Rejected.Primary, s.Rejected.Why)
	}
	if s.Back != nil {
		raise(status.AlarmCatalogBack, "", "if the older catalog is meant, give `catalog retransfer "+c.name.String()+"`; else raise its serial above ours",
			"the primary %s went back from serial %d to %d: nothing is taken from there", s.Back.Primary, s.Serial, s.Back.Serial)
	}
	if s.Failures > 0 && (!s.Has || now.Sub(s.Failing) >= catalogFailing) {
		raise(status.AlarmCatalogFailing, "", "see that the primary runs, can be reached from here, and lets this server transfer",
			"no primary gives the catalog since %s: %s", clock.Stamp(s.Failing), s.Why)
	}
	if waiting := c.plan.Waiting; len(waiting) > 0 {
		raise(status.AlarmCatalogMass, "", "if they are meant to go, give `catalog accept "+c.name.String()+"`; else mend the catalog",
			"serial %d removes or resets %d of %d members, and waits for a person: %s", c.last.Serial, len(waiting), c.plan.Of, some(waiting))
	}
	for _, why := range c.held() {
		raise(status.AlarmCatalogHeld, why.names[0].String(), "add a group block of that name, or group default, to the catalog block; or have the producer name a group that is there",
			"%d members are held: %s (%s)", len(why.names), some(why.names), why.why)
	}
	if left := c.of.delegatedFrom(c.name); len(left) > 0 {
		raise(status.AlarmRemovedDelegated, "", "put them back into the catalog, or have the parent delegate them elsewhere: removal from a catalog is no way to leave a group",
			"%d zones are in the catalog no more, and their parents still delegate them here: %s", len(left), some(left))
	}
	return all
}

// heldFor are members that are held for one reason.
type heldFor struct {
	why   string
	names []zone.Name
}

// held gives the members that wait for somebody, by reason, in an order that stays.
func (c *Catalog) held() (all []heldFor) {
	by := map[string][]zone.Name{}
	for name, u := range c.plan.Unserved {
		if u.Held {
			by[u.Why] = append(by[u.Why], name)
		}
	}
	for why, names := range by {
		slices.SortFunc(names, zone.Name.Compare)
		all = append(all, heldFor{why, names})
	}
	slices.SortFunc(all, func(a, b heldFor) int { return a.names[0].Compare(b.names[0]) })
	return all
}

// some names the first few.
func some(names []zone.Name) string {
	var all []string
	for _, n := range names[:min(len(names), namedInAlarm)] {
		all = append(all, n.String())
	}
	if more := len(names) - namedInAlarm; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// Catalogs tells of every catalog that is consumed, in the order of the Corefile, and of those that are
// made here, without their members.
func (e *Engine) Catalogs() (all []status.Catalog) {
	c := e.catalogs
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.list {
		all = append(all, each.status(e.clock.Now()))
	}
	for _, s := range e.products.status(e.clock.Now()) {
		s.Members = nil
		all = append(all, s)
	}
	return all
}

// CatalogStatus tells of one catalog, and of its members; ok is false when there is none.
func (e *Engine) CatalogStatus(name zone.Name) (s status.Catalog, ok bool) {
	c := e.catalogs
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.find(name)
	if from == nil {
		for _, s := range e.products.status(e.clock.Now()) {
			if s.Catalog == name.String() {
				return s, true
			}
		}
		return status.Catalog{}, false
	}
	s = from.status(e.clock.Now())
	s.Members = from.members(e.clock.Now())
	return s, true
}

func (c *Catalog) status(now time.Time) status.Catalog {
	in := c.record.Intake
	s := status.Catalog{
		Catalog: c.name.String(), Role: "consumer", Signer: c.config.Zone.Signer, At: now, Where: c.config.Zone.Where,
		Primary: in.From, Refreshed: in.Refreshed, Next: in.Next, Why: in.Why, Waiting: len(c.plan.Waiting), Alarms: []status.Alarm{},
	}
	if c.last != nil {
		s.Serial, s.Named = c.last.Serial, len(c.last.Members)
	}
	for _, u := range c.plan.Unserved {
		if u.Held {
			s.Held++
		}
	}
	table := *c.of.engine.zones.Load()
	for name, en := range c.of.entries {
		if z := table[name]; en.Catalog == c.name && z != nil && z.Config().Member == en.member() {
			s.Served++
		}
	}
	if alarms := c.zone.work.ended.alarms; alarms != nil {
		s.Alarms = alarms
	}
	return s
}

// members lists what the catalog names and has named, by name.
func (c *Catalog) members(now time.Time) []status.CatalogMember {
	all := []status.CatalogMember{}
	table := *c.of.engine.zones.Load()
	seen := map[zone.Name]bool{}
	for name, en := range c.of.entries {
		if en.Catalog == c.name {
			seen[name] = true
			all = append(all, c.member(name, en, table[name], now))
		}
	}
	if c.last != nil {
		for name, m := range c.last.Members {
			if seen[name] {
				continue
			}
			is := status.CatalogMember{Zone: name.String(), ID: catalog.Text(m.ID), Groups: m.Groups, State: "beginning"}
			if u, ok := c.plan.Unserved[name]; ok {
				is.Why, is.State = u.Why, "ignored"
				if u.Held {
					is.State = "held"
				}
			}
			all = append(all, is)
		}
	}
	slices.SortFunc(all, func(a, b status.CatalogMember) int { return strings.Compare(a.Zone, b.Zone) })
	return all
}

// member tells of a zone that was acted on.
func (c *Catalog) member(name zone.Name, en entry, z *Zone, now time.Time) status.CatalogMember {
	is := status.CatalogMember{Zone: name.String(), ID: catalog.Text(en.ID), Group: en.Block, Since: en.Since, State: "beginning"}
	if c.last != nil {
		is.Groups = c.last.Members[name].Groups
	}
	u, unserved := c.plan.Unserved[name]
	settings, until := c.of.serves(name, en, now)
	switch served := z != nil && z.Config().Member == en.member(); {
	case !en.Gone.IsZero() && settings == nil:
		is.State, is.Since, is.Why = "removed", en.Gone, "its keys and its state are kept"
	case !en.Gone.IsZero():
		is.State, is.Why = "leaving", "it is served until "+clock.Stamp(until)
	case slices.Contains(c.plan.Waiting, name):
		is.State, is.Why = "waiting", "it is removed or reset by `catalog accept`; until then it is served as before"
	case settings == nil:
		is.State, is.Why = "held", fmt.Sprintf("there is no group %s any more", en.Block)
	case unserved && u.Held:
		is.State, is.Why = "held", u.Why
	case served && z.hasBegun():
		is.State = "served"
		if s := z.Serving(); s.Version == nil || s.Refuse != "" {
			is.Why = s.Refuse
		}
	}
	return is
}
