package roll

import (
	"strings"
	"time"
)

// cacheWait is a wait that time alone ends, mostly because caches have to lose something.
// It is called as in docs/PROTOCOL.md, where its formula stands. It is saved as a number.
type cacheWait uint8

const (
	_ cacheWait = iota
	dnskeyInCaches
	dnskeyOutOfCaches
	rrsigOutOfCaches
	ownerWithout // the first part of copy-out-of-use
	dsInCaches
	dsOutOfCaches
	olderCDSOutOfCaches
	unsignedOutOfCaches
	oneTagOutOfCaches
	algorithmInCaches
	unknownDSOutOfCaches // as ds-out-of-caches, of keys that nobody knows
	joinerInCaches
	firstLookPassed
	parentFirstLookPassed // the same of the parent
)

// cacheWaits are their texts: before and after the name of what each is about, or plain
// where it is about no one key.
var cacheWaits = [...]struct{ before, after, plain string }{
	dnskeyInCaches:        {"DNSKEY RRsets without ", " to leave the caches", ""},
	dnskeyOutOfCaches:     {"DNSKEY RRsets with a key of ", " to leave the caches", ""},
	rrsigOutOfCaches:      {"data signed by ", " to leave the caches", ""},
	ownerWithout:          {"the owner to have stayed without ", "", ""},
	dsInCaches:            {"DS RRsets without that of ", " to leave the caches", ""},
	dsOutOfCaches:         {"DS RRsets with that of ", " to leave the caches", "DS RRsets to leave the caches"},
	olderCDSOutOfCaches:   {"DS RRsets made from CDS without ", " to leave the caches", "DS RRsets made from older CDS to leave the caches"},
	unsignedOutOfCaches:   {"", "", "unsigned data to leave the caches"},
	oneTagOutOfCaches:     {"", "", "DNSKEY RRsets with two keys of one tag to leave the caches"},
	algorithmInCaches:     {"data that is not signed with ", " to leave the caches", ""},
	unknownDSOutOfCaches:  {"", "", "DS RRsets with an unknown key to leave the caches"},
	joinerInCaches:        {"DNSKEY RRsets of ours without ", " to leave the caches", ""},
	firstLookPassed:       {"", "", "what was served before the first look to leave the caches"},
	parentFirstLookPassed: {"", "", "DS RRsets from before the first look to leave the caches"},
}

// noKey is what a wait is about that is about no one key.
const noKey = -1

// reasonOf is what is waited for, for people, and to know it again at the next step.
func (z *step) reasonOf(w cacheWait, k int) reason {
	text := &cacheWaits[w]
	switch {
	case w == algorithmInCaches, w == dnskeyOutOfCaches:
		return reason{why: z.aboutAlgorithm(text.before, text.after), wait: w, key: KeyID{Algorithm: z.f.Moving}}
	case k == noKey:
		return reason{why: text.plain, wait: w}
	}
	return reason{why: z.about(text.before, k, text.after), wait: w, key: z.f.Keys[k].ID}
}

// term is a part of a wait: what it is for, whose that is, and how long it takes.
type term struct {
	of    termKind
	whose int16 // a signer, -1: it is not said whose
	long  moment
	ttl   *peaks // of a TTL: all that it may have been
}

// termKind is what a part of a wait is for.
type termKind uint8

const (
	keyTTL termKind = iota
	ownersKeyTTL
	dataTTL
	dsTTL
	earlierTTL
	propagation
	resigning
	twoLooks
	margin
)

var termKinds = [...]string{
	keyTTL: "DNSKEY TTL", ownersKeyTTL: "DNSKEY TTL of its owner", dataTTL: "TTL of data", dsTTL: "DS TTL of the parent",
	earlierTTL: "TTL that it may have had", propagation: "propagation", resigning: "re-signing", twoLooks: "two looks", margin: "margin",
}

// ends is when a wait ends that began at a moment: all its parts and the margin later.
func (z *step) ends(since moment, terms ...term) moment {
	end := since + z.margin()
	for i := range terms {
		end += terms[i].long
	}
	return end
}

// pass holds until a wait has ended that has begun at a moment, or, at 0, has not begun yet:
// then what it takes is known, and follows what h holds for.
func (z *step) pass(h *hold, w cacheWait, k int, since moment, terms ...term) {
	switch end := z.ends(since, terms...); {
	case h.hasty:
	case since == 0:
		if least := z.t + end; !z.p.Terse && least > h.least {
			h.least, h.then = least, z.made(terms)+", after that"
		}
	case z.t < end:
		from := ""
		if !z.p.Terse && end > h.until {
			from = z.made(terms) + ", since " + z.wall(since).UTC().Format(time.RFC3339)
		}
		if h.passes(end, from) {
			h.reason = z.reasonOf(w, k)
		}
	}
}

// passes holds for a time alone, and reports whether that is what h tells of now: the last
// of several is, where nothing is graver.
func (h *hold) passes(m moment, from string) bool {
	last := m > h.until
	if last {
		h.until, h.from = m, from
	}
	h.blocked = true
	return h.grave == passing && (last || h.why == "")
}

// made says what a wait is made of, for people.
func (z *step) made(terms []term) string {
	parts := make([]string, 0, len(terms)+1)
	for i := range terms {
		parts = z.part(parts, &terms[i])
	}
	return strings.Join(z.part(parts, &term{of: margin, whose: -1, long: z.margin()}), " + ")
}

// part adds a term, for people. It tells where a TTL is no more what is seen now.
func (z *step) part(parts []string, t *term) []string {
	if t.long == 0 {
		return parts
	}
	of := time.Duration(t.long).String() + " " + termKinds[t.of]
	if t.whose >= 0 {
		of += " of " + z.name(int(t.whose))
	}
	if t.ttl != nil {
		switch now := t.ttl.current(); {
		case now == t.long:
		case t.long == moment(unknownTTL) && z.f.Recovered != 0 && z.t < z.f.Recovered+moment(unknownTTL)+2*horizon:
			of += " before `recover`, unknown (now " + time.Duration(now).String() + ")"
		default:
			of += " as it was (now " + time.Duration(now).String() + ")"
		}
	}
	return append(parts, of)
}

// The parts of waits, each with its RFC 7583 symbol.

// keyTTL is TTLkey of signer i: a cache may have its DNSKEY RRset for so long.
func (z *step) keyTTL(i int) term { return ttlOf(keyTTL, i, &z.f.Signers[i].DNSKEYTTL) }

// dataTTL is TTLsig of signer i. Of a peer whose data was not looked at it is as ours: all
// serve the same zone.
func (z *step) dataTTL(i int) term {
	return ttlOf(dataTTL, -1, larger(&z.f.Signers[0].MaxTTL, &z.f.Signers[i].MaxTTL))
}

// dsTTL is TTLds.
func (z *step) dsTTL() term { return ttlOf(dsTTL, -1, &z.f.DSTTL) }

func ttlOf(of termKind, whose int, p *peaks) term { return term{of, int16(whose), p.max(), p} }

// way is what a change needs to reach the last server of i: Dprp of those that nobody sees.
func (z *step) way(i int) term { return plain(propagation, z.propagation(i)) }

func plain(of termKind, long moment) term { return term{of, -1, long, nil} }
