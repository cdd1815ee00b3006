package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// ds prints what can be pasted, and beside it in comments what the parent lacks, what
// it has too much, and what is not known.
func TestDS(t *testing.T) {
	at := func(addr, state string, ds ...string) status.ParentAddress {
		return status.ParentAddress{Address: addr, State: state, DS: ds, Seen: now}
	}
	one, two, old := "1001 13 2 AB", "2002 13 2 CD", "999 13 2 EF"
	for _, tc := range []struct {
		name   string
		change func(z *status.Zone)
	}{
		{"ds", func(*status.Zone) {}},
		{"ds-differs", func(z *status.Zone) {
			z.Parent.Addresses = []status.ParentAddress{at("192.0.2.9:53", "good", one, old), at("192.0.2.10:53", "good", one), at("192.0.2.11:53", "unreachable")}
		}},
		{"ds-stranger", func(z *status.Zone) {
			z.DSKept = []string{"7777 13 2 FF"}
			z.Parent.Addresses = []status.ParentAddress{at("192.0.2.9:53", "good", one, old, "7777 13 2 FF")}
		}},
		{"ds-first", func(z *status.Zone) { z.Parent.Addresses = []status.ParentAddress{at("192.0.2.9:53", "good")} }},
		{"ds-island", func(z *status.Zone) { z.Parent = status.Parent{Mode: "none"} }},
		{"ds-delete", func(z *status.Zone) {
			z.DS, z.DSDelete = nil, true
			z.Parent.Addresses = []status.ParentAddress{at("192.0.2.9:53", "good", one, two)}
		}},
		{"ds-deleted", func(z *status.Zone) {
			z.DS, z.DSDelete = nil, true
			z.Parent.Addresses = []status.ParentAddress{at("192.0.2.9:53", "good")}
		}},
		{"ds-deleted-island", func(z *status.Zone) {
			z.DS, z.DSDelete, z.Insecure, z.Parent = nil, true, true, status.Parent{Mode: "none"}
		}},
		{"ds-delete-unseen", func(z *status.Zone) {
			z.DS, z.DSDelete = nil, true
			z.Parent.Addresses = []status.ParentAddress{at("192.0.2.9:53", "good"), at("192.0.2.10:53", "unreachable")}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			z := rolling()
			tc.change(&z)
			out, err, code := start(t, &server{zones: []status.Zone{z}})("ds")
			require.Empty(t, err)
			require.Zero(t, code)
			golden(t, tc.name, out)
		})
	}
}

// The status says how the parent is told, and what came of it.
func TestParentTold(t *testing.T) {
	for name, told := range map[string]status.Told{
		"told":         {What: "CDS", How: "NOTIFY", To: "notify.org.:5300 192.0.2.9:5300", At: now.Add(-time.Minute)},
		"told-in-vain": {What: "CDS", How: "UPDATE", At: now.Add(-time.Minute), Error: "update zone org at 192.0.2.9:53: answered REFUSED", Again: now.Add(time.Hour)},
	} {
		z := status.Zone{Zone: "example.org.", Signer: "a", At: now, Serving: true, Denial: "nsec",
			Parent: status.Parent{Mode: "servers", Told: &told, Addresses: []status.ParentAddress{{Address: "192.0.2.9:53", State: "unsigned", Why: "it has no signatures", Seen: now}}}}
		out, _, _ := start(t, &server{zones: []status.Zone{z}})("status")
		golden(t, name, out)
	}
	z := status.Zone{Zone: "example.org.", Signer: "a", At: now, Serving: true, Denial: "nsec", Parent: status.Parent{Mode: "servers", Manual: true}}
	out, _, _ := start(t, &server{zones: []status.Zone{z}})("status")
	require.Contains(t, out, "not yet asked; a person carries the DS there")
}
