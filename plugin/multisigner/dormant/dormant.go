// Package dormant keeps values that are seldom used in few octets, and gives them back as they
// were: of ten thousand zones of which nothing happens, most of what is known of each takes a
// third then. When a value rests, and when it is needed, is its owner's business.
package dormant

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// Kept is a value at rest. The zero Kept holds none.
//
// Numbers, texts, lists and what is made of them are written as octets; zeros, which most of them are,
// by how many follow each other, and a text or list that is there twice by its place. What is
// behind a pointer, a map, a channel, a function or an interface is not taken apart: Kept refers to
// it as the value did. Only a pointer with the tag `dormant:"own"` is followed, of which nobody else
// may have a copy.
type Kept struct {
	octets string
	refs   []any
}

// Holds reports whether there is a value.
func (k Kept) Holds() bool { return k.octets != "" }

// Octets is how many there are, beside what is referred to.
func (k Kept) Octets() int { return len(k.octets) }

// Keep puts v to rest. v itself stays as it is, and shares with Kept what it refers to.
func Keep[T any](v *T) Kept {
	p := packers.Get().(*packer)
	p.value(reflect.ValueOf(v).Elem(), false)
	p.number(ended) // zeros that end it are written, too
	k := Kept{octets: string(p.octets), refs: append([]any(nil), p.refs...)}
	p.reset()
	packers.Put(p)
	return k
}

// Wake gives the value that was put to rest; T is that of Keep. Lists have room for nothing more, and
// those that shared memory share it again.
func Wake[T any](k Kept) *T {
	v := new(T)
	u := unpackers.Get().(*unpacker)
	u.rest, u.refs = k.octets, k.refs
	u.value(reflect.ValueOf(v).Elem(), false)
	if u.number() != ended || u.rest != "" {
		panic(fmt.Sprintf("dormant: this is no %T", v))
	}
	u.reset()
	unpackers.Put(u)
	return v
}

// ended stands at the end of the octets.
const ended = 0x2a

var (
	packers = sync.Pool{New: func() any {
		return &packer{texts: map[string]uint64{}, lists: map[list]uint64{}, known: map[reference]uint64{}}
	}}
	unpackers = sync.Pool{New: func() any { return new(unpacker) }}
)

// list tells a list from every other.
type list struct {
	at     unsafe.Pointer
	length int
	of     reflect.Type
}

// reference tells what is referred to from every other.
type reference struct {
	at unsafe.Pointer
	of reflect.Type
}

// shape is what is known of a type.
type shape struct {
	zeros uint64 // as how many zeros its zero value is written
	own   []bool // of a struct: which fields are pointers that are followed
}

var shapes sync.Map // of reflect.Type: shape

func shapeOf(t reflect.Type) shape {
	if s, ok := shapes.Load(t); ok {
		return s.(shape)
	}
	s := shape{zeros: 1}
	switch t.Kind() {
	case reflect.Struct:
		s.zeros, s.own = 0, make([]bool, t.NumField())
		for i := range s.own {
			f := t.Field(i)
			s.own[i] = f.Tag.Get("dormant") == "own"
			s.zeros += shapeOf(f.Type).zeros
		}
	case reflect.Array:
		s.zeros = uint64(t.Len()) * shapeOf(t.Elem()).zeros
	}
	shapes.Store(t, s)
	return s
}

// open is v with what its package keeps to itself open to be taken and set. v is addressable.
func open(v reflect.Value) reflect.Value {
	if v.CanSet() {
		return v
	}
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// shared is from which length on a text is written once only.
const shared = 3
