package multisigner

import (
	"net"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/parse"
)

// listens gives the addresses at which CoreDNS is going to listen for a server
// block, in the form of dnsserver.Server.Addr. The keys are the block's as
// CoreDNS completes them, with transport and port.
func listens(cfg *dnsserver.Config, keys []string) []string {
	var addrs []string
	for _, key := range keys {
		transport, rest := parse.Transport(key)
		port := rest[strings.LastIndexByte(rest, ':')+1:]
		for _, host := range cfg.ListenHosts {
			if a, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, port)); err == nil {
				addrs = append(addrs, transport+"://"+a.String())
			}
		}
	}
	return addrs
}
