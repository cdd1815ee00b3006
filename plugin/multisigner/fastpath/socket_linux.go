package fastpath

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls are made here and not by golang.org/x/net, whose ReadBatch makes
// two objects for each datagram's address: this makes none. The sockets do not
// block: an idle worker waits in Go's poller, and costs no thread.

// socket is one of the sockets that share an address.
type socket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
}

// listen opens a socket beside those that others of this user have at the address,
// which is written as CoreDNS writes it.
func listen(address string) (*socket, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if outer := raw.Control(func(fd uintptr) { err = prepare(int(fd)) }); outer != nil {
			return outer
		}
		return err
	}}
	packet, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, err
	}
	s := &socket{conn: packet.(*net.UDPConn)}
	if s.raw, err = s.conn.SyscallConn(); err == nil {
		err = s.settle()
	}
	if err != nil {
		_ = s.conn.Close()
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	return s, nil
}

// receiveBuffer holds what comes while a batch is answered: our choice. The system
// may give less to those who are not root.
const receiveBuffer = 4 << 20

// prepare sets what must be set before the address is bound.
func prepare(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return fmt.Errorf("SO_REUSEPORT: %w", err)
	}
	for _, option := range []int{unix.SO_RCVBUF, unix.SO_RCVBUFFORCE} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, receiveBuffer)
	}
	// Whoever forges an ICMP message could lower the path's MTU and have answers
	// fragmented, where other octets can be put in: such messages are not believed
	// (RFC 9715 3.1; NSD and Knot do the same).
	for _, o := range []struct{ level, option, omit, dont int }{
		{unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT, unix.IP_PMTUDISC_DONT},
		{unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT, unix.IPV6_PMTUDISC_DONT},
	} {
		if unix.SetsockoptInt(fd, o.level, o.option, o.omit) != nil {
			_ = unix.SetsockoptInt(fd, o.level, o.option, o.dont)
		}
	}
	return nil
}

// settle sets what depends on the address, and tries the system calls.
func (s *socket) settle() (err error) {
	at := s.conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
	outer := s.raw.Control(func(fd uintptr) {
		if at.IsUnspecified() {
			err = answerFromWhereAsked(int(fd))
		}
		if _, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0); errno == unix.ENOSYS {
			err = errors.ErrUnsupported
		}
	})
	return errors.Join(outer, err)
}

// answerFromWhereAsked has each datagram come with the address that it was sent to,
// which becomes the source of the answer.
func answerFromWhereAsked(fd int) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return fmt.Errorf("SO_DOMAIN: %w", err)
	}
	if domain == unix.AF_INET6 { // for IPv4 as well: as a mapped address
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1); err != nil {
			return fmt.Errorf("IPV6_RECVPKTINFO: %w", err)
		}
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1); err != nil {
		return fmt.Errorf("IP_PKTINFO: %w", err)
	}
	return nil
}

// steer has the system give all that comes for the address, datagrams or connections, to one of
// count sockets, the first of which was the first-th to be bound there. Where it
// cannot, all sockets get their share.
func steer(socket syscall.RawConn, first, count int) error {
	const random = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM: no asker can choose the core
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: random},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(count)},
		{Code: unix.BPF_ALU | unix.BPF_ADD | unix.BPF_K, K: uint32(first)},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
	return control(socket, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}

// unsteer has the system choose among all sockets of the address.
func (s *socket) unsteer() {
	_ = s.control(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	})
}

// leave takes the socket out of that choice: one that is connected gets only what
// its other end sends, and here that is itself. What came before can be read.
func (s *socket) leave() error {
	own := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return s.control(func(fd int) error {
		domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return err
		}
		if domain == unix.AF_INET {
			to := &unix.SockaddrInet4{Port: int(own.Port()), Addr: [4]byte{127, 0, 0, 1}}
			if !own.Addr().IsUnspecified() {
				to.Addr = own.Addr().Unmap().As4()
			}
			return unix.Connect(fd, to)
		}
		to := &unix.SockaddrInet6{Port: int(own.Port()), Addr: [16]byte{15: 1}}
		if !own.Addr().IsUnspecified() {
			to.Addr = own.Addr().As16()
		}
		return unix.Connect(fd, to)
	})
}

func (s *socket) control(f func(fd int) error) error { return control(s.raw, f) }

func control(socket syscall.RawConn, f func(fd int) error) (err error) {
	if outer := socket.Control(func(fd uintptr) { err = f(int(fd)) }); outer != nil {
		return outer
	}
	return err
}

// packetSize is what is read of a datagram. CoreDNS finds that the rest is missing.
const packetSize = 4096

// batchSize is how many datagrams are read and answered at once at most: our choice;
// more takes no less time for each, and the first would wait for the last.
const batchSize = 32

// batch is the memory that a worker reads into and writes from.
type batch struct {
	read, write func(fd uintptr) bool // what the poller calls, made once
	idle        func()                // called when there is nothing to read

	in, out  [batchSize]unix.Mmsghdr
	count    int // of those in, after a read
	first    int // of those out: the next to write
	last     int // of those out: where the written end
	errno    syscall.Errno
	names    [batchSize]unix.RawSockaddrInet6
	controls [batchSize][64]byte
	inVec    [batchSize]unix.Iovec
	outVec   [batchSize]unix.Iovec
	packets  [batchSize][packetSize]byte
	answers  [batchSize][answerSize]byte
}

func newBatch(idle func()) *batch {
	b := &batch{idle: idle, count: batchSize}
	for i := range batchSize {
		b.inVec[i].Base = &b.packets[i][0]
		b.inVec[i].SetLen(packetSize)
		h := &b.in[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Iov, h.Control = &b.inVec[i], &b.controls[i][0]
		h.SetIovlen(1)
		b.out[i].Hdr.Iov = &b.outVec[i]
		b.out[i].Hdr.SetIovlen(1)
	}
	b.read, b.write = b.tryRead, b.tryWrite
	return b
}

func (b *batch) tryRead(fd uintptr) (done bool) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.in[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			b.idle()
			return false
		}
		b.count, b.errno = int(n), errno
		if errno != 0 {
			b.count = 0
		}
		return true
	}
}

func (b *batch) tryWrite(fd uintptr) (done bool) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.out[b.first])), uintptr(b.last-b.first), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case 0:
			b.first += int(n)
		default:
			b.first++ // that one cannot be sent; the others can
		}
		return true
	}
}

// receive reads a batch, and waits for its first datagram.
func (b *batch) receive(s *socket) (n int, err error) {
	b.renew()
	if err := s.raw.Read(b.read); err != nil {
		return 0, err
	}
	if b.errno != 0 {
		return 0, b.errno
	}
	return b.count, nil
}

// left reads what can be read without waiting.
func (b *batch) left(s *socket) (n int) {
	b.renew()
	if err := s.control(func(fd int) error { b.count = 0; b.tryRead(uintptr(fd)); return nil }); err != nil {
		return 0
	}
	return b.count
}

// renew gives back the room that the last read has used.
func (b *batch) renew() {
	for i := range b.count {
		h := &b.in[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(len(b.controls[i]))
	}
}

// packet is the i-th datagram that was read; ok is false for one that nobody can
// answer, since it comes from port 0.
func (b *batch) packet(i int) (packet []byte, ok bool) {
	return b.packets[i][:b.in[i].Len], b.names[i].Port != 0
}

// reply makes the k-th of the batch to write the answer to the i-th that was read.
func (b *batch) reply(k, i int, wire []byte) {
	from, h := &b.in[i].Hdr, &b.out[k].Hdr
	h.Name, h.Namelen = from.Name, from.Namelen
	h.Control, h.Controllen = nil, 0
	if control := b.control(i); len(control) > 0 {
		h.Control = &control[0]
		h.SetControllen(len(control))
	}
	b.outVec[k].Base = &wire[0]
	b.outVec[k].SetLen(len(wire))
}

// send writes the first count of the batch.
func (b *batch) send(s *socket, count int) error {
	for b.first, b.last = 0, count; b.first < b.last; {
		if err := s.raw.Write(b.write); err != nil {
			return err
		}
	}
	return nil
}

// control is the control message to send with the answer to the i-th: that which
// came, so that the answer leaves from the address that was asked. By which
// interface it leaves, the system decides.
func (b *batch) control(i int) []byte {
	h := &b.in[i].Hdr
	control := b.controls[i][:h.Controllen]
	if len(control) < unix.SizeofCmsghdr {
		return nil
	}
	at := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	index := unix.CmsgLen(0)
	switch {
	case at.Level == unix.IPPROTO_IPV6 && at.Type == unix.IPV6_PKTINFO:
		index += 16 // after the address
	case at.Level == unix.IPPROTO_IP && at.Type == unix.IP_PKTINFO:
	default:
		return nil
	}
	if len(control) < index+4 {
		return nil
	}
	clear(control[index : index+4])
	return control
}

// ipv6 reports whether the i-th came over IPv6.
func (b *batch) ipv6(i int) bool {
	n := &b.names[i]
	return n.Family == unix.AF_INET6 && !mapped(n.Addr)
}

func mapped(a [16]byte) bool { return [12]byte(a[:12]) == [12]byte{10: 0xff, 11: 0xff} }

// session is the i-th as CoreDNS gets it.
func (b *batch) session(s *socket, i int) *session {
	packet, _ := b.packet(i)
	n := &b.names[i]
	made := &session{
		socket: s, packet: append([]byte(nil), packet...), control: append([]byte(nil), b.control(i)...),
		name: *n, nameSize: b.in[i].Hdr.Namelen,
	}
	port := (*[2]byte)(unsafe.Pointer(&n.Port))
	made.addr.Port = int(port[0])<<8 | int(port[1])
	switch {
	case n.Family == unix.AF_INET:
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(n))
		made.addr.IP = net.IP(append([]byte(nil), four.Addr[:]...))
	default:
		made.addr.IP = net.IP(append([]byte(nil), n.Addr[:]...))
		if four := made.addr.IP.To4(); four != nil {
			made.addr.IP = four
		} else if n.Scope_id != 0 {
			if link, err := net.InterfaceByIndex(int(n.Scope_id)); err == nil {
				made.addr.Zone = link.Name
			}
		}
	}
	return made
}

// session is a datagram on its way through CoreDNS.
type session struct {
	addr     net.UDPAddr // first, see conn.WriteTo
	socket   *socket
	packet   []byte
	control  []byte
	name     unix.RawSockaddrInet6
	nameSize uint32
}

// reply sends one answer.
func (s *session) reply(wire []byte) error {
	if len(wire) == 0 {
		return nil
	}
	vec := unix.Iovec{Base: &wire[0]}
	vec.SetLen(len(wire))
	h := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&s.name)), Namelen: s.nameSize, Iov: &vec}
	h.SetIovlen(1)
	if len(s.control) > 0 {
		h.Control = &s.control[0]
		h.SetControllen(len(s.control))
	}
	var errno syscall.Errno
	err := s.socket.raw.Write(func(fd uintptr) bool {
		_, _, errno = unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT)
		return errno != unix.EAGAIN
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}
