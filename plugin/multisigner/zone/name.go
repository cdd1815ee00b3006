package zone

import (
	"errors"
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

// NameFromWire reads the uncompressed name that b begins with, in any case, and
// says how many octets it took.
func NameFromWire(b []byte) (Name, int, error) {
	size := nameSize(b)
	if size < 0 {
		return "", 0, ErrBadWire
	}
	var wire [MaxName]byte
	for i, c := range b[:size] {
		wire[i] = lower(c) // a length octet is at most 63, below 'A'
	}
	return Name(wire[:size]), size, nil
}

// nameSize is the length of the uncompressed name that b begins with; -1 if there
// is none.
func nameSize(b []byte) int {
	for i := 0; i < len(b) && i < MaxName; i += int(b[i]) + 1 {
		switch {
		case b[i] == 0:
			return i + 1
		case b[i] > MaxLabel:
			return -1
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
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
// its own number of labels, or of more, the name itself.
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
