package multisigner

import (
	"context"
	"fmt"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/bufsize"
	"github.com/coredns/coredns/plugin/pkg/nonwriter"
	"github.com/coredns/coredns/plugin/tsig"
	"github.com/miekg/dns"
)

// transparent are the plugins that may stand before us on the fast path, which
// passes them by: for an ordinary query they do nothing, or what they do is done
// there as well. All others keep their server block off it, those among them that
// we have never heard of.
var transparent = map[string]bool{
	"bufsize":    true, // the fast path keeps to its size
	"cache":      true, // leaves our zones alone, see CacheBypassZones
	"cancel":     true, // an answer waits for nothing that could be cancelled
	"chaos":      true, // of class CH alone
	"errors":     true, // an answer of the fast path is never an error
	"metadata":   true, // for others, who would stand here too
	"nsid":       true, // queries that ask for it go through CoreDNS
	"prometheus": true, // the fast path counts for it
	"shed":       true, // what the fast path has in hand is bounded
	"transfer":   true, // AXFR and IXFR alone
	"tsig":       true, // of signed queries, and where it requires no others
}

// opaque says why a server block is not for the fast path; "" when it is.
func opaque(cfg *dnsserver.Config) string {
	if cfg.ProxyProtoConnPolicy != nil {
		return "plugin proxyproto puts the asker's address into each datagram"
	}
	handlers := cfg.Handlers()
	const ownMore = 2 // front, and where others have crossing
	if len(handlers)+ownMore < len(cfg.Plugin) {
		return "a plugin that goes by another name than its directive stands in the server block, perhaps before us"
	}
	for _, h := range handlers {
		switch {
		case h.Name() == name:
			return ""
		case !transparent[h.Name()]:
			return fmt.Sprintf("plugin %s has to see every query", h.Name())
		}
		if t, ok := h.(*tsig.TSIGServer); ok && requiresSignatures(*t) {
			return "plugin tsig requires signatures of ordinary queries"
		}
	}
	return "multisigner is not where its directive stands"
}

// requiresSignatures asks the tsig plugin itself, of each type that it may have
// been told to require.
func requiresSignatures(t tsig.TSIGServer) bool {
	if len(t.Zones) == 0 {
		return false
	}
	passed := false
	t.Next = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
		passed = true
		return dns.RcodeSuccess, nil
	})
	for kind := range dns.TypeToString {
		passed = kind == dns.TypeAXFR || kind == dns.TypeIXFR
		query := new(dns.Msg).SetQuestion(t.Zones[0], kind)
		_, _ = t.ServeDNS(context.Background(), nonwriter.New(nil), query)
		if !passed {
			return true
		}
	}
	return false
}

// payload is how many octets a block's answers over UDP take at most.
func payload(cfg *dnsserver.Config) int {
	if b, ok := cfg.Handler("bufsize").(bufsize.Bufsize); ok {
		return min(b.Size, maxUDP)
	}
	return maxUDP
}
