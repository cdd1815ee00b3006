package xfr

import "github.com/multisigner/multisigner/plugin/multisigner/zone"

// Octets is what a chain of differences takes as IXFR, without headers and compression.
func Octets(chain ...zone.Diff) (total int) {
	for r := range incremental(chain, differing) {
		total += r.size()
	}
	return total
}

// condenseAt is how many times the octets of one difference a chain may take that
// leads as far: our choice. Below it one that is composed would save little, and a
// secondary that keeps a journal has more of one that is not.
const condenseAt = 2

// Condense gives the chain to send in the place of another: that one, or a single
// difference that leads as far, where what came and went again makes it much longer
// (RFC 1995 6). It fails when a difference does not begin where the one before ends.
func Condense(chain []zone.Diff) ([]zone.Diff, error) {
	if len(chain) < 2 {
		return chain, nil
	}
	one, err := zone.Compose(chain...)
	if err != nil {
		return nil, err
	}
	if Octets(chain...) > condenseAt*Octets(one) {
		return []zone.Diff{one}, nil
	}
	return chain, nil
}
