package roll

import "time"

// State is all that roll must not forget. Save it before acting on the Plan that came
// with it. The zero State is that of a zone met for the first time.
type State struct{}

// Empty reports whether s holds nothing: no Step made it.
func (s State) Empty() bool { return true }

// Differs reports whether s must be saved when old is what was saved last. The mere
// passing of time counts only after some minutes.
func (s State) Differs(old State) bool { return true }

// Encode returns s for the store. Equal states have equal encodings.
func (s State) Encode() []byte { return []byte{1} }

// Decode reads what Encode wrote, in this version or an earlier one.
func Decode(b []byte) (State, error) { return State{}, nil }

type step struct{ state State }

func begin(s State, p Policy, seen Observation, now time.Time) *step { return &step{s} }
func (z *step) observe()                                             {}
func (z *step) decide()                                              {}
func (z *step) plan() Plan                                           { return Plan{Refuse: "not ready"} }
