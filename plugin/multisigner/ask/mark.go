package ask

import (
	"crypto/rand"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Marks tell a process its own questions from everybody else's, whatever address they
// seem to come from. Each try of a marked question carries a random number in an EDNS
// option. It is good for that question, once, and only as long as an answer is waited for:
// it can be neither guessed nor replayed. The zero value is ready.
type Marks struct {
	mu  sync.Mutex
	out map[string]marked // by the number
}

// Mark marks the questions to a server.
type Mark struct {
	of      *Marks
	arrived atomic.Bool
}

// marked is a question that is under way.
type marked struct {
	mark     *Mark
	question dns.Question
}

// markOption is the code of the EDNS option: one of those for local use (RFC 6891 9).
const markOption = 65371

// New gives a Mark for the questions of one look at one server.
func (s *Marks) New() *Mark { return &Mark{of: s} }

// Arrived reports whether any question with this mark has come to Own.
func (k *Mark) Arrived() bool { return k != nil && k.arrived.Load() }

// Own reports whether q is a question that this process has just asked. It does so once.
func (s *Marks) Own(q *dns.Msg) bool {
	opt := q.IsEdns0()
	if opt == nil || len(q.Question) != 1 {
		return false
	}
	for _, o := range opt.Option {
		if local, ok := o.(*dns.EDNS0_LOCAL); ok && local.Code == markOption {
			return s.take(string(local.Data), q.Question[0])
		}
	}
	return false
}

func (s *Marks) take(number string, q dns.Question) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is, ok := s.out[number]
	if !ok || !sameQuestion(is.question, q) {
		return false
	}
	delete(s.out, number)
	is.mark.arrived.Store(true)
	return true
}

// numbers are those of the tries of one question.
type numbers struct {
	mark *Mark
	all  []string
}

// open begins a question to the server that k is for. A nil Mark marks nothing.
func (k *Mark) open() *numbers {
	if k == nil {
		return nil
	}
	return &numbers{mark: k}
}

// put marks m for one try. A message without EDNS stays as it is.
func (n *numbers) put(m *dns.Msg) {
	opt := m.IsEdns0()
	if n == nil || opt == nil {
		return
	}
	number := make([]byte, 16)
	rand.Read(number) // it never fails
	opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: markOption, Data: number})
	n.all = append(n.all, string(number))
	s := n.mark.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		s.out = map[string]marked{}
	}
	s.out[string(number)] = marked{n.mark, m.Question[0]}
}

// close ends all tries.
func (n *numbers) close() {
	if n == nil || len(n.all) == 0 {
		return
	}
	s := n.mark.of
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, number := range n.all {
		delete(s.out, number)
	}
}
