package multisigner

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// silent says why from gets no answer; "" when it does. While a zone refuses, those who
// look at it, peers and we ourselves, are answered all the same: what they wait for must
// be seen (PROTOCOL peers-are-always-answered). Our own questions are known by their
// marks: no address tells them, for between us and ourselves addresses may be translated.
func silent(cfg *engine.Config, serving *engine.Serving, from asker) string {
	switch {
	case serving == nil || serving.Version == nil:
		why := "the zone has nothing to answer with yet"
		if serving != nil && serving.Refuse != "" {
			why = serving.Refuse
		}
		return why
	case serving.Refuse != "" && !from.own && !isPeer(cfg, from):
		return serving.Refuse
	}
	return ""
}

// refreshes reports whether from, who may transfer the zone although outsiders are refused,
// asks for its serial, as most secondaries do before they transfer (RFC 1034 4.3.5). A
// resolver that validates asks with DO: it gets no answer that is bogus.
func refreshes(cfg *engine.Config, serving *engine.Serving, from asker, req *dns.Msg) bool {
	if serving == nil || !serving.Feeds || serving.Version == nil || wantsDNSSEC(req) || req.Question[0].Qtype != dns.TypeSOA {
		return false
	}
	from.xot = true // transfers alone must go over TLS
	name, err := zone.ParseName(req.Question[0].Name)
	return err == nil && name == serving.Version.Apex() && noTransfer(cfg, serving, from) == ""
}

// isPeer tells peers by key or by address. An address can be forged; all that is
// gained by it is an answer that goes to the peer.
func isPeer(cfg *engine.Config, from asker) bool {
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		if signedBy(p.TSIG, from) || isAmong(p.Addresses, from.addr) {
			return true
		}
	}
	return false
}

// isPrimary tells those by key or by address that have the unsigned zone. That an address
// is forged gains nothing: it is the primary that is asked then. Where a peer is the
// primary, what it signs with its key as a peer is of the signed zone.
func isPrimary(cfg *engine.Config, from asker) bool {
	for _, p := range cfg.Primaries {
		if signedBy(p.TSIG, from) || p.Addr.Addr() == from.addr.Addr() && !asPeer(cfg, from) {
			return true
		}
	}
	return false
}

// asPeer reports whether from signs with the key of a peer.
func asPeer(cfg *engine.Config, from asker) bool {
	return slices.ContainsFunc(cfg.Peers, func(p engine.Peer) bool { return signedBy(p.TSIG, from) })
}

// contentFor gives the unsigned content to who signs with a key for it; is: from does.
func contentFor(cfg *engine.Config, serving *engine.Serving, from asker) (content *zone.Version, is bool) {
	return serving.Unsigned(cfg, from.key)
}

// mayNotify reports whether from may make the zone look: a peer, a secondary, or
// a server of the parent, which after a change of the DS is worth a look.
func mayNotify(cfg *engine.Config, from asker) bool {
	if isPeer(cfg, from) || isAmong(cfg.Parent.Servers, from.addr) {
		return true
	}
	for _, s := range cfg.Secondaries {
		if signedBy(s.Server.TSIG, from) || s.Server.Addr.Addr() == from.addr.Addr() {
			return true
		}
	}
	return false
}

// noTransfer says by which rule from may not have the whole zone; "" when it may.
// Where a key is named, the address alone is not enough. While the zone refuses, only
// peers may, as a rule: a secondary would answer outsiders with it.
func noTransfer(cfg *engine.Config, serving *engine.Serving, from asker) string {
	near := "" // the rule that from would meet with another key, or else from another address
	byAddress := func(format string, args ...any) { near = fmt.Sprintf(format, args...) }
	byKey := func(format string, args ...any) { near = cmp.Or(near, fmt.Sprintf(format, args...)) }
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		known := isAmong(p.Addresses, from.addr)
		switch {
		case p.TSIG != nil && signedBy(p.TSIG, from) || p.TSIG == nil && known:
			return ""
		case known:
			byAddress("peer %s must sign with key %s", p.Name, p.TSIG.Name)
		}
	}
	if serving.Refuse != "" && !serving.Feeds {
		return "while the zone refuses only peers may transfer it"
	}
	for _, s := range cfg.Secondaries {
		known, signed := s.Server.Addr.Addr() == from.addr.Addr(), s.Server.TSIG == nil || signedBy(s.Server.TSIG, from)
		switch {
		case known && signed && s.TLS && !from.xot:
			byAddress("secondary %s must transfer over TLS 1.3 with ALPN dot", s.Server.Addr.Addr())
		case known && signed:
			return ""
		case known:
			byAddress("secondary %s must sign with key %s", s.Server.Addr.Addr(), s.Server.TSIG.Name)
		case signedBy(s.Server.TSIG, from):
			byKey("key %s is for secondary %s", from.key, s.Server.Addr.Addr())
		}
	}
	for _, a := range cfg.AllowTransfer {
		known, signed := !a.Prefix.IsValid() || a.Prefix.Contains(from.addr.Addr()), a.Key == "" || a.Key == from.key
		switch {
		case known && signed && a.TLS && !from.xot:
			byAddress("this allow-transfer is for transfers over TLS 1.3 with ALPN dot")
		case known && signed:
			return ""
		case known && a.Prefix.IsValid():
			byAddress("allow-transfer %s must sign with key %s", a.Prefix, a.Key)
		case !known && a.Key != "" && signed:
			byKey("allow-transfer key %s is for %s", a.Key, a.Prefix)
		}
	}
	return cmp.Or(near, "no peer, secondary or allow-transfer has this address or key")
}

func signedBy(key *ask.TSIG, from asker) bool { return key != nil && from.key == key.Name }

// isAmong compares addresses without ports: those are of the listening socket,
// and queries come from another.
func isAmong(addresses []netip.AddrPort, from netip.AddrPort) bool {
	for _, a := range addresses {
		if a.Addr() == from.Addr() {
			return true
		}
	}
	return false
}
