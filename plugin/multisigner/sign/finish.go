package sign

import (
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// wholePages is from how many names on a zone that is signed as a whole is signed
// page by page: our choice. Smaller ones have too few pages to share out.
const wholePages = 4096

// batch is how many RRsets are signed before their signatures are put into the
// version: our choice, some megabytes.
const batch = 1 << 15

// finish signs what has to be, and the SOA with the new serial, and says how many
// RRsets that were.
func (l look) finish(work iter.Seq[job]) (v *zone.Version, signed int, err error) {
	soa := job{set: l.next.SOA().WithSerial(l.Serial)}
	for i := range l.data {
		soa.keys = append(soa.keys, &l.data[i])
	}
	if !l.whole || l.next.Names() < wholePages {
		return l.signJobs(soa, work)
	}
	if l.First != nil && l.Old == nil && len(l.data) > 0 {
		return l.signAsked(soa)
	}
	v, signed, err = l.signPages()
	if err != nil {
		return nil, 0, err
	}
	h := l.hand()
	defer h.end()
	edit := v.Edit()
	sigs, err := h.sign(&soa)
	if err != nil {
		return nil, 0, err
	}
	edit.Put(soa.set.WithSigs(sigs))
	return edit.Version(), signed + h.signed, nil
}

// signPages signs all but the SOA where the signatures will stand: that takes
// half the memory of a list of RRsets, and no time besides that of the signatures
// in which only one processor has something to do.
func (l look) signPages() (v *zone.Version, signed int, err error) {
	var count, names atomic.Int64
	all := l.next.Names()
	v, err = l.next.WithSigs(func() (zone.Signatures, func()) {
		h := l.hand()
		var last *zone.Node
		var j job
		sign := func(n *zone.Node, set zone.RRset) (zone.Packed, error) {
			if n != last {
				last = n
				if done := int(names.Add(1)); l.Progress != nil && done%progressEvery == 0 {
					l.Progress(min(done, all), all)
				}
			}
			if set.Type == zone.TypeSOA && set.Name == l.apex || !l.judge(n, set, &j) {
				return set.Sigs, nil
			}
			return h.sign(&j)
		}
		return sign, func() { h.end(); count.Add(int64(h.signed)) }
	})
	return v, int(count.Load()), err
}

// progressEvery is after how many names Progress is told.
const progressEvery = 1024

func (l look) signJobs(soa job, work iter.Seq[job]) (v *zone.Version, signed int, err error) {
	edit := l.next.Edit()
	jobs := []job{soa}
	put := func() error {
		sets, err := l.signAll(jobs)
		for i := range sets {
			edit.Put(sets[i])
			if len(jobs[i].keys) > 0 {
				signed++
			}
		}
		jobs = jobs[:0]
		return err
	}
	for j := range work {
		if j.set.Type == zone.TypeSOA && j.set.Name == l.apex {
			continue
		}
		if jobs = append(jobs, j); len(jobs) == batch {
			if err := put(); err != nil {
				return nil, 0, err
			}
		}
	}
	if err := put(); err != nil {
		return nil, 0, err
	}
	return edit.Version(), signed, nil
}

// signAll does jobs, on as many processors as there are.
func (s *signing) signAll(jobs []job) ([]zone.RRset, error) {
	sets := make([]zone.RRset, len(jobs))
	err := zone.Share(len(jobs), func() (func(i int) error, func()) {
		h := s.hand()
		return func(i int) error {
			sigs, err := h.sign(&jobs[i])
			if err == nil {
				sets[i] = jobs[i].set.WithSigs(sigs)
			}
			return err
		}, h.end
	})
	if err != nil {
		return nil, err
	}
	return sets, nil
}

// hand signs in one goroutine. What a signature is made in is used again for the next: the
// collector has enough to do with what the keys leave behind.
type hand struct {
	*signing
	message, digest, sigs []byte
	signed                int    // RRsets
	turn                  int    // RRsets since it was asked whether the place can be kept
	keep, leave           func() // the place; nil without one
}

func (s *signing) hand() *hand { return &hand{signing: s} }

// placeFor is how many RRsets are signed before it is asked whether the place can be kept: our
// choice, a fifth of a millisecond with the algorithms that are quick.
const placeFor = 8

// sign does one job.
func (h *hand) sign(j *job) (zone.Packed, error) {
	if len(j.keys) == 0 {
		return zone.Pack(j.keep...), nil
	}
	h.keepPlace()
	if len(j.keys) > 1 || len(j.keep) > 0 {
		sigs := append(make([]string, 0, len(j.keep)+len(j.keys)), j.keep...)
		for _, k := range j.keys {
			sig, err := h.appendSig(h.sigs[:0], j.set, k)
			if err != nil {
				return "", err
			}
			h.sigs = sig
			sigs = append(sigs, string(sig))
		}
		h.signed++
		return zone.Pack(sigs...), nil
	}
	// As nearly always there is one, which may be written at its place at once.
	sigs, err := h.appendSig(append(h.sigs[:0], 0, 0), j.set, j.keys[0])
	if err != nil {
		return "", err
	}
	h.sigs = sigs
	size := len(sigs) - 2
	sigs[0], sigs[1] = byte(size>>8), byte(size)
	h.signed++
	return zone.Packed(sigs), nil
}

// appendSig appends the rdata of an RRSIG.
func (h *hand) appendSig(dst []byte, set zone.RRset, k *signerKey) ([]byte, error) {
	if h.Stop != nil {
		if err := h.Stop(); err != nil {
			return nil, fmt.Errorf("sign %s: stopped: %w", h.apex, err)
		}
	}
	begin := len(dst)
	dst = k.appendHeader(dst, set, h.apex, h.times.inception, h.times.end(set.Name, set.Type))
	h.message = zone.AppendSigned(h.message[:0], dst[begin:], set)
	dst, err := k.appendSignature(dst, k.algorithm.digest(&h.digest, h.message))
	if err != nil {
		return nil, fmt.Errorf("sign %s %s with %s: %w", set.Name, set.Type, k, err)
	}
	return dst, nil
}

// keepPlace has the place ready to sign in.
func (h *hand) keepPlace() {
	switch {
	case h.Place == nil:
	case h.leave == nil:
		h.keep, h.leave = h.Place()
	case h.turn == placeFor:
		h.keep()
		h.turn = 0
	}
	h.turn++
}

// end gives the place back.
func (h *hand) end() {
	if h.leave != nil {
		h.leave()
		h.leave = nil
	}
}
