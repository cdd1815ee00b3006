package dormant

import (
	"encoding/binary"
	"math"
	"reflect"
)

type unpacker struct {
	rest  string
	zeros uint64 // that are read, and not given yet
	refs  []any
	texts []string
	lists []reflect.Value
}

func (u *unpacker) reset() {
	clear(u.texts)
	clear(u.lists)
	*u = unpacker{texts: u.texts[:0], lists: u.lists[:0]}
}

// value sets v, which is zero and addressable.
func (u *unpacker) value(v reflect.Value, own bool) {
	switch v.Kind() {
	case reflect.Struct, reflect.Array:
		u.parts(v)
		return
	case reflect.Slice:
		u.list(v)
		return
	}
	n := u.number()
	if n == 0 {
		return
	}
	v = open(v)
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(n>>1) ^ -int64(n&1))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(n))
	case reflect.String:
		v.SetString(u.text(n))
	default:
		if own {
			v.Set(reflect.New(v.Type().Elem()))
			u.value(v.Elem(), false)
			return
		}
		v.Set(reflect.ValueOf(u.refs[n-1]))
	}
}

func (u *unpacker) number() (n uint64) {
	if u.zeros > 0 {
		u.zeros--
		return 0
	}
	if n = u.varint(); n == 0 {
		u.zeros = u.varint() - 1
	}
	return n
}

func (u *unpacker) varint() (n uint64) {
	for i := range min(len(u.rest), binary.MaxVarintLen64) {
		b := u.rest[i]
		if n |= uint64(b&0x7f) << (7 * i); b < 0x80 {
			u.rest = u.rest[i+1:]
			return n
		}
	}
	panic("dormant: octets are missing")
}

// text gives that of a length or place. It refers to the octets.
func (u *unpacker) text(n uint64) (s string) {
	if n&1 == 1 {
		return u.texts[n>>1]
	}
	s, u.rest = u.rest[:n>>1], u.rest[n>>1:]
	if len(s) >= shared {
		u.texts = append(u.texts, s)
	}
	return s
}

func (u *unpacker) parts(v reflect.Value) {
	is := shapeOf(v.Type())
	if u.zeros >= is.zeros {
		u.zeros -= is.zeros
		return
	}
	if v.Kind() == reflect.Array {
		for i := range v.Len() {
			u.value(v.Index(i), false)
		}
		return
	}
	for i := range v.NumField() {
		u.value(v.Field(i), is.own[i])
	}
}

func (u *unpacker) list(v reflect.Value) {
	n := u.number()
	if n == 0 {
		return
	}
	v = open(v)
	if t := v.Type(); t.Elem().Kind() == reflect.Uint8 {
		if n == 1 {
			v.Set(reflect.MakeSlice(t, 0, 0))
			return
		}
		s := u.text(n - 1)
		v.Set(reflect.MakeSlice(t, len(s), len(s)))
		reflect.Copy(v, reflect.ValueOf(s))
		return
	}
	if n&1 == 1 {
		v.Set(u.lists[n>>1])
		return
	}
	length := int(n>>1) - 1
	made := reflect.MakeSlice(v.Type(), length, length)
	if length > 0 {
		u.lists = append(u.lists, made)
	}
	for i := range length {
		u.value(made.Index(i), false)
	}
	v.Set(made)
}
