package dormant

import (
	"encoding/binary"
	"math"
	"reflect"
)

type packer struct {
	octets []byte
	zeros  uint64 // that are not written yet
	refs   []any
	texts  map[string]uint64 // their places
	lists  map[list]uint64
	known  map[reference]uint64
}

func (p *packer) reset() {
	p.octets, p.zeros = p.octets[:0], 0
	clear(p.refs)
	p.refs = p.refs[:0]
	clear(p.texts)
	clear(p.lists)
	clear(p.known)
}

// value writes v, which is addressable.
func (p *packer) value(v reflect.Value, own bool) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			p.number(1)
		} else {
			p.zeros++
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i := v.Int()
		p.number(uint64(i)<<1 ^ uint64(i>>63)) // small ones short, below zero too
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		p.number(v.Uint())
	case reflect.Float32, reflect.Float64:
		p.number(math.Float64bits(v.Float()))
	case reflect.String:
		p.text(v.String(), 0)
	case reflect.Struct, reflect.Array:
		p.parts(v)
	case reflect.Slice:
		p.list(v)
	case reflect.Pointer:
		if own && !v.IsNil() {
			p.number(1)
			p.value(v.Elem(), false)
			return
		}
		p.ref(v)
	default:
		p.ref(v)
	}
}

// number writes zeros by how many there are, after a zero, and all else as varint, which no zero begins.
func (p *packer) number(n uint64) {
	if n == 0 {
		p.zeros++
		return
	}
	if p.zeros > 0 {
		p.octets = binary.AppendUvarint(append(p.octets, 0), p.zeros)
		p.zeros = 0
	}
	p.octets = binary.AppendUvarint(p.octets, n)
}

// text writes its length or place, with plus added, and if it is new its octets.
func (p *packer) text(s string, plus uint64) {
	if s == "" {
		p.number(plus)
		return
	}
	if at, ok := p.texts[s]; ok {
		p.number(at<<1 | 1 + plus)
		return
	}
	if len(s) >= shared {
		p.texts[s] = uint64(len(p.texts))
	}
	p.number(uint64(len(s))<<1 + plus)
	p.octets = append(p.octets, s...)
}

func (p *packer) parts(v reflect.Value) {
	is := shapeOf(v.Type())
	if v.IsZero() {
		p.zeros += is.zeros
		return
	}
	if v.Kind() == reflect.Array {
		for i := range v.Len() {
			p.value(v.Index(i), false)
		}
		return
	}
	for i := range v.NumField() {
		p.value(v.Field(i), is.own[i])
	}
}

func (p *packer) list(v reflect.Value) {
	if v.IsNil() {
		p.number(0)
		return
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		p.text(string(v.Bytes()), 1)
		return
	}
	l := list{v.UnsafePointer(), v.Len(), v.Type()}
	if at, ok := p.lists[l]; ok {
		p.number(at<<1 | 1)
		return
	}
	if l.length > 0 {
		p.lists[l] = uint64(len(p.lists))
	}
	p.number(uint64(l.length+1) << 1)
	for i := range l.length {
		p.value(v.Index(i), false)
	}
}

// ref writes the place of what v refers to.
func (p *packer) ref(v reflect.Value) {
	if v.IsNil() {
		p.number(0)
		return
	}
	is := reference{of: v.Type()}
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan:
		is.at = v.UnsafePointer()
		if at, ok := p.known[is]; ok {
			p.number(at + 1)
			return
		}
		p.known[is] = uint64(len(p.refs))
	}
	p.refs = append(p.refs, open(v).Interface())
	p.number(uint64(len(p.refs)))
}
