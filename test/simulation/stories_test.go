package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/simulation"
)

// story is a sequence of events that rules which look right would not withstand, and a
// world in which it happens.
type story struct {
	id, what string
	shape    func(*simulation.Config)
	happens  []string // what must have befallen the worlds; empty: it lies in the shape
}

func group(n int) func(*simulation.Config) { return func(c *simulation.Config) { c.Signers = n } }

func with(all ...func(*simulation.Config)) func(*simulation.Config) {
	return func(c *simulation.Config) {
		for _, f := range all {
			f(c)
		}
	}
}

func asks(k simulation.ParentKind) func(*simulation.Config) {
	return func(c *simulation.Config) { c.Parent = k }
}

func begins(b simulation.Beginning) func(*simulation.Config) {
	return func(c *simulation.Config) { c.Start = b }
}

func faults(c *simulation.Config)    { c.Faults = true }
func calm(c *simulation.Config)      { c.Faults = false }
func forgets(c *simulation.Config)   { c.Faults, c.Lost = true, true }
func old(c *simulation.Config)       { c.Old = true }
func hidden(c *simulation.Config)    { c.Hidden = true }
func late(c *simulation.Config)      { c.Late = true }
func foreign(c *simulation.Config)   { c.Foreign = 1 }
func strangers(c *simulation.Config) { c.Foreign = 2 }
func csk(c *simulation.Config)       { c.CSK = true }
func double(c *simulation.Config)    { c.Double = true }
func moving(c *simulation.Config)    { c.Moves = true }
func fewTags(c *simulation.Config)   { c.Tags = 60 }
func crowded(c *simulation.Config)   { c.Crowd = true }
func records(c *simulation.Config)   { c.Guard = true }
func twoYears(c *simulation.Config)  { c.Years = 2 }

func anyKeys(c *simulation.Config) { c.CSK = c.Seed%2 == 0 }

// ofAnySize and anyParent take in turn what a foreign signer may meet.
func ofAnySize(c *simulation.Config) { c.Signers = 2 + int(c.Seed%3) }
func anyParent(c *simulation.Config) {
	c.Parent = []simulation.ParentKind{simulation.Strict, simulation.Person}[c.Seed/3%2]
}

// stories says where each story is told. Letters are those of docs/PROOF.md, which says, too,
// which stories need what no signer does yet.
var stories = []story{
	{"C1", "a validator asks for CDS with any signer's DNSKEY RRset", with(group(3), csk), nil},
	{"C2", "a foreign KSK begins to sign data", with(group(3), faults, foreign), []string{"KSK signs data"}},
	{"C3", "a joiner answers resolvers only when its keys are in every cache", with(group(3), begins(simulation.Joined)), []string{"joined"}},
	{"C4", "secondaries are hours behind", with(group(3), faults), nil},
	{"C6", "a parent asks one random server while CDS differs", with(group(2), faults, asks(simulation.Hasty)), []string{"one server asked", "partition"}},
	{"C7", "A is up days before the others, and the parent ignores whom it does not reach", with(group(3), begins(simulation.Apart), asks(simulation.Deaf)), nil},
	{"C8", "a signer loses its state while it is delegated", with(group(3), forgets), []string{"state lost", "recover"}},
	{"C9", "a signer is restored to an old state", with(group(3), faults, twoYears), []string{"restored"}},
	{"C9 whole", "a signer is restored to an old state with the keys of that time", with(group(3), faults, old, twoYears), []string{"outrun"}},
	{"C13", "a foreign signer forgets our keys", with(group(2), faults, foreign), []string{"forgotten"}},
	{"C14", "clocks jump an hour or a year, forth and back", with(group(2), faults), []string{"jump"}},
	{"C15", "keys in use are compromised", with(group(2), calm, twoYears), []string{"compromised"}},
	{"C16", "keys with one tag are made at the same moment", with(group(4), fewTags, anyKeys, begins(simulation.Together)), []string{"tags clash"}},
	{"H1", "a foreign signer raises its TTL for some hours", with(group(2), faults, foreign), []string{"TTL raised"}},
	{"H2", "a foreign signer drops a key before its signatures have left the caches", with(group(2), faults, foreign), nil},
	{"H4", "a foreign signer signs gradually with a new algorithm", with(ofAnySize, foreign, faults, moving, anyParent, twoYears), []string{"signs gradually", "foreign algorithm"}},
	{"D1", "old keys leave although their owner stays", with(group(3), calm), nil},
	{"D2", "old states are restored in a group that tells by signatures whose keys are whose", with(group(3), faults, twoYears), []string{"restored"}},
	{"D3", "both begin together, and neither has CDS", with(group(2), calm, begins(simulation.Together)), nil},
	{"D4", "rollovers of the DS begin at all signers in one moment", with(group(4), calm, begins(simulation.Together), twoYears), []string{"roll"}},
	{"D6", "CDS names a key that is not published everywhere yet", with(group(3), double), nil},
	{"D7", "others' keys are pushed to a foreign signer by each owner", with(group(3), foreign, faults), []string{"forgotten"}},

	{"parent 1", "asks one random server", with(group(3), asks(simulation.Hasty), faults), []string{"one server asked"}},
	{"parent 2", "ignores the unreachable", with(group(3), asks(simulation.Deaf), faults), []string{"partition"}},
	{"parent 3", "only adds, until a person comes by", with(group(2), asks(simulation.Hoarder), twoYears), []string{"hoarded"}},
	{"parent 4", "restores an old DS", with(group(2), asks(simulation.Strict), faults, twoYears), []string{"old parent"}},
	{"parent 5", "has a secondary that is days behind", with(group(2), asks(simulation.Slow)), []string{"slow parent"}},
	{"parent 6", "is a person who pastes what one signer prints", with(group(2), asks(simulation.Person)), []string{"pasted"}},
	{"parent 7", "lowers the TTL of the DS just at the change", with(group(2), asks(simulation.Strict)), []string{"TTL lowered"}},
	{"parent 8", "goes back at one address, unseen by some", with(group(2), faults, asks(simulation.Strict), twoYears), []string{"parent goes back unseen"}},
	{"beginning 1", "A an hour or days before B", with(group(2), begins(simulation.Apart)), nil},
	{"beginning 2", "both at once", with(group(2), begins(simulation.Together)), nil},
	{"beginning 3", "a DS for the others only while A starts", with(group(2), begins(simulation.Joined)), []string{"joined"}},
	{"membership", "a plain secondary turned signer while it is delegated", with(group(2), begins(simulation.Delegated)), []string{"rejoin"}},
	{"state 1", "power failure of the whole group", with(group(3), faults), []string{"power failure"}},
	{"state 2", "a crash loop shorter than a TTL", with(group(2), faults), []string{"crash loop"}},
	{"state 3", "a crash between save and show", with(group(2), faults), []string{"crash before show"}},
	{"state 4", "looks are lost, late and out of order", with(group(3), late), []string{"look lost", "look late"}},
	{"crowd", "a foreign signer publishes many keys with the tag of one of ours, and takes none of ours", with(group(3), foreign, crowded, anyKeys, twoYears), []string{"crowd", "crowd that takes nothing"}},
	{"trust", "a signer loses its keys, makes new ones, and is trusted anew by order", with(group(3), forgets, twoYears), []string{"keys lost", "rejoin", "trust", "joined"}},
	{"keys 1", "split to csk and back", with(group(2), calm, twoYears), []string{"other keys"}},
	{"keys 2", "standby keys, by DoubleDS", with(group(2), double, calm), []string{"standby"}},
	{"freeze", "rollovers stand still by order for days", with(group(2), faults, twoYears), []string{"freeze", "thaw"}},
	{"stranger", "the parent has a DS that nobody knows, for days", with(group(2), faults), []string{"stranger"}},
	{"hidden", "servers that nobody looks at lag behind", with(group(3), hidden, faults), nil},
	{"guard", "versions have real records, and the guard objects to none", with(ofAnySize, records, faults, anyKeys, anyParent), nil},
	{"keys 3", "five signers", with(group(5), faults), nil},
	{"foreign", "two signers of other software, which do not look at each other", with(group(4), strangers, faults, moving, twoYears), []string{"foreign algorithm", "forgotten"}},
	{"algorithm 1", "the group rolls its algorithm, each told at a time of its own", with(group(3), moving, twoYears), []string{"algorithm"}},
	{"algorithm 2", "it is given up on the way, and begun anew", with(group(2), moving, calm, twoYears), []string{"abort"}},
	{"insecure", "the group goes insecure and secure again, each told at a time of its own", with(group(2), moving, calm, twoYears), []string{"insecure", "secure"}},
}

// world draws one of the story's shape.
func (s story) world(seed uint64) simulation.Config {
	c := simulation.Config{Seed: seed, Signers: 2, Years: 1}
	s.shape(&c)
	return c
}

// storyOf returns what draws the worlds of a story.
func storyOf(t *testing.T, id string) func(uint64) simulation.Config {
	i := slices.IndexFunc(stories, func(s story) bool { return s.id == id })
	require.GreaterOrEqual(t, i, 0, "no story is called %q", id)
	return stories[i].world
}

// Each story is told by worlds of its shape until what it is about has happened.
func TestStories(t *testing.T) {
	for _, s := range stories {
		t.Run(strings.ReplaceAll(s.id, " ", "-"), func(t *testing.T) {
			first := uint64(number(t, "SIM_SEED", float64(rand.Uint64()%1e9)))
			seen := map[string]bool{}
			for seed := first; seed < first+200; seed++ {
				c := s.world(seed)
				r := simulation.Run(c)
				if r.Failed() {
					tell(t, c)
					return
				}
				missing := 0
				for _, what := range s.happens {
					if seen[what] = seen[what] || r.Happened[what] > 0; !seen[what] {
						missing++
					}
				}
				if missing == 0 {
					return
				}
			}
			t.Errorf("%s: %s: in 200 worlds from seed %d on only %v happened, of %q", s.id, s.what, first, seen, s.happens)
		})
	}
	var b strings.Builder
	b.WriteString("| story | world |\n|---|---|\n")
	for _, s := range stories {
		fmt.Fprintf(&b, "| %s | %s |\n", s.id, s.what)
	}
	write(t, "stories", b.String())
}

// No two stories have one name.
func TestStoriesAreNamed(t *testing.T) {
	names := map[string]bool{}
	for _, s := range stories {
		require.False(t, names[s.id], s.id)
		names[s.id] = true
	}
}
