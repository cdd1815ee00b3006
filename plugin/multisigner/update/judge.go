package update

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Result is what an UPDATE makes of a zone's content.
type Result struct {
	Content *zone.Version // what it was given, when there is no change
	Diff    zone.Diff
	// Ignored counts the records that RFC 2136 wants passed over in silence, and Why
	// says it of the first.
	Ignored int
	Why     string
}

// Growth is by how many records an overlay grows by it, at the most.
func (r Result) Growth() (n int) {
	for _, c := range r.Diff.Changes {
		n += 1 + max(0, c.New.Rdata.Len()-c.Old.Rdata.Len())
	}
	return n
}

// Judge holds the prerequisites of m against content and makes its changes, one after
// the other, all or none (RFC 2136 3.2, 3.4.2). serial is that of the version that is
// served, which whoever asks has seen: the content's own is of no account here.
// Whether the sender may is for Permit.
func (m *Message) Judge(content *zone.Version, serial uint32) (Result, *Refusal) {
	if bad := m.hold(content, serial); bad != nil {
		return Result{}, bad
	}
	if bad := m.MadeHere(); bad != nil {
		return Result{}, bad
	}
	j := &judging{draft: newDraft(content), apex: m.Apex, serial: serial}
	for _, r := range m.Updates {
		if r.Class == IN {
			if err := rdata.Check(uint16(r.Type), []byte(r.Rdata)); err != nil {
				return Result{}, refusal("content", "%s %s: %v", r.Name, r.Type, err)
			}
		}
		j.take(r)
	}
	j.orphans()
	for _, n := range j.touched() {
		if why := j.unfit(n); why != "" {
			return Result{}, refusal("content", "%s", why)
		}
	}
	changes := j.changes()
	next := j.version(changes)
	return Result{
		Content: next, Ignored: j.ignored, Why: j.why,
		Diff: zone.Diff{Apex: m.Apex, From: content.Serial(), To: next.Serial(), Changes: changes},
	}, nil
}

// hold holds the prerequisites against content (RFC 2136 3.2.5).
func (m *Message) hold(content *zone.Version, serial uint32) *Refusal {
	there := func(n zone.Name, t zone.Type) zone.RRset {
		s, _ := content.RRset(n, t)
		if t == zone.TypeSOA && n == m.Apex {
			return s.WithSerial(serial)
		}
		return s
	}
	inUse := func(n zone.Name) bool {
		node := content.Get(n)
		return node != nil && !node.Empty()
	}
	whole := map[Key][]string{} // RRsets of which all records are named (RFC 2136 2.4.2)
	var order []Key
	for _, r := range m.Prerequisites {
		switch {
		case r.Class == IN:
			k := Key{r.Name, r.Type}
			if whole[k] == nil {
				order = append(order, k)
			}
			whole[k] = append(whole[k], r.Rdata)
		case r.Class == Any && r.Type == zone.TypeANY:
			if !inUse(r.Name) {
				return unmet(dns.RcodeNameError, "%s is not in use", r.Name)
			}
		case r.Class == Any:
			if !there(r.Name, r.Type).Exists() {
				return unmet(dns.RcodeNXRrset, "%s has no %s records", r.Name, r.Type)
			}
		case r.Type == zone.TypeANY:
			if inUse(r.Name) {
				return unmet(dns.RcodeYXDomain, "%s is in use", r.Name)
			}
		default:
			if there(r.Name, r.Type).Exists() {
				return unmet(dns.RcodeYXRrset, "%s has %s records", r.Name, r.Type)
			}
		}
	}
	for _, k := range order {
		if there(k.Name, k.Type).Rdata != zone.Pack(whole[k]...) {
			return unmet(dns.RcodeNXRrset, "%s has other %s records", k.Name, k.Type)
		}
	}
	return nil
}

// judging is a message whose changes are being made.
type judging struct {
	*draft
	apex    zone.Name
	serial  uint32
	ignored int
	why     string
}

func (j *judging) ignore(format string, args ...any) {
	if j.ignored++; j.ignored == 1 {
		j.why = fmt.Sprintf(format, args...)
	}
}

// take makes one change (RFC 2136 3.4.2).
func (j *judging) take(r Record) {
	switch {
	case r.Class == IN:
		j.add(r)
	case r.Class == None:
		j.removeRecord(r)
	case r.Type == zone.TypeANY:
		for _, t := range j.at(r.Name) {
			if r.Name != j.apex || t != zone.TypeSOA && t != zone.TypeNS {
				j.remove(r.Name, t)
			}
		}
	case r.Name == j.apex && (r.Type == zone.TypeSOA || r.Type == zone.TypeNS):
		j.ignore("SOA and NS of the apex stay (RFC 2136 3.4.2.3)")
	default:
		j.remove(r.Name, r.Type)
	}
}

// add adds a record to the zone (RFC 2136 3.4.2.2).
func (j *judging) add(r Record) {
	types := j.at(r.Name)
	switch {
	case r.Type == zone.TypeCNAME && slices.ContainsFunc(types, func(t zone.Type) bool { return !besideCNAME(t) }):
		j.ignore("%s has other records: no CNAME stands beside them", r.Name)
		return
	case !besideCNAME(r.Type) && slices.Contains(types, zone.TypeCNAME):
		j.ignore("%s has a CNAME: nothing stands beside it", r.Name)
		return
	case r.Type == zone.TypeSOA:
		j.addSOA(r)
		return
	case r.Type == zone.TypeDS && r.Name == j.apex:
		j.ignore("a DS belongs in the parent zone (RFC 4035 2.4)")
		return
	}
	if above := j.dnameAbove(r.Name); above != "" {
		j.ignore("%s is below the DNAME of %s", r.Name, above)
		return
	}
	old := j.get(r.Name, r.Type)
	if replaces(r.Type) && !old.Rdata.Has(r.Rdata) {
		old = zone.RRset{}
	}
	var g zone.Gathering
	for _, was := range records(old) {
		g.Add(was)
	}
	g.Add(r.Record)
	// All records of an RRset have one TTL: the last that was given (RFC 2181 5.2).
	j.put(g.RRset(r.Name, r.Type, r.TTL))
}

// addSOA takes the SOA's other fields, if its serial is after the one that is served.
func (j *judging) addSOA(r Record) {
	switch serial := zone.SOASerial(r.Rdata); {
	case r.Name != j.apex:
		j.ignore("%s: an SOA stands at the apex only", r.Name)
	case !zone.SerialAfter(serial, j.serial):
		j.ignore("the serial %d of the SOA is not after %d, which is served", serial, j.serial)
	default:
		var g zone.Gathering
		g.Add(r.Record)
		j.put(g.RRset(r.Name, r.Type, r.TTL))
	}
}

// removeRecord removes one record (RFC 2136 3.4.2.4).
func (j *judging) removeRecord(r Record) {
	old := j.get(r.Name, r.Type)
	last := old.Rdata.Len() == 1
	switch {
	case !old.Rdata.Has(r.Rdata) && r.Type != zone.TypeSOA:
	case r.Name == j.apex && r.Type == zone.TypeSOA:
		j.ignore("the SOA stays (RFC 2136 3.4.2.4)")
	case r.Name == j.apex && r.Type == zone.TypeNS && last:
		j.ignore("the last NS record of the apex stays (RFC 2136 3.4.2.4)")
	default:
		var g zone.Gathering
		for _, was := range records(old) {
			if was.Rdata != r.Rdata {
				g.Add(was)
			}
		}
		j.put(g.RRset(r.Name, r.Type, old.TTL))
	}
}

// orphans removes the DS records of names that are not delegated, or are no longer: they
// would mean nothing. In which order NS and DS come in a message is all the same.
func (j *judging) orphans() {
	for _, n := range j.touched() {
		if n == j.apex || j.has(n, zone.TypeNS) || !j.has(n, zone.TypeDS) {
			continue
		}
		_, touched := j.sets[Key{n, zone.TypeDS}]
		if _, ns := j.sets[Key{n, zone.TypeNS}]; touched || ns {
			j.ignore("%s is not delegated: a DS has no meaning there", n)
			j.remove(n, zone.TypeDS)
		}
	}
}

// records gives the records of an RRset, with how they were written.
func records(s zone.RRset) []zone.Record {
	var all []zone.Record
	owner, written := s.Written()
	for as := range written.All() {
		all = append(all, zone.Record{Name: s.Name, Type: s.Type, TTL: s.TTL, Owner: owner, Written: as})
	}
	i := 0
	for rdata := range s.Rdata.All() {
		all[i].Rdata = rdata
		i++
	}
	return all
}
