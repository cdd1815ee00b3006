package roll

import "slices"

// gate is what must be true before a step, and is not yet: what caches have to lose, which time
// alone ends, or what somebody has to do and be seen doing. It is called as in
// docs/PROTOCOL.md, where there is a name for it. The rules decide by these values; words are
// made of them when the step is told.
type gate uint8

// Gates that time alone opens. They are saved as numbers.
const (
	_ gate = iota
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

// Gates that somebody opens.
const (
	peerTrusted gate = iota + 32
	peersTrusted
	addressesAnswer
	signersSeenAnew
	parentAsked
	parentAnswers
	parentSeenAnew
	nameserversClaimed

	peersHaveEntryKey
	ownPublish
	signersPublish
	ownDataWithout
	successorThere
	parentHasDS
	parentWithoutDS
	ownHaveEntryKey
	strangerDisowned
	tagsToldApart
	cdsEven
	cdsKnown
	deletionTakenBack
	ownCDS
	signersAgree
	parentHasAll
	personBringsAll
	ownCDSNames
	signersCDSName
	thawed
	healed

	rolloversEnd
	rolloverEnds
	dsExchangedHere
	ownSignBoth
	signersSignBoth
	transferProves
	serversProved
	signersHaveAlgorithm
	strangerOfAlgorithmGone
	signersAskForNone
	signersSignZones
	signersDropAlgorithm
	signersDropGivenUp
	someoneLacksAlgorithm

	ownAskForDeletion
	signersAskForDeletion
	parentDeletesDS
	personDeletesDS
)

// grave tells gates apart: something is unknown, something is seen to be missing, or only time
// must pass. Of several reasons only the gravest are told.
type grave uint8

const (
	passing grave = iota
	missing
	unknown
)

// grave is how grave it is that g is not open.
func (g gate) grave() grave {
	switch {
	case g < peerTrusted:
		return passing
	case g <= nameserversClaimed:
		return unknown
	}
	return missing
}

// noKey is what a gate is about that is about no one key.
const noKey = -1

// holder is who holds a gate up: an address of a signer or of the parent, or all of it.
type holder struct{ signer, address int16 }

const (
	theParent = -1 // in the place of a signer
	whole     = -1 // in the place of an address
)

func all(i int) holder   { return holder{int16(i), whole} }
func at(i, n int) holder { return holder{int16(i), int16(n)} }

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

// span is a time that has to pass: which terms, since when or, at 0, after what is missing.
type span struct {
	since moment
	terms []term
}

// pass holds until a wait has ended that has begun at a moment, or, at 0, has not begun yet:
// then what it takes is known, and follows what h holds for.
func (z *step) pass(h *hold, g gate, k int, since moment, terms ...term) {
	switch end := z.ends(since, terms...); {
	case h.hasty:
	case since == 0:
		if least := z.t + end; !z.p.Terse && least > h.least {
			h.least, h.then = least, &span{0, slices.Clone(terms)}
		}
	case z.t < end:
		var of *span
		if !z.p.Terse && end > h.until {
			of = &span{since, slices.Clone(terms)}
		}
		if h.passes(end, of) {
			h.reason = reason{gate: g, key: k}
		}
	}
}

// passes holds for a time alone, and reports whether that is what h tells of now: the last
// of several is, where nothing is graver.
func (h *hold) passes(m moment, of *span) bool {
	last := m > h.until
	if last {
		h.until, h.of = m, of
	}
	h.blocked = true
	return h.grave == passing && (last || h.gate == 0)
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
