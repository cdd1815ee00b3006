package roll

// rule is one of the rules by which a step decides: it finds something, or it is a transition.
type rule struct {
	name string
	// after are the rules that come before it in a step, because it builds on what they have just
	// found or decided. Any order that keeps to that comes to the same.
	after  []string
	always bool        // while we may not have keys of our own, too
	finds  func(*step) // whose a key is, that our state is old, what the goal is
	takes  *transition
}

// transition is one way in which a record of a key changes: when the goal wants it, and its
// gates are open. Else it waits.
type transition struct {
	record record
	law    string                    // where docs/PROTOCOL.md has it
	of     func(*step) []int         // the keys that it may be for
	wanted func(z *step, k int) bool // the goal or an order has it so
	about  func(z *step, k int) hold // an emergency opens some gates; nil: not these
	gates  []demand
	wait   waitKind // by which an operator is told that it waits; 0: no step of its own waits
	do     func(z *step, k int)
}

// demand asks for a gate, or several, to be open for key k: else it holds h.
type demand func(z *step, h *hold, k int)

// record is what a transition changes.
type record string

const (
	dnskeyRecord record = "DNSKEY"
	rrsigRecord  record = "RRSIG" // of data: the DNSKEY RRset is signed by all that are in it and may
	dsRecord     record = "DS"    // what CDS is to name, and the parent to have
	cdsRecord    record = "CDS"   // and CDNSKEY
)

// rules are all of them, in the order in which a step applies them.
var rules = []rule{
	{name: "arrived", finds: (*step).arrived},
	// Keys of an algorithm that has arrived have offices, and are none that nobody knows.
	{name: "restored", after: []string{"arrived"}, finds: (*step).restored},
	{name: "peer keys", always: true, finds: (*step).peerKeys},
	{name: "copy yields", always: true, after: []string{"peer keys"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL unowned-copy-expires, keys-have-limits",
		of: peersKeys, wanted: (*step).isToYield,
		do: (*step).leave,
	}},
	{name: "withdraw copy", always: true, after: []string{"peer keys"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL owner-withdraws-first, copy-out-of-use",
		of: peersKeys, wanted: (*step).isCopyToLeave, about: (*step).leaving,
		gates: []demand{
			(*step).ownerGone,
			(*step).copyUnneeded,
		},
		wait: waitRemoval, do: (*step).leave,
	}},
	// What has just left makes room.
	{name: "take copy", always: true, after: []string{"copy yields", "withdraw copy"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL take-keys-of-any-flags",
		of: peersKeys, wanted: (*step).isToBeTaken,
		do: (*step).take,
	}},
	{name: "left out", always: true, after: []string{"take copy"}, finds: (*step).leftOut},
	{name: "yield", finds: (*step).yield},
	{name: "unshown", finds: (*step).unshown},
	{name: "sign alone", takes: &transition{
		record: rrsigRecord, law: "PROTOCOL one-key-when-everywhere",
		of: ourKeys, wanted: (*step).isToSignAlone,
		gates: []demand{
			(*step).everywhere,
		},
		wait: waitAlone, do: (*step).stopOthers,
	}},
	// A key that takes over now is not one that was not shown.
	{name: "goal", after: []string{"unshown", "yield"}, finds: (*step).setGoal},
	{name: "publish", after: []string{"goal"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL sign-dnskey-from-the-first",
		of: ourKeys, wanted: (*step).isToEnter,
		gates: []demand{
			(*step).mayEnter,
		},
		do: (*step).enter,
	}},
	{name: "first DS", after: []string{"publish"}, takes: &transition{
		record: dsRecord, law: "PROTOCOL first-key-signs-at-once",
		of: ourKeys, wanted: (*step).isFirstEntry,
		do: (*step).ask,
	}},
	{name: "DS beside", after: []string{"publish"}, takes: &transition{
		record: dsRecord, law: "PROTOCOL ds-beside-ds",
		of: ourKeys, wanted: (*step).isToHaveDSBeside,
		gates: []demand{
			keyless((*step).standStill),
		},
		do: (*step).askBeside,
	}},
	{name: "DS", after: []string{"DS beside"}, takes: &transition{
		record: dsRecord, law: "PROTOCOL ds-after-dnskey",
		of: ourKeys, wanted: (*step).isToHaveDS, about: (*step).goingEntry,
		gates: []demand{
			(*step).ownServe,
			(*step).cskEverywhere,
			(*step).doubleDSEverywhere,
			keyless((*step).standStill),
		},
		wait: waitEntryKey, do: (*step).haveDS,
	}},
	{name: "first signature", after: []string{"publish"}, takes: &transition{
		record: rrsigRecord, law: "PROTOCOL first-key-signs-at-once",
		of: ourKeys, wanted: (*step).isFirstData,
		do: (*step).signOnly,
	}},
	{name: "sign", after: []string{"DS"}, takes: &transition{
		record: rrsigRecord, law: "PROTOCOL sign-after-dnskey-everywhere",
		of: ourKeys, wanted: (*step).isToSign, about: (*step).goingData,
		gates: []demand{
			(*step).everywhere,
			keyless((*step).standStill),
		},
		wait: waitDataKey, do: (*step).signOnly,
	}},
	{name: "sign beside", after: []string{"sign"}, takes: &transition{
		record: rrsigRecord, law: "PROTOCOL used-key-with-a-shared-tag-rolls",
		of: ourKeys, wanted: (*step).isToSignBeside,
		gates: []demand{
			(*step).everywhereWithoutClash,
			keyless((*step).standStill),
		},
		do: (*step).sign,
	}},
	// Who is to have the DS is looked for in CDS from that step on.
	{name: "CDS seen", after: []string{"DS", "first DS", "restored"}, finds: (*step).observeCDS},
	// A successor that was just published is not to be withdrawn as one that nobody needs.
	{name: "withdraw", after: []string{"take copy", "sign beside", "first signature", "CDS seen"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL withdraw-dnskey-after-rrsig, withdraw-ksk-after-ds",
		of: ourKeys, wanted: (*step).isToLeave, about: (*step).leaving,
		gates: []demand{
			(*step).signaturesGone,
			(*step).entryUnneeded,
			keyless((*step).standStill),
		},
		wait: waitRemoval, do: (*step).leave,
	}},
	// An algorithm that goes, and then one that comes: what A5 has let arrive, another step lets go.
	{name: "A8", after: []string{"withdraw"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL ds-before-dnskey-leaves, abort-while-one-lacks-keys",
		of: theZone, wanted: (*step).isToWithdrawOld,
		gates: []demand{
			keyless((*step).standStill),
			keyless((*step).algorithmUnasked),
			keyless((*step).mayStillAbort),
		},
		wait: waitOldKeys, do: (*step).withdrawOld,
	}},
	{name: "A8, copies", after: []string{"A8"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL rrsig-before-dnskey",
		of: theZone, wanted: (*step).isToDropOld,
		do: (*step).withdrawOld,
	}},
	{name: "A10", after: []string{"A8, copies"}, takes: &transition{
		record: rrsigRecord, law: "PROTOCOL dnskey-before-rrsig-leaves",
		of: theZone, wanted: (*step).isToStopOld,
		gates: []demand{
			keyless((*step).standStill),
			keyless((*step).clearOfAll),
		},
		wait: waitOldSignatures, do: (*step).stopOld,
	}},
	// It waits for rollovers that have begun.
	{name: "A1", after: []string{"A10"}, takes: &transition{
		record: rrsigRecord, law: "PROTOCOL algorithm-waits-its-turn",
		of: theZone, wanted: (*step).isToSignBoth,
		gates: []demand{
			(*step).algorithmsTurn,
		},
		wait: waitAlgorithm, do: (*step).signBoth,
	}},
	{name: "A3", after: []string{"A1"}, takes: &transition{
		record: dnskeyRecord, law: "PROTOCOL rrsig-before-dnskey",
		of: theZone, wanted: (*step).isToPublishNew,
		gates: []demand{
			keyless((*step).standStill),
			keyless((*step).signedByAll),
		},
		wait: waitNewKeys, do: (*step).publishNew,
	}},
	{name: "A5", after: []string{"A3"}, takes: &transition{
		record: dsRecord, law: "PROTOCOL keys-of-all-before-ds",
		of: theZone, wanted: (*step).isToExchange,
		gates: []demand{
			keyless((*step).standStill),
			keyless((*step).keysOfAll),
			keyless((*step).signedByForeign),
			keyless((*step).parentLooked), // CDS is to follow at once, while all this is so
			keyless((*step).disowned),
		},
		wait: waitNewDS, do: (*step).exchangeDS,
	}},
	// What it lets enter was not looked for in CDS.
	{name: "heal", after: []string{"A8"}, finds: (*step).heal},
	{name: "insecure", finds: (*step).goInsecure},
	{name: "outrun", finds: (*step).outrun},
	// CDS goes at once when these say so, and follows a new algorithm while all has just been seen.
	{name: "CDS back", after: []string{"restored", "A5", "heal", "insecure", "outrun"}, finds: (*step).takeBackCDS},
	{name: "CDS", after: []string{"CDS back"}, takes: &transition{
		record: cdsRecord, law: "PROTOCOL cds-is-safe-for-all, first-ds-waits-for-all",
		of: theZone, wanted: (*step).isToChangeCDS, about: (*step).goingCDS,
		gates: []demand{
			keyless((*step).standOn),
			keyless((*step).standStill),
			keyless((*step).parentLooked),
			keyless((*step).disowned),
			keyless((*step).toldApart),
			keyless((*step).peersCDSKnown),
			keyless((*step).dataValid),
			keyless((*step).unsignedGone),
		},
		wait: waitCDS, do: (*step).changeCDS,
	}},
	{name: "parent followed", after: []string{"CDS"}, finds: (*step).parentFollowed},
	{name: "tell", after: []string{"parent followed"}, takes: &transition{
		record: dsRecord, law: "PROTOCOL parent-told-when-all-agree",
		of: theZone, wanted: (*step).isToTell,
		gates: []demand{
			keyless((*step).agreed),
			keyless((*step).disowned),
		},
		wait: waitParent, do: (*step).tell,
	}},
	// Nobody is answered for one more step.
	{name: "join", after: []string{"outrun"}, finds: (*step).join},
	{name: "carried out", finds: (*step).carriedOut},
}

// decide applies every rule once, if there are keys of ours or there may be, and else those of the
// peers' keys.
func (z *step) decide() {
	for range z.f.Keys {
		z.chosen = append(z.chosen, notChosen)
	}
	begins := z.mayBegin()
	if begins {
		z.checkHealth() // what is broken holds all of them up
	} else {
		z.tellRefusal()
	}
	for i := range rules {
		switch r := &rules[i]; {
		case !begins && !r.always:
		case r.finds != nil:
			r.finds(z)
		default:
			r.takes.apply(z)
		}
	}
	if begins {
		z.tellRefusal()
	}
	z.forget()
}

// apply makes the transition for each key that it is wanted for, or says what that waits for.
func (t *transition) apply(z *step) {
	for _, k := range t.of(z) {
		if !t.wanted(z, k) {
			continue
		}
		var h hold
		if t.about != nil {
			h = t.about(z, k)
		}
		for _, gate := range t.gates {
			gate(z, &h, k)
		}
		switch {
		case !h.blocked:
			t.do(z, k)
		case t.wait != 0:
			z.wait(t.wait, k, &h)
		}
	}
}

// theZone is what a transition is for that is about no one key.
func theZone(*step) []int { return []int{noKey} }

// ourKeys are those of which we have the private part.
func ourKeys(z *step) []int { return z.ours }

// keyless is a demand that is about no one key.
func keyless(gate func(*step, *hold)) demand {
	return func(z *step, h *hold, _ int) { gate(z, h) }
}
