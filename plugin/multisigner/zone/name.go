package zone

import (
	"errors"
	"fmt"
	"strings"
)

// Name is a domain name in uncompressed wire form with its letters in lower
// case, the final root label included (RFC 4034 6.2). Names are comparable with
// ==; the zero value is no name at all, and the root is "\x00".
type Name string

// Root is the name of the root zone.
const Root Name = "\x00"

// Limits of RFC 1035 2.3.4, in octets of wire form.
const (
	MaxName  = 255
	MaxLabel = 63
)

// Errors of the functions that make names.
var (
	ErrNameTooLong  = errors.New("name is longer than 255 octets")
	ErrLabelTooLong = errors.New("label is longer than 63 octets")
	ErrEmptyLabel   = errors.New("name has an empty label")
	ErrBadEscape    = errors.New("name has a bad escape")
	ErrBadWire      = errors.New("name is not uncompressed wire form")
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

// MustName is ParseName for names known to be good; it panics on others.
func MustName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic(err)
	}
	return n
}

// NameFromWire reads the uncompressed name that b begins with, in any case, and
// says how many octets it took.
func NameFromWire(b []byte) (Name, int, error) {
	for i := 0; i < len(b) && i < MaxName; i += int(b[i]) + 1 {
		switch {
		case b[i] == 0:
			wire := make([]byte, i+1)
			for j := range wire {
				wire[j] = lower(b[j]) // a length octet is at most 63, below 'A'
			}
			return Name(wire), i + 1, nil
		case b[i] > MaxLabel:
			return "", 0, ErrBadWire
		}
	}
	return "", 0, ErrBadWire
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
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

// Labels counts the labels, the root's not among them (RFC 4034 3.1.3 counts a
// leading "*" no label; this does).
func (n Name) Labels() int {
	count := 0
	for i := 0; n[i] != 0; i += int(n[i]) + 1 {
		count++
	}
	return count
}

// Label is the first label, without its length octet; "" for the root.
func (n Name) Label() string { return string(n[1 : 1+int(n[0])]) }

// Parent is the name without its first label. The root's parent is the root.
func (n Name) Parent() Name {
	if n == Root {
		return n
	}
	return n[1+int(n[0]):]
}

// Ancestor is the name's last labels: Ancestor(0) is the root, and Ancestor of
// its own number of labels the name itself. More is a caller's mistake: a panic.
func (n Name) Ancestor(labels int) Name {
	for drop := n.Labels() - labels; drop > 0; drop-- {
		n = n.Parent()
	}
	return n
}

// Under reports whether n is ancestor or a name below it.
func (n Name) Under(ancestor Name) bool {
	for len(n) > len(ancestor) {
		n = n[1+int(n[0]):]
	}
	return n == ancestor
}

// IsWildcard reports whether the first label is "*" (RFC 4592 2.1.1).
func (n Name) IsWildcard() bool { return len(n) > 2 && n[0] == 1 && n[1] == '*' }

// Wildcard is "*" below n. ok is false when there is no room for it.
func (n Name) Wildcard() (w Name, ok bool) { return "\x01*" + n, len(n)+2 <= MaxName }

// Compare orders names canonically (RFC 4034 6.1): -1, 0 or 1.
func (n Name) Compare(m Name) int {
	var nAt, mAt [128]uint8 // where each label begins; a name has at most 127
	nCount, mCount := n.offsets(&nAt), m.offsets(&mAt)
	for nCount > 0 && mCount > 0 {
		nCount, mCount = nCount-1, mCount-1
		if c := strings.Compare(n[nAt[nCount]:].Label(), m[mAt[mCount]:].Label()); c != 0 {
			return c
		}
	}
	return min(max(nCount-mCount, -1), 1)
}

// CommonLabels counts the labels that n and m share at their ends.
func (n Name) CommonLabels(m Name) int {
	var nAt, mAt [128]uint8
	nCount, mCount := n.offsets(&nAt), m.offsets(&mAt)
	shared := 0
	for shared < nCount && shared < mCount &&
		n[nAt[nCount-1-shared]:].Label() == m[mAt[mCount-1-shared]:].Label() {
		shared++
	}
	return shared
}

func (n Name) offsets(at *[128]uint8) (count int) {
	for i := 0; n[i] != 0; i += int(n[i]) + 1 {
		at[count] = uint8(i)
		count++
	}
	return count
}
