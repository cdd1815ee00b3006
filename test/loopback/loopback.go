// Package loopback finds ports for servers that tests and the lab start. It starts none itself.
package loopback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
)

// Free gives a port of host, an address of this machine, at which nobody listens over UDP
// or TCP: a DNS server needs both. It holds nothing: somebody else may take it before the caller
// does.
func Free(host string) (netip.AddrPort, error) {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var taken error
	for range 100 {
		at := netip.AddrPortFrom(address, uint16(Port()))
		if taken = Check(at.String()); taken == nil {
			return at, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no port of %s is free over UDP and TCP: %w", host, taken)
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
