package multisigner

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// limitListeners sets what connections inherit from the sockets of this process
// that listen for TCP at one of the addresses; then it sets the same for those
// that have come in before.
func limitListeners(at []netip.AddrPort) error {
	var errs []error
	for _, listening := range []int{1, 0} {
		errs = append(errs, sockets(func(fd int) error {
			listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
			if err != nil || listens != listening {
				return nil
			}
			local, err := unix.Getsockname(fd)
			if err != nil || !slices.ContainsFunc(at, func(a netip.AddrPort) bool { return overlap(a, addressOf(local)) }) {
				return nil
			}
			return limit(fd)
		}))
	}
	return errors.Join(errs...)
}

// limit sets the limits of a connection, or those that connections inherit.
func limit(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, sendLow),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unread().Milliseconds())),
	)
}

// cutOff ends the connection between two addresses at once: what is being written
// to it fails, and what waits in the kernel is thrown away. To close it by the
// ResponseWriter is for the one who writes to it.
func cutOff(local, remote netip.AddrPort) error {
	return sockets(func(fd int) error {
		here, err := unix.Getsockname(fd)
		if err != nil || addressOf(here) != local {
			return nil
		}
		there, err := unix.Getpeername(fd)
		if err != nil || addressOf(there) != remote {
			return nil
		}
		return errors.Join(
			unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
			unix.Shutdown(fd, unix.SHUT_RDWR),
		)
	})
}

// sockets calls what for each TCP socket of this process. Its argument is a
// descriptor of our own: what has its number in the process may be closed, and
// become something else, at any time.
func sockets(what func(fd int) error) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		n, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if proto, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || proto != unix.IPPROTO_TCP && proto != unix.IPPROTO_MPTCP {
			continue
		}
		fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			continue
		}
		errs = append(errs, what(fd))
		unix.Close(fd)
	}
	return errors.Join(errs...)
}

func addressOf(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
