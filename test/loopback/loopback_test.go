package loopback_test

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/loopback"
)

// A port that was found can be had over both.
func TestFree(t *testing.T) {
	at, err := loopback.Free("127.0.0.1")
	require.NoError(t, err)
	l, err := net.Listen("tcp", at.String())
	require.NoError(t, err)
	defer l.Close()
	u, err := net.ListenPacket("udp", at.String())
	require.NoError(t, err)
	defer u.Close()
	given, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer given.Close()
	require.Less(t, at.Port(), given.Addr().(*net.TCPAddr).AddrPort().Port(), "the system gives such to those who ask others")
	had := map[netip.AddrPort]bool{}
	for range 200 {
		another := loopback.Address(t)
		require.False(t, had[another], "servers that are started later find their ports taken")
		had[another] = true
	}
	_, err = loopback.Free("192.0.2.1")
	require.Error(t, err, "it is no address of this machine")
}

// Two processes that look for ports at the same time find others.
func TestFreeInOtherProcesses(t *testing.T) {
	at := loopback.Address(t)
	_, err := net.Listen("unix", "@multisigner/"+at.String())
	require.ErrorIs(t, err, syscall.EADDRINUSE, "this is how another process would claim it")
}
