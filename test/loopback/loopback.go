// Package loopback finds ports for servers that tests and the lab start. It starts none itself.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// found has the addresses that Free has found, and by what other processes see that.
var found sync.Map

// Address gives a test what Free finds at 127.0.0.1, and ends the test if there is none.
func Address(t interface {
	Helper()
	Fatal(...any)
}) netip.AddrPort {
	t.Helper()
	at, err := Free("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Free gives a port of host, an address of this machine, at which nobody listens over UDP
// or TCP: a DNS server needs both. No other call has had it, in this process or in one that runs beside it:
// tests of several packages do. It holds no port: what does not ask here may take it before the caller does.
func Free(host string) (netip.AddrPort, error) {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	taken := errors.New("each that was tried had been found before")
	for range 100 {
		at := netip.AddrPortFrom(address, uint16(Port()))
		if _, had := found.LoadOrStore(at, true); had {
			continue
		}
		if taken = Check(at.String()); taken != nil {
			continue
		}
		if taken = claim(at); taken == nil {
			return at, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no port of %s is free over UDP and TCP: %w", host, taken)
}

// claim tells other processes that at was found here, for as long as this one runs: by a socket that has a name and
// no file (unix(7)). Where the system has none such it tells nobody.
func claim(at netip.AddrPort) error {
	l, err := net.Listen("unix", "@multisigner/"+at.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	found.Store(at, l)
	return nil
}

// Port is one at random that the system does not give to those who ask others, and neither the
// thousand after it: a server that is killed finds it free when it is started again.
func Port() int {
	const lowest, after = 10_000, 1_000
	given := 32_768 // the first that most systems give
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		fmt.Sscan(string(text), &given) // what is not to be read leaves it as it is
	}
	return lowest + rand.IntN(max(given-after-lowest, after)) // where it gives nearly all, some of those
}

// Check reports whether a server can have address, host and port, over UDP and TCP: nil if so.
func Check(address string) error {
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, udp.Close())
	}
	return errors.Join(udp.Close(), tcp.Close())
}
