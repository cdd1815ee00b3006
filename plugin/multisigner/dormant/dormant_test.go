//lint:file-ignore U1000 the fields are filled and compared by reflection

package dormant_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/dormant"
)

type part struct {
	name   string
	at     time.Time
	weight float64
	rest   []byte
	Flags  [3]bool
}

type whole struct {
	small         int8
	large         uint64
	below         int64
	text, again   string
	octets        []byte
	before        []string
	parts, same   []part
	texts         []string
	nested        [][]byte
	zero          part
	one           part
	pointer, also *part
	mine          *part `dormant:"own"`
	table         map[string]int
	call          func()
	signal        chan int
	why           error
	any           any
	last          bool
}

// draw fills v with what chance gives, all that its package keeps to itself too.
func draw(r *rand.Rand, v reflect.Value) {
	if !v.CanSet() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	if r.IntN(3) == 0 {
		return
	}
	number := []uint64{1, 0x7f, 0x80, 1<<31 - 1, 1 << 63, 1<<64 - 1, r.Uint64()}[r.IntN(7)]
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8, reflect.Int64:
		v.SetInt(int64(number))
	case reflect.Uint64:
		v.SetUint(number)
	case reflect.Float64:
		v.SetFloat(r.NormFloat64())
	case reflect.String:
		v.SetString(strings.Repeat([]string{"a", "bc", "def"}[r.IntN(3)], r.IntN(4)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 8))
		for i := range v.Len() {
			draw(r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			draw(r, v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf([]time.Time{time.Now(), time.Unix(int64(number>>30), 5), time.Unix(7, 0).UTC()}[r.IntN(3)]))
			return
		}
		for i := range v.NumField() {
			draw(r, v.Field(i))
		}
	}
}

// What wakes must be what was put to rest, octet for octet, also in what another package
// keeps to itself: else a zone would go on from a state that it never had.
func TestWakesAsItWas(t *testing.T) {
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 0))
		is := new(whole)
		draw(r, reflect.ValueOf(is).Elem())
		if r.IntN(2) == 0 {
			is.same, is.again = is.parts, is.text
			is.pointer, is.table, is.signal, is.why, is.any = &part{name: "p"}, map[string]int{"a": 1}, make(chan int), errors.New("x"), 7
			is.also, is.mine = is.pointer, &part{name: "m", rest: []byte("rest")}
		}
		k := dormant.Keep(is)
		require.True(t, k.Holds())
		for range 2 { // it may be woken again and again
			woken := dormant.Wake[whole](k)
			require.Equal(t, is, woken, "seed %d", seed)
			require.True(t, is.pointer == woken.pointer && is.also == woken.also && is.signal == woken.signal, "seed %d: what is referred to is the same", seed)
			require.True(t, is.mine == nil || is.mine != woken.mine)
			if len(woken.parts) > 0 && len(woken.same) == len(woken.parts) && unsafe.SliceData(is.parts) == unsafe.SliceData(is.same) {
				require.True(t, unsafe.SliceData(woken.parts) == unsafe.SliceData(woken.same), "seed %d: what was shared is shared", seed)
			}
		}
	}
}

// A function cannot be compared: it is called.
func TestFunctionWakes(t *testing.T) {
	called := 0
	dormant.Wake[whole](dormant.Keep(&whole{call: func() { called++ }})).call()
	require.Equal(t, 1, called)
}

// What is changed after it was put to rest changes nothing of what is kept, and what is changed
// after it was woken neither.
func TestKeptStays(t *testing.T) {
	is := &whole{octets: []byte("abcd"), parts: []part{{name: "a"}}, mine: &part{name: "m"}}
	k := dormant.Keep(is)
	for range 2 {
		is.octets[0], is.parts[0].name, is.mine.name = 'x', "x", "x"
		is = dormant.Wake[whole](k)
		require.Equal(t, &whole{octets: []byte("abcd"), parts: []part{{name: "a"}}, mine: &part{name: "m"}}, is)
	}
}

// It is for values that are mostly zero, or the same again.
func TestFewOctets(t *testing.T) {
	var is struct {
		zeros [100]part
		text  [100]string
		last  bool
	}
	for i := range is.text {
		is.text[i] = "the same text again and again"
	}
	is.last = true
	k := dormant.Keep(&is)
	require.Less(t, k.Octets(), 150)
	require.Panics(t, func() { dormant.Wake[whole](k) })
}
