package source

import (
	"errors"
	"fmt"
	"math"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
)

// noTTL stands for the TTL of records that say none.
const noTTL = 1<<32 - 2

// ttl gives the TTL of a record: its own, else that which holds here: $TTL's, else
// that of the record before (RFC 1035 5.1). A file that has neither means the SOA's
// minimum, as before RFC 2308; collector.finish sees to that.
func (f *feed) ttl(h head) uint32 {
	switch {
	case !h.hasTTL && f.scope.hasTTL:
		return f.scope.ttl
	case !h.hasTTL:
		return noTTL
	case !f.scope.fixed:
		f.scope.ttl, f.scope.hasTTL = h.ttl, true
	}
	return h.ttl
}

// maxTTL is the largest there is. One with the bit above counts as 0 (RFC 2181 8), and
// what has more bits is none: BIND and Knot take zones so as well.
const maxTTL = 1<<31 - 1

var errTTL = errors.New("the TTL is above 2147483647, the largest there is (RFC 2181 8): write a smaller one")

// countsAsNone is told of a TTL that counts as 0.
const countsAsNone = "the TTL is above 2147483647, and counts as 0 (RFC 2181 8): write a smaller one"

// parseTTL reads seconds, or a sum of times with the units w, d, h, m and s. over says that
// the TTL is 0 because it is written larger than there is one.
func parseTTL(s string) (ttl uint32, over bool, err error) {
	seconds, err := rdata.Period(s)
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("%q is no time: write seconds, or a time like 1h30m", shorten(s))
	case seconds > math.MaxUint32:
		return 0, false, errTTL
	case seconds > maxTTL:
		return 0, true, nil
	}
	return uint32(seconds), false, nil
}
