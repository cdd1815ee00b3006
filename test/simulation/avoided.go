package simulation

import "strings"

// An Avoidance is something that no world does: nobody could withstand it, or the world could not judge it.
type Avoidance string

// What worlds avoid. Each condition that leaves something out names its own.
const (
	carelessParent          Avoidance = "careless-parent"
	foreignGoesInsecure     Avoidance = "foreign-goes-insecure"
	foreignGivesUp          Avoidance = "foreign-gives-up"
	foreignRollsBoth        Avoidance = "foreign-rolls-both"
	oneTagOfForeign         Avoidance = "one-tag-of-foreign"
	relapseOfForeign        Avoidance = "relapse-of-foreign"
	clockOfForeign          Avoidance = "clock-of-foreign"
	briefForgetting         Avoidance = "brief-forgetting"
	unseenTTL               Avoidance = "unseen-ttl"
	lostStateBesideForeign  Avoidance = "lost-state-beside-foreign"
	oldStateBesideForeign   Avoidance = "old-state-beside-foreign"
	oldDSBesideForeign      Avoidance = "old-ds-beside-foreign"
	hiddenOfForeign         Avoidance = "hidden-of-foreign"
	hiddenOfJoiner          Avoidance = "hidden-of-joiner"
	lostStateBesideHidden   Avoidance = "lost-state-beside-hidden"
	lostStateBesideLeaver   Avoidance = "lost-state-beside-leaver"
	longTTLBesideFaults     Avoidance = "long-ttl-beside-faults"
	oldDSUnseen             Avoidance = "old-ds-unseen"
	oldDSWithoutSigner      Avoidance = "old-ds-without-signer"
	oldDSOfLostKey          Avoidance = "old-ds-of-lost-key"
	oldDSAtCarelessParent   Avoidance = "old-ds-at-careless-parent"
	dsFaultsWhileMoving     Avoidance = "ds-faults-while-moving"
	vanishedDSUnsettled     Avoidance = "vanished-ds-unsettled"
	relapseWhileMoving      Avoidance = "relapse-while-moving"
	relapseUnseen           Avoidance = "relapse-unseen"
	relapseThatBreaks       Avoidance = "relapse-that-breaks"
	briefRelapse            Avoidance = "brief-relapse"
	nameserversWhileMoving  Avoidance = "nameservers-while-moving"
	crashBeforeOldIsNoticed Avoidance = "crash-before-old-is-noticed"
	oldStateUnseen          Avoidance = "old-state-unseen"
	oldStateOfOtherDS       Avoidance = "old-state-of-other-ds"
	oldStateWithFewTags     Avoidance = "old-state-with-few-tags"
	oldStateAcrossMove      Avoidance = "old-state-across-move"
	oldKeysUnsettled        Avoidance = "old-keys-unsettled"
	lostStateUnseen         Avoidance = "lost-state-unseen"
	joinBesideVanishedDS    Avoidance = "join-beside-vanished-ds"
	lostKeysUnsettled       Avoidance = "lost-keys-unsettled"
	lostKeysInDelegation    Avoidance = "lost-keys-in-delegation"
	parentNoneUnsettled     Avoidance = "parent-none-unsettled"
	algorithmWithFewTags    Avoidance = "algorithm-with-few-tags"
	crowdAmongFaults        Avoidance = "crowd-among-faults"
	realKeysOfOneTag        Avoidance = "real-keys-of-one-tag"
)

const (
	forGood      = "for good"
	whenRecorded = "mutations are recorded anew: 2,000 zone-years that dared it were good"
)

// avoided says of each what no world has, why, and until when.
var avoided = []struct {
	id               Avoidance
	what, why, until string
}{
	{carelessParent, "beside a foreign signer, a parent that asks one server, or asks only those that it reaches, or only adds", "while a foreign signer rolls, its CDS differs from that of the others, and such a parent would take it", forGood},
	{foreignGoesInsecure, "a group with a foreign signer that goes insecure", "its timers know no such order", "foreign signers are given that order"},
	{foreignGivesUp, "a foreign signer that gives up an algorithm rollover which it has begun", "it waits for the DS for as long as that takes. One that does not (with a `timeout` in Knot's `submission`) breaks its own chain", forGood},
	{foreignRollsBoth, "two foreign signers of which one rolls its ZSK or KSK while the algorithm of the other changes", "each asks for another DS RRset by its timers, and they wait for each other for ever. One person runs both", forGood},
	{oneTagOfForeign, "two keys of foreign signers with one tag", "before there is a DS neither rolls its KSK: the two would stay", forGood},
	{relapseOfForeign, "a foreign signer whose secondaries go back to an old copy, or are renumbered", "its serials never go back: a transfer counts until a later one shows something else", forGood},
	{clockOfForeign, "a wrong clock at a foreign signer", "its timers count the time that passes, and nothing of ours asks its clock", whenRecorded},
	{briefForgetting, "a foreign signer that forgets our keys for less than twelve minutes", "nobody sees what is gone between two looks", forGood},
	{unseenTTL, "a foreign signer that raises its TTL while one of ours does not see it", "nobody can wait for a TTL that was never seen", forGood},
	{lostStateBesideForeign, "beside a foreign signer, lost keys; or a lost state while that one drops keys an hour after they signed, or has raised a TTL within ten days, or data had another TTL within two", "only a signer that remembers the keys and TTLs could go on with them", forGood},
	{oldStateBesideForeign, "beside a foreign signer, an old state", "a foreign signer has what was carried there by hand: it shows no later key that tells", forGood},
	{oldDSBesideForeign, "beside a foreign signer, a parent that goes back to an old DS RRset", "the foreign signer has destroyed the key, and cannot publish it again", whenRecorded},
	{hiddenOfForeign, "hidden servers of a foreign signer", "its timers know nothing of them", forGood},
	{hiddenOfJoiner, "hidden servers of a signer that joins", "they get nothing before it answers everybody", forGood},
	{lostStateBesideHidden, "hidden servers, and a state that is lost", "they get nothing while their signer refuses, and `propagation` is no limit then", forGood},
	{lostStateBesideLeaver, "a state that is lost while resolvers may still ask a nameserver that nothing names any more", "only that state knew the server: nobody can look at it", forGood},
	{longTTLBesideFaults, "beside faults, data with a TTL of more than a day", "a lost state, or an old one, takes a TTL that it does not know for a day (`lost-ttl-was-a-day`)", forGood},
	{oldDSUnseen, "a parent that goes back to an old DS RRset while a signer does not see it, or may have decided by the one before: it is down, out of sight, looks late, or is told that there is no parent", "no signer can see what happens between a look and the step that this look allows", forGood},
	{oldDSWithoutSigner, "a parent that goes back to a DS RRset from before a signer joined", "nothing of that signer's could validate under it", forGood},
	{oldDSOfLostKey, "a parent that goes back to a DS RRset of more than five days ago, or with the DS of a key that is lost", "keys are kept for a week after their removal (`keep-removed-keys`)", forGood},
	{oldDSAtCarelessParent, "a parent that asks one server, and goes back to an old DS RRset", "it takes the CDS of any server at once, and so is right again before anybody must have seen it", whenRecorded},
	{dsFaultsWhileMoving, "while the group changes its algorithm or goes insecure, a parent that goes back, has a DS that nobody knows, or loses its DS RRset", "the signers could not tell it from their own work: an algorithm that came or went, a DS that was deleted by order", forGood},
	{vanishedDSUnsettled, "a DS RRset that disappears within six days of a change, or in a world of late looks", "what a signer has just decided by it is not undone", whenRecorded},
	{relapseWhileMoving, "a secondary that goes back to an old copy while the algorithm changes, or from signed to unsigned", "it has no signature by the algorithm that all have by now", forGood},
	{relapseUnseen, "a secondary that goes back while its signer does not see all of it, looks late, or is down and has decided", "nobody sees it in time", forGood},
	{relapseThatBreaks, "a secondary that goes back to a copy which is bogus at once", "no signer can take it back", forGood},
	{briefRelapse, "a secondary that goes back for less than half an hour", "nobody sees what comes and goes between two looks", forGood},
	{nameserversWhileMoving, "nameservers that come or go while the algorithm changes", "one that comes has an old copy, as above", whenRecorded},
	{crashBeforeOldIsNoticed, "a crash within ten minutes after an old state was restored", "the signer is about to see that it is old; while others are down, nothing shows it", whenRecorded},
	{oldStateUnseen, "an old state that sees nobody, looks late, or that no later key tells from a new one", "nothing shows that it is old (C9)", forGood},
	{oldStateOfOtherDS, "an old state while the parent goes back or has lost the DS RRset", "a DS at the parent is what vouches for a peer that has rolled its KSK since", forGood},
	{oldStateWithFewTags, "an old state in a world of few key tags", "its key and a later one of a peer may have one tag, and then nobody tells them apart", forGood},
	{oldStateAcrossMove, "a state that is lost, or restored, from before the group changed its algorithm or went insecure", "it has no key of the algorithm that the DS RRset has now", forGood},
	{oldKeysUnsettled, "an old state with the keys of its time while something is under way, or another old state after it", "as long as others have a key that was withdrawn, nobody can know that it was", forGood},
	{lostStateUnseen, "a state that is lost while the DS RRset is gone, the signer is told that there is no parent, or looks are late", "the zone looks like a new one", forGood},
	{joinBesideVanishedDS, "a signer that starts to join while the DS RRset is gone without an order, or the parent goes back", "nothing shows it that there is a DS, and it answers everybody at once", forGood},
	{lostKeysUnsettled, "keys that are lost while another signer does not answer", "nobody is left who answers", forGood},
	{lostKeysInDelegation, "a signer that has lost its keys and stays in the delegation", "while one nameserver refuses, a parent that asks all of them cannot follow CDS", forGood},
	{parentNoneUnsettled, "a signer that is told that there is no parent while it joins, refuses, has lost its state, or the parent goes back", "it could not see which key to publish again, or that it may answer", forGood},
	{algorithmWithFewTags, "few key tags where the algorithm changes", "signers see that two new keys share a tag when all publish them, and then these keys already sign", forGood},
	{crowdAmongFaults, "many keys of one tag where other faults happen, or the algorithm changes", "the world asks whether they are dealt with within six days; a fault may hold that up for longer", forGood},
	{realKeysOfOneTag, "real records where keys share a tag", "real keys of a given tag would have to be searched for", forGood},
}

// Avoided is the table of what worlds avoid, as docs/PROOF.md prints it.
func Avoided() string {
	var b strings.Builder
	b.WriteString("| | no world has | because | until |\n|---|---|---|---|\n")
	for _, a := range avoided {
		b.WriteString("| `" + string(a.id) + "` | " + a.what + " | " + a.why + " | " + a.until + " |\n")
	}
	return b.String()
}

// avoids reports whether a world leaves out what it was about to do, because it would be what is avoided.
// A world that dares it does not.
func (c *Config) avoids(a Avoidance, would bool) bool { return would && a != c.Dares }

// avoids counts besides how often that was so.
func (w *world) avoids(a Avoidance, would bool) bool {
	if !w.Config.avoids(a, would) {
		return false
	}
	w.did("avoids " + string(a))
	return true
}

// moot reports whether there is nothing that it could happen to. So each condition that leaves something
// out says which of the two it is.
func (w *world) moot(nothing bool) bool { return nothing }
