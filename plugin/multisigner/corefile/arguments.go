package corefile

import (
	"net/netip"
	"slices"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// withKey splits "ARG... key NAME [ALGORITHM]".
func (p *parser) withKey(l line) (args []string, key Key) {
	at := slices.Index(l.args, "key")
	if at < 0 {
		return l.args, Key{}
	}
	if rest := l.args[at+1:]; len(rest) == 1 || len(rest) == 2 {
		key = p.key(l, rest)
	} else {
		p.add(l.where, "%s: write key NAME [ALGORITHM] at the end", l.name)
	}
	return l.args[:at], key
}

func (p *parser) key(l line, args []string) Key {
	k := Key{Name: plugin.Name(args[0]).Normalize(), Algorithm: dns.HmacSHA256, Where: l.where}
	if len(args) == 2 {
		h, err := parseHMAC(args[1])
		p.fail(l, err)
		k.Algorithm = h
	}
	return k
}

func (p *parser) addresses(l line, args []string) []netip.AddrPort {
	var all []netip.AddrPort
	for _, s := range args {
		a, err := parseAddress(s)
		p.fail(l, err)
		if err == nil {
			all = append(all, a)
		}
	}
	return all
}

// duration reads s into d, which keeps its default when s is none: one fault is
// enough for one mistake.
func (p *parser) duration(l line, s string, d *time.Duration) {
	parsed, err := ParseDuration(s)
	if err != nil {
		p.fail(l, err)
		return
	}
	*d = parsed
}
