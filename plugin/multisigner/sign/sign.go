package sign

import (
	"fmt"
	"iter"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Input is a version of a zone as it should be, and what there is already.
type Input struct {
	// Old is the last signed version; nil at first. It must be what Zone made, or
	// was made of it by Apply: whether unchanged RRsets have the right signatures
	// is seen by its SOA.
	Old *zone.Version
	// Content is the whole unsigned content. nil means that it is Old's, but for
	// Changes. The serial of its SOA is ignored, and so are its signatures and all
	// that is made here: NSEC, NSEC3, NSEC3PARAM, and at the apex DNSKEY, CDS,
	// CDNSKEY and CSYNC. Comparing it with Old takes a walk through both.
	Content *zone.Version
	// Changes are what differs from the content that Old was made from, so that a
	// small change costs little: of each, New is put in the place of what Old has.
	// Ignored when Content is given.
	Changes []zone.Change
	// Serial is the new version's, if anything changes; it must be after Old's.
	Serial uint32
	// Renumber makes a new version although nothing but the serial changes.
	Renumber bool
	// Apex are all the RRsets that the apex gets besides its content: DNSKEY, CDS,
	// CDNSKEY and CSYNC, of which one that is not listed is removed; others, NS
	// above all, override the content's, and come back only with Content.
	// DNSKEY, CDS and CDNSKEY may bring signatures made elsewhere, which are served
	// as they are when Keys has nobody to sign them.
	Apex   []zone.RRset
	Keys   Keys
	Denial denial.Mode
	Policy Policy
	// Now is the time. Mark is the latest time that was ever trusted, if the clock
	// has been set back since; zero means Now.
	Now, Mark time.Time
	// Resign makes every signature anew.
	Resign bool
	// Stop is asked before each signature: an error ends the call, with that error
	// and no version. nil: it goes on to its end.
	Stop func() error
	// Place is asked for by each goroutine before it signs, and may wait. It gives what
	// is called after some RRsets each, which may wait as well, and what is called at
	// the end. nil: there is room for all.
	Place func() (keep, leave func())
	// First is given the version before it is whole, where it is the first and large: all is there
	// but signatures, and those are made when they are asked for (zone.Version.Signatures). It
	// may be answered from until Zone returns: what comes of it is the same, and whole. An error
	// ends the call. Nobody may ask with keys that are not safe in many goroutines, or sign
	// the same data otherwise each time. nil: nobody wants it.
	First func(*zone.Version) error
	// Progress is told, while a large zone is signed as a whole, how many of how many
	// names are done; from any of the goroutines, and at times. nil: nobody.
	Progress func(done, all int)
}

// Output is the version that came of it.
type Output struct {
	Version *zone.Version // Old when nothing changed
	Diff    zone.Diff     // from Old to Version; without an Old it lists nothing, since all is new
	Signed  int           // RRsets that were signed
	Changed bool
	// Refresh is when signatures are due for renewal next; zero without any.
	Refresh time.Time
}

// Zone gives content its apex records, its chain of denial and its signatures.
//
// Only those RRsets are signed that changed, or have a signature due for renewal
// (see Policy), or not just the signatures by the keys that Keys now names. When
// the keys for Data differ from those that signed Old's SOA the whole zone is
// gone through in this one call: signatures by other keys go, missing ones are
// made, those that are good stay. That takes as long as it takes: a million names
// with one ECDSA key half a minute on two cores. A change of the apex alone costs
// as much as the apex, a change of content as much as the change.
//
// If anything changed, or by Renumber, the version has the new Serial. Otherwise Changed is false.
// Without any keys, and without DNSKEY in Apex, the version is not signed.
//
// The work is divided among GOMAXPROCS goroutines, which end before the return.
// Signers must be safe for that. Errors name the key and the RRset.
func Zone(in Input) (Output, error) {
	s, err := prepare(in)
	if err != nil {
		return Output{}, err
	}
	next, err := s.unsigned()
	if err != nil {
		return Output{}, err
	}
	l, work := s.work(next)
	if !in.Renumber && s.same(next) && !some(work) {
		return Output{Version: in.Old, Diff: s.diff(in.Old), Refresh: s.times.next(in.Old)}, nil
	}
	if in.Old != nil && !zone.SerialAfter(in.Serial, in.Old.Serial()) {
		return Output{}, fmt.Errorf("sign %s: serial %d is not after %d", s.apex, in.Serial, in.Old.Serial())
	}
	v, signed, err := l.finish(work)
	if err != nil {
		return Output{}, err
	}
	return Output{Version: v, Diff: s.diff(v), Signed: signed, Changed: true, Refresh: s.times.next(v)}, nil
}

// signing is a call of Zone under way.
type signing struct {
	Input
	apex      zone.Name
	times     times
	dnskey    signers
	cds       signers
	data      signers
	overrides map[zone.Type]bool // apex types that are not the content's
}

func prepare(in Input) (*signing, error) {
	if in.Content == nil && in.Old == nil {
		return nil, fmt.Errorf("sign: there is neither content nor a version before")
	}
	s := &signing{Input: in, overrides: map[zone.Type]bool{}}
	if in.Old != nil {
		s.apex = in.Old.Apex()
	} else {
		s.apex = in.Content.Apex()
	}
	if in.Content != nil && (in.Content.Apex() != s.apex || !in.Content.SOA().Exists()) {
		return nil, fmt.Errorf("sign %s: content has no SOA there", s.apex)
	}
	var err error
	if s.times, err = in.Policy.at(in.Now, in.Mark); err != nil {
		return nil, fmt.Errorf("sign %s: %w", s.apex, err)
	}
	for _, each := range []struct {
		to   *signers
		from []Key
	}{{&s.dnskey, in.Keys.DNSKEY}, {&s.cds, in.Keys.CDS}, {&s.data, in.Keys.Data}} {
		if *each.to, err = newSigners(each.from, s.Old); err != nil {
			return nil, fmt.Errorf("sign %s: %w", s.apex, err)
		}
	}
	if err := s.checkApex(); err != nil {
		return nil, fmt.Errorf("sign %s: %w", s.apex, err)
	}
	return s, nil
}

// checkApex refuses what would be served without a signature by mistake.
func (s *signing) checkApex() error {
	signedZone := len(s.dnskey)+len(s.cds)+len(s.data) > 0
	for _, set := range s.Apex {
		switch set.Type {
		case zone.TypeSOA, zone.TypeRRSIG, zone.TypeNSEC, zone.TypeNSEC3, zone.TypeNSEC3PARAM:
			return fmt.Errorf("%s is not for others to give the apex", set.Type)
		}
		if set.Name != s.apex || !set.Exists() {
			return fmt.Errorf("%s for the apex is of %s and has %d records", set.Type, set.Name, set.Rdata.Len())
		}
		s.overrides[set.Type] = true
		if own := s.special(set.Type); own != nil && len(*own) == 0 && set.Sigs == "" {
			return fmt.Errorf("no key signs %s", set.Type)
		}
	}
	switch {
	case signedZone && len(s.data) == 0:
		return fmt.Errorf("no key signs the content")
	case signedZone && !s.overrides[zone.TypeDNSKEY]:
		return fmt.Errorf("keys sign, and none is published")
	}
	return nil
}

// special gives the signers of apex types that the data's do not sign; else nil.
func (s *signing) special(t zone.Type) *signers {
	switch t {
	case zone.TypeDNSKEY:
		return &s.dnskey
	case zone.TypeCDS, zone.TypeCDNSKEY:
		return &s.cds
	}
	return nil
}

func (s *signing) diff(v *zone.Version) zone.Diff {
	if s.Old == nil {
		return zone.Diff{Apex: s.apex, To: v.Serial()}
	}
	if v == s.Old {
		return zone.Diff{Apex: s.apex, From: v.Serial(), To: v.Serial()}
	}
	return zone.Compare(s.Old, v)
}

func some(work iter.Seq[job]) bool {
	for range work {
		return true
	}
	return false
}

// same reports whether nothing but signatures can differ from Old.
func (s *signing) same(next *zone.Version) bool {
	return s.Old != nil && len(zone.Compare(s.Old, next).Changes) == 0
}
