package peer

import (
	"encoding/binary"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// CSYNC is what an address asks its parent to copy (RFC 7477 2.1).
type CSYNC struct {
	Serial uint32
	Flags  uint16
	Types  []zone.Type // in ascending order
}

// CSYNC gives the address's CSYNC record, if it was validated. ok is false when it has
// none, and when that is not known: Absent tells these apart.
func (a Address) CSYNC() (c CSYNC, ok bool) {
	for rdata := range a.Sets[zone.TypeCSYNC].Rdata.All() {
		c, ok = readCSYNC(rdata)
	}
	return c, ok
}

func readCSYNC(rdata string) (c CSYNC, ok bool) {
	const fixed = 6
	b := []byte(rdata)
	if len(b) < fixed {
		return CSYNC{}, false
	}
	c.Serial, c.Flags = binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[4:])
	// The bitmap is that of NSEC (RFC 4034 4.1.2).
	for b = b[fixed:]; len(b) > 2; {
		window, size := int(b[0]), int(b[1])
		if len(b) < 2+size {
			return CSYNC{}, false
		}
		for i, octet := range b[2 : 2+size] {
			for bit := range 8 {
				if octet&(0x80>>bit) != 0 {
					c.Types = append(c.Types, zone.Type(window<<8|i<<3|bit))
				}
			}
		}
		b = b[2+size:]
	}
	return c, len(b) == 0
}
