package sign

import (
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// batch is how many RRsets are signed before their signatures are put into the
// version: our choice, some megabytes.
const batch = 1 << 15

// finish signs what work finds, and the SOA with the new serial, and says how many
// RRsets that were.
func (s *signing) finish(next *zone.Version, work iter.Seq[job]) (v *zone.Version, signed int, err error) {
	edit := next.Edit()
	soa := next.SOA().WithSerial(s.Serial)
	jobs := []job{{set: soa}}
	for i := range s.data {
		jobs[0].keys = append(jobs[0].keys, &s.data[i])
	}
	put := func() error {
		sets, err := s.signAll(jobs)
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
		if j.set.Type == zone.TypeSOA && j.set.Name == s.apex {
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
	var next atomic.Int64
	var failed atomic.Pointer[error]
	worker := func() {
		var scratch []byte
		for failed.Load() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(jobs) {
				return
			}
			var err error
			if sets[i], scratch, err = s.sign(jobs[i], scratch); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) - 1 {
		others.Go(worker)
	}
	worker()
	others.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return sets, nil
}

// sign does one job; scratch is memory to use again.
func (s *signing) sign(j job, scratch []byte) (zone.RRset, []byte, error) {
	sigs := j.keep
	for _, k := range j.keys {
		if s.Stop != nil {
			if err := s.Stop(); err != nil {
				return zone.RRset{}, scratch, fmt.Errorf("sign %s: stopped: %w", s.apex, err)
			}
		}
		header := k.header(j.set, s.apex, s.times.inception, s.times.end(j.set.Name, j.set.Type))
		scratch = zone.AppendSigned(scratch[:0], string(header), j.set)
		signature, err := k.sign(scratch)
		if err != nil {
			return zone.RRset{}, scratch, fmt.Errorf("sign %s %s with %s: %w", j.set.Name, j.set.Type, k, err)
		}
		sigs = append(sigs, string(append(header, signature...)))
	}
	return j.set.WithSigs(zone.Pack(sigs...)), scratch, nil
}
