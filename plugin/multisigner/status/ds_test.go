package status_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// What is to be added and removed is over all addresses of the parent; what was not
// seen is not taken for absent, and without a set that is safe nothing is to be done.
func TestDSChange(t *testing.T) {
	good := func(addr string, ds ...string) status.ParentAddress {
		return status.ParentAddress{Address: addr, State: "good", DS: ds}
	}
	none := []string{}
	for _, tc := range []struct {
		name   string
		set    []string
		delete bool
		at     []status.ParentAddress
		want   status.DSChange
	}{
		{"in place", []string{"1", "2"}, false, []status.ParentAddress{good("a", "2", "1"), good("b", "1", "2")}, status.DSChange{Safe: true, Add: none, Remove: none, Unseen: none, Done: true}},
		{"none is there", []string{"1"}, false, []status.ParentAddress{good("a")}, status.DSChange{Safe: true, Add: []string{"1"}, Remove: none, Unseen: none}},
		{"one server lags", []string{"1"}, false, []status.ParentAddress{good("a", "1"), good("b", "0")}, status.DSChange{Safe: true, Add: []string{"1"}, Remove: []string{"0"}, Unseen: none}},
		{"one is not seen", []string{"1"}, false, []status.ParentAddress{good("a", "1"), {Address: "b", State: "unreachable"}}, status.DSChange{Safe: true, Add: none, Remove: none, Unseen: []string{"b"}}},
		{"what is bogus does not count", []string{"1"}, false, []status.ParentAddress{good("a", "1"), {Address: "b", State: "bogus", DS: []string{"9"}}}, status.DSChange{Safe: true, Add: none, Remove: none, Unseen: []string{"b"}}},
		{"nothing is safe", nil, false, []status.ParentAddress{good("a", "1")}, status.DSChange{Add: none, Remove: none, Unseen: none}},
		{"all shall go", nil, true, []status.ParentAddress{good("a", "1", "2")}, status.DSChange{Safe: true, Add: none, Remove: []string{"1", "2"}, Unseen: none}},
		{"all have gone", nil, true, []status.ParentAddress{good("a")}, status.DSChange{Safe: true, Add: none, Remove: none, Unseen: none, Done: true}},
		{"no parent", []string{"1"}, false, nil, status.DSChange{Safe: true, Add: none, Remove: none, Unseen: none}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			z := status.Zone{DS: tc.set, DSDelete: tc.delete, Parent: status.Parent{Addresses: tc.at}}
			require.Equal(t, tc.want, z.DSChange())
		})
	}
}

// A DS of no known key that was not disowned is not to be removed, and while it is
// there the set is not in place.
func TestDSChangeKeepsStrangers(t *testing.T) {
	z := status.Zone{DS: []string{"1"}, DSKept: []string{"7"}, Parent: status.Parent{Addresses: []status.ParentAddress{{State: "good", DS: []string{"0", "7", "1"}}}}}
	require.Equal(t, status.DSChange{Safe: true, Add: []string{}, Remove: []string{"0"}, Unseen: []string{}}, z.DSChange())
}
