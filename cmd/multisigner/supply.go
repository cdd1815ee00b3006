package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// writeSupplies tells of signers that have our keys with the content.
func writeSupplies(w io.Writer, z status.Zone) {
	for _, p := range z.Peers {
		s := p.Supply
		if s == nil {
			continue
		}
		given, has, transfer := "nothing yet: "+s.Why, "not known", "none since the start"
		if s.Serial != nil {
			given = "serial " + strconv.FormatUint(uint64(*s.Serial), 10)
		}
		if s.Has != nil {
			has = "serial " + strconv.FormatUint(uint64(*s.Has), 10)
			if s.Serial != nil && *s.Has != *s.Serial {
				has += ", which is behind"
			}
		}
		if x := s.Transfer; x != nil {
			transfer = fmt.Sprintf("of %d %s: %s", x.Serial, moment(x.At, z.At), x.Result)
		}
		fmt.Fprintf(w, "\n%s has the keys with the content\n", p.Name)
		t := table(w)
		fmt.Fprintf(t, "    given\t%s\n    has\t%s\n    transfer\t%s\n", given, has, transfer)
		t.Flush()
	}
}
