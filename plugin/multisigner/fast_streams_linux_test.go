package multisigner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// stream is a client over TCP that sees octets.
type stream struct {
	t *testing.T
	*net.TCPConn
}

func dialTCP(t *testing.T, at string) stream {
	t.Helper()
	conn, err := net.DialTimeout("tcp", at, 10*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return stream{t, conn.(*net.TCPConn)}
}

// framed puts its length before each message.
func framed(messages ...[]byte) (out []byte) {
	for _, m := range messages {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(m))), m...)
	}
	return out
}

func (s stream) send(octets []byte) {
	s.t.Helper()
	_, err := s.Write(octets)
	require.NoError(s.t, err)
}

// next gives the next message; nil at the end.
func (s stream) next() []byte {
	s.t.Helper()
	var length [2]byte
	if _, err := io.ReadFull(s, length[:]); err != nil {
		require.False(s.t, errors.Is(err, os.ErrDeadlineExceeded), "neither an answer nor an end")
		return nil
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(s, message)
	require.NoError(s.t, err)
	return message
}

// numbered is a query with an ID.
func numbered(t *testing.T, id int, name string, kind uint16) []byte {
	m := query4(name, kind).SetEdns0(1232, true)
	m.Id = uint16(id)
	return packed(t, m)
}

// answered requires that the answers to queries with these IDs come next, in this order.
func (s stream) answered(ids ...int) {
	s.t.Helper()
	for _, id := range ids {
		got := s.next()
		require.NotNil(s.t, got, "the answer to %d", id)
		require.EqualValues(s.t, id, binary.BigEndian.Uint16(got))
	}
}

// onFast starts the zone with every kind of answer at an address of the fast path.
func onFast(t *testing.T, more string) (r *running, port int, corefile string) {
	t.Helper()
	h := newHome(t)
	h.awkward()
	port, _ = twoPorts(t)
	corefile = fmt.Sprintf("example:%d {\nCOMMON\n%s\nmultisigner {\nfile db.{zone}\nparent none\nallow-transfer 127.0.0.0/8\n}\n}", port, more)
	corefile = string(h.corefile(corefile).Body())
	r = h.startTLS(corefile)
	upAt(t, port)
	r.front(port)
	return r, port, corefile
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// However queries come to a connection, each is answered once, in their order: those that are
// for us and those that are CoreDNS's.
func TestStreamsOfQueries(t *testing.T) {
	r, port, _ := onFast(t, "nsid here")
	ours := func(id int) []byte { return numbered(t, id, "a.example.", dns.TypeA) }
	theirs := func(id int) []byte { return numbered(t, id, "a.outside.", dns.TypeA) }
	before, handedBefore := r.front(port).StreamStats()

	s := dialTCP(t, local(port))
	s.send(framed(ours(1)))
	s.answered(1)

	// In pieces, the length too. Each is read before the next comes.
	octets := framed(ours(2), theirs(3), ours(4))
	one := len(framed(ours(2)))
	for _, piece := range []int{1, 1, 1, 20, one - 23 + 5, len(octets) - one - 5} {
		s.send(octets[:piece])
		octets = octets[piece:]
		s.taken()
	}
	s.answered(2, 3, 4)

	for _, octet := range framed(ours(5), theirs(6)) {
		s.send([]byte{octet})
		s.taken()
	}
	s.answered(5, 6)

	// Nobody could say what is asked: there is no answer, and all goes on.
	s.send(framed(nil, ours(7), nil, ours(8)[:11], nil, ours(9)))
	s.answered(7, 9)

	// As long as a message can be.
	long := packed(t, query4("a.example.", dns.TypeA).SetEdns0(1232, true))
	padding := 65535 - len(long) - 4
	long = append(long, 0, dns.EDNS0PADDING, byte(padding>>8), byte(padding))
	long = append(long, make([]byte, padding)...)
	binary.BigEndian.PutUint16(long[len(long)-padding-6:], uint16(padding+4))
	binary.BigEndian.PutUint16(long, 10)
	require.Len(t, long, 65535)
	unknown := append([]byte(nil), long...)
	unknown[len(long)-padding-3] = 99 // an option that is CoreDNS's
	binary.BigEndian.PutUint16(unknown, 11)
	s.send(framed(long, unknown, long, ours(12)))
	s.answered(10, 11, 10, 12)

	// Many at once, more than are answered together.
	var many []byte
	var ids []int
	for id := 100; id < 1100; id++ {
		if id%97 == 0 {
			many = append(many, framed(theirs(id))...)
		} else {
			many = append(many, framed(ours(id))...)
		}
		ids = append(ids, id)
	}
	s.send(many)
	s.answered(ids...)

	// A client that sends no more still gets what it has asked, and then the end.
	s.send(framed(ours(13), theirs(14), ours(15))[:len(framed(ours(13), theirs(14), ours(15)))-1])
	require.NoError(t, s.CloseWrite())
	s.answered(13, 14)
	require.Nil(t, s.next())

	for range 3 { // what makes no sense harms nobody else
		s := dialTCP(t, local(port))
		s.send([]byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"))
		require.NoError(t, s.CloseWrite())
		for s.next() != nil {
		}
	}
	answered, handed := r.front(port).StreamStats()
	require.EqualValues(t, 1+2+1+2+3+1000-10+1, answered-before)
	require.EqualValues(t, 1+1+1+10+1, handed-handedBefore)
}

// taken waits until the server has read all that was sent.
func (s stream) taken() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		waiting := 1
		serverSide(s.t, s, func(fd int) { waiting, _ = unix.IoctlGetInt(fd, unix.TIOCINQ) })
		return waiting == 0
	}, 10*time.Second, time.Millisecond)
}

// A transfer among queries: each has all of its answers before the next has its own, and
// the messages of the transfer are signed if it was.
func TestTransferAmongQueries(t *testing.T) {
	const secret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
	_, port, _ := onFast(t, "tsig {\nsecret k. "+secret+"\n}")
	s := dialTCP(t, local(port))
	axfr := new(dns.Msg).SetAxfr("example.")
	axfr.Id = 2
	axfr.SetTsig("k.", dns.HmacSHA256, 300, time.Now().Unix())
	signed, mac, err := dns.TsigGenerate(axfr, secret, "", false)
	require.NoError(t, err)
	s.send(framed(numbered(t, 1, "a.example.", dns.TypeA), signed, numbered(t, 3, "b.example.", dns.TypeA)))
	s.answered(1)
	soas, messages := 0, 0
	for ; soas < 2; messages++ {
		wire := s.next()
		var m dns.Msg
		require.NoError(t, m.Unpack(wire))
		require.EqualValues(t, 2, m.Id)
		require.NoError(t, dns.TsigVerify(wire, secret, mac, messages > 0))
		mac = m.IsTsig().MAC
		for _, rr := range m.Answer {
			if _, ok := rr.(*dns.SOA); ok {
				soas++
			}
		}
	}
	s.answered(3)
}

// A connection that asks nothing ends when CoreDNS's would, and so does one of which only a
// part of a query comes; asking prolongs it. It is over after as many queries as it may ask.
func TestRestOfStreams(t *testing.T) {
	_, port, _ := onFast(t, "timeouts {\nread 2s\nidle 1s\nmaxtcpqueries 20\n}")
	ask := numbered(t, 1, "a.example.", dns.TypeA)
	lasts := func(s stream) time.Duration {
		begun := time.Now()
		require.Nil(t, s.next())
		return time.Since(begun)
	}
	within := func(want, is time.Duration) {
		t.Helper()
		require.GreaterOrEqual(t, is, want-50*time.Millisecond)
		require.Less(t, is, want+5*time.Second)
	}
	within(2*time.Second, lasts(dialTCP(t, local(port))))
	s := dialTCP(t, local(port))
	s.send([]byte{0, 40, 1})
	within(2*time.Second, lasts(s))
	for _, question := range [][]byte{ask, numbered(t, 1, "a.outside.", dns.TypeA)} {
		s = dialTCP(t, local(port))
		for range 8 {
			s.send(framed(question))
			s.answered(1)
			<-time.After(200 * time.Millisecond)
		}
		within(800*time.Millisecond, lasts(s))

		s = dialTCP(t, local(port))
		for range 25 {
			s.send(framed(question))
		}
		for range 20 {
			s.answered(1)
		}
		got := make([]byte, 1)
		_, err := s.Read(got)
		require.Error(t, err)
	}
}

// A client that asks and does not read is cut off.
func TestUnreadStreams(t *testing.T) {
	impatient(t)
	r, port, _ := onFast(t, "")
	for _, name := range []string{"example.", "outside."} {
		conn := r.limited("127.0.0.8")
		question := framed(numbered(t, 1, name, dns.TypeDNSKEY))
		go func() {
			for {
				if _, err := conn.Write(question); err != nil {
					return
				}
			}
		}()
		require.Eventually(t, func() bool { return !serverSide(t, conn, nil) }, 30*time.Second, 50*time.Millisecond, name)
		conn.Close()
	}
	answered, _ := r.front(port).StreamStats()
	require.Positive(t, answered)
}

// A client of a transfer that does not read is cut off, one that reads slowly is not, and
// others are answered meanwhile.
func TestSlowReadersOfTransfers(t *testing.T) {
	impatient(t)
	h := newHome(t)
	var many []string
	for i := range 6000 {
		many = append(many, fmt.Sprintf("h%d A 192.0.2.1", i))
	}
	h.zone("open.example", 7, many...)
	port, _ := twoPorts(t)
	r := h.startTLS(fmt.Sprintf("open.example:%d {\nCOMMON\nmultisigner {\nfile db.{zone}\nparent none\nallow-transfer 127.0.0.0/8\n}\n}", port))
	r.front(port)
	require.Eventually(t, process.ready, time.Minute, 50*time.Millisecond)
	deaf := r.limited("127.0.0.9")
	require.NoError(t, (&dns.Conn{Conn: deaf}).WriteMsg(axfr("open.example.", "")))
	slow := stream{t, r.limited("127.0.0.8")}
	require.NoError(t, slow.SetDeadline(time.Now().Add(time.Minute)))
	slow.send(framed(packed(t, axfr("open.example.", "")), numbered(t, 7, "h7.open.example.", dns.TypeA)))
	other := dialTCP(t, local(port))
	records := 0
	for records < 6000 {
		var m dns.Msg
		require.NoError(t, m.Unpack(slow.next()))
		records += len(m.Answer)
		if records%5 == 0 {
			other.send(framed(numbered(t, 1, "h1.open.example.", dns.TypeA)))
			other.answered(1)
		}
		<-time.After(20 * time.Millisecond)
	}
	last := slow.next()
	for last != nil && binary.BigEndian.Uint16(last) != 7 {
		last = slow.next()
	}
	require.NotNil(t, last)
	require.Eventually(t, func() bool { return !serverSide(t, deaf, nil) }, 30*time.Second, 50*time.Millisecond)
}

// Reloads that leave the fast path on end no connection and lose no query; one that turns it
// off, and the end, answer what has come before they close a connection.
func TestReloadsOfStreams(t *testing.T) {
	r, port, corefile := onFast(t, "")
	opened := r.front(port)
	restart := func(text string) error {
		inst, err := r.inst.Restart(home{t: t}.corefile(text))
		r.inst = inst
		return err
	}
	with := func(more string) string { return strings.Replace(corefile, "multisigner {", more+"\nmultisigner {", 1) }

	stop := make(chan struct{})
	var group sync.WaitGroup
	var asked, ended [4]atomic.Int32
	for i := range asked {
		group.Go(func() {
			s := dialTCP(t, local(port))
			for id := 1; ; id++ {
				select {
				case <-stop:
					return
				default:
				}
				name := "a.example."
				if id%7 == 0 {
					name = "a.outside."
				}
				if _, err := s.Write(framed(numbered(t, id, name, dns.TypeA))); err == nil {
					if got := s.next(); got != nil && binary.BigEndian.Uint16(got) == uint16(id) {
						asked[i].Add(1)
						continue
					}
				}
				ended[i].Add(1)
				s = dialTCP(t, local(port))
			}
		})
	}
	for range 3 {
		require.NoError(t, restart(with("nsid x")))
		require.NoError(t, restart(corefile))
		require.Error(t, restart(with("failing")))
	}
	require.Same(t, opened, r.front(port))
	for i := range asked {
		require.Eventually(t, func() bool { return asked[i].Load() > 10 }, 10*time.Second, time.Millisecond)
	}
	close(stop)
	group.Wait()
	for i := range ended {
		require.Zero(t, ended[i].Load(), "connections that were ended")
	}

	for range 3 {
		idle, busy := dialTCP(t, local(port)), dialTCP(t, local(port))
		for _, s := range []stream{idle, busy} {
			s.send(framed(numbered(t, 1, "a.example.", dns.TypeA)))
			s.answered(1)
		}
		answers := make(chan bool)
		go func() {
			defer close(answers)
			for range 200 {
				if busy.next() == nil {
					return
				}
				answers <- true
			}
		}()
		var many []byte
		for id := range 200 {
			many = append(many, framed(numbered(t, id, "a.example.", dns.TypeA))...)
		}
		busy.send(many)
		require.NoError(t, restart(with("autopath")))
		got := 0
		for range answers {
			got++
		}
		require.Equal(t, 200, got)
		require.Nil(t, idle.next(), "CoreDNS ends its own, too")
		s := dialTCP(t, local(port))
		s.send(framed(numbered(t, 2, "a.example.", dns.TypeA)))
		s.answered(2)
		require.NoError(t, restart(corefile))
		r.front(port)
	}
	s := dialTCP(t, local(port))
	s.send(framed(numbered(t, 3, "a.example.", dns.TypeA)))
	s.answered(3)
	r.stop()
	require.Nil(t, s.next())
	require.Empty(t, process.fronts.all())
}

// All connections come to the fast path, whatever the address that was asked; those that are
// there before it opens are CoreDNS's, and are not lost.
func TestStreamsAtAnyAddress(t *testing.T) {
	h := newHome(t)
	h.awkward()
	port, _ := twoPorts(t)
	h.startTLS(fmt.Sprintf("example:%d {\nroot %s\nmultisocket 2\nmultisigner {\nfile db.{zone}\nparent none\n}\n}", port, h.dir))
	upAt(t, port)
	front := process.fronts.all()[fmt.Sprintf("dns://:%d", port)]
	before, _ := front.StreamStats()
	const each = 10
	hosts := []string{"127.0.0.1", "127.0.0.2", "127.4.7.11", "::1"}
	for _, host := range hosts {
		for id := range each {
			s := dialTCP(t, net.JoinHostPort(host, fmt.Sprint(port)))
			s.send(framed(numbered(t, id, "a.example.", dns.TypeA)))
			s.answered(id)
		}
	}
	after, _ := front.StreamStats()
	require.EqualValues(t, len(hosts)*each, after-before)
}

// 0.0.0.0 and :: are one address to the system, at which Go listens for both: all comes to the
// fast path although two servers have it, and after a reload that turns it off all is CoreDNS's.
func TestTwoServersAtAnyAddress(t *testing.T) {
	h := newHome(t)
	h.awkward()
	port, _ := twoPorts(t)
	corefile := func(more string) string {
		return fmt.Sprintf("example:%d {\nbind 0.0.0.0 ::\nroot %s\n%s\nmultisigner {\nfile db.{zone}\nparent none\n}\n}", port, h.dir, more)
	}
	r := h.startTLS(corefile(""))
	upAt(t, port)
	require.Eventually(t, func() bool { return len(process.fronts.all()) == 2 }, 10*time.Second, time.Millisecond)
	count := func() (packets, messages uint64) {
		for _, front := range process.fronts.all() {
			p, _, _ := front.Stats()
			m, _ := front.StreamStats()
			packets, messages = packets+p, messages+m
		}
		return packets, messages
	}
	const each = 20
	ask := func() {
		for _, host := range []string{"127.0.0.1", "::1"} {
			for id := range each {
				at := net.JoinHostPort(host, fmt.Sprint(port))
				s := dialTCP(t, at)
				s.send(framed(numbered(t, id, "a.example.", dns.TypeA)))
				s.answered(id)
				require.NotNil(t, dialUDP(t, at).ask(numbered(t, id, "a.example.", dns.TypeA), 10*time.Second))
			}
		}
	}
	packets, messages := count()
	ask()
	after, messagesAfter := count()
	require.EqualValues(t, 2*each, after-packets)
	require.EqualValues(t, 2*each, messagesAfter-messages)

	inst, err := r.inst.Restart(home{t: t}.corefile(corefile("autopath")))
	require.NoError(t, err)
	r.inst = inst
	require.Empty(t, process.fronts.all())
	ask()
}
