package roll

// A zone goes insecure by its parent: the DS goes first, and the signatures when no cache
// has a DS (RFC 8078 4; PROTOCOL rrsig-stays-while-ds-cached). Each signer asks for it on
// its own operator's order (PROTOCOL delete-is-asked-by-order); a parent that asks all of
// them acts when all do. None stops signing while another still asks for a DS: a parent
// may follow that one, and then every answer without signatures would be bogus.

// goInsecure carries out the order to go insecure, and its end.
func (z *step) goInsecure() {
	if z.f.Orders.Insecure == 0 {
		z.f.Unsigned, z.f.Deletion = false, 0
		return
	}
	z.f.CDS = nil
	if z.f.Unsigned {
		if z.p.Parent != ParentNone && z.dsSeen() {
			z.f.Unsigned = false
			z.alarm(AlarmDSBack, "", "the parent has a DS again although the zone has gone insecure: it is signed again", "remove the DS at the parent, or give `secure`")
		}
		return
	}
	if z.p.Parent == ParentNone {
		z.f.Unsigned = true
		return
	}
	var h hold
	z.allAskForDeletion(&h)
	if h.blocked {
		z.f.Deletion = 0
	} else if z.f.Deletion == 0 {
		z.f.Deletion = z.t
	}
	z.parentLooked(&h)
	var stranger hold
	if z.disowned(&stranger); stranger.blocked {
		h = stranger
	}
	switch {
	case h.blocked:
		z.wait(waitInsecure, noKey, &h)
		return
	case z.f.NoDS == 0:
		z.tellDeletion(&h)
		return
	}
	z.dsGone(&h)
	z.olderCDS(&h, noKey, z.f.Deletion)
	if h.blocked {
		z.wait(waitUnsigned, noKey, &h)
		return
	}
	z.f.Unsigned, z.f.Secured = true, false // no cache has a DS, by order
}

// dsSeen reports whether any address of the parent has any DS of the zone.
func (z *step) dsSeen() bool {
	for n := range z.seen.Parent.Addresses {
		if a := &z.seen.Parent.Addresses[n]; a.State == Good && len(a.DS)+a.UnknownDS > 0 {
			return true
		}
	}
	return false
}

// allAskForDeletion holds until every address of every signer asks the parent to
// remove the DS, or has gone insecure already.
func (z *step) allAskForDeletion(h *hold) {
	if !z.seen.Published.CDSDelete {
		h.needs(ownAskForDeletion, noKey, all(0))
	}
	for i := range z.f.Signers {
		if !z.awaited(i) {
			continue
		}
		if i > 0 && len(z.addresses(i)) == 0 {
			h.needs(peersTrusted, noKey, all(i))
		}
		for n := range z.addresses(i) {
			a := &z.views[i].Addresses[n]
			switch {
			case a.Transfer, a.State == Unsigned:
			case a.State != Good:
				h.needs(addressesAnswer, noKey, at(i, n))
			case !a.CDSDelete || a.asks():
				h.needs(signersAskForDeletion, noKey, at(i, n))
			}
		}
	}
}

// mayAskForDeletion reports whether our CDS may ask the parent to remove every DS. Once
// it does, it goes on: parents want all signers to say the same.
func (z *step) mayAskForDeletion() bool {
	return z.seen.Published.CDSDelete || z.unknownDS == 0 || z.f.Orders.Disowned
}

// tellDeletion tells the parent of CDS records that ask it to remove the DS.
func (z *step) tellDeletion(h *hold) {
	z.tellParent()
	g := parentDeletesDS
	if z.p.Parent == ParentManual {
		g = personDeletesDS
	}
	z.onParent(h, g, noKey, func(a *ParentAddress) bool { return len(a.DS)+a.UnknownDS > 0 })
	z.pass(h, dsOutOfCaches, noKey, 0, z.dsTTL())
	z.wait(waitUnsigned, noKey, h)
}
