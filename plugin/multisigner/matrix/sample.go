package matrix

import (
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// sample is a list of questions to which a zone has an answer.
type sample []dns.Question

func (s *sample) add(n zone.Name, types ...zone.Type) {
	for _, t := range types {
		*s = append(*s, dns.Question{Name: n.String(), Qtype: uint16(t), Qclass: dns.ClassINET})
	}
}

// missing asks for a name right below n that is not there; a wildcard's name is made so.
func missing(label string, n zone.Name) (zone.Name, bool) {
	name, err := zone.ParseName(label + "." + n.String())
	return name, err == nil
}

// sampleNames bounds how many names of each kind are asked about.
const sampleNames = 8

// Whole gives questions of every kind that v has an answer for.
func Whole(v *zone.Version) []dns.Question {
	apex := v.Apex()
	var questions sample
	questions.add(apex, zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeCDNSKEY, zone.TypeCSYNC, zone.TypeTXT)
	if n, ok := missing("no-such-name--check", apex); ok {
		questions.add(n, zone.TypeA)
	}
	seen := map[string]int{}
	for n := range v.All() {
		kind, types := kindOf(n)
		if kind == "" || seen[kind] >= sampleNames {
			continue
		}
		seen[kind]++
		name := n.Name()
		if kind == wildcard {
			var ok bool
			if name, ok = missing("check--", n.Name().Parent()); !ok {
				continue
			}
		}
		questions.add(name, types...)
	}
	return questions
}

// fewNames is how many names besides the apex a small sample asks about: our choice,
// a dozen questions to an address in all.
const fewNames = 3

// Few asks about the apex, about a name that is not there, and about some names of v from
// one on; "" is the apex. next is where the sample after this one begins.
func Few(v *zone.Version, from zone.Name) (few []dns.Question, next zone.Name) {
	apex := v.Apex()
	var questions sample
	questions.add(apex, zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeCSYNC)
	if n, ok := missing("no-such-name--matrix", apex); ok {
		questions.add(n, zone.TypeA)
	}
	if next = from; next == "" {
		next = apex
	}
	names, looked := 0, 0
	for n := range v.From(next) {
		if next = n.Name(); names == fewNames || looked == 64 {
			return questions, next
		}
		looked++
		kind, types := kindOf(n)
		if kind == "" {
			continue
		}
		if kind == wildcard {
			if made, ok := missing("matrix--", n.Name().Parent()); ok {
				next = made
			}
		}
		names++
		questions.add(next, types[0])
		if last := types[len(types)-1]; last != types[0] {
			questions.add(next, last)
		}
	}
	return questions, apex
}

const wildcard = "wildcard"

// kindOf says which kind of answer a node gives rise to, and what to ask for it.
func kindOf(n *zone.Node) (kind string, types []zone.Type) {
	for s := range n.All() {
		if s.Type != zone.TypeNSEC {
			types = append(types, s.Type)
		}
	}
	switch {
	case n.Occluded(), n.IsApex():
		return "", nil
	case n.IsCut():
		return "cut", []zone.Type{zone.TypeDS, zone.TypeA}
	case n.Empty():
		return "empty", []zone.Type{zone.TypeA}
	case n.Name().IsWildcard():
		return wildcard, append(types, zone.TypeSRV)
	}
	return "name", append(types, zone.TypeSRV)
}
