package ask_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// server is a peer on loopback that does just what a test tells it to.
type server struct {
	addr netip.AddrPort
	udp  net.PacketConn
	tcp  net.Listener

	mu     sync.Mutex
	viaUDP int // questions that came
	viaTCP int
}

// serve starts a server; both may be nil for one that only listens. overUDP gives
// the datagrams to answer with, overTCP speaks on the connection by itself.
func serve(t *testing.T, overUDP func(q *dns.Msg, wire []byte) [][]byte, overTCP func(conn net.Conn, q *dns.Msg, wire []byte)) *server {
	s := &server{}
	var err error
	// The port that UDP was given may be taken for TCP: then another is tried.
	for range 20 {
		s.udp, err = net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		s.addr = s.udp.LocalAddr().(*net.UDPAddr).AddrPort()
		if s.tcp, err = net.Listen("tcp", s.addr.String()); err == nil {
			break
		}
		s.udp.Close()
	}
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() {
		s.udp.Close()
		s.tcp.Close()
		running.Wait()
	})
	running.Go(func() { s.serveUDP(overUDP) })
	running.Go(func() {
		for {
			conn, err := s.tcp.Accept()
			if err != nil {
				return
			}
			running.Go(func() { s.serveTCP(conn, overTCP) })
		}
	})
	return s
}

func (s *server) serveUDP(answer func(*dns.Msg, []byte) [][]byte) {
	buf := make([]byte, 65535)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.viaUDP++
		s.mu.Unlock()
		q := new(dns.Msg)
		if answer == nil || q.Unpack(buf[:n]) != nil {
			continue
		}
		for _, wire := range answer(q, append([]byte(nil), buf[:n]...)) {
			s.udp.WriteTo(wire, from)
		}
	}
}

func (s *server) serveTCP(conn net.Conn, answer func(net.Conn, *dns.Msg, []byte)) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	wire := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, wire); err != nil {
		return
	}
	s.mu.Lock()
	s.viaTCP++
	s.mu.Unlock()
	q := new(dns.Msg)
	if answer == nil || q.Unpack(wire) != nil {
		return
	}
	answer(conn, q, wire)
}

func (s *server) asked() (overUDP, overTCP int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viaUDP, s.viaTCP
}

// send frames messages on a connection.
func send(conn net.Conn, wires ...[]byte) {
	for _, wire := range wires {
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
	}
}

func pack(m *dns.Msg) []byte {
	wire, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return wire
}

func rr(text string) dns.RR {
	rr, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	return rr
}

const soa = "example.org. 3600 IN SOA ns.example.org. root.example.org. 7 3600 600 86400 300"

// good answers a question for the SOA as it should be.
func good(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	m.Answer = []dns.RR{rr(soa)}
	return m
}

func udpGood(q *dns.Msg, _ []byte) [][]byte       { return [][]byte{pack(good(q))} }
func tcpGood(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, pack(good(q))) }

var (
	key      = &ask.TSIG{Name: "group-key.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}
	otherKey = &ask.TSIG{Name: "group-key.", Algorithm: dns.HmacSHA256, Secret: "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="}
)

// signed packs m with a TSIG that continues mac, and gives the new MAC.
func signed(m *dns.Msg, k *ask.TSIG, mac string, timersOnly bool, at time.Time) ([]byte, string) {
	m.SetTsig(k.Name, k.Algorithm, 300, at.Unix())
	wire, mac, err := dns.TsigGenerate(m, k.Secret, mac, timersOnly)
	if err != nil {
		panic(err)
	}
	return wire, mac
}

// macOf is the request's MAC, which its answers continue.
func macOf(q *dns.Msg) string { return q.IsTsig().MAC }

// client is quick to give up: tests wait for it.
func client() *ask.Client { return &ask.Client{Timeout: 150 * time.Millisecond, Tries: 2} }
