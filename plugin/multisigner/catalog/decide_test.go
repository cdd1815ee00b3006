package catalog_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var (
	cat   = zone.MustName("cat.example.")
	other = zone.MustName("other.example.")
	begin = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
)

// world is what is there when a catalog is acted upon.
type world struct {
	have   map[zone.Name]catalog.Entry
	rules  catalog.Rules
	others map[zone.Name]*catalog.Catalog
	static map[zone.Name]string
	now    time.Time
}

func newWorld(blocks ...string) *world {
	w := &world{have: map[zone.Name]catalog.Entry{}, others: map[zone.Name]*catalog.Catalog{}, static: map[zone.Name]string{}, now: begin}
	w.rules = catalog.Rules{
		Blocks:    blocks,
		Elsewhere: func(n zone.Name) string { return w.static[n] },
		Other: func(c, n zone.Name) (catalog.Member, bool, bool) {
			other, consumed := w.others[c]
			if !consumed {
				return catalog.Member{}, false, false
			}
			m, ok := other.Members[n]
			return m, ok, true
		},
	}
	return w
}

// read takes in a version of a catalog, whose members stand as "ZONE ID [GROUP [COO]]", and
// carries out all of the plan.
func (w *world) read(name zone.Name, members ...string) catalog.Plan {
	w.now = w.now.Add(time.Minute)
	c := &catalog.Catalog{Name: name, Members: map[zone.Name]catalog.Member{}}
	for _, text := range members {
		var at, id, group, coo string
		_, _ = fmt.Sscan(text, &at, &id, &group, &coo)
		m := catalog.Member{ID: id}
		if group != "" && group != "-" {
			m.Groups = []string{group}
		}
		if coo != "" {
			m.Coo = zone.MustName(coo)
		}
		c.Members[zone.MustName(at)] = m
	}
	w.others[name] = c
	p := catalog.Next(c, w.have, w.rules, w.now)
	maps.Copy(w.have, p.Changes)
	return p
}

// served lists the members that are there, as "ZONE CATALOG ID BLOCK".
func (w *world) served() (all []string) {
	for n, e := range w.have {
		if e.Gone.IsZero() {
			all = append(all, fmt.Sprintf("%s %s %s %s", n, e.Catalog, e.ID, e.Block))
		}
	}
	slices.Sort(all)
	return all
}

func (w *world) why(p catalog.Plan, name string) string { return p.Unserved[zone.MustName(name)].Why }

// Members come, change and go; and nothing is done twice.
func TestMembers(t *testing.T) {
	w := newWorld("default", "gold")
	require.Len(t, w.read(cat, "a. 1", "b. 2 gold", "c. 3 tin").Changes, 3)
	require.Equal(t, []string{"a. cat.example. 1 default", "b. cat.example. 2 gold", "c. cat.example. 3 default"}, w.served())
	require.Empty(t, w.read(cat, "a. 1", "b. 2 gold", "c. 3 tin").Changes)
	since := w.have[zone.MustName("a.")].Since

	require.Len(t, w.read(cat, "a. 1 gold", "b. 2 gold", "d. 3").Changes, 3)
	require.Equal(t, []string{"a. cat.example. 1 gold", "b. cat.example. 2 gold", "d. cat.example. 3 default"}, w.served())
	require.Equal(t, since, w.have[zone.MustName("a.")].Since)
	require.Equal(t, w.now, w.have[zone.MustName("c.")].Gone)
	require.Empty(t, w.read(cat, "a. 1 gold", "b. 2 gold", "d. 3").Changes, "what is gone does not go again")

	w.read(cat, "a. 9 gold", "b. 2 gold", "c. 3", "d. 3")
	require.Equal(t, []string{"a. cat.example. 9 gold", "b. cat.example. 2 gold", "c. cat.example. 3 default", "d. cat.example. 3 default"}, w.served())
}

// The first block that one of the groups names counts, in the order of the blocks. Without
// one, and without a default, a member is held, and never gets the settings of another group.
func TestGroups(t *testing.T) {
	w := newWorld("gold", "silver")
	c := &catalog.Catalog{Name: cat, Members: map[zone.Name]catalog.Member{
		zone.MustName("both."):    {ID: "1", Groups: []string{"silver", "gold"}},
		zone.MustName("none."):    {ID: "2"},
		zone.MustName("tin."):     {ID: "3", Groups: []string{"tin"}},
		zone.MustName("several."): {ID: "4", Groups: []string{"lead", "tin"}},
	}}
	p := catalog.Next(c, w.have, w.rules, w.now)
	require.Equal(t, map[zone.Name]catalog.Entry{zone.MustName("both."): {Catalog: cat, ID: "1", Block: "gold", Since: w.now}}, p.Changes)
	require.Equal(t, map[zone.Name]catalog.Unserved{
		zone.MustName("none."):    {Held: true, Why: "it has no group, and there is no group default"},
		zone.MustName("tin."):     {Held: true, Why: `its group "tin" is not known, and there is no group default`},
		zone.MustName("several."): {Held: true, Why: `none of its groups ["lead" "tin"] is known, and there is no group default`},
	}, p.Unserved)

	w.read(cat, "a. 1 gold")
	p = w.read(cat, "a. 1 tin")
	require.Empty(t, p.Changes)
	require.Equal(t, `its group "tin" is not known; it keeps the settings that it has`, w.why(p, "a."))
	require.Equal(t, []string{"a. cat.example. 1 gold"}, w.served())
}

// A catalog brings no zone that it may not bring, that is there otherwise, or that is the
// catalog. When the Corefile comes to have a member, that is no member any more.
func TestUninvited(t *testing.T) {
	w := newWorld("default")
	w.rules.Suffixes = []zone.Name{zone.MustName("customers.example."), zone.MustName("net.")}
	w.static[zone.MustName("a.net.")] = "Corefile:3"
	p := w.read(cat, "cat.example. 1", "a.net. 2", "b.net. 3", "net. 4", "xnet. 5", "example. 6", "c.customers.example. 7")
	require.Equal(t, []string{"b.net. cat.example. 3 default", "c.customers.example. cat.example. 7 default", "net. cat.example. 4 default"}, w.served())
	require.Equal(t, "it is served from elsewhere: Corefile:3", w.why(p, "a.net."))
	require.Equal(t, "it is the catalog itself", w.why(p, "cat.example."))
	require.Equal(t, "it is not below customers.example. net. (members)", w.why(p, "xnet."))
	require.Contains(t, p.Unserved, zone.MustName("example."))

	w.static[zone.MustName("b.net.")] = "Corefile:9"
	p = w.read(cat, "b.net. 3", "net. 4", "c.customers.example. 7")
	require.Equal(t, []string{"c.customers.example. cat.example. 7 default", "net. cat.example. 4 default"}, w.served())
	require.Equal(t, "it is served from elsewhere: Corefile:9", w.why(p, "b.net."))
	require.Empty(t, w.read(cat, "b.net. 3", "net. 4", "c.customers.example. 7").Changes)
}

// A zone goes from one catalog to another when the old one says so, in whatever order the
// two are read, or when nobody reads the old one any more (RFC 9432 4.3.1).
func TestChangeOfOwnership(t *testing.T) {
	w := newWorld("default")
	w.read(cat, "a. 1")
	p := w.read(other, "a. 1")
	require.Equal(t, "it is a member of catalog cat.example., which does not give it to this one (no coo)", w.why(p, "a."))
	w.read(cat, "a. 1 - third.example.")
	require.Empty(t, w.read(other, "a. 1").Changes)

	w.read(cat, "a. 1 - other.example.")
	require.Equal(t, []string{"a. cat.example. 1 default"}, w.served(), "until the new one has it, the old one keeps it")
	w.read(other, "a. 1")
	require.Equal(t, []string{"a. other.example. 1 default"}, w.served())
	require.Empty(t, w.read(other, "a. 1").Changes)
	p = w.read(cat, "a. 1 - other.example.")
	require.Empty(t, p.Changes)
	require.NotEmpty(t, w.why(p, "a."), "it does not come back by itself")
	require.Empty(t, w.read(cat).Changes, "and the old one has nothing to remove")

	delete(w.others, other)
	w.read(cat, "a. 1")
	require.Equal(t, []string{"a. cat.example. 1 default"}, w.served())
}

// Many that move by other ids are reset because both catalogs say so (RFC 9432 4.3.1), and do not count against
// the next that is removed.
func TestManyMoves(t *testing.T) {
	w := newWorld("default")
	var old, moving, moved []string
	for i := range 12 {
		old = append(old, fmt.Sprintf("z%02d. x%[1]d", i))
		moving = append(moving, old[i]+" - other.example.")
		moved = append(moved, fmt.Sprintf("z%02d. y%[1]d", i))
	}
	w.read(cat, old...)
	w.read(cat, moving...)
	require.Empty(t, w.read(other, moved...).Waiting)
	require.Contains(t, w.served(), "z11. other.example. y11 default")
	require.Empty(t, w.read(cat).Waiting)
	require.Empty(t, w.read(other, moved[1:]...).Waiting)
	require.Len(t, w.served(), 11)
}

// A version that removes or resets many members at once waits for a person; what it adds and
// regroups does not. A later version is looked at anew.
func TestMassRemoval(t *testing.T) {
	many := func(from, to int, id string) (all []string) {
		for i := from; i < to; i++ {
			all = append(all, fmt.Sprintf("z%03d. %s", i, id+fmt.Sprint(i)))
		}
		return all
	}
	w := newWorld("default", "gold")
	w.read(cat, many(0, 100, "x")...)

	p := w.read(cat, many(10, 100, "x")...)
	require.Empty(t, p.Waiting, "ten are few")
	require.Len(t, w.served(), 90)
	w.read(cat, many(0, 100, "x")...)
	require.Len(t, w.served(), 100)

	p = w.read(cat, append(many(11, 99, "x"), "z099. x99 gold", "new. 1")...)
	require.Len(t, p.Waiting, 11)
	require.Equal(t, 100, p.Of)
	require.Equal(t, zone.MustName("z000."), p.Waiting[0])
	require.Len(t, w.served(), 101)
	require.Contains(t, w.served(), "new. cat.example. 1 default")
	require.Contains(t, w.served(), "z099. cat.example. x99 gold")
	require.Empty(t, w.read(cat, append(many(11, 99, "x"), "z099. x99 gold", "new. 1")...).Changes)

	require.Len(t, w.read(cat).Waiting, 101, "an empty catalog removes nothing")
	require.Len(t, w.read(cat, append(many(0, 89, "x"), many(89, 100, "y")...)...).Waiting, 12, "resets count as well, beside new.")
	w.rules.Accepted = true
	p = w.read(cat, many(11, 100, "x")...)
	require.Empty(t, p.Waiting)
	require.Len(t, p.Changes, 13)
	require.Len(t, w.served(), 89)

	w.rules.Accepted = false
	require.NotEmpty(t, w.read(cat, many(12, 100, "x")...).Waiting, "one more, to what went today")
	w.rules.Since = w.now
	require.Empty(t, w.read(cat, many(12, 100, "x")...).Waiting, "that was accepted")
	w.now = w.now.Add(-time.Hour)
	require.NotEmpty(t, w.read(cat, many(13, 100, "x")...).Waiting, "but not by a clock that was ahead")

	w = newWorld("default")
	w.read(cat, many(0, 1000, "x")...)
	require.Empty(t, w.read(cat, many(100, 1000, "x")...).Waiting, "a tenth is not more than a tenth")
	require.Len(t, w.read(cat, many(191, 1000, "x")...).Waiting, 91)
}

// A catalog that loses a few members in each of many versions waits for a person as well, when
// they are many in a day. Zones that the Corefile has now, or that are back, are not lost.
func TestManyRemovalsInADay(t *testing.T) {
	many := func(from, to int) (all []string) {
		for i := from; i < to; i++ {
			all = append(all, fmt.Sprintf("z%03d. x%[1]d", i))
		}
		return all
	}
	w := newWorld("default")
	w.read(cat, many(0, 100)...)
	require.Empty(t, w.read(cat, many(8, 100)...).Waiting)
	require.Empty(t, w.read(cat, many(0, 100)...).Waiting)
	require.Empty(t, w.read(cat, many(8, 100)...).Waiting, "those that went before are back")
	p := w.read(cat, many(11, 100)...)
	require.Len(t, p.Waiting, 3)
	require.Equal(t, 92, p.Of)
	require.Len(t, w.served(), 92)
	w.now = w.now.Add(24 * time.Hour)
	require.Empty(t, w.read(cat, many(11, 100)...).Waiting, "that was yesterday")

	w = newWorld("default")
	w.read(cat, many(0, 100)...)
	for i := range 10 {
		w.static[zone.MustName(fmt.Sprintf("z%03d.", i))] = "Corefile:3"
	}
	w.read(cat, many(10, 100)...)
	require.Empty(t, w.read(cat, many(15, 100)...).Waiting)
}

// Resets are counted as removals are, also of members that were away in between.
func TestManyResetsInADay(t *testing.T) {
	ids := func(reset int) (all []string) {
		for i := range 100 {
			id := "x"
			if i < reset {
				id = "y"
			}
			all = append(all, fmt.Sprintf("z%03d. %s%[1]d", i, id))
		}
		return all
	}
	w := newWorld("default")
	w.read(cat, ids(0)...)
	require.Empty(t, w.read(cat, ids(8)...).Waiting)
	require.Empty(t, w.read(cat, ids(8)...).Waiting)
	require.Empty(t, w.read(cat, ids(10)...).Waiting)
	require.Len(t, w.read(cat, ids(11)...).Waiting, 1)
	require.Len(t, w.read(cat, ids(10)[1:]...).Waiting, 0, "one of those that were reset, again")
	w.now = w.now.Add(24 * time.Hour)
	require.Empty(t, w.read(cat, ids(11)...).Waiting, "that was yesterday")

	w = newWorld("default")
	w.read(cat, ids(0)...)
	require.Empty(t, w.read(cat, ids(0)[8:]...).Waiting)
	require.Empty(t, w.read(cat, ids(8)...).Waiting, "they are back, by other ids")
	require.Len(t, w.read(cat, ids(11)...).Waiting, 3)
}
