package corefile

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Build makes a Site of each zone of a block without faults. Relative paths start
// at root; secrets are those of the TSIG keys.
func (c *Config) Build(root string, secrets map[string]string) []Site {
	sites, dir := make([]Site, 0, len(c.Zones)), under(root, c.State)
	for _, name := range c.Zones {
		apex := zone.MustName(name)
		config := c.engineConfig(apex, root, secrets)
		sites = append(sites, Site{Dir: dir, Config: &config})
	}
	return sites
}

func (c *Config) engineConfig(apex zone.Name, root string, secrets map[string]string) engine.Config {
	e := engine.Config{
		Apex:        apex,
		Where:       c.Where,
		Signer:      c.Signer,
		Addresses:   c.Addresses,
		Outgoing:    c.Outgoing,
		Split:       !c.CSK,
		Algorithm:   c.Algorithm,
		Tags:        c.tags(),
		Denial:      denials[c.Denial],
		Serial:      serials[c.Serial],
		LifetimeKSK: c.LifetimeKSK,
		LifetimeZSK: c.LifetimeZSK,
		Validity:    c.Validity,
		Refresh:     c.Refresh,
		DNSKEYTTL:   c.DNSKEYTTL,
		Margin:      c.Margin,
		Propagation: c.Propagation,
		EarlierTTL:  c.EarlierTTL,
		Ignore:      c.Ignore,
		AlarmAfter:  c.AlarmAfter,
		Standby:     c.Standby,
		LookBusy:    c.LookBusy,
		LookIdle:    c.LookIdle,
		RefreshMin:  c.RefreshMin, RefreshMax: c.RefreshMax, ServeExpired: c.ServeExpired,
		Parent: engine.Parent{
			Mode: c.Parent, Servers: c.ParentServers, Resolver: c.Resolver,
			Manual: c.ParentManual, Notify: c.ParentNotify, Silent: c.ParentSilent,
		},
	}
	if c.File != "" {
		e.File = under(root, strings.ReplaceAll(c.File, "{zone}", kept.FileName(apex)))
	}
	for _, p := range c.Primaries {
		e.Primaries = append(e.Primaries, p.server(root, secrets))
	}
	e.Hook, e.Review = program(root, named(c.Hook, apex)), c.Review
	e.Review.Content, e.Review.Signed = program(root, named(c.Review.Content, apex)), program(root, named(c.Review.Signed, apex))
	if c.DoubleDS {
		e.Variant = roll.DoubleDS
	}
	if c.Parent == engine.ParentResolver && c.ResolverAnchor != "" {
		e.Parent.Anchor = under(root, c.ResolverAnchor)
	}
	for _, a := range c.ParentUpdate {
		e.Parent.Update = append(e.Parent.Update, ask.Server{Addr: a, TSIG: c.UpdateKey.tsig(secrets)})
	}
	for _, s := range c.Secondaries {
		e.Secondaries = append(e.Secondaries, engine.Secondary{Server: ask.Server{Addr: s.Address, TSIG: s.Key.tsig(secrets)}, TLS: s.TLS})
	}
	for _, a := range c.AllowTransfer {
		e.AllowTransfer = append(e.AllowTransfer, engine.Allow{Prefix: a.Prefix, Key: a.Key.Name, TLS: a.TLS})
	}
	for _, u := range c.Updates {
		// Below the long name of a member a pattern may be none, and then it is for no name.
		if g, ok := u.grant(apex); ok {
			e.Updates = append(e.Updates, g)
		}
	}
	for _, t := range c.Contents {
		e.Contents = append(e.Contents, engine.Content{TSIG: t.Key.tsig(secrets), Told: t.Addresses, For: t.For})
	}
	if c.Produced != "" {
		e.Produced = engine.Produced{Catalog: zone.MustName(c.Produced), Group: c.ProducedIn}
	}
	if c.Forward != nil {
		e.Forward, e.ForwardKey = true, c.Forward.Key.tsig(secrets)
	}
	for _, p := range c.Peers {
		e.Peers = append(e.Peers, p.engineConfig(apex, secrets))
	}
	return e
}

// program is a command, of which a path with a slash starts at root.
func program(root string, command []string) []string {
	command = slices.Clone(command)
	if len(command) > 0 && strings.Contains(command[0], "/") {
		command[0] = under(root, command[0])
	}
	return command
}

func (p Primary) server(root string, secrets map[string]string) ask.Server {
	s := ask.Server{Addr: p.Address, TSIG: p.Key.tsig(secrets), TLS: p.TLS}
	if s.TLS.CA != "" {
		s.TLS.CA = under(root, s.TLS.CA)
	}
	return s
}

// grant is the line for one zone; ok is false where its patterns do not fit below.
func (u Update) grant(apex zone.Name) (g update.Grant, ok bool) {
	names, err := update.ParsePatterns(u.Names, apex)
	return update.Grant{Key: u.Key.Name, Algorithm: u.Key.Algorithm, Names: names, Types: u.Types}, err == nil
}

// named puts the zone's name in the place of {zone} in a command and its arguments.
func named(command []string, apex zone.Name) []string {
	command = slices.Clone(command)
	for i := range command {
		command[i] = strings.ReplaceAll(command[i], "{zone}", kept.FileName(apex))
	}
	return command
}

var denials = map[string]denial.Mode{"nsec": denial.NSEC, "nsec3": denial.NSEC3, "nsec3-optout": denial.NSEC3OptOut}

var serials = map[string]sign.SerialPolicy{"increment": sign.Increment, "unixtime": sign.UnixTime, "date": sign.Date}

func (p Peer) engineConfig(apex zone.Name, secrets map[string]string) engine.Peer {
	e := engine.Peer{
		Name:        p.Name,
		Addresses:   p.Addresses,
		TSIG:        p.Key.tsig(secrets),
		Via:         peer.Query,
		Foreign:     p.Foreign,
		Online:      p.Online,
		Resign:      p.Resign,
		Propagation: p.Propagation,
		Where:       p.Where,
	}
	if p.Via == "axfr" || p.Via == "" && p.Key.Name != "" {
		e.Via = peer.AXFR
	}
	switch p.Trust {
	case "parent":
		e.Trust.Mode = peer.TrustParent
	case "ds":
		e.Trust.Mode = peer.TrustDS
		e.Trust.DS = p.dsSet(apex)
	default:
		e.Trust.Mode = peer.TrustTSIG
	}
	return e
}

func (p Peer) dsSet(apex zone.Name) zone.RRset {
	var rdata []string
	for _, ds := range p.DS {
		if _, _, _, r, err := zone.FromRR(ds); err == nil {
			rdata = append(rdata, r)
		}
	}
	return zone.RRset{Name: apex, Type: zone.TypeDS, Rdata: zone.Pack(rdata...)}
}

func (k Key) tsig(secrets map[string]string) *ask.TSIG {
	if k.Name == "" {
		return nil
	}
	return &ask.TSIG{Name: k.Name, Algorithm: k.Algorithm, Secret: secrets[k.Name]}
}

// tags gives each signer of a group a class of its own without anybody having to
// number them: all know the same names, and sort them alike.
func (c *Config) tags() engine.Tags {
	if c.Tags != nil {
		return *c.Tags
	}
	names := []string{c.Signer}
	for _, p := range c.Peers {
		names = append(names, p.Name)
	}
	if len(names) == 1 {
		return engine.Tags{}
	}
	slices.Sort(names)
	i, n := slices.Index(names, c.Signer), len(names)
	return engine.Tags{Lo: uint16(i * 65536 / n), Hi: uint16((i+1)*65536/n - 1)}
}

func under(root, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(root, path)
}
