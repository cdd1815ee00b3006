package peer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// limit is what a peer's transfer may be. A zone that is larger is looked at by its
// apex alone, which nearly every server sends first.
func (t Target) limit() ask.Limit {
	l := t.Limit
	if l.Octets == 0 {
		l.Octets = 64 << 20
	}
	if l.Records == 0 {
		l.Records = 1_000_000
	}
	if l.Time == 0 {
		l.Time = time.Minute
	}
	return l
}

// transfer takes the zone from the first address that may have it, if its serial is
// not the one that was transferred last, and enters what it shows.
func (l *look) transfer(ctx context.Context, r *Report) {
	i := l.source(r.Addresses)
	if i < 0 {
		return
	}
	from := r.Addresses[i]
	serial := from.Sets[zone.TypeSOA].Rdata.Serial()
	if done := l.Memory.Transferred; done != nil && *done == serial {
		r.TransferErr = l.Memory.CutOff
		return
	}
	v, partial, err := xfr.Collect(l.Zone, l.client.Transfer(ctx, from.Server, l.Zone.String(), l.limit()))
	if err != nil {
		r.TransferErr = err.Error()
		// Cut at a limit, it would be cut again; any other error may have gone next time.
		if partial == nil || !errors.Is(err, ask.ErrLimit) {
			return
		}
		v = partial
	} else {
		r.Digest = Sum(v)
	}
	a, f := l.transferred(v, from)
	if f != nil {
		a.add(zone.TypeDNSKEY, f)
	}
	if partial != nil {
		a.Algorithms = nil // what was cut off may be signed with others
	}
	transferred := v.Serial()
	r.Memory.Transferred, r.Memory.CutOff = &transferred, r.TransferErr
	r.Addresses = append(r.Addresses, a)
	r.Transfer = apexOf(v)
}

// source is the first believed address with a key, else the first believed one; -1
// when there is none.
func (l *look) source(addresses []Address) int {
	usable := func(a Address) bool { return a.Believed && a.Sets[zone.TypeSOA].Exists() }
	if i := slices.IndexFunc(addresses, func(a Address) bool { return usable(a) && a.Server.TSIG != nil }); i >= 0 {
		return i
	}
	return slices.IndexFunc(addresses, usable)
}

// transferred judges a transferred apex as that of an address.
func (l *look) transferred(v *zone.Version, from Address) (Address, *fault) {
	a := Address{Server: from.Server, Host: from.Host, At: l.now, TransferFrom: true}
	set, _ := v.RRset(l.Zone, zone.TypeDNSKEY)
	if set.Rdata.Len() > l.maxKeys() || set.Sigs.Len() > maxSignatures {
		return a, faultf(TooMany, "%d keys and %d signatures", set.Rdata.Len(), set.Sigs.Len())
	}
	// It was asked for after the keys of the same address were pinned.
	if f := l.judge(&a, set, pinned(from.Entry)); f != nil {
		return a, f
	}
	for _, t := range rest {
		s, ok := v.RRset(l.Zone, t)
		if !ok || s.Rdata.Len() > l.maxKeys() || s.Sigs.Len() > maxSignatures {
			continue
		}
		if _, f := l.underOwn(s, set, a.Entry); f != nil {
			a.add(t, f)
			continue
		}
		a.Sets[t] = s
	}
	a.DataSigners, a.Algorithms = l.dataSigners(v, set), algorithmsOf(v)
	return a, nil
}

// maxSamples bounds how many signatures that name one key are verified until one is good.
const maxSamples = 4

// dataSigners gives the keys that sign anything but the DNSKEY RRset: for each
// that is named, one signature is verified.
func (l *look) dataSigners(v *zone.Version, keys zone.RRset) []zone.DNSKEY {
	type named struct {
		tag       uint16
		algorithm uint8
	}
	var signers []zone.DNSKEY
	tried := map[named]int{}
	sample := func(s zone.RRset) {
		if s.Type == zone.TypeDNSKEY {
			return
		}
		for rdata := range s.Sigs.All() {
			sig := zone.RRSIG(rdata)
			by := named{sig.KeyTag(), sig.Algorithm()}
			if tried[by] >= maxSamples || len(tried) > defaultMaxKeys {
				continue
			}
			tried[by]++
			good, err := validate.Signatures(s.WithSigs(zone.Pack(rdata)), keys, l.Zone, l.now)
			if err == nil {
				signers = union(signers, good)
				tried[by] = maxSamples
			}
		}
	}
	for n := range v.All() {
		for s := range n.All() {
			sample(s)
		}
	}
	for n := range v.Hashed() {
		for s := range n.All() {
			sample(s)
		}
	}
	return signers
}

// apexOf is a version with the apex of v alone.
func apexOf(v *zone.Version) *zone.Version {
	b := zone.NewBuilder(v.Apex())
	for s := range v.Top().All() {
		b.Put(s)
	}
	return b.Version()
}
