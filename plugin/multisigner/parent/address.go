package parent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// look is one Look under way.
type look struct {
	client  *ask.Client
	where   Where
	child   zone.Name
	now     time.Time
	targets []target
	unfound []string

	parent   zone.Name  // found through the resolver; "" without
	keys     zone.RRset // the parent's, validated
	noAnswer string     // why the resolver answered nothing when it was asked first
	noKeys   error      // why there are none, though there should be; see statusOf
}

type target struct {
	addr netip.AddrPort
	host string
}

// Limits of what an answer is looked at for.
const (
	maxRecords    = 128
	maxSignatures = 32
	maxTTL        = 1<<31 - 1 // a larger one counts as 0 (RFC 2181 8)
)

// at asks one address for the DS RRset and the delegation.
func (l *look) at(ctx context.Context, t target) Address {
	a := Address{Addr: t.addr, Host: t.host, At: l.now}
	if status, err := l.ds(ctx, &a); err != nil {
		a.Status, a.Err = status, "DS: "+err.Error()
		a.DS, a.DSAbsent, a.NoName, a.Validated = zone.RRset{}, false, false, false
		if status == Unreachable {
			return a
		}
	}
	if err := l.delegation(ctx, &a); err != nil {
		if a.Err != "" {
			a.Err += "; "
		}
		a.Err += "NS: " + err.Error()
	}
	return a
}

// ask asks an address for a type at the child's name.
func (l *look) ask(ctx context.Context, addr netip.AddrPort, t zone.Type) (*dns.Msg, Status, error) {
	m, err := l.client.Exchange(ctx, ask.Server{Addr: addr}, ask.Question(l.child.String(), uint16(t)))
	switch {
	case errors.Is(err, ask.ErrGarbled):
		return nil, Garbled, err
	case err != nil:
		return nil, Unreachable, err
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return nil, NotAuthoritative, fmt.Errorf("answered %s", ask.Rcode(m.Rcode))
	case len(m.Answer) > maxRecords || len(m.Ns) > maxRecords || len(m.Extra) > maxRecords:
		return nil, Garbled, errors.New("more records than any delegation needs")
	}
	return m, Good, nil
}

// ds fills in the DS RRset, or that there is none.
func (l *look) ds(ctx context.Context, a *Address) (Status, error) {
	m, status, err := l.ask(ctx, a.Addr, zone.TypeDS)
	if err != nil {
		return status, err
	}
	if !m.Authoritative {
		return NotAuthoritative, errors.New("the answer is not authoritative: not a server of the parent")
	}
	set, err := pick(m.Answer, l.child, zone.TypeDS)
	if err != nil {
		return Garbled, err
	}
	if set.Exists() {
		a.zone = l.signer(ctx, a.Addr, set)
		if a.zone != "" && !l.above(a.zone) {
			return NotAuthoritative, fmt.Errorf("the answer is not the parent's: it is signed by %s", a.zone)
		}
		a.DS = set
		return l.validated(a, sigsOf(set), func() error {
			_, err := validate.Signatures(set, l.keys, l.parent, l.now)
			return err
		})
	}
	// The child's own servers deny the DS with authority too, but of the child: it
	// says nothing about the parent (RFC 4035 3.1.4.1).
	if a.zone = soaOwner(m); !l.above(a.zone) {
		return NotAuthoritative, errors.New("the answer is not the parent's: it has no SOA of a zone above")
	}
	a.DSAbsent, a.NoName = true, m.Rcode == dns.RcodeNameError
	return l.validated(a, sigsIn(m.Ns), func() error { return validate.Response(m, m.Question[0], l.parent, l.keys, l.now) })
}

// above reports whether a zone may be the child's parent.
func (l *look) above(apex zone.Name) bool {
	return apex != "" && apex != l.child && l.child.Under(apex)
}

// signer is the zone that a DS RRset is in, by who signed it; where nobody did, by
// whose SOA the server has for the name above. "" is that it is not known.
func (l *look) signer(ctx context.Context, addr netip.AddrPort, set zone.RRset) zone.Name {
	for _, sig := range sigsOf(set) {
		return sig.Signer()
	}
	if l.parent != "" || l.child == zone.Root {
		return l.parent
	}
	m, err := l.client.Exchange(ctx, ask.Server{Addr: addr}, ask.Question(l.child.Parent().String(), dns.TypeSOA))
	if err != nil || !m.Authoritative {
		return ""
	}
	owner := soaOwner(&dns.Msg{Ns: append(m.Answer, m.Ns...)})
	if !l.above(owner) {
		return ""
	}
	return owner
}

// validated runs check if there is a way to validate; if there should be but is
// not, nothing is believed. Whether an answer is a lie, was never signed or has
// only grown old is told by its signatures.
func (l *look) validated(a *Address, sigs []zone.RRSIG, check func() error) (Status, error) {
	if !l.where.Resolver.IsValid() {
		return Good, nil
	}
	if !l.keys.Exists() {
		return statusOf(l.noKeys), fmt.Errorf("it cannot be validated: %w", l.noKeys)
	}
	if err := check(); err != nil {
		return l.fault(sigs), err
	}
	a.Validated = true
	return Good, nil
}

// delegation fills in NS and glue, from a referral or from a server that has both zones.
func (l *look) delegation(ctx context.Context, a *Address) error {
	m, _, err := l.ask(ctx, a.Addr, zone.TypeNS)
	if err != nil {
		return err
	}
	section := m.Ns
	if len(m.Answer) > 0 {
		section = m.Answer
	}
	set, err := pick(of(section, dns.TypeNS), l.child, zone.TypeNS)
	if err != nil {
		return err
	}
	if !set.Exists() {
		if !m.Authoritative {
			return errors.New("the answer is neither authoritative nor a referral")
		}
		a.NSAbsent = true
		return nil
	}
	a.NS = set
	a.Glue = map[zone.Name][]netip.Addr{}
	for _, rr := range m.Extra {
		host, err := zone.ParseName(rr.Header().Name)
		if err != nil || !set.Rdata.Has(string(host)) {
			continue
		}
		var ip []byte
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok && !slices.Contains(a.Glue[host], addr.Unmap()) {
			a.Glue[host] = append(a.Glue[host], addr.Unmap())
		}
	}
	return nil
}

// pick takes the RRset of a name and type, with its signatures, out of a section
// that has nothing else. Its TTL is the largest that any of it has: what is waited
// for is the cache that keeps it longest.
func pick(section []dns.RR, name zone.Name, t zone.Type) (zone.RRset, error) {
	sets, err := zone.FromRRs(section)
	switch {
	case err != nil:
		return zone.RRset{}, err
	case len(sets) == 0:
		return zone.RRset{}, nil
	case len(sets) > 1 || sets[0].Name != name || sets[0].Type != t:
		return zone.RRset{}, fmt.Errorf("there are other records in the answer than %s of %s", t, name)
	case sets[0].Sigs.Len() > maxSignatures:
		return zone.RRset{}, fmt.Errorf("%s has %d signatures", t, sets[0].Sigs.Len())
	}
	set := sets[0]
	for _, rr := range section {
		if ttl := rr.Header().Ttl; ttl <= maxTTL {
			set.TTL = max(set.TTL, ttl)
		}
	}
	return set, nil
}

// of leaves only records of type t.
func of(section []dns.RR, t uint16) []dns.RR {
	var left []dns.RR
	for _, rr := range section {
		if rr.Header().Rrtype == t {
			left = append(left, rr)
		}
	}
	return left
}

// soaOwner is the zone that a negative answer comes from.
func soaOwner(m *dns.Msg) zone.Name {
	for _, rr := range of(m.Ns, dns.TypeSOA) {
		if name, err := zone.ParseName(rr.Header().Name); err == nil {
			return name
		}
	}
	return ""
}
