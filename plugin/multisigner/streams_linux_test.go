package multisigner

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// impatient makes this process wait for clients for a moment only.
func impatient(t *testing.T) {
	patience.Store(int64(700 * time.Millisecond))
	t.Cleanup(func() { patience.Store(0) })
}

// connect is a client at an address of its own, with little room for what it does
// not read.
func (r *running) connect(from string) *net.TCPConn {
	r.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	c, err := dialer.DialContext(context.Background(), "tcp", r.tcp())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// limited is a connection whose server has had the time to set its limits.
func (r *running) limited(from string) *net.TCPConn {
	r.t.Helper()
	var c *net.TCPConn
	require.Eventually(r.t, func() bool {
		c = r.connect(from)
		timeout := 0
		serverSide(r.t, c, func(fd int) { timeout, _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) })
		return timeout > 0
	}, 10*time.Second, 10*time.Millisecond)
	return c
}

// serverSide looks at the server's end of a connection. It is nil when there is none.
func serverSide(t testing.TB, c net.Conn, look func(fd int)) (there bool) {
	t.Helper()
	client := addrPort(c.LocalAddr())
	require.NoError(t, sockets(func(fd int) error {
		peer, err := unix.Getpeername(fd)
		if err != nil || addressOf(peer) != client {
			return nil
		}
		// A connection that the kernel has ended is still open here until it is touched.
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err != nil || info.State != tcpEstablished {
			return nil
		}
		there = true
		if look != nil {
			look(fd)
		}
		return nil
	}))
	return there
}

const tcpEstablished = 1

// The limits are set on what listens, at a start and at a reload; every connection
// inherits them.
func TestLimitsOfStreams(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1)
	r := h.start(block("example.org", ""))
	limits := func() (options [4]int) {
		c := r.limited("127.0.0.8")
		require.Eventually(t, func() bool {
			return serverSide(t, c, func(fd int) {
				for i, o := range [][2]int{{unix.SOL_SOCKET, unix.SO_SNDBUF}, {unix.SOL_SOCKET, unix.SO_RCVBUF}, {unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT}, {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}} {
					options[i], _ = unix.GetsockoptInt(fd, o[0], o[1])
				}
			})
		}, 10*time.Second, 10*time.Millisecond)
		return options
	}
	want := [4]int{2 * sendBuffer, 2 * receiveBuffer, sendLow, 10_000}
	require.Equal(t, want, limits())
	require.NoError(t, r.restart(h.corefile(block("example.org", ""))))
	require.Equal(t, want, limits())
}

// A client that asks and does not read is cut off, whatever it asks for, also over
// TLS; one that reads is not.
func TestUnreadAnswers(t *testing.T) {
	impatient(t)
	h := newHome(t)
	h.zone("example.org", 1)
	h.certificate()
	for _, transport := range []string{"dns", "tls"} {
		r := h.startTLS(transport + "://example.org:0 {\nCOMMON\ntls cert.pem key.pem\nmultisigner {\nfile db.{zone}\nparent none\n}\n}")
		for _, name := range []string{"example.org.", "example.net."} {
			var conn net.Conn = r.limited("127.0.0.8")
			raw := conn
			if transport == "tls" {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
			}
			wire, err := query4(name, dns.TypeDNSKEY).SetEdns0(1232, true).Pack()
			require.NoError(t, err)
			question := append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)

			_, err = conn.Write(question)
			require.NoError(t, err)
			header := make([]byte, 2)
			_, err = io.ReadFull(conn, header)
			require.NoError(t, err)
			require.True(t, serverSide(t, raw, nil))

			go func() { // until it is cut off
				for {
					if _, err := conn.Write(question); err != nil {
						return
					}
				}
			}()
			require.Eventually(t, func() bool { return !serverSide(t, raw, nil) }, 30*time.Second, 50*time.Millisecond, "%s over %s", name, transport)
			raw.Close()
		}
		r.stop()
	}
}

// A transfer whose client does not read is ended, and those
// who wait get their turn.
func TestSlowTransfers(t *testing.T) {
	impatient(t)
	h := newHome(t)
	var many []string
	for i := range 6000 {
		many = append(many, fmt.Sprintf("h%d A 192.0.2.1", i))
	}
	h.zone("open.example", 7, many...)
	r := h.start("open.example:0 {\nCOMMON\nmultisigner {\nfile db.{zone}\nparent none\nallow-transfer 127.0.0.0/8\n}\n}")
	require.Eventually(t, process.ready, time.Minute, 50*time.Millisecond) // it answers before it is transferred
	var slow []net.Conn
	for i := range 2 * maxTransfers {
		c := r.connect(fmt.Sprintf("127.0.0.%d", 10+i/maxClientTransfers))
		require.NoError(t, (&dns.Conn{Conn: c}).WriteMsg(axfr("open.example.", "")))
		slow = append(slow, c)
	}
	all, err := collect(r, axfr("open.example.", ""))
	require.NoError(t, err)
	require.Greater(t, len(all), 12000)
	require.Eventually(t, func() bool {
		for _, c := range slow {
			if serverSide(t, c, nil) {
				return false
			}
		}
		transferTurns.mu.Lock()
		defer transferTurns.mu.Unlock()
		return transferTurns.going == 0 && len(transferTurns.waiting) == 0 && len(transferTurns.clients) == 0
	}, time.Minute, 50*time.Millisecond)
}

// What is cut off is that connection and no other.
func TestCutOff(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var ends [2]net.Conn
	var clients [2]net.Conn
	for i := range ends {
		clients[i], err = net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer clients[i].Close()
		ends[i], err = l.Accept()
		require.NoError(t, err)
		defer ends[i].Close()
	}
	require.NoError(t, cutOff(addrPort(ends[0].LocalAddr()), addrPort(ends[0].RemoteAddr())))
	_, err = ends[0].Write([]byte("x"))
	require.Error(t, err)
	_, err = ends[1].Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, cutOff(netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("192.0.2.2:53")), "it is gone already")
}
