// Package simulation runs whole groups of signers, each deciding by the real
// roll.Step, through years of virtual time: with a parent, secondaries that lag,
// partitions, crashes and clocks that jump. After every event a symbolic resolver,
// which knows nothing of the rules, is asked whether any mix of what caches may hold
// could be bogus.
package simulation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// Config is one simulated world.
type Config struct {
	Seed    uint64
	Signers int
	Foreign int  // how many of them roll by timers alone
	Faults  bool // partitions, crashes, lost looks, clock jumps
	Years   float64
	CSK     bool
	Double  bool // DoubleDS
	Parent  ParentKind
	Stated  bool // signers of our kind say which keys are their own
}

// ParentKind is how the parent acts on CDS.
type ParentKind int

// A strict parent asks every address and acts when all agree. A hasty one asks one
// server that it reaches. A deaf one ignores whom it does not reach. A person pastes
// what one signer's `ds` prints, days later.
const (
	Strict ParentKind = iota
	Hasty
	Deaf
	Person
)

func (k ParentKind) String() string {
	return [...]string{"strict", "hasty", "deaf", "person"}[k]
}

// Result is what a run came to.
type Result struct {
	Config
	Bogus   []string // what the resolver found, with the story before it
	Stuck   []string // processes that did not end
	Excused int      // moments that a foreign peer broke by itself
	Steps   int
	Rolls   int // keys withdrawn
	Story   []string
}

const (
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
)

// event is something due.
type event struct {
	at  int64
	seq int
	do  func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(e any)   { *q = append(*q, e.(event)) }
func (q *queue) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}

// epoch is when virtual time begins.
var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

type world struct {
	Config
	random  *rand.Rand
	queue   queue
	seq     int
	t       int64 // since epoch
	end     int64
	calm    int64 // no faults begin after this
	signers []*signer
	parent  *parent
	oracle  oracle
	made    uint64
	cut     [][]int64 // cut[i][j]: i does not reach j until then; index len(signers) is the parent
	result  Result
	story   []string
}

// Run plays one world from its seed to its end.
func Run(c Config) Result {
	w := &world{Config: c, random: rand.New(rand.NewPCG(c.Seed, 0x5eed)), result: Result{Config: c}}
	w.end = int64(c.Years * 365 * float64(day))
	w.calm = w.end - 60*day
	w.oracle.w = w
	w.build()
	for len(w.queue) > 0 && len(w.result.Bogus) == 0 {
		e := heap.Pop(&w.queue).(event)
		if e.at > w.end {
			break
		}
		w.t = e.at
		e.do()
	}
	if len(w.result.Bogus) == 0 {
		w.rest()
	}
	w.result.Story = w.story
	return w.result
}

// after plans an event.
func (w *world) after(d int64, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.t + d, w.seq, do})
}

// between draws a duration.
func (w *world) between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + w.random.Int64N(hi-lo)
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// note adds a line to the story; the last lines are told when something fails.
func (w *world) note(format string, args ...any) {
	if len(w.story) > 4000 {
		w.story = append(w.story[:0], w.story[2000:]...)
	}
	line := fmt.Sprintf("%8.3fd  ", float64(w.t)/float64(day)) + fmt.Sprintf(format, args...)
	w.story = append(w.story, line)
}

// newKey makes an id that is unique in the world. Its tag keeps to its owner's class.
func (w *world) newKey(owner int, avoid []uint16) roll.KeyID {
	w.made++
	id := roll.KeyID{Algorithm: 13}
	for {
		id.Tag = uint16(w.random.IntN(1<<14))*4 + uint16(owner)%4
		free := true
		for _, tag := range avoid {
			free = free && tag != id.Tag
		}
		if free {
			break
		}
	}
	for i := range 7 {
		id.Sum[i] = byte(w.made >> (8 * i))
	}
	id.Sum[7] = byte(owner)
	return id
}

// keyName tells whose key it is and its number.
func keyName(id roll.KeyID) string {
	n := uint64(0)
	for i := range 7 {
		n |= uint64(id.Sum[i]) << (8 * i)
	}
	return fmt.Sprintf("%c%d", 'a'+rune(id.Sum[7]), n)
}

func keyNames(ids []roll.KeyID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = keyName(id)
	}
	return strings.Join(names, " ")
}
