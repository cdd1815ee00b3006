package sign

import (
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// unsigned gives the version that is to be, with the old serial: what changed has
// no signatures, what did not has Old's.
func (s *signing) unsigned() (*zone.Version, error) {
	edit := s.putContent()
	for _, set := range s.Apex {
		s.contribute(edit, set)
	}
	for _, t := range []zone.Type{zone.TypeDNSKEY, zone.TypeCDS, zone.TypeCDNSKEY, zone.TypeCSYNC} {
		if !s.overrides[t] {
			edit.Delete(s.apex, t)
		}
	}
	next := edit.Version()
	if len(s.data) == 0 {
		return withoutChain(next), nil
	}
	soa := next.SOA()
	ttl := soa.TTL
	for rdata := range soa.Rdata.All() {
		ttl = min(ttl, zone.SOAMinimum(rdata)) // RFC 9077 3.2
	}
	if s.Denial.Hashed() {
		s.put(edit, zone.RRset{Name: s.apex, Type: zone.TypeNSEC3PARAM, TTL: ttl, Rdata: zone.Pack(denial.Param)})
	} else {
		edit.Delete(s.apex, zone.TypeNSEC3PARAM)
	}
	next = edit.Version()
	if err := denial.Put(edit, s.Old, next, s.Denial, ttl, s.Place); err != nil {
		return nil, err
	}
	return edit.Version(), nil
}

// putContent begins an edit with the content as it is to be.
func (s *signing) putContent() *zone.Builder {
	if s.Old == nil {
		return s.firstContent()
	}
	edit := s.Old.Edit()
	if s.Content == nil {
		for _, c := range s.Changes {
			switch name, t := c.Name(), c.Type(); {
			case s.made(name, t):
			case c.New.Exists():
				s.put(edit, s.oldSerial(c.New))
			case !(name == s.apex && t == zone.TypeSOA):
				edit.Delete(name, t)
			}
		}
		return edit
	}
	for was, n := range zone.Beside(s.Old, s.Content) {
		if n != nil {
			s.putNode(edit, was, n)
		}
		if was != nil {
			for set := range was.All() {
				if (n == nil || !n.Has(set.Type)) && !s.made(set.Name, set.Type) {
					edit.Delete(set.Name, set.Type)
				}
			}
		}
	}
	return edit
}

// putNode puts what a name of the content has and was, which may be nil, has not.
func (s *signing) putNode(edit *zone.Builder, was, n *zone.Node) {
	for set := range n.All() {
		if s.made(set.Name, set.Type) {
			continue
		}
		set = s.oldSerial(set)
		if was != nil {
			if is, ok := was.Get(set.Type); ok && is.SameData(set) {
				continue
			}
		}
		edit.Put(set.WithSigs(""))
	}
}

// firstContent begins with the content itself, of which most stays shared.
func (s *signing) firstContent() *zone.Builder {
	edit := s.Content.Edit()
	for n := range s.Content.All() {
		for set := range n.All() {
			switch {
			case s.made(set.Name, set.Type):
				edit.Delete(set.Name, set.Type)
			case set.Sigs != "":
				edit.Put(set.WithSigs(""))
			}
		}
	}
	for n := range s.Content.Hashed() {
		edit.Delete(n.Name(), zone.TypeNSEC3)
	}
	return edit
}

// made reports whether an RRset is none of the content's business.
func (s *signing) made(name zone.Name, t zone.Type) bool {
	switch t {
	case zone.TypeRRSIG, zone.TypeNSEC, zone.TypeNSEC3, zone.TypeNSEC3PARAM:
		return true
	case zone.TypeDNSKEY, zone.TypeCDS, zone.TypeCDNSKEY, zone.TypeCSYNC:
		return name == s.apex // below it, CDS and CDNSKEY are signals (RFC 9615 2)
	}
	return name == s.apex && s.overrides[t]
}

// put puts set, unless it is there.
func (s *signing) put(edit *zone.Builder, set zone.RRset) {
	if s.Old != nil {
		if is, ok := s.Old.RRset(set.Name, set.Type); ok && is.SameData(set) {
			return
		}
	}
	edit.Put(set.WithSigs(""))
}

// contribute puts an apex RRset, which may be signed elsewhere.
func (s *signing) contribute(edit *zone.Builder, set zone.RRset) {
	if !s.foreign(set.Type) {
		s.put(edit, set)
		return
	}
	edit.Put(set)
}

// foreign reports whether an apex type is not ours to sign.
func (s *signing) foreign(t zone.Type) bool {
	own := s.special(t)
	return own != nil && len(*own) == 0
}

// oldSerial gives the SOA its old serial, so that it differs only if it changed.
func (s *signing) oldSerial(set zone.RRset) zone.RRset {
	if set.Type == zone.TypeSOA && set.Name == s.apex {
		return set.WithSerial(s.Old.Serial())
	}
	return set
}

// withoutChain takes out all that proves absence.
func withoutChain(v *zone.Version) *zone.Version {
	if !denial.Chained(v) && !v.Top().Has(zone.TypeNSEC3PARAM) {
		return v
	}
	edit := v.Edit()
	edit.Delete(v.Apex(), zone.TypeNSEC3PARAM)
	for n := range v.All() {
		edit.Delete(n.Name(), zone.TypeNSEC)
	}
	for n := range v.Hashed() {
		edit.Delete(n.Name(), zone.TypeNSEC3)
	}
	return edit.Version()
}
