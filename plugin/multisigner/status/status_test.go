package status_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// A matrix is green only if something was asked and all of it validated: an
// empty one, a silent server and a single fault must each make `check` fail.
func TestMatrixOK(t *testing.T) {
	green := status.Cell{Answers: "a", Keys: "b", Asked: 12}
	red := status.Cell{Answers: "b", Keys: "a", Asked: 12, Faults: []string{"www A: no key with tag 7"}}
	silent := status.Server{Signer: "b", Address: "b", Fault: "timeout"}
	for _, tc := range []struct {
		name   string
		matrix status.Matrix
		ok     bool
	}{
		{"nothing was asked", status.Matrix{}, false},
		{"all green", status.Matrix{Cells: []status.Cell{green}}, true},
		{"one fault", status.Matrix{Cells: []status.Cell{green, red}}, false},
		{"a server is silent", status.Matrix{Servers: []status.Server{silent}, Cells: []status.Cell{green}}, false},
		{"a cell without questions", status.Matrix{Cells: []status.Cell{{Answers: "a", Keys: "a"}}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.ok, tc.matrix.OK()) })
	}
}

// Scripts read the JSON: times that are not known are left out rather than
// written as year 1, and everything comes back as it was.
func TestZoneJSON(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	z := status.Zone{Zone: "example.org.", At: at, Serial: 7, Waits: []status.Wait{{What: "b to publish 12345"}}}
	text, err := json.Marshal(z)
	require.NoError(t, err)
	require.NotContains(t, string(text), "0001-01-01")
	var back status.Zone
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, z, back)
}

// The time left is counted from the moment asked about; a zone without
// signatures has none to lose.
func TestExpires(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	z := status.Zone{Signatures: status.Signatures{Earliest: at.Add(time.Hour)}}
	require.Equal(t, time.Hour, z.Expires(at))
	require.Equal(t, -time.Hour, z.Expires(at.Add(2*time.Hour)))
	require.Zero(t, status.Zone{}.Expires(at))
}
