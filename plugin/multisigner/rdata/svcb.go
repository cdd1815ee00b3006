package rdata

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The parameters that are known (RFC 9460 14.3.2, RFC 9461, RFC 9540).
const (
	mandatory     = 0
	alpn          = 1
	noDefaultALPN = 2
	port          = 3
	ipv4hint      = 4
	ech           = 5
	ipv6hint      = 6
	dohpath       = 7
	ohttp         = 8
	tlsGroups     = 9
)

var parameterNames = []string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp", "tls-supported-groups"}

// parameter is the name of a key, for messages.
func parameter(key int) string {
	if key < len(parameterNames) {
		return parameterNames[key]
	}
	return "key" + strconv.Itoa(key)
}

// keyOf reads the name of a parameter.
func keyOf(text string) (int, error) {
	if i := slices.Index(parameterNames, text); i >= 0 {
		return i, nil
	}
	digits, ok := strings.CutPrefix(text, "key")
	n, err := strconv.ParseUint(digits, 10, 16)
	switch {
	case !ok || err != nil || len(digits) > 1 && digits[0] == '0':
		return 0, fmt.Errorf("%q is no parameter that is known: others are written key0 to key65535", text)
	}
	return int(n), nil
}

// parameters are those of SVCB and HTTPS records (RFC 9460 2.1, 2.2), in any order.
var parameters = kind{
	func(r *reader) error {
		values := map[int][]byte{}
		for len(r.words) > 0 {
			w, _ := r.next()
			text := w.Text
			for len(r.words) > 0 && r.words[0].Joined { // key="value"
				more, _ := r.next()
				text = append(bytes.Clone(text), more.Text...)
			}
			named, value, _ := bytes.Cut(text, []byte("="))
			key, err := keyOf(string(named))
			if err == nil && w.Quoted {
				err = fmt.Errorf("%s begins with a quote", w)
			}
			if err != nil {
				return err
			}
			if _, doubled := values[key]; doubled {
				return fmt.Errorf("%s stands there twice", named)
			}
			if values[key], err = parameterValue(key, value, strings.HasPrefix(string(named), "key")); err != nil {
				return fmt.Errorf("%s: %w", named, err)
			}
		}
		keys := make([]int, 0, len(values))
		for key := range values {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if len(values[key]) > Max {
				return fmt.Errorf("%s is too long", parameter(key))
			}
			r.number(2, uint64(key))
			r.number(2, uint64(len(values[key])))
			r.out = append(r.out, values[key]...)
		}
		return nil
	},
	parametersSize,
}

// parameterValue reads a value in its key's form; one that is written keyNNN is the octets themselves.
func parameterValue(key int, value []byte, octets bool) (out []byte, err error) {
	text := plain(value)
	if octets || key > tlsGroups {
		return text, nil
	}
	if key == noDefaultALPN || key == ohttp {
		if len(text) > 0 {
			err = errors.New("it takes no value")
		}
		return nil, err
	}
	if len(text) == 0 && key != ech {
		return nil, errors.New("it has no value")
	}
	switch key {
	case alpn:
		for _, id := range list(text) {
			if len(id) == 0 || len(id) > 255 {
				return nil, errors.New("a protocol is empty, or has more than 255 octets")
			}
			out = append(append(out, byte(len(id))), id...)
		}
		return out, nil
	case ech:
		out, err = base64.StdEncoding.Strict().DecodeString(string(text))
		if err != nil {
			err = fmt.Errorf("%s is not base64", Word{Text: text})
		}
		return out, err
	case dohpath:
		return text, nil
	}
	items := strings.Split(string(text), ",")
	if key == port && len(items) > 1 {
		return nil, errors.New("it takes one number")
	}
	var keys []int
	for _, item := range items {
		switch key {
		case mandatory:
			k, err := keyOf(item)
			if err != nil {
				return nil, err
			}
			keys = append(keys, k)
		case port, tlsGroups:
			n, err := strconv.ParseUint(item, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("%q is no number from 0 to 65535", item)
			}
			out = append(out, byte(n>>8), byte(n))
		case ipv4hint, ipv6hint:
			at, err := netip.ParseAddr(item)
			if err != nil || at.Is4() != (key == ipv4hint) || at.Zone() != "" {
				return nil, fmt.Errorf("%q is no IPv%c address", item, parameter(key)[3])
			}
			out = append(out, at.AsSlice()...)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		out = append(out, byte(k>>8), byte(k))
	}
	return out, nil
}

// list parts a value at its commas; a backslash takes a comma or backslash for what it
// is (RFC 9460 A.1).
func list(text []byte) (items [][]byte) {
	item := []byte{}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			item = append(item, text[i])
		case text[i] == ',':
			items, item = append(items, item), []byte{}
		default:
			item = append(item, text[i])
		}
	}
	return append(items, item)
}

// parametersSize holds the parameters to what RFC 9460 demands of them.
func parametersSize(data []byte) (int, error) {
	values := map[int][]byte{}
	last := -1
	for rest := data; len(rest) > 0; {
		if len(rest) < 4 || len(rest) < 4+int(rest[2])<<8+int(rest[3]) {
			return 0, errShort
		}
		key, size := int(rest[0])<<8|int(rest[1]), int(rest[2])<<8|int(rest[3])
		if key <= last {
			return 0, errors.New("their keys are not in order, or one stands there twice (RFC 9460 2.2)")
		}
		values[key], last = rest[4:4+size], key
		if err := checkParameter(key, rest[4:4+size]); err != nil {
			return 0, fmt.Errorf("%s: %w", parameter(key), err)
		}
		rest = rest[4+size:]
	}
	for needed := values[mandatory]; len(needed) > 0; needed = needed[2:] {
		key := int(needed[0])<<8 | int(needed[1])
		if _, ok := values[key]; !ok {
			return 0, fmt.Errorf("mandatory names %s, which is not there (RFC 9460 8)", parameter(key))
		}
	}
	if _, alone := values[noDefaultALPN]; alone && values[alpn] == nil {
		return 0, errors.New("no-default-alpn stands beside alpn only (RFC 9460 7.1.1)")
	}
	return len(data), nil
}

func checkParameter(key int, value []byte) error {
	multiple := map[int]int{mandatory: 2, ipv4hint: 4, ipv6hint: 16}[key]
	switch {
	case multiple > 0 && (len(value) == 0 || len(value)%multiple != 0):
		return fmt.Errorf("its %d octets are not one or more times %d", len(value), multiple)
	case key == port && len(value) != 2:
		return fmt.Errorf("it has %d octets and not 2", len(value))
	case key == noDefaultALPN && len(value) > 0:
		return errors.New("it takes no value")
	case (key == alpn || key == dohpath) && len(value) == 0:
		return errors.New("it has no value")
	}
	switch key {
	case mandatory:
		last := 0
		for ; len(value) > 0; value = value[2:] {
			k := int(value[0])<<8 | int(value[1])
			switch {
			case k == mandatory:
				return errors.New("it names itself (RFC 9460 8)")
			case k <= last:
				return errors.New("its keys are not in order, or one stands there twice (RFC 9460 8)")
			}
			last = k
		}
	case alpn:
		for ; len(value) > 0; value = value[1+int(value[0]):] {
			if value[0] == 0 || len(value) < 1+int(value[0]) {
				return errors.New("a protocol is empty or cut short")
			}
		}
	case dohpath:
		if value[0] != '/' || !utf8.Valid(value) {
			return errors.New("it is no path that begins with a slash, like /dns-query{?dns} (RFC 9461 5)")
		}
		if !hasVariable(string(value)) {
			return errors.New("its template has no variable dns, like /dns-query{?dns} (RFC 9461 5)")
		}
	}
	return nil
}

// hasVariable reports whether a URI template names the variable dns (RFC 6570 2.2).
func hasVariable(template string) bool {
	for _, expression := range strings.Split(template, "{")[1:] {
		inside, _, closed := strings.Cut(expression, "}")
		for _, variable := range strings.Split(strings.TrimLeft(inside, "+#./;?&"), ",") {
			if closed && strings.TrimRight(variable, "*") == "dns" {
				return true
			}
		}
	}
	return false
}
