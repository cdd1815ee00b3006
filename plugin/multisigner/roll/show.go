package roll

import (
	"slices"
	"strconv"
)

// plan says what the facts come to.
func (z *step) plan() (State, Plan) {
	out := &z.out
	n := len(z.f.Keys)
	room := make([]KeyID, n+12) // most zones have at most four signers of each
	out.DNSKEY, out.SignDNSKEY, out.SignData, out.SignCDS = room[:0:n], room[n:n:n+4], room[n+4:n+4:n+8], room[n+8:n+8:n+12]
	missing := 0
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		if key.published() {
			out.DNSKEY = append(out.DNSKEY, key.ID)
		}
		if key.Owner != 0 {
			continue
		}
		entry := key.published() && key.Role.Entry()
		if entry || key.published() && !key.signing() {
			// What signs nothing else signs the DNSKEY RRset: that shows whose key it is
			// (PROTOCOL sign-dnskey-from-the-first).
			out.SignDNSKEY = append(out.SignDNSKEY, key.ID)
		}
		if key.signing() {
			out.SignData = append(out.SignData, key.ID)
		}
		if entry || key.signing() { // PROTOCOL cds-signed-by-all-keys
			out.SignCDS = append(out.SignCDS, key.ID)
			if !z.held[k] {
				missing++
				z.alarm(AlarmKeyMissing, label(key), "the private key of "+label(key)+" is not in the key store", "put the key file back; the zone cannot be signed anew without it")
			}
		}
	}
	slices.SortFunc(out.DNSKEY, KeyID.Compare)
	if out.CDS = z.f.CDS; !z.outpaced() {
		out.DS = z.f.CDS
	}
	out.Unsigned, out.Frozen = z.f.Unsigned, z.f.Orders.Frozen
	out.CDSDelete = z.f.Orders.Insecure != 0 && !out.Unsigned && z.p.Parent != ParentNone && z.begun() && z.mayAskForDeletion()
	out.Disowned = z.f.Orders.Disowned
	out.Outrun = z.f.Outrun
	if out.Refuse == "" && (len(out.SignDNSKEY) == 0 || len(out.SignData) == 0) {
		out.Refuse = refusals[hasNoKeys].why
	}
	z.alarms()
	z.keyStatus()
	out.Busy = len(out.Waits) > 0 || len(out.Generate) > 0 || missing > 0
	return State{z.f}, z.out
}

// alarms speaks of what no single step waits for.
func (z *step) alarms() {
	for i := 1; i < len(z.f.Signers); i++ {
		v := z.views[i]
		switch {
		case z.peers[i] == nil && z.member(i): // PROTOCOL member-counts-on
			z.alarm(AlarmPeerGone, z.name(i), "peer "+z.name(i)+" is no longer in the configuration, and no rollover goes on without looking at it",
				"put its block back: a signer cannot leave the group yet; signatures are renewed all the same")
		case v != nil && !v.Trusted && v.silent():
			z.alarm(AlarmPeerSilent, z.name(i), "peer "+z.name(i)+" does not answer: "+v.Why, "see that it runs and can be reached; steps wait for it until then")
		case v != nil && !v.Trusted && v.Why != "" && z.f.Orders.Insecure == 0:
			z.distrusts(i, v)
		}
	}
	z.unevenAlarms()
	if z.orphaned {
		z.alarm(AlarmNoParent, "", "the configuration has no parent, but the parent had a DS: no step that needs the parent is taken", "write the `parent` line back; to be without a parent, give `insecure` first")
	}
	if z.f.Algorithm != 0 && z.p.Algorithm != 0 && z.f.Algorithm != z.p.Algorithm && z.f.Orders.Algorithm != z.p.Algorithm {
		cure := "give `roll algorithm`, or set the algorithm back"
		if z.f.Orders.Algorithm == z.f.Algorithm {
			cure = "write the new algorithm into the configuration"
		}
		z.alarm(AlarmAlgorithm, "", "the zone is signed with algorithm "+itoa(int(z.f.Algorithm))+", the configuration wants "+itoa(int(z.p.Algorithm)), cure)
	}
	z.restoredAlarm()
	z.parentAlarms()
	z.foreignAlarms()
}

// distrusts says what to do about peer i, which answers and is not trusted.
func (z *step) distrusts(i int, v *View) {
	unsigned, lame, stale := true, true, false
	for n := range v.Addresses {
		if a := &v.Addresses[n]; !a.Transfer {
			unsigned, lame, stale = unsigned && a.State == Unsigned, lame && a.State == Lame, stale || a.State == Stale
		}
	}
	switch {
	case unsigned && z.begun() && len(v.Addresses) > 0:
		z.alarm(AlarmPeerUnsigned, z.name(i), "the zone is unsigned at peer "+z.name(i)+", and signed here", "have it signed there (`secure`, if it went insecure); or give `insecure` here, too")
	case lame && len(v.Addresses) > 0:
		z.alarm(AlarmPeerLame, z.name(i), "peer "+z.name(i)+" runs, and does not answer for the zone: "+v.Why, "see there whether it has the zone, and why it refuses: its own status says")
	case stale:
		z.alarm(AlarmPeerUntrusted, z.name(i), "peer "+z.name(i)+" is not trusted: "+v.Why, "see its clock, and whether it lags; if an older state of it was restored, give `resign` there")
	case len(v.Strangers) > 0:
		z.alarm(AlarmPeerUntrusted, z.name(i), "peer "+z.name(i)+" is not trusted: "+v.Why, "see its keys and the trust line of its block; if it has lost its keys and made new ones, hold their tags against `keys` there and give `trust ZONE "+
			z.name(i)+" "+itoa(int(v.Strangers[0].Tag))+"`")
	default:
		z.alarm(AlarmPeerUntrusted, z.name(i), "peer "+z.name(i)+" is not trusted: "+v.Why, "see its keys and the trust line of its block")
	}
}

// unevenAlarms speaks of digest types that not all keys have a record of.
func (z *step) unevenAlarms() {
	for i := range z.f.Signers {
		for n := range z.addresses(i) {
			if a := &z.views[i].Addresses[n]; len(a.UnevenCDS) > 0 {
				z.alarm(AlarmPeerUneven, z.name(i)+" "+a.Addr, z.keysText("the CDS of "+z.whereIs(i, a)+" lacks ", a.UnevenCDS, " in a digest type that it has for other keys: validators use only the strongest type, and would not accept that signer"),
					"let it publish CDS by SHA-256 alone (BIND: cds-digest-types, Knot: cds-digest-type), or of every key in each type")
			}
		}
	}
	for n := range z.seen.Parent.Addresses {
		if a := &z.seen.Parent.Addresses[n]; len(a.UnevenDS) > 0 {
			z.alarm(AlarmParentUneven, a.Addr, z.keysText("the DS set at the parent "+a.Addr+" lacks ", a.UnevenDS, " in a digest type that it has for other keys: validators use only the strongest type, and do not accept that signer"),
				"put the lines of `ds` in place at the parent, and no others")
		}
	}
}

// label names a key for people: its role and tag.
func label(k *key) string { return k.Role.String() + " " + itoa(int(k.ID.Tag)) }

func itoa(n int) string { return strconv.Itoa(n) }

// keyStatus describes every key.
func (z *step) keyStatus() {
	if z.p.Terse {
		return
	}
	z.out.Keys = make([]KeyStatus, 0, len(z.f.Keys)) // they are kept
	for k := range z.f.Keys {
		key := &z.f.Keys[k]
		s := KeyStatus{ID: key.ID, Owner: z.name(z.ownerOf(key)), Ours: key.Owner == 0, Role: key.Role, Published: key.published(),
			Standby:     z.chosen[k] == standby && z.ofZone(key) && key.DataOn == 0 && key.EntryOn == 0,
			Compromised: key.Compromised && (key.Gone == 0 || key.office() != 0), // else its tag clashed
			InCDS:       contains(z.f.CDS, key.ID), DS: z.dsState(k), DNSKEY: z.dnskeyState(k)}
		var since moment
		s.State, since = z.stateOf(k)
		s.Since = z.wall(since)
		for _, m := range []struct {
			what string
			at   moment
		}{{"created", key.Created}, {"published", key.Pub}, {"active", max(key.DataOn, key.EntryOn)}, {"retired", max(key.DataOff, key.Out)},
			{"removed", key.Gone}} {
			if m.at != 0 {
				s.Moments = append(s.Moments, Moment{m.what, z.wall(m.at)})
			}
		}
		z.out.Keys = append(z.out.Keys, s)
	}
}

// stateOf derives a key's name of state and since when it has it.
func (z *step) stateOf(k int) (string, moment) {
	key := &z.f.Keys[k]
	switch {
	case key.Owner != 0 && key.Gone != 0:
		return "withdrawn", key.Gone
	case key.Owner != 0 && key.Pub != 0:
		return "published", key.Pub
	case key.Owner != 0:
		return "seen", key.Created
	case key.Gone != 0:
		return "removed", key.Gone
	case key.signing() || key.entry():
		return "active", max(key.DataOn, key.EntryOn)
	case key.DataOff != 0 || key.Out != 0:
		return "retired", max(key.DataOff, key.Out)
	case key.Pub == 0:
		return "generated", key.Created
	}
	var h hold
	z.everywhere(&h, k)
	if !h.blocked {
		return "ready", key.Pub
	}
	return "published", key.Pub
}

// dnskeyState is the phase of a key's DNSKEY record over all signers. Where one of them has
// withdrawn it, it goes.
func (z *step) dnskeyState(k int) string {
	key := &z.f.Keys[k]
	shown, all, stays := key.published(), true, moment(0)
	for i := range z.f.Signers {
		if !z.member(i) {
			continue
		}
		for n := range z.addresses(i) {
			shown = shown || z.sight(i, n).keys.has(k)
		}
		stays = max(stays, z.ends(0, z.keyTTL(i), z.way(i)))
		var h hold
		z.servedAt(&h, i, k)
		all = all && !h.blocked
	}
	left := max(key.Gone, key.Absent)
	switch {
	case left == 0 && all:
		return "omnipresent"
	case left == 0 && shown:
		return "rumoured"
	case left != 0 && (shown || z.t < max(left, key.Shown)+stays):
		return "unretentive"
	}
	return "hidden"
}

func (z *step) dsState(k int) string {
	key := &z.f.Keys[k]
	var on, off hold
	z.dsEverywhere(&on, k)
	z.dsNowhere(&off, k)
	switch {
	case z.p.Parent == ParentNone || !key.Role.Entry():
		return ""
	case !on.blocked:
		return "omnipresent"
	case key.DSSince != 0:
		return "rumoured"
	case key.DSGone != 0 && off.blocked && z.f.Secured:
		return "unretentive"
	}
	return "hidden"
}
