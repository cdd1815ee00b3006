package zone

import (
	"fmt"
	"strings"
)

// ParseName reads presentation form (RFC 1035 5.1: \. and \DDD escape). A final
// dot is optional: every name is taken as absolute.
func ParseName(s string) (Name, error) {
	if s == "." {
		return Root, nil
	}
	wire := make([]byte, 1, len(s)+2)
	label := 0 // where the length octet of the current label stands
	finish := func() error {
		switch n := len(wire) - label - 1; {
		case n == 0:
			return ErrEmptyLabel
		case n > MaxLabel:
			return ErrLabelTooLong
		default:
			wire[label] = byte(n)
			return nil
		}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '.':
			if err := finish(); err != nil {
				return "", fmt.Errorf("%q: %w", s, err)
			}
			label = len(wire)
			wire = append(wire, 0)
			continue
		case '\\':
			octet, width, ok := unescape(s[i+1:])
			if !ok {
				return "", fmt.Errorf("%q: %w", s, ErrBadEscape)
			}
			c, i = octet, i+width
		}
		wire = append(wire, lower(c))
	}
	if label != len(wire)-1 { // no final dot
		if err := finish(); err != nil {
			return "", fmt.Errorf("%q: %w", s, err)
		}
		wire = append(wire, 0)
	}
	switch {
	case len(wire) == 1:
		return "", fmt.Errorf("%q: %w", s, ErrEmptyLabel)
	case len(wire) > MaxName:
		return "", fmt.Errorf("%q: %w", s, ErrNameTooLong)
	}
	return Name(wire), nil
}

// MustName is ParseName for names known to be good; it panics on others.
func MustName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

// String gives presentation form with the final dot, escaped as RFC 4343 2.1 says.
func (n Name) String() string {
	if n == Root {
		return "."
	}
	var b strings.Builder
	b.Grow(len(n))
	for rest := string(n); len(rest) > 1; {
		size := int(rest[0])
		for _, c := range []byte(rest[1 : 1+size]) {
			switch {
			case c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' || c == '$':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c <= ' ' || c > '~':
				fmt.Fprintf(&b, "\\%03d", c)
			default:
				b.WriteByte(c)
			}
		}
		b.WriteByte('.')
		rest = rest[1+size:]
	}
	return b.String()
}

// unescape reads what stands after a backslash, and says how many letters it was.
func unescape(s string) (octet byte, width int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	if s[0] < '0' || s[0] > '9' {
		return s[0], 1, true
	}
	if len(s) < 3 {
		return 0, 0, false
	}
	n := 0
	for _, d := range []byte(s[:3]) {
		if d < '0' || d > '9' {
			return 0, 0, false
		}
		n = 10*n + int(d-'0')
	}
	return byte(n), 3, n <= 255
}
