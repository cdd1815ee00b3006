package roll

import "time"

// AlarmName is what an alarm of one kind is called, for ever: scripts look for it, and
// docs/ALARMS.md says under it what to do.
type AlarmName string

// The alarms of the rules.
const (
	AlarmNoKeys         AlarmName = "keys-not-made"
	AlarmKeyMissing     AlarmName = "private-key-missing"
	AlarmTooManyKeys    AlarmName = "too-many-keys"
	AlarmWentBack       AlarmName = "state-went-back"
	AlarmRestored       AlarmName = "older-state-restored"
	AlarmTakenBack      AlarmName = "cds-taken-back"
	AlarmAlgorithm      AlarmName = "algorithm-not-configured"
	AlarmPeerGone       AlarmName = "peer-not-configured"
	AlarmPeerSilent     AlarmName = "peer-silent"
	AlarmPeerLame       AlarmName = "peer-not-serving"
	AlarmPeerUntrusted  AlarmName = "peer-not-trusted"
	AlarmPeerUnsigned   AlarmName = "peer-unsigned"
	AlarmPeerAlgorithm  AlarmName = "peer-algorithm"
	AlarmPeerKeys       AlarmName = "peer-too-many-keys"
	AlarmPeerIntake     AlarmName = "peer-keys-not-taken"
	AlarmPeerLacksKey   AlarmName = "peer-lacks-key"
	AlarmPeerKeepsKey   AlarmName = "peer-keeps-withdrawn-key"
	AlarmPeerLacksCDS   AlarmName = "peer-lacks-cds"
	AlarmPeerUneven     AlarmName = "peer-cds-uneven"
	AlarmPeerDeletes    AlarmName = "peer-asks-for-deletion"
	AlarmParentUneven   AlarmName = "ds-uneven"
	AlarmNoParent       AlarmName = "parent-not-configured"
	AlarmParentStranger AlarmName = "ds-unknown"
	AlarmParentSilent   AlarmName = "parent-unreachable"
	AlarmParentBad      AlarmName = "parent-not-believed"
	AlarmDSGone         AlarmName = "ds-gone"
	AlarmDSNotOurs      AlarmName = "ds-missing"
	AlarmDSBack         AlarmName = "ds-came-back"
	AlarmWait           AlarmName = "wait-too-long"
	AlarmAnew           AlarmName = "wait-begins-anew"
)

// Alarm is something that a person should know and may have to settle. One that tells
// of what was noticed and acted upon is in the Plan of that step alone.
type Alarm struct {
	Name    AlarmName
	About   string // the peer, address, key or step, the signer first; "" where there can be one alone
	What    string
	Cure    string
	Since   time.Time // zero: since somebody first heard of it
	Holding []string  // of a wait: who holds it up
}

// alarm tells a person. Of equal alarms the first is told.
func (z *step) alarm(name AlarmName, about, what, cure string) {
	z.raise(Alarm{Name: name, About: about, What: what, Cure: cure})
}

func (z *step) raise(a Alarm) {
	for i := range z.out.Alarms {
		if z.out.Alarms[i].Name == a.Name && z.out.Alarms[i].About == a.About {
			return
		}
	}
	z.out.Alarms = append(z.out.Alarms, a)
}

// parentAlarms speaks of what the parent has, or does not say.
func (z *step) parentAlarms() {
	if z.p.Parent == ParentNone || len(z.seen.Parent.Addresses) == 0 {
		return
	}
	good, believed, empty, had := 0, true, true, z.wasSecure()
	var who []string
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		switch a.State {
		case Unasked:
			return
		case Good:
			good++
			empty = empty && len(a.DS)+a.UnknownDS == 0
		case Unsigned, Stale, Bogus:
			believed = false
		}
		who = append(who, z.whereParent(a))
	}
	switch {
	case good == 0 && !believed:
		z.alarm(AlarmParentBad, "parent", "the parent answers, but none of its answers can be believed"+z.heldBy(who),
			"see its signatures and the clock here, and whether `resolver` and its trust anchors are right")
	case good == 0:
		z.alarm(AlarmParentSilent, "parent", "no address of the parent answers"+z.heldBy(who),
			"see that this machine reaches them, and that the addresses of `parent` are right; steps that wait for the parent then go on by themselves")
	case empty && z.f.Orders.Insecure == 0 && had:
		z.alarm(AlarmDSGone, "parent", "the parent has no DS of the zone any more: the zone is insecure", "put the lines of `ds` in place at the parent; or give `insecure` at every signer, if that is meant")
	case !empty && z.f.Joining == 0 && z.begun() && z.f.Secured:
		z.dsMissing()
	}
}

// wasSecure reports whether the parent had a DS that our CDS asks for: a zone that is to
// become secure has none yet, and that is no alarm.
func (z *step) wasSecure() bool {
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		z.f.Had = z.f.Had || key.DSSince != 0 && contains(z.f.CDS, key.ID)
	}
	z.f.Had = z.f.Had && len(z.f.CDS) > 0
	return z.f.Had
}

// dsMissing tells of an address of the parent that has a DS RRset without us.
func (z *step) dsMissing() {
	for n := range z.seen.Parent.Addresses {
		a := &z.seen.Parent.Addresses[n]
		if a.State == Good && len(a.DS)+a.UnknownDS > 0 && !z.enters(a.DS, -1) {
			z.alarm(AlarmDSNotOurs, z.name(0), "the "+z.whereParent(a)+" has a DS RRset without a DS of this signer: the answers of this signer are bogus", "put the lines of `ds` in place at the parent, now")
		}
	}
}

// foreignAlarms speaks of what signers of other software have been told by hand, and do
// not have (any more): nobody else notices.
func (z *step) foreignAlarms() {
	for i := 1; i < len(z.f.Signers); i++ {
		if z.peers[i] == nil || !z.peers[i].Foreign || !z.member(i) || z.views[i] == nil || !z.views[i].Trusted {
			continue
		}
		for n := range z.views[i].Addresses {
			if a := &z.views[i].Addresses[n]; a.State == Good && !a.Transfer {
				z.foreignAlarm(i, a)
			}
		}
	}
}

func (z *step) foreignAlarm(i int, a *Address) {
	for _, k := range z.ours {
		key := &z.f.Keys[k]
		at := z.name(i) + " " + a.Addr + " " + label(key)
		switch shows := contains(a.DNSKEY, key.ID); {
		case key.Gone != 0 && shows && z.t-key.Gone > moment(z.p.bound()):
			z.raise(Alarm{Name: AlarmPeerKeepsKey, About: at, Since: z.wall(key.Gone),
				What: "peer " + z.whereIs(i, a) + " still publishes " + label(key) + ", which we have withdrawn", Cure: "take the key out of the peer's DNSKEY RRset"})
		case contains(z.f.CDS, key.ID) && key.DSSince != 0 && !(contains(a.CDS, key.ID) && contains(a.CDNSKEY, key.ID)):
			z.alarm(AlarmPeerLacksCDS, at, "peer "+z.whereIs(i, a)+" does not publish "+z.lacks(a, key.ID)+" of "+label(key)+", whose DS the parent has",
				"add the records to the peer's zone; else a parent that asks there removes our DS")
		}
	}
}

// lacks names the types in which an address does not ask for the DS of a key.
func (z *step) lacks(a *Address, id KeyID) string {
	switch {
	case contains(a.CDNSKEY, id):
		return "the CDS"
	case contains(a.CDS, id):
		return "the CDNSKEY"
	}
	return "the CDS and CDNSKEY"
}
