package roll

import (
	"slices"
	"strings"
	"time"
)

// holders names who holds a gate up, each once.
func (z *step) holders(r *reason) (names []string) {
	for _, who := range r.who {
		if name := z.holderText(who); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (z *step) holderText(who holder) string {
	switch i, n := int(who.signer), int(who.address); {
	case i == theParent && n == whole:
		return "parent"
	case i == theParent:
		return z.whereParent(&z.seen.Parent.Addresses[n])
	case n == whole:
		return z.name(i)
	default:
		return z.whereIs(i, &z.views[i].Addresses[n])
	}
}

// stepTexts are the steps that wait, before and after the name of their key or algorithm.
var stepTexts = [...]struct{ before, after string }{
	waitDataKey: {"sign the zone with ", ""}, waitEntryKey: {"change the DS to ", ""}, waitRemoval: {"withdraw ", ""}, waitAlone: {"sign with ", " alone"},
	waitLifetime: {"roll ", " at the end of its lifetime"},
	waitCDS:      {"publish CDS and CDNSKEY for all signers", ""}, waitParent: {"ask the parent for the new DS", ""},
	waitDS: {"have the DS of every signer at the parent", ""}, waitPaste: {"say which DS is safe at the parent", ""},
	waitJoin: {"answer everyone", ""}, waitInsecure: {"go insecure", ""}, waitUnsigned: {"stop signing", ""},
	waitAlgorithm: {"sign with ", ""}, waitNewKeys: {"publish the keys of ", ""}, waitNewDS: {"ask for the DS of ", ""},
	waitOldKeys: {"withdraw the keys of ", ""}, waitOldSignatures: {"stop signing with ", ""},
}

// stepText says which step waits. It tells steps apart in a terse plan, too.
func (z *step) stepText(kind waitKind, k int) string {
	text := &stepTexts[kind]
	switch kind {
	case waitAlgorithm, waitNewKeys, waitNewDS, waitOldKeys, waitOldSignatures:
		return text.before + "algorithm " + itoa(int(z.f.Moving)) + text.after
	}
	if k == noKey {
		return text.before
	}
	key := &z.f.Keys[k]
	if key.Owner != 0 { // our copy goes
		return "drop " + z.name(z.ownerOf(key)) + "'s " + label(key)
	}
	return text.before + label(key) + text.after
}

// spanText says what a time is made of.
func (z *step) spanText(s *span) string {
	switch {
	case s == nil:
		return ""
	case s.since == 0:
		return z.made(s.terms) + ", after that"
	}
	return z.made(s.terms) + ", since " + z.wall(s.since).UTC().Format(time.RFC3339)
}

// keyText names key k, for people.
func (z *step) keyText(before string, k int, after string) string {
	if z.p.Terse {
		return before
	}
	key := &z.f.Keys[k]
	if key.Owner > 0 {
		before += z.name(int(key.Owner)) + "'s "
	}
	return before + label(key) + after
}

// keysText names several keys in a reason, for people.
func (z *step) keysText(before string, ids []KeyID, after string) string {
	if z.p.Terse {
		return before
	}
	for i, id := range ids {
		switch {
		case i > 0 && i == len(ids)-1:
			before += " and "
		case i > 0:
			before += ", "
		}
		if k := z.key(id); k >= 0 {
			before = z.keyText(before, k, "")
		} else {
			before += "key " + itoa(int(id.Tag))
		}
	}
	return before + after
}

// algorithmText names the algorithm on its way in a reason, for people.
func (z *step) algorithmText(before, after string) string {
	if z.p.Terse {
		return before
	}
	return before + "algorithm " + itoa(int(z.f.Moving)) + after
}

// whereIs is an address as a person finds it.
func (z *step) whereIs(i int, a *Address) string {
	if z.p.Terse {
		return a.Addr
	}
	switch {
	case a.State == Good:
		return z.name(i) + " " + a.Addr
	case a.Unclaimed && i == 0:
		return "nameserver " + a.Addr + " (" + a.State.String() + ")"
	}
	return z.name(i) + " " + a.Addr + " (" + a.State.String() + ")"
}

// whereParent is an address of the parent as a person finds it.
func (z *step) whereParent(a *ParentAddress) string {
	switch {
	case z.p.Terse:
		return a.Addr
	case a.State == Good:
		return "parent " + a.Addr
	}
	return "parent " + a.Addr + " (" + a.State.String() + ")"
}

// heldBy names who holds something up, for people.
func (z *step) heldBy(who []string) string {
	if z.p.Terse || len(who) == 0 {
		return ""
	}
	return " (" + strings.Join(who, ", ") + ")"
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
