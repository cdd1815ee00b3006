// Package roll decides which keys of a zone exist, are published and sign: its own and,
// as far as they are copied here, those of its peers. It looks at what was seen of every
// signer and of the parent, and never acts on time alone. It leaves making keys, signing,
// asking and saving to others, and knows keys only by small names. Its rules stand in
// docs/PROTOCOL.md, and are cited as PROTOCOL and their name.
package roll

import (
	"sync"
	"time"
)

// Step decides what a zone's keys do next. It reads no clock and does no I/O: equal
// arguments give equal results, and calling it too often does no harm. The caller
// makes the keys that Plan.Generate asks for and calls again, saves the State, and
// only then acts on the Plan (State.Differs says whether there is anything to save).
// The arguments are not changed. A State that no Step made is the state of a zone
// met for the first time.
func Step(s State, p Policy, seen Observation, now time.Time) (State, Plan) {
	return new(room).step(&s, &p, &seen, now)
}

// Steps takes one step after another, for a caller that takes very many and needs no State
// but the last and the one that it kept: the memory of any other is used again. Whoever
// wants to keep more goes on with new Steps. It is for one caller at a time; the zero
// Steps is ready.
type Steps struct {
	rooms      [3]room
	last, kept int // which of them hold the last State and the kept one
}

// Step does what the function does.
func (w *Steps) Step(s *State, p *Policy, seen *Observation, now time.Time) (State, Plan) {
	next := 0
	for next == w.last || next == w.kept {
		next++
	}
	w.last = next
	return w.rooms[next].step(s, p, seen, now)
}

// Keep lets the last State be good until the next call of Keep.
func (w *Steps) Keep() { w.kept = w.last }

// room is the memory for what every step changes. What it held before is lost.
type room struct {
	keys      []key
	spread    []moment
	signers   []signer
	addresses []address
	waiting   []waiting
	served    []served
	named     []naming
}

func (r *room) step(s *State, p *Policy, seen *Observation, now time.Time) (State, Plan) {
	z := steps.Get().(*step)
	z.begin(r, s, p, seen, now)
	var next State
	var plan Plan
	if seen.Looked {
		z.observe()
		z.decide()
		next, plan = z.plan()
	} else {
		next, plan = z.blind()
	}
	*r = room{z.f.Keys, z.f.Spread, z.f.Signers, z.f.Addresses, z.f.Waiting, z.f.Served, z.f.Named}
	z.end()
	steps.Put(z)
	return next, plan
}

// steps are used again: a simulation takes millions.
var steps = sync.Pool{New: func() any { return new(step) }}

// KeyID names a DNSKEY without holding it. Equal ids are the same key.
type KeyID struct {
	Sum       uint64 // the first eight octets of the SHA-256 of the DNSKEY's rdata, REVOKE bit cleared
	Tag       uint16
	Algorithm uint8 // last: two keys differ in Sum, and are compared much
}

// IsZero reports whether k names no key.
func (k KeyID) IsZero() bool { return k == KeyID{} }

// Role is what a key signs.
type Role uint8

// The roles of RFC 9499; a CSK signs everything.
const (
	Unknown Role = iota
	KSK
	ZSK
	CSK
)

func (r Role) String() string { return [...]string{"key", "KSK", "ZSK", "CSK"}[r&3] }

// Entry reports whether a key of this role signs the DNSKEY RRset and has a DS.
func (r Role) Entry() bool { return r == KSK || r == CSK }

// Data reports whether a key of this role signs the zone's data.
func (r Role) Data() bool { return r == ZSK || r == CSK }
