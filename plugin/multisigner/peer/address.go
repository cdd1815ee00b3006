package peer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// look is one Look under way.
type look struct {
	Target
	client *ask.Client
	now    time.Time
}

// fault is why something that an address says is not used.
type fault struct {
	status Status
	text   string
}

func faultf(s Status, format string, args ...any) *fault {
	return &fault{s, fmt.Sprintf(format, args...)}
}

// rest are the types that are asked for besides DNSKEY; the SOA comes first.
var rest = []zone.Type{zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeCDNSKEY, zone.TypeCSYNC}

// whole looks at all that s publishes at the apex.
func (l *look) whole(ctx context.Context, s ask.Server, by anchor) Address {
	a := l.keys(ctx, s, by)
	if !a.Believed {
		return l.withSerial(ctx, a)
	}
	type found struct {
		set     zone.RRset
		signers []zone.DNSKEY
		fault   *fault
	}
	all := ask.All(rest, func(t zone.Type) (f found) {
		f.set, f.signers, f.fault = l.other(ctx, s, t, a)
		return f
	})
	a.Serial = seenSerial(all[0].set)
	var algorithms common
	for i, f := range all {
		if f.fault != nil {
			f.set = zone.RRset{}
		}
		algorithms.add(f.set)
		switch t := rest[i]; {
		case f.fault != nil:
			a.add(t, f.fault)
		case f.set.Exists():
			a.Sets[t] = f.set
			a.DataSigners = union(a.DataSigners, f.signers)
		default:
			a.Absent[t] = true
		}
	}
	a.Algorithms = algorithms.list()
	return a
}

// add notes a fault. CSYNC's alone leaves an address Good: old servers do not know
// the type, and what is managed by it stands in NS too.
func (a *Address) add(t zone.Type, f *fault) {
	if a.Status == Good && t != zone.TypeCSYNC {
		a.Status = f.status
	}
	if a.Err != "" {
		a.Err += "; "
	}
	a.Err += fmt.Sprintf("%s: %s", t, f.text)
}

// keys asks s for the DNSKEY RRset, and believes it if by does.
func (l *look) keys(ctx context.Context, s ask.Server, by anchor) Address {
	a := Address{Server: s, Host: l.Hosts[s.Addr], At: l.now}
	set, m, f := l.answer(ctx, s, zone.TypeDNSKEY)
	if f == nil {
		f = l.judge(&a, set, by)
	}
	if f != nil {
		if f.status == Unsigned {
			a.AbsentTTL = min(max(set.TTL, negativeTTL(m)), week)
		}
		a.add(zone.TypeDNSKEY, f)
	}
	return a
}

// judge decides on the DNSKEY RRset of an address, and enters it.
func (l *look) judge(a *Address, set zone.RRset, by anchor) *fault {
	if !set.Exists() {
		return faultf(Unsigned, "it has none: its zone is not signed")
	}
	if f := l.wrongKeys(set); f != nil {
		return f
	}
	if set.Sigs == "" {
		return faultf(Unsigned, "it is not signed")
	}
	if err := by.believes(l, set); err != nil {
		f := l.disbelief(set, by, err)
		if f.status == UnknownKey {
			signers, _ := validate.Signatures(set, set, l.Zone, l.now)
			a.Strangers = entryKeys(signers)
		}
		return f
	}
	signers, inception := l.signers(set)
	a.Entry, a.Inception = entryKeys(signers), inception
	a.Sets = map[zone.Type]zone.RRset{zone.TypeDNSKEY: set}
	a.Absent = map[zone.Type]bool{}
	seen, before := l.Memory.Newest[a.Server.Addr]
	if before && set.Rdata != seen.Keys && zone.SerialAfter(seen.Inception, inception) {
		return faultf(Stale, "it was signed %s, and another one was seen there that was signed %s: it lags, or this is a replay",
			zone.Time(inception).Format(time.RFC3339), zone.Time(seen.Inception).Format(time.RFC3339))
	}
	a.Believed = true
	return nil
}

// wrongKeys says what must not be among keys.
func (l *look) wrongKeys(set zone.RRset) *fault {
	for rdata := range set.Rdata.All() {
		k := zone.DNSKEY(rdata)
		if len(k) < 5 {
			return faultf(Garbled, "a key that is too short")
		}
		if k.IsZone() && len(l.Algorithms) > 0 && !slices.Contains(l.Algorithms, k.Algorithm()) {
			return faultf(WrongAlgorithm, "key %d is of algorithm %s, which the group does not have", k.Tag(), algorithm(k.Algorithm()))
		}
	}
	return nil
}

func algorithm(a uint8) string {
	if s, ok := dns.AlgorithmToString[a]; ok {
		return s
	}
	return fmt.Sprint(a)
}

// withSerial asks an address for its SOA that is not believed, but serves something.
func (l *look) withSerial(ctx context.Context, a Address) Address {
	if a.Status != Unreachable && a.Status != NotAuthoritative {
		set, _, _ := l.answer(ctx, a.Server, zone.TypeSOA)
		a.Serial = seenSerial(set)
	}
	return a
}

// seenSerial is the serial in a SOA RRset; nil: it is none.
func seenSerial(set zone.RRset) *uint32 {
	if !set.Exists() {
		return nil
	}
	serial := set.Rdata.Serial()
	return &serial
}

// other asks s for an RRset besides DNSKEY, or for the proof that it has none. A set comes with a fault
// where it is not signed as it must be.
func (l *look) other(ctx context.Context, s ask.Server, t zone.Type, a Address) (zone.RRset, []zone.DNSKEY, *fault) {
	keys := a.Sets[zone.TypeDNSKEY]
	set, m, f := l.answer(ctx, s, t)
	if f != nil {
		return zone.RRset{}, nil, f
	}
	if !set.Exists() {
		return zone.RRset{}, nil, l.denied(m, t, keys)
	}
	signers, f := l.underOwn(set, keys, a.Entry)
	if f != nil {
		return set, nil, f
	}
	if t == zone.TypeCSYNC {
		if set.Rdata.Len() > 1 {
			return zone.RRset{}, nil, faultf(Bogus, "there are %d records, and a parent takes no more than one (RFC 7477 2)", set.Rdata.Len())
		}
		for rdata := range set.Rdata.All() {
			if _, ok := readCSYNC(rdata); !ok {
				return zone.RRset{}, nil, faultf(Garbled, "it cannot be read")
			}
		}
	}
	return set, signers, nil
}

// denied says what is wrong with an answer without records.
func (l *look) denied(m *dns.Msg, t zone.Type, keys zone.RRset) *fault {
	if t == zone.TypeSOA || t == zone.TypeNS {
		return faultf(NotAuthoritative, "it has none")
	}
	if err := validate.Response(m, question(l.Zone, t), l.Zone, keys, l.now); err != nil {
		return faultf(l.untimely(sigsOf(m), Bogus), "that it has none is not proved: %v", err)
	}
	return nil
}

// underOwn says which of an address's own keys sign set, and what is wrong with it.
func (l *look) underOwn(set, keys zone.RRset, entry []zone.DNSKEY) ([]zone.DNSKEY, *fault) {
	if set.Sigs == "" {
		return nil, faultf(Unsigned, "it is not signed")
	}
	signers, err := validate.Signatures(set, keys, l.Zone, l.now)
	if err != nil {
		return nil, faultf(l.untimely(sigs(set), Bogus), "%s", l.bare(set.Type, err))
	}
	if set.Type == zone.TypeCDS || set.Type == zone.TypeCDNSKEY {
		if !slices.ContainsFunc(signers, func(k zone.DNSKEY) bool { return slices.Contains(entry, k) }) {
			return nil, faultf(Bogus, "no entry key has signed it, so that a parent will not take it (RFC 7344 4.1)")
		}
	}
	return signers, nil
}

func question(apex zone.Name, t zone.Type) dns.Question {
	return dns.Question{Name: apex.String(), Qtype: uint16(t), Qclass: dns.ClassINET}
}
