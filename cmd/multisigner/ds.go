package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// dsView prints the whole set or nothing: a part of it would cut off a signer. It is
// zone file text, so that it can be pasted; what differs at the parent stands in comments.
var dsView = view{
	text: func(w io.Writer, zones []status.Zone) {
		for _, z := range zones {
			writeDS(w, z)
		}
	},
	json: func(z status.Zone) any {
		return struct {
			Zone   string          `json:"zone"`
			DS     []string        `json:"ds"`
			Kept   []string        `json:"kept,omitempty"` // there besides, and part of what is pasted until `disown`
			Why    string          `json:"why"`
			Delete bool            `json:"delete"` // the set is empty on purpose: the DS shall go
			Parent []string        `json:"parent"` // what is there
			Change status.DSChange `json:"change"`
		}{z.Zone, z.DS, z.DSKept, z.DSWhy, z.DSDelete, z.Parent.DS, z.DSChange()}
	},
	fail: func(z status.Zone) string {
		if z.DSChange().Safe {
			return ""
		}
		return "has no DS that is safe now: " + z.DSWhy
	},
}

func writeDS(w io.Writer, z status.Zone) {
	c := z.DSChange()
	if !c.Safe {
		return
	}
	where := "the parent"
	if z.Parent.Zone != "" {
		where = z.Parent.Zone
	}
	switch {
	case len(z.Parent.Addresses) == 0 && z.DSDelete:
		fmt.Fprintf(w, "; %s: no DS shall be at the parent, and there is none to ask whether it has one\n", z.Zone)
	case len(z.Parent.Addresses) == 0:
		fmt.Fprintf(w, "; %s: safe now; there is no parent to ask whether it has this set\n", z.Zone)
	case c.Done && z.DSDelete:
		fmt.Fprintf(w, "; %s: no DS shall be at %s, and none is there\n", z.Zone, where)
	case c.Done:
		fmt.Fprintf(w, "; %s: safe now, and in place at every address of %s\n", z.Zone, where)
	case z.DSDelete:
		fmt.Fprintf(w, "; %s: no DS shall be at %s; safe now: %s\n", z.Zone, where, differences(c, z.DSKept))
	default:
		fmt.Fprintf(w, "; %s: safe now at %s: %s\n", z.Zone, where, differences(c, z.DSKept))
	}
	for _, ds := range z.DS {
		mark := ""
		if slices.Contains(c.Add, ds) {
			mark = " ; to add"
		}
		fmt.Fprintf(w, "%s IN DS %s%s\n", z.Zone, ds, mark)
	}
	for _, ds := range z.DSKept {
		fmt.Fprintf(w, "%s IN DS %s ; of no known key: it stays until `disown`\n", z.Zone, ds)
	}
	for _, ds := range c.Remove {
		fmt.Fprintf(w, "; to remove: %s IN DS %s\n", z.Zone, ds)
	}
}

func differences(c status.DSChange, kept []string) string {
	var parts []string
	for _, each := range []struct {
		n    int
		what string
	}{{len(c.Add), "%d to add"}, {len(c.Remove), "%d to remove"}} {
		if each.n > 0 {
			parts = append(parts, fmt.Sprintf(each.what, each.n))
		}
	}
	if len(kept) > 0 {
		parts = append(parts, fmt.Sprintf("%d of no known key", len(kept)))
	}
	if len(c.Unseen) > 0 {
		parts = append(parts, "what "+strings.Join(c.Unseen, ", ")+" has is not known")
	}
	return strings.Join(parts, ", ")
}
