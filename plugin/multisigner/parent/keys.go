package parent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// parentKeys gives the DNSKEY RRset of the parent, from the resolver: validated
// here where there is an anchor, else as the resolver vouches for it.
func (l *look) parentKeys(ctx context.Context) (zone.RRset, error) {
	way := l.vouched
	if l.where.Anchor != "" {
		way = l.chained
	}
	keys, err := way(ctx)
	if err != nil {
		return zone.RRset{}, fmt.Errorf("keys of %s: %w", l.parent, err)
	}
	return keys, nil
}

func (l *look) vouched(ctx context.Context) (zone.RRset, error) {
	m, err := l.recurse(ctx, l.parent, zone.TypeDNSKEY, false)
	if err != nil {
		return zone.RRset{}, err
	}
	if !m.AuthenticatedData {
		return zone.RRset{}, &fault{Unsigned, fmt.Errorf("%s does not vouch for them: the zone is not signed, or the resolver does not validate", l.where.Resolver)}
	}
	return l.existing(m, l.parent, zone.TypeDNSKEY)
}

// existing is the RRset of an answer that must have it.
func (l *look) existing(m *dns.Msg, name zone.Name, t zone.Type) (zone.RRset, error) {
	if len(m.Answer) > maxRecords {
		return zone.RRset{}, fmt.Errorf("%s %s has %d records", name, t, len(m.Answer))
	}
	set, err := pick(m.Answer, name, t)
	if err == nil && !set.Exists() {
		err = &fault{Unsigned, fmt.Errorf("%s has no %s", name, t)}
	}
	return set, err
}

// chained goes from the anchor nearest to the parent down to it, zone by zone, and
// validates each step. What the resolver itself makes of it does not count.
func (l *look) chained(ctx context.Context) (zone.RRset, error) {
	anchors, err := readAnchors(l.where.Anchor)
	if err != nil {
		return zone.RRset{}, &fault{Unreachable, err} // we cannot read them: it says nothing about anybody
	}
	at, trusted, err := nearest(anchors, l.parent)
	if err != nil {
		return zone.RRset{}, &fault{Unreachable, err}
	}
	keys, err := l.zoneKeys(ctx, at, trusted)
	if err != nil {
		return zone.RRset{}, err
	}
	for labels := at.Labels() + 1; labels <= l.parent.Labels(); labels++ {
		below := l.parent.Ancestor(labels)
		ds, err := l.delegated(ctx, below, at, keys)
		if err != nil {
			return zone.RRset{}, err
		}
		if !ds.Exists() {
			continue // no zone begins here, or an insecure one: then the next step fails
		}
		if keys, err = l.zoneKeys(ctx, below, anchor{ds: ds}); err != nil {
			return zone.RRset{}, err
		}
		at = below
	}
	if at != l.parent {
		return zone.RRset{}, &fault{Unsigned, fmt.Errorf("there is no DS for it: it is not signed below %s", at)}
	}
	return keys, nil
}

// zoneKeys gives the DNSKEY RRset of a zone, validated by what is trusted.
func (l *look) zoneKeys(ctx context.Context, apex zone.Name, by anchor) (zone.RRset, error) {
	m, err := l.recurse(ctx, apex, zone.TypeDNSKEY, true)
	if err != nil {
		return zone.RRset{}, err
	}
	keys, err := l.existing(m, apex, zone.TypeDNSKEY)
	if err != nil {
		return zone.RRset{}, err
	}
	var errs []error
	if by.ds.Exists() {
		if _, err = validate.Entry(keys, by.ds, apex, l.now); err == nil {
			return keys, nil
		}
		errs = append(errs, err)
	}
	if len(by.keys) > 0 {
		if _, err = validate.Under(keys, by.keys, l.now); err == nil {
			return keys, nil
		}
		errs = append(errs, err)
	}
	return zone.RRset{}, &fault{l.fault(sigsOf(keys)), fmt.Errorf("DNSKEY of %s: %w", apex, errors.Join(errs...))}
}

// delegated gives the DS RRset of name as the zone at has it, validated under its
// keys; it does not Exist where the zone proves that there is none.
func (l *look) delegated(ctx context.Context, name, at zone.Name, keys zone.RRset) (zone.RRset, error) {
	m, err := l.recurse(ctx, name, zone.TypeDS, true)
	if err != nil {
		return zone.RRset{}, err
	}
	set, err := pick(m.Answer, name, zone.TypeDS)
	var sigs []zone.RRSIG
	switch {
	case err != nil:
		return zone.RRset{}, err
	case set.Exists():
		sigs = sigsOf(set)
		_, err = validate.Signatures(set, keys, at, l.now)
	default:
		sigs = sigsIn(m.Ns)
		err = validate.Response(m, m.Question[0], at, keys, l.now)
	}
	if err != nil {
		return zone.RRset{}, &fault{l.fault(sigs), fmt.Errorf("DS of %s: %w", name, err)}
	}
	return set, nil
}

// anchor is what is trusted at one name: keys themselves, or DS of keys.
type anchor struct {
	ds   zone.RRset
	keys []zone.DNSKEY
}

// readAnchors reads DS and DNSKEY records in zone file form. Of a file that a
// resolver maintains by RFC 5011 (Unbound's), keys that are not trusted yet or any
// more are left out.
func readAnchors(path string) (map[zone.Name]anchor, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trust anchors: %w", err)
	}
	anchors := map[zone.Name]anchor{}
	parser := dns.NewZoneParser(strings.NewReader(string(text)), ".", path)
	parser.SetDefaultTTL(0)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if comment := parser.Comment(); strings.Contains(comment, "state=") &&
			!strings.Contains(comment, "state=2") && !strings.Contains(comment, "state=3") { // VALID, MISSING
			continue
		}
		name, t, _, rdata, err := zone.FromRR(rr)
		if err != nil {
			return nil, fmt.Errorf("trust anchors: %s: %w", path, err)
		}
		a := anchors[name]
		switch t {
		case zone.TypeDS:
			all := []string{rdata}
			for other := range a.ds.Rdata.All() {
				all = append(all, other)
			}
			a.ds = zone.RRset{Name: name, Type: t, Rdata: zone.Pack(all...)}
		case zone.TypeDNSKEY:
			a.keys = append(a.keys, zone.DNSKEY(rdata))
		default:
			return nil, fmt.Errorf("trust anchors: %s has a %s record; only DS and DNSKEY can be trusted", path, t)
		}
		anchors[name] = a
	}
	if err := parser.Err(); err != nil {
		return nil, fmt.Errorf("trust anchors: %w", err)
	}
	return anchors, nil
}

// nearest is the anchor at name or at the nearest name above it.
func nearest(anchors map[zone.Name]anchor, name zone.Name) (zone.Name, anchor, error) {
	for at := name; ; at = at.Parent() {
		if a, ok := anchors[at]; ok {
			return at, a, nil
		}
		if at == zone.Root {
			return "", anchor{}, fmt.Errorf("no trust anchor is at or above %s", name)
		}
	}
}
