package zone

import (
	"sync/atomic"
	"time"
)

// draft is what a version that is not whole has beside its records: the signatures that were
// made since. Each leaf of the version's trees has a place for the page that is signed in its
// stead, and until that is there a list of those that were asked for before.
type draft struct {
	sign Signatures // of any goroutine
	ends uint32     // no signature made later ends before
	of   map[*page]*leaf
	// asked counts the signatures that were made because they were asked for, passed the others
	// that are in finished pages.
	asked, passed atomic.Int64
}

// leaf is what was signed of a page since.
type leaf struct {
	page atomic.Pointer[page] // with all of its signatures; nil: not yet
	made atomic.Pointer[made] // the last that was asked for before
}

// made are the signatures of one RRset. Who has put it into the list makes them.
type made struct {
	next *made
	node *Node
	t    Type
	sigs atomic.Pointer[Packed] // nil: they are being made, or could not be
	done chan struct{}          // closed when they are made, or could not be
}

// askedFirst is how many signatures may be made because they were asked for before any page is
// finished; after that, no more than finished pages have: our choice, some megabytes and a
// quarter of a second of one processor. So questions at most double the work of signing a zone.
const askedFirst = 1 << 13

// Draft is v, of which RRsets may be without the signatures that they are to have. Whoever
// answers from it gets those by Signatures: sign makes them, in any number of goroutines and
// each time the same octets, and none may end before the moment given. WithSigs makes the whole
// version of it; what that has finished, and what was asked for before, is signed once.
func (v *Version) Draft(sign Signatures, ends time.Time) *Version {
	d := &draft{sign: sign, ends: uint32(ends.Unix()), of: map[*page]*leaf{}}
	for _, t := range []tree{v.names, v.hashed} {
		for _, p := range appendLeaves(nil, t.root) {
			d.of[p] = new(leaf)
		}
	}
	is := *v
	is.draft = d
	return &is
}

// Whole reports whether v has all of its signatures. What is not whole is for answers alone: it
// is not written, transferred or edited.
func (v *Version) Whole() bool { return v.draft == nil }

// Have says how it stands with the signatures of an RRset.
type Have uint8

const (
	Made   Have = iota // they are there; an RRset that nobody signs has none
	Unmade             // they are not there yet, and may be made
	Beyond             // they are not there yet, and too many others were asked for; or they could not be made
)

// Signatures gives those of an RRset of v, whatever its TTL is by now. Where they are missing
// because v is not whole yet they are made, if now is true and not too many were. One
// RRset is signed once, however many ask for it. Those that are there cost no lock and no memory.
func (v *Version) Signatures(s RRset, now bool) (Packed, Have) {
	if v.draft == nil || s.Sigs != "" {
		return s.Sigs, Made
	}
	t := v.names
	if s.Type == TypeNSEC3 {
		t = v.hashed
	}
	var room [keyRoom]byte
	p, i := t.leafOf(appendKey(room[:0], s.Name))
	if p == nil {
		return "", Beyond // no name of the version
	}
	return v.draft.signatures(p, i, s.Type, now)
}

// leafOf gives the page that has the node with key, and its place there; nil when there is none.
func (t tree) leafOf(key []byte) (p *page, i int) {
	for p = t.root; p != nil; p = p.kids[i] {
		if i = p.after(key) - 1; i < 0 {
			return nil, 0
		}
		if p.kids == nil {
			break
		}
	}
	if p == nil || p.nodes[i].key() != string(key) {
		return nil, 0
	}
	return p, i
}

func (d *draft) signatures(p *page, i int, t Type, now bool) (Packed, Have) {
	l := d.of[p]
	if is := l.page.Load(); is != nil {
		set, _ := is.nodes[i].Get(t)
		return set.Sigs, Made
	}
	n := &p.nodes[i]
	m := find(l.made.Load(), n, t)
	if m != nil {
		if sigs := m.sigs.Load(); sigs != nil {
			return *sigs, Made
		}
	}
	switch {
	case m == nil && d.asked.Load() >= askedFirst+d.passed.Load():
		return "", Beyond
	case !now:
		return "", Unmade
	case m == nil:
		m = d.make(l, n, t)
	}
	<-m.done
	if sigs := m.sigs.Load(); sigs != nil {
		return *sigs, Made
	}
	return "", Beyond
}

func find(m *made, n *Node, t Type) *made {
	for ; m != nil; m = m.next {
		if m.node == n && m.t == t {
			return m
		}
	}
	return nil
}

// make signs an RRset, unless somebody else does by now: then it gives what that one makes.
func (d *draft) make(l *leaf, n *Node, t Type) *made {
	m := &made{node: n, t: t, done: make(chan struct{})}
	for {
		m.next = l.made.Load()
		if other := find(m.next, n, t); other != nil {
			return other
		}
		if l.made.CompareAndSwap(m.next, m) {
			break
		}
	}
	defer close(m.done)
	d.asked.Add(1)
	if s, ok := n.Get(t); ok {
		if sigs, err := d.sign(n, s); err == nil {
			m.sigs.Store(&sigs)
		}
	}
	return m
}

// page is how w signs p, of which what was asked for before stays. From now on p is answered from what it gives.
func (d *draft) page(w *pageSigner, p *page, sign Signatures) (*page, error) {
	l, signed := d.of[p], int64(0)
	is, err := w.page(p, func(n *Node, s RRset) (Packed, error) {
		if m := find(l.made.Load(), n, s.Type); m != nil && m.sigs.Load() != nil {
			return *m.sigs.Load(), nil
		}
		sigs, err := sign(n, s)
		if sigs != s.Sigs {
			signed++
		}
		return sigs, err
	})
	if err != nil {
		return nil, err
	}
	l.page.Store(is)
	l.made.Store(nil)
	d.passed.Add(signed)
	return is, nil
}
