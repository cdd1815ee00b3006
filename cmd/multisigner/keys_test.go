package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Beside its state a key says that it stands by, or is compromised.
func TestKeysBesides(t *testing.T) {
	z := status.Zone{Zone: "example.org.", At: now, Keys: []status.Key{
		{Tag: 1, Role: "zsk", State: "ready", Standby: true}, {Tag: 2, Role: "zsk", State: "retired", Compromised: true}}}
	out, err, code := start(t, &server{zones: []status.Zone{z}})("keys")
	require.Empty(t, err)
	require.Zero(t, code)
	require.Contains(t, out, " ready, standby ")
	require.Contains(t, out, " retired, compromised ")
}
