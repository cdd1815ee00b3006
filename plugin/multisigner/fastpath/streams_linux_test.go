package fastpath

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/reuseport"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// opened is a front beside sockets as CoreDNS has them.
type opened struct {
	*Front
	theirs net.Listener
}

// beside opens a front; before is called when only the others listen.
func beside(t *testing.T, before func(address string)) opened {
	t.Helper()
	theirs, err := reuseport.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { theirs.Close() })
	address := theirs.Addr().String()
	packets, err := reuseport.ListenPacket("udp", address)
	require.NoError(t, err)
	t.Cleanup(func() { packets.Close() })
	before(address)
	server, err := dnsserver.NewServer("dns://"+address, nil)
	require.NoError(t, err)
	table, _ := exampleTable()
	front, binding, err := Open(address, 1, server, table)
	require.NoError(t, err)
	t.Cleanup(binding.End)
	require.NoError(t, front.Listen(address, 1, Streams{Inherit: func(int) error { return nil }, Begin: func() {}, End: func() {}}))
	return opened{front, theirs}
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return c
}

// isAnswered requires that a connection is one of the front's.
func isAnswered(t *testing.T, c net.Conn) {
	t.Helper()
	query := packetOf(t, "a.example.", dns.TypeA)
	_, err := c.Write(framed(query))
	require.NoError(t, err)
	var length [2]byte
	_, err = io.ReadFull(c, length[:])
	require.NoError(t, err)
	got := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, query[:2], got[:2])
}

// isTheirs requires that a connection waits for the others.
func (o opened) isTheirs(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, o.theirs.(*net.TCPListener).SetDeadline(time.Now().Add(20*time.Second)))
	got, err := o.theirs.Accept()
	require.NoError(t, err)
	defer got.Close()
	require.Equal(t, c.LocalAddr().String(), got.RemoteAddr().String())
}

// Connections that wait for CoreDNS when the front opens stay CoreDNS's; all later ones are
// the front's, until it closes, and then CoreDNS's again. None is lost.
func TestConnectionsBesideCoreDNS(t *testing.T) {
	var waiting []net.Conn
	o := beside(t, func(address string) {
		for range 5 {
			waiting = append(waiting, connect(t, address))
		}
	})
	address := o.theirs.Addr().String()
	for range 50 {
		isAnswered(t, connect(t, address))
	}
	for _, c := range waiting {
		o.isTheirs(t, c)
	}
	kept := connect(t, address)
	isAnswered(t, kept)
	closed := make(chan struct{})
	go func() { o.Close(); close(closed) }()
	require.Eventually(t, o.streams.ending.Load, 10*time.Second, 100*time.Microsecond)
	for range 5 {
		o.isTheirs(t, connect(t, address)) // it waits for handshakes, and takes nobody who comes
	}
	<-closed
	_, err := kept.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	for range 20 {
		o.isTheirs(t, connect(t, address))
	}
	o.streams.mu.Lock()
	defer o.streams.mu.Unlock()
	require.Empty(t, o.streams.conns)
}
