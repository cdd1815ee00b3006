package fastpath

import (
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// before counts the sockets of this process that were bound where ours are before ours were. They
// may belong to several servers: 0.0.0.0 and :: are one address where Go listens for both.
// Where that cannot be read it is least, which is how many there must be.
func before(first syscall.RawConn, ours, least int) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return least
	}
	var own where
	if control(first, func(fd int) (err error) { own, err = locate(fd); return err }) != nil {
		return least
	}
	seen := make(map[uint64]bool) // by inode: a reload has two descriptors of one socket
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		is, err := locate(fd)
		var file unix.Stat_t
		if err != nil || is != own || unix.Fstat(fd, &file) != nil {
			continue
		}
		seen[file.Ino] = true
	}
	return max(least, len(seen)-ours)
}

// where is what sockets among which the system chooses have in common.
type where struct {
	domain, kind, listens int
	port                  int
	address               [16]byte
	link                  uint32
}

// locate finds out where a socket is.
func locate(fd int) (at where, err error) {
	for _, o := range []struct {
		option int
		value  *int
	}{{unix.SO_DOMAIN, &at.domain}, {unix.SO_TYPE, &at.kind}, {unix.SO_ACCEPTCONN, &at.listens}} {
		if *o.value, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, o.option); err != nil {
			return at, err
		}
	}
	name, err := unix.Getsockname(fd)
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		at.port = a.Port
		copy(at.address[:], a.Addr[:])
	case *unix.SockaddrInet6:
		at.port, at.address, at.link = a.Port, a.Addr, a.ZoneId
	}
	return at, err
}
