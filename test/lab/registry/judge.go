package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Delegation is what the registry holds for its child.
type Delegation struct {
	Child string
	DS    []*dns.DS
	// Inceptions of the CDS signatures that were last acted on, by nameserver, the
	// earliest of its addresses: an older one there is a replay (RFC 7344 6.2).
	Inceptions map[string]uint32
}

// Answer is what one address of the child's nameservers said in one look.
type Answer struct {
	Host, Addr string
	Err        string // not empty: it could not be asked, or did not answer with authority
	DNSKEY     Set
	CDS        Set
	CDNSKEY    Set
	SOA        Set // it stands for the zone's data
}

// Set is an RRset of the child's apex as it came. No records: its absence was
// answered with authority.
type Set struct {
	Records []dns.RR
	Sigs    []*dns.RRSIG
}

// Verdict is what the registry makes of a look. Why is one line for people.
// Change false: the delegation stays. Change true: DS takes its place, and no DS
// at all is the answer to a delete request (RFC 8078 4).
type Verdict struct {
	Change     bool
	DS         []*dns.DS
	Inceptions map[string]uint32
	Why        string
}

func hold(format string, args ...any) Verdict { return Verdict{Why: fmt.Sprintf(format, args...)} }

// Judge decides what the answers of every address of every nameserver ask for,
// and refuses whatever is not said by all of them, is not signed, or would break
// the delegation at any of them. The order of the checks is that of a report: what
// keeps a server from being heard comes before what it said.
func Judge(d Delegation, answers []Answer, now time.Time) Verdict {
	if len(answers) == 0 {
		return hold("nobody to ask")
	}
	for _, a := range answers {
		if a.Err != "" {
			return hold("%s: %s", a.where(), a.Err)
		}
	}
	if v, silent := silence(answers); silent {
		return v
	}
	if len(d.DS) > 0 {
		for _, a := range answers {
			if err := a.signedUnder(d.DS, d.Child, now); err != nil {
				return hold("%s: under the present DS: %v", a.where(), err)
			}
		}
	}
	if v, differ := inconsistent(answers); differ {
		return v
	}
	first := answers[0]
	if isDelete, err := deletion(first); err != nil {
		return hold("%v", err)
	} else if isDelete {
		return judgeDelete(d, answers, now)
	}
	ds, err := requested(first)
	if err != nil {
		return hold("%v", err)
	}
	if sameDS(ds, d.DS) {
		return hold("in step: DS %s", tags(ds))
	}
	for _, a := range answers {
		if err := a.signedUnder(ds, d.Child, now); err != nil {
			return hold("%s: would break under DS %s: %v", a.where(), tags(ds), err)
		}
	}
	return accept(d, ds, answers, now)
}

func judgeDelete(d Delegation, answers []Answer, now time.Time) Verdict {
	if len(d.DS) == 0 {
		return hold("delete asked for, and there is no DS")
	}
	return accept(d, nil, answers, now)
}

// accept makes the change, unless an address repeats something older than what
// was last acted on.
func accept(d Delegation, ds []*dns.DS, answers []Answer, now time.Time) Verdict {
	inceptions := make(map[string]uint32)
	for _, a := range answers {
		at := a.CDS.newest(now)
		if last, known := d.Inceptions[a.Host]; known && before(at, last) {
			return hold("%s: CDS is signed before the last one acted on: a replay", a.where())
		}
		if least, known := inceptions[a.Host]; !known || before(at, least) {
			inceptions[a.Host] = at
		}
	}
	why := fmt.Sprintf("DS %s -> %s", tags(d.DS), tags(ds))
	return Verdict{Change: true, DS: ds, Inceptions: inceptions, Why: why}
}

// silence finds the servers that ask for nothing. One without CDS confirms that
// all is to stay as it is (cds-consistency 3.1); CDS and CDNSKEY come together or not at all.
func silence(answers []Answer) (Verdict, bool) {
	silent := 0
	for _, a := range answers {
		cds, cdnskey := len(a.CDS.Records) > 0, len(a.CDNSKEY.Records) > 0
		switch {
		case cds && !cdnskey:
			return hold("%s: CDS without CDNSKEY", a.where()), true
		case !cds && cdnskey:
			return hold("%s: CDNSKEY without CDS", a.where()), true
		case !cds:
			silent++
		}
	}
	if silent == len(answers) {
		return hold("no server asks for anything"), true
	}
	for _, a := range answers {
		if len(a.CDS.Records) == 0 {
			return hold("%s: no CDS, others have one", a.where()), true
		}
	}
	return Verdict{}, false
}

// inconsistent compares rdata, not only the keys meant: which digest types the
// delegation gets must not depend on whom one asks.
func inconsistent(answers []Answer) (Verdict, bool) {
	for _, a := range answers[1:] {
		if !slices.Equal(a.CDS.text(), answers[0].CDS.text()) {
			return hold("CDS of %s and %s differ", answers[0].where(), a.where()), true
		}
		if !slices.Equal(a.CDNSKEY.text(), answers[0].CDNSKEY.text()) {
			return hold("CDNSKEY of %s and %s differ", answers[0].where(), a.where()), true
		}
	}
	return Verdict{}, false
}

func (a Answer) where() string { return strings.TrimSuffix(a.Host, ".") + " at " + a.Addr }

// text is the records' rdata, sorted, for comparing sets.
func (s Set) text() []string {
	var lines []string
	for _, rr := range s.Records {
		lines = append(lines, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(lines)
	return lines
}

// newest is the latest inception among the signatures valid now.
func (s Set) newest(now time.Time) uint32 {
	var at uint32
	for _, sig := range s.Sigs {
		if sig.ValidityPeriod(now) && (at == 0 || before(at, sig.Inception)) {
			at = sig.Inception
		}
	}
	return at
}

// before compares signature times in serial arithmetic (RFC 4034 3.1.5).
func before(a, b uint32) bool { return int32(a-b) < 0 }

func sameDS(a, b []*dns.DS) bool { return slices.Equal(dsText(a), dsText(b)) }

func dsText(set []*dns.DS) []string {
	var lines []string
	for _, ds := range set {
		lines = append(lines, fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest)))
	}
	slices.Sort(lines)
	return lines
}

func tags(set []*dns.DS) string {
	if len(set) == 0 {
		return "{}"
	}
	var keys []string
	for _, ds := range set {
		keys = append(keys, fmt.Sprintf("%d/%d", ds.KeyTag, ds.DigestType))
	}
	slices.Sort(keys)
	return "{" + strings.Join(keys, " ") + "}"
}
