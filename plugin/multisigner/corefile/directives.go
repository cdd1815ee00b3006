package corefile

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
)

// blockDirectives are those of a multisigner block.
var blockDirectives = map[string]directive[Config]{
	"file":    text("PATH", func(c *Config) *string { return &c.File }),
	"primary": {usage: "ADDRESS... [key NAME [ALGORITHM]] [tls [NAME] [ca FILE] [pin SHA256...]]", min: 1, max: unlimited, many: true, take: takePrimary},
	"primary-refresh": {usage: "MIN [MAX]", min: 1, max: 2, take: func(p *parser, c *Config, l line) {
		p.duration(l, l.args[0], &c.RefreshMin)
		c.RefreshMax = max(c.RefreshMin, 24*time.Hour)
		if len(l.args) == 2 {
			p.duration(l, l.args[1], &c.RefreshMax)
		}
	}},
	"primary-expire": choice("refuse|serve", func(c *Config, v string) { c.ServeExpired = v == "serve" }),
	"state":          text("DIR", func(c *Config) *string { return &c.State }),
	"signer": {usage: "NAME [ADDRESS...]", min: 1, max: unlimited, take: func(p *parser, c *Config, l line) {
		c.Signer = signerName(l.args[0])
		c.Addresses = p.addresses(l, l.args[1:])
	}},

	"keys": choice("split|csk", func(c *Config, v string) { c.CSK = v == "csk" }),
	"algorithm": {usage: "NAME", min: 1, max: 1, take: func(p *parser, c *Config, l line) {
		a, err := keystore.ParseAlgorithm(l.args[0])
		p.fail(l, err)
		c.Algorithm = a
	}},
	"key-tags": {usage: "CLASS", min: 1, max: 1, take: func(p *parser, c *Config, l line) {
		tags, err := parseTags(l.args[0])
		p.fail(l, err)
		c.Tags = &tags
	}},
	"denial":     choice("nsec|nsec3|nsec3-optout", func(c *Config, v string) { c.Denial = v }),
	"lifetime":   {usage: "ksk|zsk DURATION", min: 2, max: 2, many: true, take: takeLifetime},
	"signatures": {usage: "DURATION [refresh DURATION]", min: 1, max: 3, take: takeSignatures},
	"ttl": {usage: "dnskey DURATION", min: 2, max: 2, take: func(p *parser, c *Config, l line) {
		if l.args[0] != "dnskey" {
			p.add(l.where, "write ttl dnskey DURATION: other TTLs are the zone's own")
			return
		}
		p.duration(l, l.args[1], &c.DNSKEYTTL)
	}},
	"serial": choice("increment|unixtime|date", func(c *Config, v string) { c.Serial = v }),

	"outgoing":       {usage: "ADDRESS...", min: 1, max: 2, take: takeOutgoing},
	"secondary":      {usage: "ADDRESS... [key NAME [ALGORITHM]] [tls]", min: 1, max: unlimited, many: true, take: takeSecondary},
	"allow-transfer": {usage: "PREFIX... [key NAME] [tls]", min: 1, max: unlimited, many: true, take: takeAllow},

	"update": {usage: "key NAME [ALGORITHM] [name PATTERN...] [type TYPE...] | forward [key NAME [ALGORITHM]]", min: 1, max: unlimited, many: true, take: takeUpdate},

	"content-transfer": {usage: "[ADDRESS...] key NAME [ALGORITHM] [for PEER]", min: 2, max: unlimited, many: true, take: takeContent},

	"parent":        {usage: "ADDRESS... [manual] | resolver [ADDRESS...] [manual] | none", min: 1, max: unlimited, take: takeParent},
	"parent-notify": {usage: "ADDRESS... | none", min: 1, max: unlimited, take: takeParentNotify},
	"parent-update": {usage: "ADDRESS... key NAME [ALGORITHM]", min: 3, max: unlimited, take: takeParentUpdate},
	"resolver":      {usage: "ADDRESS [anchor FILE]", min: 1, max: 3, take: takeResolver},

	"catalog-member": {usage: "NAME [GROUP]", min: 1, max: 2, take: takeCatalogMember},

	"catalog": {usage: "NAME", min: 1, max: 1, many: true, block: true, take: func(*parser, *Config, line) {}}, // see readCatalog

	"peer": {usage: "NAME", min: 1, max: 1, many: true, block: true, take: takePeer},

	"look": {usage: "BUSY [IDLE]", min: 1, max: 2, take: func(p *parser, c *Config, l line) {
		p.duration(l, l.args[0], &c.LookBusy)
		c.LookIdle = max(c.LookBusy, c.LookIdle)
		if len(l.args) == 2 {
			p.duration(l, l.args[1], &c.LookIdle)
		}
	}},
	"standby":     {take: func(p *parser, c *Config, l line) { c.Standby = true }},
	"ds-exchange": choice("swap|double", func(c *Config, v string) { c.DoubleDS = v == "double" }),
	"hook": {usage: "COMMAND [ARGUMENT...]", min: 1, max: unlimited, take: func(p *parser, c *Config, l line) {
		if c.Hook = l.args; l.args[0] == "" {
			p.add(l.where, "write hook COMMAND [ARGUMENT...]: the command is empty")
		}
	}},
	"review": {usage: "content|signed COMMAND [ARGUMENT...]", min: 2, max: unlimited, many: true, take: takeReview},
	"review-timeout": {usage: "DURATION [hold|pass]", min: 1, max: 2, take: func(p *parser, c *Config, l line) {
		p.duration(l, l.args[0], &c.Review.Limit)
		if len(l.args) == 2 {
			choice("hold|pass", func(c *Config, v string) { c.Review.Pass = v == "pass" }).take(p, c, line{where: l.where, name: l.name, args: l.args[1:]})
		}
	}},
	"alarm-after": span(func(c *Config) *time.Duration { return &c.AlarmAfter }),
	"margin":      span(func(c *Config) *time.Duration { return &c.Margin }),
	"propagation": span(func(c *Config) *time.Duration { return &c.Propagation }),
	"earlier-ttl": span(func(c *Config) *time.Duration { return &c.EarlierTTL }),
	"ignore": {usage: "IP...", min: 1, max: unlimited, many: true, take: func(p *parser, c *Config, l line) {
		for _, text := range l.args {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				p.add(l.where, "ignore %s: it is no IP address; a port does not belong here", text)
				continue
			}
			c.Ignore = append(c.Ignore, addr.Unmap())
		}
	}},
}

// peerDirectives are those of a peer block.
var peerDirectives = map[string]directive[Peer]{
	"address": {usage: "ADDRESS...", min: 1, max: unlimited, many: true, take: func(p *parser, peer *Peer, l line) {
		peer.Addresses = append(peer.Addresses, p.addresses(l, l.args)...)
	}},
	"key": {usage: "NAME [ALGORITHM]", min: 1, max: 2, take: func(p *parser, peer *Peer, l line) {
		peer.Key = p.key(l, l.args)
	}},
	"via":         choice("axfr|query", func(peer *Peer, v string) { peer.Via = v }),
	"trust":       {usage: "tsig | parent | ds TAG ALGORITHM TYPE DIGEST", min: 1, max: unlimited, many: true, take: takeTrust},
	"resign":      peerSpan(func(peer *Peer) *time.Duration { return &peer.Resign }),
	"propagation": peerSpan(func(peer *Peer) *time.Duration { return &peer.Propagation }),
	"online":      {take: func(p *parser, peer *Peer, l line) { peer.Online = true }},
	"foreign":     {take: func(p *parser, peer *Peer, l line) { peer.Foreign = true }},
}

func text(usage string, field func(*Config) *string) directive[Config] {
	return directive[Config]{usage: usage, min: 1, max: 1, take: func(p *parser, c *Config, l line) { *field(c) = l.args[0] }}
}

func span(field func(*Config) *time.Duration) directive[Config] {
	return directive[Config]{usage: "DURATION", min: 1, max: 1, take: func(p *parser, c *Config, l line) {
		p.duration(l, l.args[0], field(c))
	}}
}

func peerSpan(field func(*Peer) *time.Duration) directive[Peer] {
	return directive[Peer]{usage: "DURATION", min: 1, max: 1, take: func(p *parser, peer *Peer, l line) {
		p.duration(l, l.args[0], field(peer))
	}}
}

// choice takes one of the words that usage lists.
func choice[T any](usage string, set func(*T, string)) directive[T] {
	words := strings.Split(usage, "|")
	return directive[T]{usage: usage, min: 1, max: 1, take: func(p *parser, into *T, l line) {
		word := strings.ToLower(l.args[0])
		if !slices.Contains(words, word) {
			p.add(l.where, "%s %s: it is one of %s", l.name, l.args[0], strings.Join(words, ", "))
			return
		}
		set(into, word)
	}}
}

func takeLifetime(p *parser, c *Config, l line) {
	role := strings.ToLower(l.args[0])
	once := "lifetime " + role
	if c.has(once) {
		p.add(l.where, "%s stands at %s already: keep one of them", once, c.given[once])
		return
	}
	c.given[once] = l.where
	switch role {
	case "ksk", "csk":
		p.duration(l, l.args[1], &c.LifetimeKSK)
	case "zsk":
		p.duration(l, l.args[1], &c.LifetimeZSK)
	default:
		p.add(l.where, "lifetime %s: it is ksk or zsk", l.args[0])
	}
}

func takeSignatures(p *parser, c *Config, l line) {
	p.duration(l, l.args[0], &c.Validity)
	switch {
	case len(l.args) == 1:
		// A third, as the defaults have it: room for an outage whatever the length.
		c.Refresh = c.Validity / 3
	case len(l.args) == 3 && l.args[1] == "refresh":
		p.duration(l, l.args[2], &c.Refresh)
	default:
		p.add(l.where, "write signatures DURATION refresh DURATION")
	}
}

func takeOutgoing(p *parser, c *Config, l line) {
	for _, arg := range l.args {
		addr, err := netip.ParseAddr(strings.Trim(arg, "[]"))
		switch addr = addr.Unmap(); {
		case err != nil:
			p.add(l.where, "outgoing %s: it is an IP address without a port", arg)
		case addr.IsUnspecified() || addr.IsMulticast():
			p.add(l.where, "outgoing %s: nothing can leave from there: write an address of this machine", arg)
		case len(c.Outgoing) == 1 && c.Outgoing[0].Is4() == addr.Is4():
			p.add(l.where, "outgoing %s: it is one address of each family", strings.Join(l.args, " "))
		default:
			c.Outgoing = append(c.Outgoing, addr)
		}
	}
}

// takePrimary takes a line of primaries that have key and TLS in common.
func takePrimary(p *parser, c *Config, l line) {
	rest := l
	var over ask.TLS
	if at := slices.Index(l.args, "tls"); at >= 0 {
		rest.args = l.args[:at]
		over = p.tls(l, l.args[at+1:])
	}
	addresses, key := p.withKey(rest)
	if len(addresses) == 0 {
		p.add(l.where, "primary without an address: write primary ADDRESS... [key NAME] [tls NAME]")
	}
	for _, text := range addresses {
		a, err := parseAddress(text)
		if p.fail(l, err); err != nil {
			continue
		}
		if _, bare := netip.ParseAddr(strings.Trim(text, "[]")); bare == nil && over.On() {
			a = netip.AddrPortFrom(a.Addr(), ask.PortTLS)
		}
		c.Primaries = append(c.Primaries, Primary{Address: a, Key: key, TLS: over, Where: l.where})
	}
}

// tls reads what follows the word tls: "[NAME] [ca FILE] [pin SHA256...]".
func (p *parser) tls(l line, args []string) (t ask.TLS) {
	const usage = "%s: write tls NAME, the name in the certificate of the primary, with ca FILE where the system does not know who made it; or tls pin SHA256..., the hash of its key"
	if len(args) > 0 && args[0] != "ca" && args[0] != "pin" {
		t.Name, args = strings.TrimSuffix(args[0], "."), args[1:]
	}
	if len(args) >= 2 && args[0] == "ca" {
		t.CA, args = filepath.Clean(args[1]), args[2:]
	}
	if len(args) >= 2 && args[0] == "pin" {
		t.Pins, args = strings.Join(args[1:], " "), nil
	}
	switch {
	case len(args) > 0 || t.Name == "" && t.Pins == "":
		p.add(l.where, usage, l.name)
		return ask.TLS{}
	case t.Pins != "":
		pins := t
		pins.CA = ""
		p.fail(l, pins.Check())
	}
	return t
}

// overTLS takes the word tls off the end of a line.
func (p *parser) overTLS(l line) (rest line, tls bool) {
	if at := slices.IndexFunc(l.args, func(s string) bool { return strings.EqualFold(s, "tls") }); at >= 0 && at < len(l.args)-1 {
		p.add(l.where, "%s: tls stands last on the line, after the addresses and the key", l.name)
		l.args = append(slices.Delete(slices.Clone(l.args), at, at+1), "tls")
	}
	if last := len(l.args) - 1; strings.EqualFold(l.args[last], "tls") {
		l.args, tls = l.args[:last], true
	}
	return l, tls
}

func takeSecondary(p *parser, c *Config, l line) {
	l, tls := p.overTLS(l)
	addresses, key := p.withKey(l)
	if len(addresses) == 0 {
		p.add(l.where, "secondary without an address: write secondary ADDRESS... [key NAME] [tls]")
	}
	for _, a := range p.addresses(l, addresses) {
		c.Secondaries = append(c.Secondaries, Secondary{Address: a, Key: key, TLS: tls})
	}
}

func takeAllow(p *parser, c *Config, l line) {
	l, tls := p.overTLS(l)
	prefixes, key := p.withKey(l)
	switch {
	case len(prefixes) > 0:
	case key.Name == "":
		p.add(l.where, "allow-transfer tls alone lets everybody transfer: write allow-transfer PREFIX... [key NAME] tls")
	default:
		c.AllowTransfer = append(c.AllowTransfer, Allow{Key: key, TLS: tls})
	}
	for _, s := range prefixes {
		prefix, err := parsePrefix(s)
		p.fail(l, err)
		if err == nil {
			c.AllowTransfer = append(c.AllowTransfer, Allow{Prefix: prefix, Key: key, TLS: tls})
		}
	}
}

func takeContent(p *parser, c *Config, l line) {
	peer := ""
	if n := len(l.args); n > 3 && l.args[n-2] == "for" {
		peer, l.args = l.args[n-1], l.args[:n-2]
	}
	addresses, key := p.withKey(l)
	if key.Name == "" {
		p.add(l.where, "content-transfer without a key: write content-transfer key NAME: by it the unsigned content is told from the signed zone")
		return
	}
	c.Contents = append(c.Contents, Content{Addresses: p.addresses(l, addresses), Key: key, For: peer})
}

// takeForward reads forward [key NAME [ALGORITHM]].
func takeForward(p *parser, c *Config, l line) {
	before, key := p.withKey(l)
	switch {
	case len(before) > 1:
		p.add(l.where, "update forward %s: write update forward [key NAME [ALGORITHM]]; who may send updates is said by update key", before[1])
	case c.Forward != nil:
		p.add(l.where, "update forward stands at %s already: keep one of them", c.Forward.Where)
	default:
		c.Forward = &Forward{Key: key, Where: l.where}
	}
}

// takeUpdate reads key NAME [ALGORITHM] and, in any order, the lists of names and types.
func takeUpdate(p *parser, c *Config, l line) {
	if strings.EqualFold(l.args[0], "forward") {
		takeForward(p, c, l)
		return
	}
	const usage = "write update key NAME [ALGORITHM] [name PATTERN...] [type TYPE...]"
	words := map[string][]string{}
	at := ""
	for _, arg := range l.args {
		word := strings.ToLower(arg)
		_, again := words[word]
		switch {
		case word == "key" && at == "", (word == "name" || word == "type") && at != "" && !again && len(words[at]) > 0:
			at, words[word] = word, []string{}
		case at == "" || word == "key" || word == "name" || word == "type":
			p.add(l.where, "update: "+usage)
			return
		default:
			words[at] = append(words[at], arg)
		}
	}
	if keys := len(words["key"]); keys < 1 || keys > 2 || len(words[at]) == 0 {
		p.add(l.where, "update: "+usage)
		return
	}
	u := Update{Key: p.key(l, words["key"]), Names: words["name"]}
	for _, word := range words["type"] {
		t, err := update.ParseType(word)
		p.fail(l, err)
		u.Types = append(u.Types, t)
	}
	c.Updates = append(c.Updates, u)
}

func takeReview(p *parser, c *Config, l line) {
	command, known := map[string]*[]string{"content": &c.Review.Content, "signed": &c.Review.Signed}[strings.ToLower(l.args[0])]
	switch {
	case !known:
		p.add(l.where, "review %s: it is content, before it is signed, or signed, before it is shown", l.args[0])
	case len(*command) > 0:
		p.add(l.where, "review %s stands there already: keep one of them", l.args[0])
	case l.args[1] == "":
		p.add(l.where, "write review %s COMMAND [ARGUMENT...]: the command is empty", l.args[0])
	default:
		*command = l.args[1:]
	}
}

func takeParent(p *parser, c *Config, l line) {
	args := l.args
	manual := strings.EqualFold(args[len(args)-1], "manual")
	if manual {
		args = args[:len(args)-1]
	}
	switch {
	case len(args) == 0 || manual && strings.EqualFold(args[0], "none"):
		p.add(l.where, "parent manual: say where to look whether the DS is there: write parent ADDRESS... manual, or parent resolver manual")
		return
	case len(args) == 1 && strings.EqualFold(args[0], "none"):
		c.Parent = engine.ParentNone
	case strings.EqualFold(args[0], "resolver"):
		c.Parent = engine.ParentResolver
		c.ParentServers = p.addresses(l, args[1:])
	default:
		c.Parent = engine.ParentServers
		c.ParentServers = p.addresses(l, args)
	}
	c.ParentManual = manual
}

func takeParentNotify(p *parser, c *Config, l line) {
	if len(l.args) == 1 && strings.EqualFold(l.args[0], "none") {
		c.ParentSilent = true
		return
	}
	c.ParentNotify = p.addresses(l, l.args)
}

func takeParentUpdate(p *parser, c *Config, l line) {
	addresses, key := p.withKey(l)
	if len(addresses) == 0 || key.Name == "" {
		p.add(l.where, "write parent-update ADDRESS... key NAME: no parent takes an unsigned UPDATE")
		return
	}
	c.ParentUpdate, c.UpdateKey = p.addresses(l, addresses), key
}

func takeResolver(p *parser, c *Config, l line) {
	if addresses := p.addresses(l, l.args[:1]); len(addresses) == 1 {
		c.Resolver = addresses[0]
	}
	switch {
	case len(l.args) == 3 && l.args[1] == "anchor":
		c.ResolverAnchor = filepath.Clean(l.args[2])
	case len(l.args) > 1:
		p.add(l.where, "write resolver ADDRESS anchor FILE")
	}
}

func takePeer(p *parser, c *Config, l line) {
	peer := Peer{Name: signerName(l.args[0]), Where: l.where, given: make(given)}
	takeLines(p, l.lines, peerDirectives, &peer, peer.given)
	c.Peers = append(c.Peers, peer)
}

func takeTrust(p *parser, peer *Peer, l line) {
	mode := strings.ToLower(l.args[0])
	if peer.Trust != "" && (peer.Trust != mode || mode != "ds") {
		p.add(l.where, "trust stands there already: keep one (ds may be repeated)")
		return
	}
	peer.Trust = mode
	switch {
	case mode == "ds":
		ds, err := parseDS(".", l.args[1:])
		p.fail(l, err)
		if err == nil {
			peer.DS = append(peer.DS, ds)
		}
	case mode != "tsig" && mode != "parent":
		p.add(l.where, "trust %s: it is tsig, parent, or ds TAG ALGORITHM TYPE DIGEST", l.args[0])
	case len(l.args) > 1:
		p.add(l.where, "write trust %s", mode)
	}
}

// signerName makes equal what means the same signer: names are host names, and
// compared as such.
func signerName(s string) string { return strings.TrimSuffix(strings.ToLower(s), ".") }
