package source

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// noTTL stands for the TTL of records that say none.
const noTTL = 1<<32 - 2

// setTTLOf gives a record that says no TTL the one that holds here: $TTL's, else
// that of the record before (RFC 1035 5.1). A file that has neither means the
// SOA's minimum, as before RFC 2308; collector.finish sees to that.
func (f *feed) setTTLOf(h *dns.RR_Header) error {
	switch {
	case h.Ttl == noTTL && f.scope.hasTTL:
		h.Ttl = f.scope.ttl
	case h.Ttl == noTTL:
	case h.Ttl > maxTTL || wraps(f.entry.text):
		return errTTL
	case !f.scope.fixed:
		f.scope.ttl, f.scope.hasTTL = h.Ttl, true
	}
	return nil
}

// wraps reports whether the TTL is written with so many digits that the parser
// has lost the highest of them.
func wraps(text []byte) bool {
	words := 0
	if isBlank(text[0]) {
		words = 1 // the owner is not written
	}
	for word := range bytes.FieldsSeq(text) {
		if words > 0 && isDigit(word[0]) && len(word) >= 18 {
			return true
		}
		if words++; words > 2 { // the TTL is beside the class, before the type
			break
		}
	}
	return false
}

// maxTTL is the largest there is (RFC 2181 8); a larger one counts as 0.
const maxTTL = 1<<31 - 1

var errTTL = errors.New("the TTL is above 2147483647, which resolvers take as 0 (RFC 2181 8): write a smaller one")

// parseTTL reads seconds, or a sum of times with the units w, d, h, m and s.
func parseTTL(s string) (uint32, error) {
	units := map[byte]uint64{'w': 7 * 86400, 'd': 86400, 'h': 3600, 'm': 60, 's': 1}
	var sum uint64
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseUint(rest[:digits], 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%q is no time: write seconds, or a time like 1h30m", shorten(s))
		}
		unit := uint64(1)
		if rest = rest[digits:]; rest != "" {
			if unit = units[rest[0]|0x20]; unit == 0 {
				return 0, fmt.Errorf("%q is no time: write seconds, or a time like 1h30m", shorten(s))
			}
			rest = rest[1:]
		}
		if n > maxTTL || sum+n*unit > maxTTL {
			return 0, errTTL
		}
		sum += n * unit
	}
	return uint32(sum), nil
}
