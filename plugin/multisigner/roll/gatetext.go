package roll

// What the rules have decided by values is put into words here, for people. A plan that is
// terse has the first words alone.

// gateTexts are the gates: before and after the name of the key that each is about, or plain
// where it is about no one key.
var gateTexts = [...]struct{ before, after, plain string }{
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

	peerTrusted:        {"", "", "a peer to be reachable and trusted"},
	peersTrusted:       {"", "", "every peer to be reachable and trusted"},
	addressesAnswer:    {"", "", "every address of every signer to answer"},
	signersSeenAnew:    {"", "", "a new look at every signer"},
	parentAsked:        {"", "", "the parent to be asked"},
	parentAnswers:      {"", "", "every address of the parent to answer"},
	parentSeenAnew:     {"", "", "a new look at the parent"},
	peersHaveEntryKey:  {"", "", "every peer to have a key that can have a DS"},
	nameserversClaimed: {"", "", "every nameserver to show whose it is"},

	ownPublish:        {"our own servers to publish ", "", ""},
	signersPublish:    {"every signer to publish ", "", ""},
	ownDataWithout:    {"all our servers to serve data without signatures by ", "", ""},
	successorThere:    {"a successor of ", "", ""},
	parentHasDS:       {"the parent to publish the DS of ", "", ""},
	parentWithoutDS:   {"the parent to remove the DS of ", "", ""},
	ownHaveEntryKey:   {"", "", "a key of ours that can have a DS"},
	strangerDisowned:  {"", "", "`disown`: the parent has a DS that belongs to no known key"},
	tagsToldApart:     {"", "", "one of two keys that share a tag to be replaced: it is being rolled"},
	cdsEven:           {"", "", "a peer's CDS to name every key in each of its digest types"},
	cdsKnown:          {"", "", "a peer's CDS to name only known keys"},
	deletionTakenBack: {"", "", "a peer to stop asking the parent to remove the DS"},
	ownCDS:            {"", "", "our own servers to publish CDS"},
	signersAgree:      {"", "", "every signer to publish the same CDS and CDNSKEY"},
	parentHasAll:      {"the parent to have the DS of ", ", and no other", ""},
	personBringsAll:   {"someone to put in place at the parent the DS of ", ", and no other (`ds` prints them)", ""},
	ownCDSNames:       {"our own servers to publish the CDS of ", "", ""},
	signersCDSName:    {"every signer to publish the CDS of ", "", ""},
	thawed:            {"", "", "`thaw`: rollovers are frozen"},
	healed:            {"", "", "the bogus answers to end: see the alarms"},

	rolloversEnd:            {"", "", "the rollovers that have begun to end"},
	rolloverEnds:            {"the rollover from ", " to end", ""},
	dsExchangedHere:         {"", "", "the exchange of the DS here (give `roll algorithm`): the parent has one of another algorithm already"},
	ownSignBoth:             {"", "", "our own servers to sign with both algorithms"},
	signersSignBoth:         {"", "", "every signer to sign with both algorithms (give `roll algorithm` there, too)"},
	transferProves:          {"", "", "a transfer that shows that all of it is signed with both algorithms"},
	serversProved:           {"", "", "every signer to serve a zone that is wholly signed with both algorithms"},
	signersHaveAlgorithm:    {"every signer to publish its keys of ", "", ""},
	strangerOfAlgorithmGone: {"the parent to remove the DS that belongs to no known key: it may be of ", "", ""},
	signersAskForNone:       {"every signer to ask for no DS of ", "", ""},
	signersSignZones:        {"", "", "every signer to sign with the zone's algorithm"},
	signersDropAlgorithm:    {"every signer to withdraw its keys of ", "", ""},
	signersDropGivenUp:      {"every signer to withdraw its keys of ", " (give `abort` there, too)", ""},
	someoneLacksAlgorithm:   {"a signer that has no keys of ", ": the others may be asking for its DS (`roll algorithm` lets it arrive)", ""},

	ownAskForDeletion:     {"", "", "our own servers to ask the parent to remove the DS"},
	signersAskForDeletion: {"", "", "every signer to ask the parent to remove the DS (give `insecure` there, too)"},
	parentDeletesDS:       {"", "", "the parent to remove the DS"},
	personDeletesDS:       {"", "", "someone to remove the DS at the parent"},
}

// ofAlgorithm reports whether g is about the algorithm on its way.
func (g gate) ofAlgorithm() bool {
	switch g {
	case dnskeyOutOfCaches, algorithmInCaches, signersHaveAlgorithm, strangerOfAlgorithmGone, signersAskForNone, signersDropAlgorithm, signersDropGivenUp, someoneLacksAlgorithm:
		return true
	}
	return false
}

// about is the key that a reason is about, or the algorithm on its way as one: by it the
// reason is known again at the next step.
func (z *step) about(r *reason) KeyID {
	if r.gate.ofAlgorithm() {
		return KeyID{Algorithm: z.f.Moving}
	}
	return z.idAt(r.key)
}

// idAt is the key at a place, or none.
func (z *step) idAt(k int) KeyID {
	if k == noKey {
		return KeyID{}
	}
	return z.f.Keys[k].ID
}

// gateText says what is waited for.
func (z *step) gateText(r *reason) string {
	switch text := &gateTexts[r.gate]; {
	case r.gate.ofAlgorithm():
		return z.algorithmText(text.before, text.after)
	case r.gate == parentHasAll, r.gate == personBringsAll:
		return z.keysText(text.before, z.f.CDS, text.after)
	case r.gate == transferProves:
		return text.plain + z.lastTransfer(r)
	case r.key == noKey:
		return text.plain
	default:
		return z.keyText(text.before, r.key, text.after)
	}
}

// lastTransfer says why the transfer that is waited for did not come.
func (z *step) lastTransfer(r *reason) string {
	for _, who := range r.who {
		if v := z.views[who.signer]; v != nil && v.NoTransfer != "" && !z.p.Terse {
			return " (the last one failed: " + v.NoTransfer + ")"
		}
	}
	return ""
}
