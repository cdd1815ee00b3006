// Package xfr turns versions of a zone into transfers and back, for the wire and
// for the disk: a version as AXFR, a difference of two as IXFR (RFC 5936, RFC 1995).
// It sends and receives nothing itself.
package xfr

import (
	"iter"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// AXFR yields v as the answer sections of a full transfer's messages: the SOA,
// every other record, and the SOA again (RFC 5936 2.2). A batch is at most size
// octets, uncompressed and without header and question; one record that is larger
// goes alone. v must have a SOA: else nothing is yielded.
func AXFR(v *zone.Version, size int) iter.Seq[[]dns.RR] { return batches(full(v), size) }

// IXFR yields a chain of differences as the answer sections of an incremental
// transfer's messages: the newest SOA, for each the old SOA and what goes, the new
// SOA and what comes, and the newest SOA again (RFC 1995 4). Each must change the
// SOA, and begin where the one before has ended: else nothing is yielded.
func IXFR(size int, chain ...zone.Diff) iter.Seq[[]dns.RR] {
	return batches(incremental(chain, differing), size)
}

// record is one RR, as it was written.
type record struct {
	owner string
	t     zone.Type
	ttl   uint32
	rdata string
	// capitals says that the RRset is not written in its canonical form.
	capitals bool
}

// size is what r takes uncompressed.
func (r record) size() int { return len(r.owner) + 10 + len(r.rdata) }

func (r record) rr() dns.RR {
	// What is written stands for what is canonical: it is only put into another form.
	s := zone.RRset{Name: zone.Name(r.owner), Type: r.t, TTL: r.ttl, Rdata: zone.Pack(r.rdata)}
	return s.RRs()[0]
}

func batches(records iter.Seq[record], size int) iter.Seq[[]dns.RR] {
	return func(yield func([]dns.RR) bool) {
		var batch []dns.RR
		room := size
		for r := range records {
			if r.size() > room && len(batch) > 0 {
				if !yield(batch) {
					return
				}
				batch, room = nil, size
			}
			batch = append(batch, r.rr())
			room -= r.size()
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// full gives the records of a version in the order of an AXFR. The signatures of
// an RRset follow it.
func full(v *zone.Version) iter.Seq[record] {
	return func(yield func(record) bool) {
		soa := v.SOA()
		if !soa.Exists() || !each(soa, yield) {
			return
		}
		for _, nodes := range []iter.Seq[*zone.Node]{v.All(), v.Hashed()} {
			for n := range nodes {
				for s := range n.All() {
					if opening := s.Type == zone.TypeSOA && n.IsApex(); !opening && !each(s, yield) {
						return
					}
				}
			}
		}
		data(soa, yield)
	}
}

// each gives the records of s, then its signatures.
func each(s zone.RRset, yield func(record) bool) bool {
	return data(s, yield) && of(s, zone.TypeRRSIG, s.Sigs, yield)
}

func data(s zone.RRset, yield func(record) bool) bool {
	_, rdata := s.Written()
	return of(s, s.Type, rdata, yield)
}

func of(s zone.RRset, t zone.Type, which zone.Packed, yield func(record) bool) bool {
	owner, _ := s.Written()
	for rdata := range which.All() {
		if !yield(record{owner, t, s.TTL, rdata, s.Spelling != ""}) {
			return false
		}
	}
	return true
}

// incremental gives the records of a chain of differences in the order of an IXFR;
// which says what of each change goes and what comes.
func incremental(chain []zone.Diff, which func(old, new zone.RRset) (gone, come zone.RRset)) iter.Seq[record] {
	return func(yield func(record) bool) {
		newest, ok := linked(chain)
		if !ok || !data(newest, yield) {
			return
		}
		for _, d := range chain {
			if !sections(d, which, yield) {
				return
			}
		}
		data(newest, yield)
	}
}

// sections gives what goes and what comes by one difference.
func sections(d zone.Diff, which func(old, new zone.RRset) (gone, come zone.RRset), yield func(record) bool) bool {
	old, new, _ := soas(d)
	section := func(soa zone.RRset, pick func(gone, come zone.RRset) zone.RRset) bool {
		if !each(soa, yield) {
			return false
		}
		for _, c := range d.Changes {
			if !isSOA(c, d.Apex) && !each(pick(which(c.Old, c.New)), yield) {
				return false
			}
		}
		return true
	}
	return section(old, func(gone, _ zone.RRset) zone.RRset { return gone }) &&
		section(new, func(_, come zone.RRset) zone.RRset { return come })
}

// linked gives the SOA at which a chain of differences ends; ok is false when it is none.
func linked(chain []zone.Diff) (newest zone.RRset, ok bool) {
	for i, d := range chain {
		old, new, replaced := soas(d)
		if !replaced || i > 0 && old.Rdata != newest.Rdata {
			return zone.RRset{}, false
		}
		newest = new
	}
	return newest, len(chain) > 0
}

// soas gives the SOA before and after; ok is false when d does not replace one.
func soas(d zone.Diff) (old, new zone.RRset, ok bool) {
	for _, c := range d.Changes {
		if isSOA(c, d.Apex) {
			return c.Old, c.New, c.Old.Exists() && c.New.Exists()
		}
	}
	return old, new, false
}

func isSOA(c zone.Change, apex zone.Name) bool {
	return c.Type() == zone.TypeSOA && c.Name() == apex
}

// differing leaves out the records that both have, unless their TTL or how the
// owner is written changed.
func differing(old, new zone.RRset) (gone, come zone.RRset) {
	oldOwner, oldRdata := old.Written()
	newOwner, newRdata := new.Written()
	if old.TTL != new.TTL || oldOwner != newOwner {
		return old, new
	}
	gone, come = without(old, newRdata), without(new, oldRdata)
	gone.Sigs, come.Sigs = without(signatures(old), new.Sigs).Rdata, without(signatures(new), old.Sigs).Rdata
	return gone, come
}

func signatures(s zone.RRset) zone.RRset { return zone.RRset{Name: s.Name, Rdata: s.Sigs} }

// without leaves out of s what others has, in the same letters.
func without(s zone.RRset, others zone.Packed) zone.RRset {
	owner, as := s.Written()
	var left, leftAs []byte
	for rdata := range s.Rdata.All() {
		written := as[:2+len(rdata)]
		if as = as[len(written):]; !others.Has(string(written[2:])) {
			left = append(append(left, written[:2]...), rdata...)
			leftAs = append(leftAs, written...)
		}
	}
	s.Rdata = zone.Packed(left)
	return s.Spell(owner, zone.Packed(leftAs))
}

// whole replaces the RRset with all its records, so that the difference can be
// read without the version it begins with.
func whole(old, new zone.RRset) (gone, come zone.RRset) { return old, new }
