//go:build interop

package differential

import (
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// kinds are the types asked of each name; the rest depends on the name.
var kinds = []uint16{
	dns.TypeA, dns.TypeNS, dns.TypeCNAME, dns.TypeSOA, dns.TypeMX, dns.TypeTXT, dns.TypeDNAME, dns.TypeDS,
	dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDNSKEY, dns.TypeCDNSKEY, dns.TypeNSEC3PARAM, dns.TypeHTTPS, dns.TypeANY,
}

// questionsFor asks for every name that is there, names around it, and names at
// random, for every type, with and without DNSSEC, and some in little room.
func questionsFor(z *signedZone, seed uint64) []question {
	random := rand.New(rand.NewPCG(seed, uint64(z.mode)))
	var all []question
	for _, name := range names(z, random) {
		for _, kind := range kinds {
			all = append(all, question{zone: z, name: name, kind: kind, do: random.IntN(4) > 0, size: 4096})
		}
		all = append(all,
			question{zone: z, name: name, kind: dns.TypeA},
			question{zone: z, name: name, kind: dns.TypeA, do: true, size: 512},
			question{zone: z, name: mixed(name, random), kind: dns.TypeA, do: true, size: 1232},
		)
	}
	return all
}

func names(z *signedZone, random *rand.Rand) []string {
	var names []string
	seen := map[string]bool{}
	add := func(name string) {
		if _, ok := dns.IsDomainName(name); ok && len(name) < 250 && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for n := range z.version.All() {
		name := n.Name()
		add(name.String())
		add("x." + name.String())
		if name != zone.MustName(z.apex) {
			add(`\000.` + name.String())
			add(name.Label() + "-." + name.Parent().String())
		}
	}
	for n := range z.version.Hashed() {
		if random.IntN(4) == 0 {
			add(n.Name().String())
		}
	}
	for range 50 {
		add(strings.Repeat(string(rune('a'+random.IntN(26))), 1+random.IntN(40)) + ".gen." + z.apex)
		add("a.b.c." + string(rune('p'+random.IntN(6))) + ".gen." + z.apex)
	}
	return names
}

func mixed(name string, random *rand.Rand) string {
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' && random.IntN(2) == 0 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
