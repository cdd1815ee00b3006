// Package simulation runs whole groups of signers, each deciding by the real
// roll.Step, through years of virtual time: with a parent, secondaries that lag,
// partitions, crashes and clocks that jump. After every event a symbolic resolver,
// which knows nothing of the rules, is asked whether any mix of what caches may hold
// could be bogus.
package simulation

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// Config is one simulated world.
type Config struct {
	Seed    uint64
	Signers int
	Foreign int  // how many of them roll by timers alone
	Faults  bool // partitions, crashes, restored states, clock jumps
	Lost    bool // with Faults: states are lost, too, though their keys are there
	Late    bool // looks are lost, late and out of order
	Years   float64
	CSK     bool
	Double  bool // DoubleDS
	Parent  ParentKind
	Start   Beginning
	Hidden  bool // signers have a server that nobody looks at, but resolvers and the parent
	Moves   bool // the group changes its algorithm, goes insecure (but for foreign signers) and secure again
	Crowd   bool // foreign signers publish many keys with tags of others
	Old     bool // with Faults: old states are restored with the keys of their time
	Guard   bool // versions have real records, and the guard of the engine looks at them
	Tags    int  // so many key tags there are, and nobody keeps to tags of its own; 0: enough, shared out

	Dares Avoidance    // something that all other worlds avoid
	Off   map[int]bool // faults and orders that are left out, by number
	Story bool         // keep the story
}

// ParentKind is how the parent acts on CDS.
type ParentKind int

// A strict parent asks every address and acts when all agree. A hasty one asks one
// server that it reaches. A deaf one ignores whom it does not reach. A person pastes
// what one signer's `ds` prints, days later. A hoarding one adds and removes nothing,
// until a person comes by. A slow one has a secondary that is days behind.
const (
	Strict ParentKind = iota
	Hasty
	Deaf
	Person
	Hoarder
	Slow
	parentKinds
)

func (k ParentKind) String() string {
	return [...]string{"strict", "hasty", "deaf", "personal", "hoarding", "slow"}[k]
}

// Beginning is how the group comes to be.
type Beginning int

// Spread: each within two hours. Apart: the first hours or days before the others.
// Together: all in one moment. Joined: the last is named and started when the others
// have had a DS for long. Delegated: besides, it was a plain secondary of the first,
// and in the delegation, until then.
const (
	Spread Beginning = iota
	Apart
	Together
	Joined
	Delegated
	beginnings
)

func (b Beginning) String() string {
	return [...]string{"spread", "apart", "together", "joined", "delegated"}[b]
}

// Result is what a run came to.
type Result struct {
	Config
	Bogus    []string // what the resolver found
	Stuck    []string // processes that did not end
	Excused  int      // moments that a foreign peer broke by itself
	Injuries int      // keys of ours that a foreign peer forgot,
	Noticed  int      // that somebody raised an alarm about,
	Healed   int      // and that came back
	Refused  []string // what the guard of a signer objected to,
	Judged   int      // of so many versions
	Steps    int
	Checks   int // mixes that the resolver was asked about
	Made     int // keys
	Faults   int // faults and orders, those left out too
	At       time.Duration
	Happened map[string]int // what befell the world, by name
	Story    []string
}

const (
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
)

// epoch is when virtual time begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

type world struct {
	Config
	random    *rand.Rand // of what happens now
	chaos     *rand.Rand // plans faults and orders
	queue     queue
	seq       int
	t         int64 // since epoch
	end       int64
	calm      int64 // no faults begin after this
	grand     int64 // the group changes its algorithm, or goes insecure, until then
	algorithm uint8 // that the group was last told to have
	givenUp   int64 // not all have been told until then that it is given up
	edited    int64 // when the largest TTL of the data was edited: foreign signers take the new one for that of all caches
	fragile   int64 // an old state is about to look for what shows that it is old: nobody dies until then
	trouble   int   // faults and orders so far
	signers   []*signer
	parent    *parent
	oracle    oracle
	made      int
	servers   int
	material  map[roll.KeyID]*material // of keys, in worlds that have records
	addresses map[string]netip.AddrPort
	nsTTL     int64    // of the NS RRsets, the zone's and its delegation's
	nsHeld    int64    // caches may have one with another TTL until then
	delegated []string // the nameservers that the parent knows
	injuries  []*injury
	cut       [][]int64 // cut[i][j]: i does not reach j until then; index len(signers) is the parent
	result    Result
	story     []string
}

// Run plays one world from its seed to its end.
func Run(c Config) Result {
	w := &world{Config: c, result: Result{Config: c, Happened: map[string]int{}}}
	w.random, w.chaos = w.stream(0), w.stream(1)
	w.end = int64(c.Years * 365 * float64(day))
	w.calm = w.end - 60*day
	w.oracle.w = w
	w.build()
	for !w.result.Failed() && w.next() {
	}
	if !w.result.Failed() {
		w.rest()
	}
	w.result.Story, w.result.Faults, w.result.Made = w.story, w.trouble, w.made
	w.result.Checks, w.result.At = w.oracle.checks, time.Duration(w.t)
	return w.result
}

// next lets happen what comes next, and reports whether there was anything. At one
// moment, what befalls the world comes before the turns of signers.
func (w *world) next() bool {
	at, who := w.end+1, (*signer)(nil)
	if len(w.queue) > 0 {
		at = min(at, w.queue[0].at)
	}
	for _, s := range w.signers {
		if d := s.due(); d < at {
			at, who = d, s
		}
	}
	switch {
	case at > w.end:
		return false
	case who != nil:
		w.t, w.random = at, who.random
		who.act()
	default:
		e := w.queue.pop()
		w.t, w.random = e.at, e.stream
		e.do()
	}
	return true
}

// did counts something that befell the world.
func (w *world) did(what string) { w.result.Happened[what]++ }

// note adds a line to the story.
func (w *world) note(format string, args ...any) {
	if !w.Story {
		return
	}
	line := fmt.Sprintf("%8.3fd  ", float64(w.t)/float64(day)) + fmt.Sprintf(format, args...)
	w.story = append(w.story, line)
}

// newKey makes an id that is unique in the world. Its tag keeps to its owner's class,
// unless the world has few tags.
func (w *world) newKey(owner int, sep bool, algorithm uint8, avoid []uint16) roll.KeyID {
	w.made++
	id := roll.KeyID{Algorithm: algorithm}
	for free := false; !free; {
		if w.Tags > 0 {
			id.Tag = 1000 + uint16(w.random.IntN(w.Tags))
		} else {
			id.Tag = uint16(w.made)*8 + uint16(owner)
		}
		free = true
		if w.Tags == 0 {
			break
		}
		for _, tag := range avoid {
			free = free && tag != id.Tag
		}
	}
	id.Sum = uint64(owner)<<56 | uint64(w.made)
	if sep {
		id.Sum |= 1 << 48
	}
	return id
}

// owner is the number of the signer that made a key.
func owner(id roll.KeyID) int { return int(id.Sum >> 56) }

func isSEP(id roll.KeyID) bool { return id.Sum>>48&1 != 0 }

// keyName tells whose key it is and its number.
func keyName(id roll.KeyID) string {
	name := fmt.Sprintf("%c%d", 'a'+rune(owner(id)), place(id))
	if id.Algorithm != firstAlgorithm {
		name += fmt.Sprintf("/%d", id.Algorithm)
	}
	return name
}

func keyNames(ids []roll.KeyID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = keyName(id)
	}
	return strings.Join(names, " ")
}

// The algorithms that a zone begins with, and goes to.
const (
	firstAlgorithm  = 13
	secondAlgorithm = 15
)
