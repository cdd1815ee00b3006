package multisigner

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// listens gives the addresses at which CoreDNS is going to listen for a server
// block, in the form of dnsserver.Server.Addr. The keys are the block's as
// CoreDNS completes them, with transport and port.
func listens(cfg *dnsserver.Config, keys []string) []string {
	var addrs []string
	for _, key := range keys {
		proto, rest := parse.Transport(key)
		port := rest[strings.LastIndexByte(rest, ':')+1:]
		for _, host := range cfg.ListenHosts {
			if a, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port)); err == nil {
				addrs = append(addrs, proto+"://"+a.String())
			}
		}
	}
	return addrs
}

// speaksTLS reports whether a key of a server block is for DNS over TLS.
func speaksTLS(key string) bool {
	proto, _ := parse.Transport(key)
	return proto == transport.TLS
}

// held finds an address of those in addrs at which another process listens, and
// gives an error about it. CoreDNS opens its sockets with SO_REUSEPORT, and the
// kernel gives each process of the same user a share of the questions then: two
// sets of keys would answer them in turn. Without that option it tells.
func held(addrs []string) error {
	for _, addr := range addrs {
		proto, hostport := parse.Transport(addr)
		if strings.HasSuffix(hostport, ":0") || ourOwn(hostport) {
			continue
		}
		for _, network := range networks[proto] {
			var socket io.Closer
			var err error
			if network == "udp" {
				socket, err = net.ListenPacket(network, hostport)
			} else {
				socket, err = net.Listen(network, hostport)
			}
			switch {
			case err == nil:
				socket.Close()
			case errors.Is(err, syscall.EADDRINUSE):
				return fmt.Errorf("another process listens at %s (%s): both would get some of the questions, and answer with two sets of keys; "+
					"stop it, or listen elsewhere (bind ADDRESS, or another port)", hostport, network)
			}
		}
	}
	return nil
}

var networks = map[string][]string{
	transport.DNS: {"udp", "tcp"}, transport.TLS: {"tcp"}, transport.HTTPS: {"tcp"}, transport.GRPC: {"tcp"},
	transport.QUIC: {"udp"}, transport.HTTPS3: {"udp"},
}

// ourOwn reports whether a server of this process listens at the address, or at
// one that overlaps with it: then a reload goes on with its sockets, or opens
// more, and nobody can tell them from those of others.
func ourOwn(hostport string) bool {
	want, err := net.ResolveTCPAddr("tcp", hostport)
	if err != nil {
		return false
	}
	for _, instance := range caddy.Instances() {
		for _, s := range instance.Servers() {
			for _, a := range []net.Addr{s.Addr(), s.LocalAddr()} {
				if a == nil {
					continue
				}
				has := addrPort(a)
				if int(has.Port()) == want.Port && (has.Addr().IsUnspecified() || len(want.IP) == 0 || want.IP.IsUnspecified() || want.IP.Equal(has.Addr().AsSlice())) {
					return true
				}
			}
		}
	}
	return false
}
