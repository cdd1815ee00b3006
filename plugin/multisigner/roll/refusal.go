package roll

// refusal is why outsiders get no answers.
type refusal uint8

const (
	refusesNobody refusal = iota

	// Keys are not made (PROTOCOL no-new-keys-beside-a-ds).
	whyUnasked
	whyAlgorithm
	whyStranger
	whyOurs
	whyDelegated
	whyNoDataKey
	whyNoEntryKey

	joins
	isOutrun
	isLeftOut
	hasNoKeys
)

// takesPart is what a signer can do that is new, or has lost its keys.
const takesPart = "if it is new, give `rejoin` (or take its nameserver out of the delegation until it has joined); if it had keys, restore the state directory, or put them back from a backup and give `recover`; " +
	"`rejoin` begins with the keys of the key store, or new ones, and nobody but peers is answered until every signer and the parent have taken them over"

// refusals are their texts, and what settles those for which no keys are made.
var refusals = [...]struct{ why, cure string }{
	whyUnasked:    {"the parent has not answered yet, so it is not known whether a DS exists", "see that every address of the parent can be asked"},
	whyAlgorithm:  {"the zone is signed by others with another algorithm than the configured one", "write the algorithm of the DS at the parent into the configuration; it can be rolled when this signer has joined"},
	whyStranger:   {"the parent has a DS that belongs to no known key", "restore the state directory, or give `recover` to go on with the keys in the key store, or name the signers that the DS belongs to as peers, or remove the DS, or give `rejoin`"},
	whyOurs:       {"the parent has a DS of a key in our key store, but our state does not say how that key was used", "restore the state directory, or give `recover` to go on with the keys in the key store"},
	whyDelegated:  {"the zone is signed by others and delegated to us, and this signer has no keys for it: it is new, or its own keys are lost", takesPart},
	whyNoDataKey:  {"there is no private key in the key store that could sign the zone", takesPart},
	whyNoEntryKey: {"there is no private key in the key store that a DS could name", takesPart},

	joins:     {"this signer is joining and waits for ", ""},
	isOutrun:  {"the other signers or the parent have other keys of this signer; it waits for ", ""},
	isLeftOut: {"the parent has a DS RRset without a DS of this signer", ""},
	hasNoKeys: {"the zone has no keys yet", ""},
}

// tellRefusal says why outsiders are refused, if they are, and what settles it.
func (z *step) tellRefusal() {
	text := &refusals[z.refusal]
	switch z.refusal {
	case refusesNobody:
		return
	case joins, isOutrun:
		z.out.Refuse = text.why + z.gateText(&z.refusedFor)
		return
	case isLeftOut:
	default:
		z.alarm(AlarmNoKeys, "", "no keys are made: "+text.why, text.cure)
	}
	z.out.Refuse = text.why
}
