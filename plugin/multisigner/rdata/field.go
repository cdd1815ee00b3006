package rdata

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fixed is a field of so many octets.
func fixed(octets int, read func(*reader) error) kind {
	return kind{read, func([]byte) (int, error) { return octets, nil }}
}

// number is an unsigned number, or one of the mnemonics given, in any case.
func number(octets int, mnemonics map[string]int) kind {
	return fixed(octets, func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(w.Text), 10, 8*octets)
		if named, ok := mnemonics[strings.ToUpper(string(w.Text))]; ok {
			n, err = uint64(named), nil
		}
		if err != nil || w.Quoted {
			return fmt.Errorf("%s is no number from 0 to %d", w, uint64(1)<<(8*octets)-1)
		}
		r.number(octets, n)
		return nil
	})
}

func (r *reader) number(octets int, n uint64) {
	r.out = append(r.out, binary.BigEndian.AppendUint64(nil, n)[8-octets:]...)
}

var (
	u8  = number(1, nil)
	u16 = number(2, nil)
	u32 = number(4, nil)
	u64 = fixed(8, func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(w.Text), 10, 64)
		if err != nil {
			return fmt.Errorf("%s is no number of 64 bits", w)
		}
		r.number(8, n)
		return nil
	})
)

// period is seconds, or a sum of times as of a TTL.
var period = fixed(4, func(r *reader) error {
	w, err := r.next()
	if err != nil {
		return err
	}
	n, err := Period(string(w.Text))
	if err != nil || w.Quoted || n > 1<<32-1 {
		return fmt.Errorf("%s is no time in seconds, or like 1h30m", w)
	}
	r.number(4, n)
	return nil
})

// Period reads seconds, or a sum of times with the units w, d, h, m and s. What is too
// large for any field comes out as 2^63-1.
func Period(s string) (seconds uint64, err error) {
	const most = 1<<63 - 1
	units := map[byte]uint64{'w': 7 * 86400, 'd': 86400, 'h': 3600, 'm': 60, 's': 1}
	if s == "" {
		return 0, errPeriod
	}
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseUint(rest[:digits], 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, errPeriod
		}
		unit := uint64(1)
		if rest = rest[digits:]; rest != "" {
			if unit = units[rest[0]|0x20]; unit == 0 {
				return 0, errPeriod
			}
			rest = rest[1:]
		}
		if n > most/unit || seconds+n*unit > most {
			seconds = most
			continue
		}
		seconds = min(seconds+n*unit, most)
	}
	return seconds, nil
}

var errPeriod = errors.New("no time")

// moment is a time of an RRSIG: YYYYMMDDHHmmSS, or seconds since 1970 (RFC 4034 3.2).
var moment = fixed(4, func(r *reader) error {
	w, err := r.next()
	if err != nil {
		return err
	}
	text := string(w.Text)
	if len(text) == 14 {
		at, err := time.Parse("20060102150405", text)
		if err == nil {
			r.number(4, uint64(uint32(at.Unix())))
			return nil
		}
	} else if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		r.number(4, n)
		return nil
	}
	return fmt.Errorf("%s is no time like 20300131235959", w)
})

// rrtype is the mnemonic or number of a type.
var rrtype = fixed(2, func(r *reader) error {
	w, err := r.next()
	if err != nil {
		return err
	}
	t, ok := Type(string(w.Text))
	if strings.EqualFold(string(w.Text), "ANY") { // in a DSYNC (RFC 9859 2.1)
		t, ok = 255, true
	}
	if n, err := strconv.ParseUint(string(w.Text), 10, 16); !ok && err == nil {
		t, ok = uint16(n), true
	}
	if !ok {
		return fmt.Errorf("%s is no type", w)
	}
	r.number(2, uint64(t))
	return nil
})

var ipv4 = fixed(4, func(r *reader) error {
	w, err := r.next()
	if err != nil {
		return err
	}
	at, err := netip.ParseAddr(string(w.Text))
	if err != nil || !at.Is4() || w.Quoted {
		return fmt.Errorf("%s is no IPv4 address", w)
	}
	r.out = append(r.out, at.AsSlice()...)
	return nil
})

var ipv6 = fixed(16, func(r *reader) error {
	w, err := r.next()
	if err != nil {
		return err
	}
	at, err := netip.ParseAddr(string(w.Text))
	if err != nil || !at.Is6() || at.Zone() != "" || w.Quoted {
		return fmt.Errorf("%s is no IPv6 address", w)
	}
	r.out = append(r.out, at.AsSlice()...)
	return nil
})

// groups is so many groups of digits, with a separator between them.
func groups(count, digits int, separator string) kind {
	return fixed(count*digits/2, func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		parts := strings.Split(string(w.Text), separator)
		ok := len(parts) == count
		var all string
		for _, part := range parts {
			if part != "" { // leading zeros may be left out
				part = strings.Repeat("0", max(digits-len(part), 0)) + part
			}
			ok = ok && len(part) == digits
			all += part
		}
		octets, err := hexOf([]byte(all))
		if !ok || err != nil {
			return fmt.Errorf("%s is not %d groups of up to %d hexadecimal digits with %q between them", w, count, digits, separator)
		}
		r.out = append(r.out, octets...)
		return nil
	})
}

// name is a domain name in uncompressed form.
var name = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		if w.Quoted {
			return fmt.Errorf("%s is no name: it stands in quotes", w)
		}
		at := len(r.out)
		if r.out, err = AppendName(r.out, w.Text, r.origin); err != nil {
			r.out = r.out[:at]
			return fmt.Errorf("%s is no name: %w", w, err)
		}
		return nil
	},
	nameSize,
}

func nameSize(data []byte) (int, error) {
	for i := 0; i < len(data) && i < 255; i += 1 + int(data[i]) {
		switch {
		case data[i] == 0:
			return i + 1, nil
		case data[i] > 63:
			return 0, errors.New("this is no uncompressed name")
		}
	}
	return 0, errors.New("this is no name: labels have 1 to 63 octets, a name 255")
}

// names is any number of names.
var names = kind{
	func(r *reader) error {
		for len(r.words) > 0 {
			if err := name.read(r); err != nil {
				return err
			}
		}
		return nil
	},
	func(data []byte) (int, error) {
		at := 0
		for at < len(data) {
			size, err := nameSize(data[at:])
			if err != nil {
				return 0, err
			}
			at += size
		}
		return at, nil
	},
}

// AppendName appends the wire form of a name, which is below origin when it has no
// final dot. Letters stay as they are.
func AppendName(dst, text, origin []byte) ([]byte, error) {
	start := len(dst)
	if len(text) == 1 && (text[0] == '@' || text[0] == '.') {
		if text[0] == '.' {
			return append(dst, 0), nil
		}
		return append(dst, origin...), nil
	}
	label := len(dst)
	dst = append(dst, 0)
	end := func() error {
		switch size := len(dst) - label - 1; {
		case size == 0:
			return errors.New("a label is empty")
		case size > 63:
			return errors.New("a label has more than 63 octets")
		default:
			dst[label] = byte(size)
		}
		return nil
	}
	absolute := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if absolute = c == '.'; absolute {
			if err := end(); err != nil {
				return dst, err
			}
			label = len(dst)
			dst = append(dst, 0)
			continue
		}
		if c == '\\' {
			octet, width, ok := unescape(text[i+1:])
			if !ok {
				return dst, errors.New("it has a bad escape")
			}
			c, i = octet, i+width
		}
		dst = append(dst, c)
	}
	if !absolute {
		if err := end(); err != nil {
			return dst, err
		}
		dst = append(dst, origin...)
	}
	if len(dst)-start > 255 {
		return dst, errors.New("it has more than 255 octets")
	}
	return dst, nil
}

// unescape reads what stands after a backslash, and says how many letters it was.
func unescape(s []byte) (octet byte, width int, ok bool) {
	if len(s) == 0 {
		return 0, 0, false
	}
	if s[0] < '0' || s[0] > '9' {
		return s[0], 1, true
	}
	n, err := strconv.ParseUint(string(s[:min(3, len(s))]), 10, 8)
	return byte(n), 3, err == nil && len(s) >= 3
}

// plain is text without its escapes.
func plain(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			octet, width, _ := unescape(text[i+1:])
			c, i = octet, i+width
		}
		out = append(out, c)
	}
	return out
}

// str is a character-string (RFC 1035 3.3).
var str = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		text := plain(w.Text)
		if len(text) > 255 {
			return errors.New("a string has more than 255 octets: write it as several, each in quotes")
		}
		r.out = append(append(r.out, byte(len(text))), text...)
		return nil
	},
	func(data []byte) (int, error) {
		if len(data) == 0 {
			return 0, errShort
		}
		return 1 + int(data[0]), nil
	},
}

// strs is one character-string or more.
var strs = kind{
	func(r *reader) error {
		for more := true; more; more = len(r.words) > 0 {
			if err := str.read(r); err != nil {
				return err
			}
		}
		return nil
	},
	func(data []byte) (at int, err error) {
		if len(data) == 0 {
			return 0, errShort
		}
		for at < len(data) {
			at += 1 + int(data[at])
		}
		return at, nil
	},
}

// optional is nothing, or k.
func optional(k kind) kind {
	return kind{
		func(r *reader) error {
			if len(r.words) == 0 {
				return nil
			}
			return k.read(r)
		},
		func(data []byte) (int, error) {
			if len(data) == 0 {
				return 0, nil
			}
			return k.size(data)
		},
	}
}

// text is a string that goes to the end of the data, of any length.
var text = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		r.out = append(r.out, plain(w.Text)...)
		return nil
	},
	all,
}

func all(data []byte) (int, error) { return len(data), nil }

// some is all that is left, and not nothing.
func some(data []byte) (int, error) {
	if len(data) == 0 {
		return 0, errShort
	}
	return len(data), nil
}

// hexs is hexadecimal digits to the end of the data, at least one octet.
var hexs = kind{
	func(r *reader) error {
		if len(r.words) == 0 {
			_, err := r.next()
			return err
		}
		octets, err := hexOf(r.rest())
		r.out = append(r.out, octets...)
		return err
	},
	some,
}

// shortHex is hexadecimal digits in one word, with the length before them; "-" stands
// for none.
var shortHex = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		var octets []byte
		if string(w.Text) != "-" {
			if octets, err = hexOf(w.Text); err != nil {
				return err
			}
		}
		if len(octets) > 255 {
			return errors.New("there are more than 255 octets")
		}
		r.out = append(append(r.out, byte(len(octets))), octets...)
		return nil
	},
	str.size,
}

// base64s is base64 to the end of the data, at least one octet.
var base64s = kind{
	func(r *reader) error {
		if len(r.words) == 0 {
			_, err := r.next()
			return err
		}
		return r.base64(r.rest())
	},
	some,
}

func (r *reader) base64(text []byte) error {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if err != nil {
		return fmt.Errorf("%s is not base64", Word{Text: text})
	}
	r.out = append(r.out, out[:n]...)
	return nil
}

// maybe64 is base64 to the end, "-" or nothing standing for no octets.
var maybe64 = kind{
	func(r *reader) error {
		text := r.rest()
		if string(text) == "-" {
			return nil
		}
		return r.base64(text)
	},
	all,
}

// hash is the next hashed owner of an NSEC3: base32hex without padding, with the
// length before it (RFC 5155 3.3).
var hash = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		octets, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(string(w.Text)))
		if err != nil || len(octets) == 0 || len(octets) > 255 {
			return fmt.Errorf("%s is not base32hex", w)
		}
		r.out = append(append(r.out, byte(len(octets))), octets...)
		return nil
	},
	str.size,
}

// bitmap is a list of types, in any order (RFC 4034 4.1.2).
var bitmap = kind{
	func(r *reader) error {
		var types []uint16
		for _, w := range r.words {
			t, ok := Type(string(w.Text))
			if !ok || w.Quoted {
				return fmt.Errorf("%s is no type", w)
			}
			types = append(types, t)
		}
		r.words = nil
		slices.Sort(types)
		for len(types) > 0 {
			window := byte(types[0] >> 8)
			var bits [32]byte
			used := 0
			for len(types) > 0 && byte(types[0]>>8) == window {
				low := byte(types[0])
				bits[low/8] |= 0x80 >> (low % 8)
				used, types = int(low/8)+1, types[1:]
			}
			r.out = append(append(r.out, window, byte(used)), bits[:used]...)
		}
		return nil
	},
	func(data []byte) (int, error) {
		last := -1
		for at := 0; at < len(data); {
			if at+2 > len(data) {
				return 0, errShort
			}
			window, used := int(data[at]), int(data[at+1])
			switch {
			case window <= last:
				return 0, errors.New("its windows are not in order")
			case used < 1 || used > 32:
				return 0, fmt.Errorf("a window has %d octets, it can have 1 to 32", used)
			case at+2+used > len(data):
				return 0, errShort
			case data[at+1+used] == 0:
				return 0, errors.New("a window ends with an octet without types")
			}
			last, at = window, at+2+used
		}
		return len(data), nil
	},
}
