package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// writeSecondaries says of each secondary what it was told, what it fetched and what
// it has.
func writeSecondaries(w io.Writer, z status.Zone) {
	if len(z.Secondaries) == 0 {
		return
	}
	fmt.Fprintln(w, "\nsecondaries")
	for _, s := range z.Secondaries {
		fmt.Fprintf(w, "  %s\n", s.Address)
		t := table(w)
		has := "not seen yet"
		if !s.Seen.IsZero() {
			has = strconv.FormatUint(uint64(s.Serial), 10)
			if s.Serial == 0 {
				has = "none, " + s.State
			}
			if s.Behind {
				has += ", which is behind"
			}
			has += ", seen " + moment(s.Seen, z.At)
		}
		fmt.Fprintf(t, "    serial\t%s\n", has)
		notify, transfer := "none since the start", "none since the start"
		if n := s.Notify; n != nil {
			notify = fmt.Sprintf("of %d %s: %s", n.Serial, moment(n.At, z.At), n.Answer)
			if n.Cure != "" {
				notify += "\n    to do\t" + n.Cure
			}
		}
		if x := s.Transfer; x != nil {
			transfer = fmt.Sprintf("of %d %s: %s", x.Serial, moment(x.At, z.At), x.Result)
		}
		fmt.Fprintf(t, "    NOTIFY\t%s\n    transfer\t%s\n", notify, transfer)
		t.Flush()
	}
}
