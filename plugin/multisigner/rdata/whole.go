package rdata

import (
	"bytes"
	"errors"
	"fmt"
)

// What holds for all fields of a type's data together. A BIND secondary refuses the whole
// zone in a transfer for data that does not keep to it.

// digested wants a digest as long as its type's, as in a DS (RFC 4034 5.1.4, RFC 4509 2.1,
// RFC 6605 2).
func digested(data []byte) error {
	if want := map[byte]int{1: 20, 2: 32, 4: 48}[data[3]]; want != 0 && len(data)-4 != want {
		return fmt.Errorf("the digest has %d octets, digest type %d has %d: was it copied whole?", len(data)-4, data[3], want)
	}
	return nil
}

// keyed wants a key, and none if the flags say so (RFC 2535 3.1.2).
func keyed(data []byte) error {
	switch none := data[0]&0xc0 == 0xc0; {
	case len(data) == 4 && !none:
		return errors.New("there is no key, and the flags do not say so (RFC 2535 3.1.2)")
	case len(data) > 4 && none:
		return errors.New("there is a key, and the flags say that there is none (RFC 2535 3.1.2)")
	}
	return nil
}

// unflagged wants the flags of an RKEY to be 0.
func unflagged(data []byte) error {
	if data[0] != 0 || data[1] != 0 {
		return errors.New("the flags must be 0")
	}
	return nil
}

// substitution wants what stands in a NAPTR for an expression to be one (RFC 3402 3.2):
// an extended regular expression, its replacement, and the flag i or none, each after
// the same character.
func substitution(data []byte) error {
	rest := data[4:]
	for range 2 { // the flags and the services
		rest = rest[1+int(rest[0]):]
	}
	text := rest[1 : 1+int(rest[0])]
	if len(text) == 0 {
		return nil
	}
	mark := text[0]
	if mark == 0 || mark == '\\' || mark == 'i' || mark >= '0' && mark <= '9' {
		return fmt.Errorf("the expression: %q cannot part it: write it as !EXPRESSION!REPLACEMENT! (RFC 3402 3.2)", mark)
	}
	parts, ok := partsOf(text[1:], mark)
	switch {
	case bytes.IndexByte(text, 0) >= 0:
		return errors.New("the expression has an octet of 0")
	case !ok || len(bytes.Trim(parts[2], "i")) > 0:
		return fmt.Errorf("the expression: %q is not %cEXPRESSION%cREPLACEMENT%c, with an i after it or nothing (RFC 3402 3.2)", text, mark, mark, mark)
	}
	groups, ok := groupsOf(parts[0])
	switch {
	case len(parts[0]) == 0:
		return errors.New("the expression is empty before its replacement")
	case !ok:
		return fmt.Errorf("the expression: a bracket of %q is not closed", parts[0])
	}
	for i := 0; i+1 < len(parts[1]); i++ {
		if parts[1][i] != '\\' {
			continue
		}
		i++
		if c := parts[1][i]; c == '0' || c > '0' && c <= '9' && int(c-'0') > groups {
			return fmt.Errorf(`the expression: the replacement names the group \%c, and there are %d`, c, groups)
		}
	}
	return nil
}

// partsOf parts text at a mark that no backslash stands before: there must be two, and
// what stands after the second has no backslashes.
func partsOf(text []byte, mark byte) (parts [3][]byte, ok bool) {
	part, start := 0, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == mark && part == 2:
			return parts, false
		case text[i] == mark:
			parts[part] = text[start:i]
			part, start = part+1, i+1
		case text[i] == '\\' && part < 2:
			i++
		}
	}
	parts[2] = text[min(start, len(text)):]
	return parts, part == 2
}

// groupsOf counts the groups of an extended regular expression, and says whether all its
// brackets are closed.
func groupsOf(text []byte) (groups int, ok bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			groups, depth = groups+1, depth+1
		case ')': // without an opening one it stands for itself
			depth = max(depth-1, 0)
		case '[':
			size := setSize(text[i:])
			if size == 0 {
				return groups, false
			}
			i += size - 1
		}
	}
	return groups, depth == 0
}

// setSize is how many octets the set in brackets has that text begins with; 0 if it is
// not closed. A ] that comes first stands for itself, and one ends a class like [:digit:].
func setSize(text []byte) int {
	at := 1
	if at < len(text) && text[at] == '^' {
		at++
	}
	for first := at; at < len(text); at++ {
		switch {
		case text[at] == ']' && at > first:
			return at + 1
		case text[at] == '[' && at+1 < len(text) && bytes.IndexByte([]byte(":.="), text[at+1]) >= 0:
			end := bytes.Index(text[at+2:], []byte{text[at+1], ']'})
			if end < 0 {
				return 0
			}
			at += 2 + end + 1
		}
	}
	return 0
}
