package simulation_test

// Some rules can be broken without being caught, or only by rare worlds, because another
// holds the same: that an algorithm waits for rollovers to end (its gates look at every
// key), that everyone has keys of a new algorithm before its DS is asked for (so does
// every change of CDS), that they are not taken over by who does not sign with it yet
// (they are published when all sign), that the largest TTL of all addresses counts (so
// does the horizon), that injuries stop rollovers (every gate looks for the keys by
// itself), that a peer's own chain must stand before its DS is asked for (the peer sees
// to that itself), that a key is rolled for its tag (orders and lifetimes roll it before
// long, and the first DS waits), that a CSK which left one office for its tag leaves the
// other, too (it gives up both in one step), and that CDS is signed by the data keys, too (every
// signer publishes every key that signs it). That an algorithm may be given up too late,
// that signatures go while the parent may have taken an older CDS, that the DS of an
// algorithm is exchanged while the parent cannot be seen, and that a DS set is printed
// whose keys a foreign signer is about to drop, that the absence of DNSKEY at an
// unsigned signer has a TTL of its own, or that a version counts from when it is about to be
// shown, matters so seldom that stories of roll itself
// tell it. They are left out.

// where names the story in whose worlds a mutation is looked for; the others are looked
// for in all worlds.
var where = map[string]string{
	"a gap does not restart a wait":                      "D7",
	"a new key does not yield its tag":                   "C16",
	"new keys may have a tag in sight":                   "C16",
	"a peer's keys of one tag are all taken over":        "crowd",
	"a rollover away from a clash waits for who made it": "crowd",

	"an old state does not notice that its keys went on": "C9 whole",
	"a state that was outrun looks at the parent alone":  "C9 whole",

	"H4: a sample is proof of the whole":                                 "H4",
	"H4: the re-signing time is not waited for":                          "H4",
	"H4: a transfer speaks for servers that lag":                         "H4",
	"H4: signatures that are lost again are not missed":                  "H4",
	"H4: what transfers no longer show stays proof":                      "H4",
	"H4: an algorithm waits for rollovers that a peer keeps from ending": "H4",
}

// told names the test of roll that tells what a mutation breaks, where that is too rare for
// worlds, or lies outside of them.
var told = map[string]string{
	"an old state believes a peer only when all of it is seen":              "^TestScenarios$/^restored-partial$",
	"a peer that an old state did not know yet tells nothing of later keys": "^TestOutrunByWhoNeverKnewUs$",
	"what fell is forgotten: the TTL that named an address":                 "^TestScenarios$/^nameserver-leaves$",
	"the TTL that named an address counts anew when it is let go":           "^TestScenarios$/^nameserver-leaves$",
	"a zone goes insecure while caches have a DS that nobody saw":           "^TestScenarios$/^(insecure|joining)-first-look$",
	"data of a peer's key that stopped is gone when its TTL has passed":     "^TestScenarios$/^peer-key-lives$",
	"what an older program has forgotten is a later key of ours":            "^TestOutrunAfterAnUpgrade$",
	"a TTL of the data that rises in the midst of a rollover is missed":     "^TestScenarios$/^ttl-rises$",
	"a TTL of the keys that rises in the midst of a rollover is missed":     "^TestScenarios$/^ttl-rises$",
	"an outrun state is not remembered":                                     "^TestOutrunIsRemembered$",
	"a lifetime that ends begins a rollover beside another":                 "^TestScenarios$/^lifetime-in-turn$",
	"a lifetime looks at the other office of a CSK alone":                   "^TestScenarios$/^lifetime-csk$",
	"a lifetime begins a rollover of the data key beside another":           "^TestScenarios$/^lifetime-zsk$",
	"a CSK that has left an office stands by for the other":                 "^TestScenarios$/^restored-csk$",
}

// mutations are the rules, each broken once: waits shortened, barriers dropped, naive
// strategies, amendments taken back.
var mutations = []mutation{
	{"DNSKEY wait without the TTL", "hold.go", "dnskeyInCaches, k, since, z.keyTTL(i), z.way(i))", "dnskeyInCaches, k, since)", nil},
	{"new ZSK signs when published by us alone", "rules.go", "(*step).everywhere,\n\t\t\tkeyless((*step).standStill),\n\t\t},\n\t\twait: waitDataKey", "(*step).ownServe,\n\t\t\tkeyless((*step).standStill),\n\t\t},\n\t\twait: waitDataKey", nil},
	{"new ZSK signs at once", "rules.go", "(*step).everywhere,\n\t\t\tkeyless((*step).standStill),\n\t\t},\n\t\twait: waitDataKey", "keyless((*step).standStill),\n\t\t},\n\t\twait: waitDataKey", nil},
	{"old ZSK goes without the data's TTL", "served.go", "rrsigOutOfCaches, k, v.Passed, plain(dataTTL, v.MaxTTL), z.way(0))", "rrsigOutOfCaches, k, min(v.Passed, 1))", nil},
	{"old ZSK goes at once", "rules.go", "\t\t\t(*step).signaturesGone,\n", "", nil},
	{"secondaries are not waited for", "served.go", "if z.reached(a, next) {", "if n >= 0 {", nil},
	{"old KSK goes when the CDS asks for it", "rules.go", "\t\t\t(*step).entryUnneeded,\n", "", nil},
	{"the TTL after a change counts, not before", "clock.go", "func (p *peaks) max() moment { return p[0].TTL }", "func (p *peaks) max() moment {\n\tm := moment(0)\n\tfor i := range p {\n\t\tif p[i].TTL != 0 {\n\t\t\tm = p[i].TTL\n\t\t}\n\t}\n\treturn m\n}", nil},
	{"no look at CDS of others before a KSK goes", "ownkeys.go", "\t\tz.cdsHas(h, next)\n", "", nil},
	{"DNSKEY RRsets at servers that nobody looks at", "hold.go", "dnskeyInCaches, k, since, z.keyTTL(i), z.way(i))", "dnskeyInCaches, k, since, z.keyTTL(i))", nil},
	{"data at servers that nobody looks at", "served.go", "plain(dataTTL, v.MaxTTL), z.way(0))", "plain(dataTTL, v.MaxTTL))", nil},
	{"CDS at servers that nobody looks at", "ownkeys.go", "since, plain(propagation, slowest), z.dsTTL())", "since, z.dsTTL())", nil},
	{"no wait after CDS agrees", "ownkeys.go", "k, since, plain(propagation, slowest), z.dsTTL())", "k, min(since, 1))", nil},
	{"CDS without looking at the matrix", "rules.go", "\t\t\tkeyless((*step).dataValid),\n", "", nil},
	{"CDS of ourselves alone", "cds.go", "if z.awaited(i) {\n\t\t\twant", "if i == 0 {\n\t\t\twant",
		&mutation{"", "cds.go", "\t\t\th.needs(peersHaveEntryKey, noKey, all(i))\n", "", nil}},
	{"peers' keys are not taken over", "intake.go", "z.enter(k)", "", nil},
	{"KSK-like keys of peers are not taken over", "peerkeys.go", "return z.copies[k] == shownCopy && !z.f.Keys[k].published()", "return z.copies[k] == shownCopy && !z.f.Keys[k].published() && !z.f.Keys[k].SEP", nil},
	{"a copy at any peer keeps a key", "ownership.go", "\tfor i, end := z.owners(k); i < end; i++ {\n\t\tif !z.ownedBy(k, i) {\n\t\t\tcontinue\n\t\t}\n\t\tv := z.views[i]\n\t\tif v == nil || !v.Trusted || !z.fresh[i] {",
		"\tfor i := 1; i < len(z.f.Signers); i++ {\n\t\tv := z.views[i]\n\t\tif v == nil || !v.Trusted || !z.fresh[i] {", nil},
	{"peers' keys go at once", "rules.go", "(*step).ownerGone,\n\t\t\t(*step).copyUnneeded,\n", "", nil},
	{"unreachable means gone", "ownership.go", "\t\tif v == nil || !v.Trusted || !z.fresh[i] {\n\t\t\tabsent = false\n\t\t}", "", nil},
	{"an address that does not answer counts as good", "observe.go", "complete, z.fresh[i] = false, false\n\t\t\tcontinue", "continue", nil},
	{"a step does not need a fresh look", "hold.go", "if since == 0 || !z.fresh[i] {", "if since == 0 {", nil},
	{"a regress does not restart a wait", "observe.go", "case !shared.has(k):\n\t\t\tz.setSpread(i, k, 0)\n", "case !shared.has(k):\n", nil},
	{"a gap does not restart a wait", "observe.go", "\t\t\tif z.unseenFor(last, &now, a.Since) {", "\t\t\tif a == nil {", nil},
	{"only one address of the parent is asked", "observe.go", "if a.State != Good {\n\t\t\tcontinue\n\t\t}\n\t\thas, uneven := z.setOf(a.DS)", "if a.State != Good || n > 0 {\n\t\t\tcontinue\n\t\t}\n\t\thas, uneven := z.setOf(a.DS)", nil},
	{"only one address of a signer is asked", "observe.go", "\tfor n := range v.Addresses {\n\t\tswitch a := &v.Addresses[n]; {", "\tfor n := range v.Addresses[:min(1, len(v.Addresses))] {\n\t\tswitch a := &v.Addresses[n]; {", nil},
	{"the wall clock is believed", "clock.go", "if !steady.IsZero() && f.Steady != 0 {", "if false {", nil},
	{"the first CDS does not wait for unsigned data", "rules.go", "\t\t\tkeyless((*step).unsignedGone),\n", "", nil},
	{"a parent that went back is not healed", "ownkeys.go", "\t\t\t\tkey.enter(z.t)\n", "", nil},
	{"the union keeps retired KSKs", "cds.go", "if key.Out == 0 || z.leavesLate(k) {", "if true {", nil},
	{"peers' CDS is copied whole", "cds.go", "if k >= 0 && z.ownedBy(&z.f.Keys[k], i) && z.ofZone(&z.f.Keys[k]) && (z.f.Keys[k].Owner == int8(i) || !alike) {", "if k >= 0 && (!alike || alike) {", nil},
	{"CDS of nobody is asked for first", "cds.go", "want[w] |= entry[w] & seps[w]", "want[w] |= entry[w] & seps[w] & 0", nil},
	{"a peer stopped signing when it was last seen to", "ownership.go", "\tk.LastSig = z.t\n\ti := int(k.Owner)", "\ti := int(k.Owner)", nil},
	{"a retired key does not show whose it is", "show.go", "if entry || key.published() && !key.signing() {", "if entry {", nil},
	{"a copy of a key that nobody owns is kept for ever", "peerkeys.go", "case key.Owner < 0 && z.expire(k):", "case false:", nil},
	{"an old CDS is held against members alone", "cds.go", "!z.member(i) && !z.inChain(i)", "!z.member(i)", nil},
	{"a restored state is believed", "rules.go", "finds: (*step).restored}", "finds: func(*step) {}}", nil},
	{"an old state does not notice that its keys went on", "rules.go", "finds: (*step).outrun}", "finds: func(*step) {}}", nil},
	{"a state that was outrun looks at the parent alone", "outrun.go", "without && z.nobodysDS() || z.keysWentOn()", "without && z.nobodysDS()", nil},
	{"several keys sign and one is taken at once", "rules.go", "(*step).everywhere,\n\t\t},\n\t\twait: waitAlone", "},\n\t\twait: waitAlone", nil},
	{"what the parent has of ours is not looked for", "rules.go", "finds: (*step).heal}", "finds: func(*step) {}}", nil},
	{"the parent's addresses need not agree", "observe.go", "key.DSSince, all.has(k)", "key.DSSince, any.has(k)", nil},
	{"what a crash lost is begun anew", "decide.go", "\tif z.begun() {\n\t\treturn true\n\t}\n", "\tif z.begun() && len(z.views) > 9 {\n\t\treturn true\n\t}\n", nil},
	{"DS waits without the TTL", "hold.go", "dsOutOfCaches, k, since, z.dsTTL())", "dsOutOfCaches, k, min(since, 1))",
		&mutation{"", "hold.go", "dsInCaches, k, since, z.dsTTL())", "dsInCaches, k, min(since, 1))",
			&mutation{"", "ownkeys.go", "k, since, plain(propagation, slowest), z.dsTTL())", "k, min(since, 1))", nil}}},
	{"CDS names a new KSK before caches have it", "rules.go", "\t\t\t(*step).ownServe,\n", "",
		&mutation{"", "cds.go", "\t\t\tif want.has(k) {\n\t\t\t\tz.standsOn(", "\t\t\tif want.has(k) && i > 0 {\n\t\t\t\tz.standsOn(", nil}},
	{"the old DS is not looked for, nor the new one", "ownkeys.go", "\t\tz.dsNowhere(h, k)\n", "",
		&mutation{"", "ownkeys.go", "\tz.dsEverywhere(h, next)\n\tif !z.f.Keys[next].Double {", "\tif !z.f.Keys[next].Double {", nil}},
	{"DoubleDS does not wait for the DS", "rules.go", "\t\t\t(*step).doubleDSEverywhere,\n", "",
		&mutation{"", "ownkeys.go", "\tz.dsEverywhere(h, next)\n\tif !z.f.Keys[next].Double {", "\tif !z.f.Keys[next].Double {", nil}},

	{"a lifetime that ends begins a rollover beside another", "goal.go", "if before < 0 {", "if before < len(z.f.Keys) {", nil},
	{"a CSK that has left an office stands by for the other", "goal.go", " || key.DataOff != 0 || key.Out != 0 || key.ID.Algorithm", " || key.ID.Algorithm", nil},
	{"a lifetime looks at the other office of a CSK alone", "goal.go", "role.Entry() && old.Out != 0", "role == KSK && old.Out != 0", nil},
	{"a lifetime begins a rollover of the data key beside another", "goal.go", "role.Data() && old.DataOff != 0 || ", "", nil},

	// Algorithm rollovers; A1 to A10 are their steps in docs/PROTOCOL.md.
	{"A2: data without the new signatures is not waited out", "algorithm.go", "noKey, since, ttl, term{resigning, int16(i), resign, nil}, z.way(i))", "noKey, min(since, 1))", nil},
	{"A1: the new keys are published before everyone signs with both", "rules.go", "\t\t\tkeyless((*step).signedByAll),\n", "", nil},
	{"A1: our own signatures are enough to publish the new keys", "algorithm.go", "\t\tif z.member(i) {\n\t\t\tz.signedWith(h, i)", "\t\tif i == 0 {\n\t\t\tz.signedWith(h, i)", nil},
	{"A8: the old keys go while caches have the old DS", "rules.go", "\t\t\tkeyless((*step).algorithmUnasked),\n", "", nil},
	{"A9: DNSKEY RRsets with the old keys are not waited out", "algorithm.go", "s.Clear, z.keyTTL(i), z.way(i))", "min(s.Clear, 1))", nil},
	{"A9: the old signatures go with our own keys", "algorithm.go", "\t\tif z.member(i) {\n\t\t\tz.clearOf(h, i)", "\t\tif i < 0 {\n\t\t\tz.clearOf(h, i)", nil},

	// A signer of other software signs gradually with the new algorithm
	// (PROTOCOL whole-zone-proves-algorithm).
	{"H4: a sample is proof of the whole", "algorithm.go", "case resign == 0 && s.Whole == 0 || known != nil && known.Lacks:", "case known != nil && false:", nil},
	{"H4: the re-signing time is not waited for", "algorithm.go", "ttl, term{resigning, int16(i), resign, nil}, z.way(i))", "ttl, z.way(i))", nil},
	{"H4: a transfer speaks for servers that lag", "proof.go", "&& !a.reached(p.Serial)", "&& n < 0", nil},
	{"H4: signatures that are lost again are not missed", "rules.go", "\t\t\tkeyless((*step).signedByForeign),\n", "", nil},
	{"H4: what transfers no longer show stays proof", "proof.go", "\t\t\tp[i].Serial, p[i].Lacks = a.Serial, true\n", "", nil},
	{"H4: an algorithm waits for rollovers that a peer keeps from ending", "algorithm.go", "z.rolling && !z.overtaken()", "z.rolling", nil},

	// Going insecure and secure again (PROTOCOL rrsig-stays-while-ds-cached).
	{"signatures go while caches have the DS", "hold.go", "z.f.NoDS, z.dsTTL())", "min(z.f.NoDS, 1))",
		&mutation{"", "insecure.go", "\tz.olderCDS(&h, noKey, z.f.Deletion)\n", "", nil}},
	{"one signer goes insecure although others ask for a DS", "insecure.go", "\tz.allAskForDeletion(&h)\n", "", nil},

	// Emergencies (PROTOCOL emergency-skips-waits-not-looks).
	{"a compromised key goes without any wait", "hold.go", "hasty: z.f.Keys[k].Hasty}", "hasty: z.f.Keys[k].Compromised}", nil},

	// Beginnings (PROTOCOL joiner-answers-last, no-new-keys-beside-a-ds).
	{"a joiner answers everyone at once", "decide.go", "\t\tz.f.Joining, z.f.Known = z.t, false\n", "", nil},
	{"a joiner answers everyone before all ask for its DS", "join.go", "\tz.askedByAll(&h, next)\n", "", nil},
	{"a delegated signer without keys makes new ones", "decide.go", "\tif z.delegated() {\n", "\tif false {\n", nil},
	{"keys without a state are no reason to ask", "decide.go", "return whyOurs", "return refusesNobody", nil},

	// What was looked at, and what we have served.
	{"what was not looked at is not there", "roll.go", "if seen.Looked {", "if now.After(time.Time{}) {", nil},
	{"the TTL of our data is what it is now", "served.go", "plain(dataTTL, v.MaxTTL)", "plain(dataTTL, z.f.Served[len(z.f.Served)-1].MaxTTL)", nil},
	{"a version is past when the next is shown", "served.go", "\t\tpassed, behind = false, behind || a.State == Good\n", "", nil},
	{"a version that comes back at a server is past", "served.go", "\t\tcase behind:\n\t\t\tv.Passed = 0\n", "\t\tcase behind && v.Passed == 0:\n", nil},

	{"an address that answers in part counts as good", "observe.go", "\t\tcase Good:\n\t\t\tkeyTTL", "\t\tcase Good, Partial:\n\t\t\tkeyTTL", nil},
	{"what was served before the first look had the TTLs of today", "hold.go", "earlier != 0 && met", "earlier < 0 && met", nil},
	{"a DS set that is gone without an order is gone for good", "ownkeys.go", "\tif z.neverDS() {\n\t\treturn", "\tif z.noDS() {\n\t\treturn", nil},
	{"where no parent is configured there is no DS", "step.go", "p.Parent == ParentNone && z.f.Secured", "p.Parent == ParentNone && z.f.Secured && len(p.Signer) > 99", nil},
	{"an address that nothing names any more is forgotten at once", "named.go", "\t\t\tz.addUnasked(&n)\n", "", nil},
	{"what fell is forgotten: the TTL that named an address", "named.go", "\t\t\t\tn.Held = max(n.Held, z.t+n.For)\n", "", nil},
	{"the TTL that named an address counts anew when it is let go", "named.go", "n.Signer, n.seen, n.For = signer, true, moment(keep)", "n.Signer, n.seen, n.For = signer, true, max(n.For, moment(keep))", nil},
	{"a zone goes insecure while caches have a DS that nobody saw", "hold.go", "\tz.firstDS(h)\n\tz.pass(h, dsOutOfCaches, noKey", "\tz.pass(h, dsOutOfCaches, noKey", nil},
	{"data of a peer's key that stopped is gone when its TTL has passed", "decide.go", "z.t < z.ends(key.LastSig, terms[:]...)", "z.t < z.ends(key.LastSig, terms[:1]...)", nil},
	{"what an older program has forgotten is a later key of ours", "outrun.go", " || z.f.PastFrom != 0 && z.t < z.f.PastFrom+pastUnknown", "", nil},
	{"a peer that an old state did not know yet tells nothing of later keys", "outrun.go", "Knew && !keys.meets(&ours) ||", "Knew && ours == ours ||", nil},
	{"an old state believes a peer only when all of it is seen", "recover.go", "a.shows() && !a.Transfer && is(", "a.State == Good && !a.Transfer && is(", nil},
	{"an outrun state is not remembered", "outrun.go", "if next.f.Outrun && !s.f.Outrun {", "if next.f.Outrun && s.f.Outrun {", nil},
	{"a TTL of the data that rises in the midst of a rollover is missed", "served.go", "return v.MaxTTL == o.MaxTTL && v.KeyTTL == o.KeyTTL", "return v.MaxTTL >= o.MaxTTL*0 && v.KeyTTL == o.KeyTTL", nil},
	{"a TTL of the keys that rises in the midst of a rollover is missed", "served.go", "return v.MaxTTL == o.MaxTTL && v.KeyTTL == o.KeyTTL", "return v.MaxTTL == o.MaxTTL && v.KeyTTL >= o.KeyTTL*0", nil},

	// What the parent hears (PROTOCOL I5, I8, cds-is-safe-for-all).
	{"the parent is told before everyone agrees", "rules.go", "\t\t\tkeyless((*step).agreed),\n", "", nil},
	{"CDS is signed by data keys alone", "show.go", "if entry || key.signing() {", "if key.signing() {", nil},
	{"a gap between looks at the parent restarts no wait", "observe.go", "restart = restart || gap\n\t\t\t*last = now", "restart = restart || gap && false\n\t\t\t*last = now", nil},

	// Injuries and clashes (PROTOCOL injury-stops-rollovers,
	// used-key-with-a-shared-tag-rolls).
	{"nobody looks for injuries", "rules.go", "\t\tz.checkHealth() // what is broken holds all of them up\n", "", nil},
	{"a new key does not yield its tag", "yield.go", "\t\tif other == nil {", "\t\tif true {", nil},
	{"a peer's keys of one tag are all taken over", "intake.go", "if !fits {", "if false {", nil},
	{"a rollover away from a clash waits for who made it", "intake.go", "return old.signing() && z.clashes(old)", "return old.signing() && false", nil},
	{"new keys may have a tag in sight", "goal.go", "\t\tr.Avoid = append(r.Avoid, tag, tag+128, tag-128) // RFC 5011: REVOKE adds 128\n", "\t\t_ = tag\n", nil},
}
