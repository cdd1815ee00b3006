package multisigner

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// askable gives the addresses among those that a server block listens at where we can
// ask ourselves over plain DNS. One that listens everywhere is asked on loopback.
func askable(listens []string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, l := range listens {
		over, at := parse.Transport(l)
		if over != transport.DNS {
			continue
		}
		if strings.HasPrefix(at, ":") {
			at = "127.0.0.1" + at
		}
		ap, err := netip.ParseAddrPort(at)
		if err != nil || ap.Port() == 0 {
			continue
		}
		if ap.Addr().IsUnspecified() {
			ap = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), ap.Port())
		}
		if !slices.Contains(all, ap) {
			all = append(all, ap)
		}
	}
	return all
}

// hintPort says what to write where nobody would find us: nameservers are asked on port
// 53, by us too, when nobody says where else.
func hintPort(l *load, apex zone.Name) {
	s, _ := l.sites.Find(apex)
	at := s.Config.Listens
	if s.Config.Parent.Mode == engine.ParentNone || len(s.Config.Addresses) > 0 || len(at) == 0 ||
		slices.ContainsFunc(at, func(a netip.AddrPort) bool { return a.Port() == 53 }) {
		return
	}
	log.Warningf("%s: zone %s is answered on port %d, and nameservers are looked at on port 53: if the world finds this server elsewhere, say where: signer NAME ADDRESS:PORT",
		s.Config.Where, apex, at[0].Port())
}
