package corefile

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Check says what is wrong with a block as a whole, given the TSIG secrets of its
// server block by name.
func (c *Config) Check(secrets map[string]string) Faults {
	var f Faults
	c.checkCatalogs(&f, secrets)
	if len(c.Zones) == 0 && !c.template && c.given.meant("catalog") {
		return f // what stands around catalogs is checked with each of their groups
	}
	c.checkZones(&f)
	c.checkProduced(&f)
	c.checkPrimaries(&f)
	c.checkSigning(&f)
	c.checkParent(&f)
	c.checkKeys(&f, secrets)
	c.checkUpdates(&f)
	c.checkForward(&f)
	c.checkContents(&f)
	c.checkPeers(&f)
	return f
}

func (c *Config) checkZones(f *Faults) {
	if len(c.Zones) == 0 && !c.template {
		f.add(c.Where, "no zone: name it behind multisigner, or before the server block")
	}
	seen := make(map[zone.Name]bool)
	for _, name := range c.Zones {
		apex, err := zone.ParseName(name)
		if err != nil {
			f.add(c.Where, "%q is no zone name: %v", name, err)
			continue
		}
		if seen[apex] {
			f.add(c.Where, "zone %s stands there twice", apex)
		}
		seen[apex] = true
	}
	switch {
	case !c.given.meant("file") && !c.given.meant("primary"):
		f.add(c.Where, "no file and no primary: add file PATH, the unsigned zone, or primary ADDRESS..., a server that has it")
	case c.has("file") && c.has("primary") && !slices.ContainsFunc(c.Contents, func(t Content) bool { return t.For == "" }):
		f.add(c.at("primary"), "file stands at %s already: the zone's content comes from one of them: keep file or primary, or add content-transfer key NAME, where signers have the content of one of them and that may become another", c.given["file"])
	}
	if c.has("review") && len(c.Updates) > 0 && c.Forward == nil {
		f.add(c.at("review"), "review, and update: who sends an update is told when it is served, and cannot wait for a review: keep one, or have updates go to a primary by update forward")
	}
	switch {
	case c.has("review-timeout") && !c.has("review"):
		f.add(c.at("review-timeout"), "review-timeout, and no review: add review content COMMAND or review signed COMMAND")
	case c.has("review-timeout") && c.Review.Limit < time.Second:
		f.add(c.at("review-timeout"), "review-timeout %s: it is at least 1s", c.Review.Limit)
	}
	if c.has("file") && c.template && !strings.Contains(c.File, "{zone}") {
		f.add(c.at("file"), "one file for all zones of a group: put {zone} where their names differ, as in db.{zone}")
	}
	if c.has("file") && len(c.Zones) > 1 && !strings.Contains(c.File, "{zone}") {
		f.add(c.at("file"), "one file for %d zones: put {zone} where their names differ, as in db.{zone}", len(c.Zones))
	}
}

func (c *Config) checkPrimaries(f *Faults) {
	for _, how := range []string{"primary-refresh", "primary-expire"} {
		if c.has(how) && !c.given.meant("primary") {
			f.add(c.at(how), "%s, and no primary: it is for zones that are fetched", how)
		}
	}
	if c.has("primary-refresh") && (c.RefreshMin < time.Second || c.RefreshMax < c.RefreshMin) {
		f.add(c.at("primary-refresh"), "primary-refresh %s %s: the first is the shorter one, and at least 1s", c.RefreshMin, c.RefreshMax)
	}
	stands := make(map[netip.AddrPort]string)
	for _, p := range c.Primaries {
		if where, ok := stands[p.Address]; ok {
			f.add(p.Where, "primary %s stands at %s already: keep one of them", p.Address, where)
		}
		stands[p.Address] = p.Where
		if slices.Contains(c.Addresses, p.Address) {
			f.add(p.Where, "primary %s is the address of signer %s, at which we serve the signed zone: name the server that has the unsigned one", p.Address, c.Signer)
		}
	}
}

// maxTTL is the largest TTL there is (RFC 2181 8).
const maxTTL = (1<<31 - 1) * time.Second

func (c *Config) checkSigning(f *Faults) {
	if c.CSK && c.has("lifetime zsk") {
		f.add(c.at("lifetime zsk"), "keys csk makes no ZSK: write lifetime ksk for the lifetime of the CSK")
	}
	if c.Refresh <= 0 || c.Refresh >= c.Validity {
		f.add(c.at("signatures"), "signatures are valid for %s and renewed when %s is left: they must be renewed before they end", c.Validity, c.Refresh)
	}
	if c.Refresh > 0 && c.Refresh <= c.Margin && c.Refresh < c.Validity {
		f.add(c.at("signatures"), "signatures are renewed when %s is left, and the margin for clocks that differ is %s: renew them earlier", c.Refresh, c.Margin)
	}
	if c.DNSKEYTTL < time.Second || c.DNSKEYTTL > maxTTL || c.DNSKEYTTL%time.Second != 0 {
		f.add(c.at("ttl"), "ttl dnskey %s: a TTL is a whole number of seconds, at least one", c.DNSKEYTTL)
	}
	// An RSA modulus is a product of two large primes and no multiple of 3 or 5, and
	// the tag, a sum modulo 65535, remembers that: some remainders never come.
	if rsa := c.Algorithm == dns.RSASHA256 || c.Algorithm == dns.RSASHA512; rsa && c.Tags != nil && c.Tags.Mod != 0 && (c.Tags.Mod%3 == 0 || c.Tags.Mod%5 == 0) {
		f.add(c.at("key-tags"), "key-tags %d/%d: RSA keys do not have tags of every such remainder: share them out as ranges, as in key-tags 0-21844", c.Tags.Residue, c.Tags.Mod)
	}
	// A rollover takes about three waits; a lifetime below that asks for the next
	// key before this one is in use.
	least := 3 * (c.DNSKEYTTL + c.Margin)
	for what, lifetime := range map[string]time.Duration{"lifetime ksk": c.LifetimeKSK, "lifetime zsk": c.LifetimeZSK} {
		if c.has(what) && lifetime != 0 && lifetime < least {
			f.add(c.at(what), "%s %s: a rollover takes at least %s with these ttl and margin; 0 is: only when told to", what, lifetime, least)
		}
	}
	if c.LookBusy < time.Millisecond || c.LookIdle < c.LookBusy {
		f.add(c.at("look"), "look %s %s: the first is the shorter one, and not 0", c.LookBusy, c.LookIdle)
	}
}

func (c *Config) checkParent(f *Faults) {
	switch {
	case !c.given.meant("parent"):
		f.add(c.Where, "no parent: add parent ADDRESS..., parent resolver, or parent none if the zone has no DS and shall get none")
	case c.Parent == engine.ParentResolver && !c.given.meant("resolver"):
		f.add(c.at("parent"), "parent resolver needs to know which: add resolver ADDRESS")
	}
	for _, how := range []string{"parent-notify", "parent-update"} {
		switch {
		case !c.has(how):
		case c.ParentManual:
			f.add(c.at(how), "%s, and parent ... manual: the parent is told, or a person carries the DS: keep one", how)
		case c.has("parent") && c.Parent == engine.ParentNone:
			f.add(c.at(how), "%s, but parent none: there is nobody to tell, and nothing to tell it", how)
		}
	}
}

func (c *Config) checkKeys(f *Faults, secrets map[string]string) {
	for _, k := range c.keys() {
		secret, ok := secrets[k.Name]
		if !ok {
			f.add(k.Where, "no secret for key %s: add tsig { secret %s SECRET } to this server block", k.Name, k.Name)
			continue
		}
		if raw, err := base64.StdEncoding.DecodeString(secret); err != nil || len(raw) == 0 {
			f.add(k.Where, "the secret of key %s is not base64: make one with tsig-keygen, or openssl rand -base64 32", k.Name)
		}
	}
}

// checkUpdates reads the patterns for every zone of the block, and holds a key to one
// algorithm: a secret is for its own alone.
func (c *Config) checkUpdates(f *Faults) {
	algorithms := map[string]string{}
	for _, u := range c.Updates {
		is, ok := algorithms[u.Key.Name]
		switch {
		case u.Key.Algorithm == "":
			continue // it was told
		case !ok:
			algorithms[u.Key.Name] = u.Key.Algorithm
		case is != u.Key.Algorithm:
			f.add(u.Key.Where, "update key %s: it is of %s in another line, and of %s here: a key has one algorithm", u.Key.Name, strings.TrimSuffix(is, "."), strings.TrimSuffix(u.Key.Algorithm, "."))
		}
		zones := c.Zones
		if c.template {
			zones = []string{anyMember.String()}
		}
		for _, name := range zones {
			apex, err := zone.ParseName(name)
			if err != nil {
				continue // it was told
			}
			if _, err := update.ParsePatterns(u.Names, apex); err != nil {
				f.add(u.Key.Where, "update: name %v", err)
				break
			}
		}
	}
}

// checkForward sees to it that updates go where the content is changed, and that there is a
// key to pass them on with.
func (c *Config) checkForward(f *Faults) {
	switch {
	case c.Forward == nil:
		if len(c.Updates) > 0 && c.has("primary") {
			f.add(c.Updates[0].Key.Where, "update key, and primary: the content is changed at the primary: add update forward, to pass on to it what this key may send, or send updates there")
		}
		return
	case !c.has("primary"):
		f.add(c.Forward.Where, "update forward, and no primary: there is nobody to pass updates on to: add primary ADDRESS..., or take updates here by update key alone")
	case len(c.Updates) == 0:
		f.add(c.Forward.Where, "update forward, and no update key: nobody may send updates that could be passed on: add update key NAME")
	}
	for _, p := range c.Primaries {
		if p.Key.Name == "" && c.Forward.Key.Name == "" {
			f.add(c.Forward.Where, "update forward: primary %s has no key to sign updates with: write update forward key NAME", p.Address)
		}
	}
}

// checkContents sees to it that a key stands for one view of the zone: whoever signs with
// that of content gets the unsigned one.
func (c *Config) checkContents(f *Faults) {
	for i, t := range c.Contents {
		other := func(what string, k Key) {
			if k.Name == t.Key.Name {
				f.add(t.Key.Where, "content-transfer key %s: it is the key of %s, too, which gets the signed zone: a key stands for one of them", t.Key.Name, what)
			}
		}
		for _, s := range c.Secondaries {
			other("secondary "+s.Address.String(), s.Key)
		}
		for _, a := range c.AllowTransfer {
			other("allow-transfer", a.Key)
		}
		for _, p := range c.Peers {
			other("peer "+p.Name, p.Key)
		}
		if at := slices.IndexFunc(c.Peers, func(p Peer) bool { return p.Name == t.For }); t.For != "" && at < 0 {
			f.add(t.Key.Where, "content-transfer for %s: there is no peer of that name: add peer %[1]s { ... } with foreign in it", t.For)
		} else if t.For != "" && !c.Peers[at].Foreign {
			f.add(t.Key.Where, "content-transfer for %s: that peer is not foreign, and finds our keys itself: leave out for %[1]s", t.For)
		}
		for _, before := range c.Contents[:i] {
			switch {
			case before.Key.Name == t.Key.Name:
				f.add(t.Key.Where, "content-transfer key %s stands at %s already: keep one of them", t.Key.Name, before.Key.Where)
			case before.For == t.For && t.For != "":
				f.add(t.Key.Where, "content-transfer for %s stands at %s already: keep one of them", t.For, before.Key.Where)
			}
		}
	}
}

// keys lists the TSIG keys that the block names, each once.
func (c *Config) keys() []Key {
	var all []Key
	add := func(k Key) {
		if k.Name != "" && !slices.ContainsFunc(all, func(o Key) bool { return o.Name == k.Name }) {
			all = append(all, k)
		}
	}
	for _, p := range c.Primaries {
		add(p.Key)
	}
	for _, s := range c.Secondaries {
		add(s.Key)
	}
	for _, a := range c.AllowTransfer {
		add(a.Key)
	}
	for _, u := range c.Updates {
		add(u.Key)
	}
	for _, p := range c.Peers {
		add(p.Key)
	}
	add(c.UpdateKey)
	if c.Forward != nil {
		add(c.Forward.Key)
	}
	for _, t := range c.Contents {
		add(t.Key)
	}
	return all
}

func (c *Config) checkPeers(f *Faults) {
	if len(c.Peers) > 0 && !c.given.meant("signer") {
		f.add(c.Where, "no signer: add signer NAME [ADDRESS...], the name by which peers know us")
	}
	owner := make(map[netip.AddrPort]string)
	for _, a := range c.Addresses {
		owner[a] = "signer " + c.Signer
	}
	named := map[string]string{c.Signer: c.at("signer")}
	if n := len(c.Peers); n > roll.PeersAtMost {
		f.add(c.Peers[roll.PeersAtMost].Where, "%d peers: a zone may have %d at most, because every step waits for each of them", n, roll.PeersAtMost)
	}
	for i := range c.Peers {
		p := &c.Peers[i]
		if where, ok := named[p.Name]; ok {
			f.add(p.Where, "peer %s: that name stands at %s already", p.Name, where)
		}
		named[p.Name] = p.Where
		if len(p.Addresses) == 0 && !p.given.meant("address") {
			f.add(p.Where, "peer %s has no address: add address ADDRESS...", p.Name)
		}
		for _, a := range p.Addresses {
			if whose, ok := owner[a]; ok {
				f.add(p.Where, "peer %s: %s is the address of %s", p.Name, a, whose)
			}
			owner[a] = "peer " + p.Name
		}
		if p.Online && !p.Foreign {
			f.add(p.Where, "peer %s: online is for foreign signers: another multisigner keeps its signatures", p.Name)
		}
		if p.Resign > 0 && !p.Foreign {
			f.add(p.Where, "peer %s: resign is for foreign signers: another multisigner signs everything at once", p.Name)
		}
		c.checkTrust(f, p)
	}
}

// checkTrust sees to it that there is a way to believe the peer at the very
// beginning: without one both sides would wait for ever.
func (c *Config) checkTrust(f *Faults, p *Peer) {
	switch {
	case p.Trust == "" && p.Key.Name == "" && (p.given.meant("trust") || p.given.meant("key")):
		// what was written of it has its fault
	case p.Trust == "" && p.Key.Name == "":
		f.add(p.Where, "peer %s: how shall it be believed? Add key NAME, or trust parent, or trust ds ...", p.Name)
	case p.Trust == "tsig" && p.Key.Name == "":
		f.add(p.Where, "peer %s: trust tsig needs a key: add key NAME", p.Name)
	case p.Trust == "parent" && c.has("parent") && c.Parent == engine.ParentNone:
		f.add(p.Where, "peer %s: trust parent, but there is no parent to ask: write trust tsig or trust ds", p.Name)
	case p.Trust == "ds" && c.template:
		f.add(p.Where, "peer %s: trust ds is for one zone, and a group has many: add key NAME, or write trust parent", p.Name)
	case p.Trust == "ds" && len(c.Zones) > 1:
		f.add(p.Where, "peer %s: trust ds is for one zone, and this block has %d: give the zone a block of its own", p.Name, len(c.Zones))
	}
}
