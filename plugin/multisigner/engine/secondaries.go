package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// notes are what is known since the start of those who are told of changes: what they
// answered, and what they fetched.
type notes struct {
	mu       sync.Mutex
	of       map[netip.AddrPort]*note
	supplied map[string]*note // of signers that have our keys with the content
}

type note struct {
	wanted   *zone.Version // of which it is to be told
	underway bool          // a NOTIFY is
	notify   *status.Notify
	transfer *status.Transfer
	has      *uint32 // of a signer that is supplied: the serial that it has for sure; nil: it is not known
}

// at gives the note of an address; the caller holds the lock.
func (n *notes) at(addr netip.AddrPort) *note {
	if n.of == nil {
		n.of = map[netip.AddrPort]*note{}
	}
	if n.of[addr] == nil {
		n.of[addr] = &note{}
	}
	return n.of[addr]
}

// want notes that an address is to be told of v; false when somebody is at it, who goes
// on with v when what he does has ended.
func (n *notes) want(addr netip.AddrPort, v *zone.Version) (begin bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.at(addr)
	at.wanted = v
	begin = !at.underway
	at.underway = true
	return begin
}

// next gives the version of which an address is to be told now; nil for none, and
// then nobody is at it any more.
func (n *notes) next(addr netip.AddrPort) (v *zone.Version) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.at(addr)
	v, at.wanted = at.wanted, nil
	at.underway = v != nil
	return v
}

// answered notes what came of a NOTIFY, and gives what came of the one before; nil for none.
func (n *notes) answered(addr netip.AddrPort, now *status.Notify) (before *status.Notify) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.at(addr)
	before, at.notify = at.notify, now
	return before
}

// notify sends a NOTIFY for v and notes its answer. What comes of it is logged when it
// is another than before.
func (e *Engine) notify(ctx context.Context, z *Zone, notes *notes, to ask.Server, v *zone.Version) {
	now := &status.Notify{At: e.clock.Now(), Serial: v.Serial(), Taken: true, Answer: "NOERROR"}
	var hint dns.RR
	if soa := v.SOA().RRs(); len(soa) > 0 {
		hint = soa[0]
	}
	if err := e.client.Notify(ctx, to, z.apex.String(), dns.TypeSOA, hint); err != nil {
		now.Taken, now.Answer, now.Cure = false, err.Error(), e.cureOf(ctx, z, to, err)
	}
	before := notes.answered(to.Addr, now)
	switch {
	case !now.Taken && e.life.Err() == nil && (before == nil || before.Answer != now.Answer):
		e.log.Warn("a NOTIFY was not taken", "zone", z.apex, "to", to.Addr, "serial", now.Serial, "error", now.Answer, "do", now.Cure)
	case now.Taken && before != nil && !before.Taken:
		e.log.Info("a NOTIFY is taken again", "zone", z.apex, "to", to.Addr, "serial", now.Serial)
	}
}

// cureOf says what helps against a NOTIFY that was not taken. A server takes NOTIFYs from
// addresses, and by keys, that its own configuration names.
func (e *Engine) cureOf(ctx context.Context, z *Zone, to ask.Server, err error) string {
	refused := (*ask.Refused)(nil)
	if !z.Config().feeds(to.Addr) {
		return "nothing, if it sees changes by itself: a peer that takes no NOTIFY looks less often"
	}
	switch {
	case errors.Is(err, ask.ErrTSIG) && to.TSIG != nil:
		return "give both servers the same secret and algorithm for the key " + to.TSIG.Name
	case !errors.As(err, &refused):
		return "see that it runs and can be reached from here"
	}
	from := "this server"
	if addr, ok := e.client.Leaves(ctx, to.Addr); ok {
		from = addr.String()
	}
	if to.TSIG != nil {
		from += " with the key " + to.TSIG.Name
	}
	return fmt.Sprintf("let it serve the zone, and take NOTIFYs for it from %s; `outgoing` sets the address from which they leave here", from)
}

// feeds reports whether a secondary listens at an address.
func (c *Config) feeds(addr netip.AddrPort) bool {
	return slices.ContainsFunc(c.Secondaries, func(s Secondary) bool { return s.Server.Addr == addr })
}

// tellBehind tells the secondaries again that the last look has seen without the
// version that is served: a NOTIFY was lost, or a reload has brought the secondary.
// One that does not answer at all is told when it does.
func (e *Engine) tellBehind(z *Zone, cfg *Config) {
	serving := z.Serving()
	if serving.Version == nil || serving.Refuse != "" && !serving.Feeds {
		return // they would get nothing
	}
	var behind []ask.Server
	for _, s := range cfg.Secondaries {
		for _, a := range z.work.sight.self.Addresses {
			if a.Server.Addr == s.Server.Addr && a.Status != peer.Unreachable && lacks(a, serving.Version.Serial()) {
				behind = append(behind, s.Server)
			}
		}
	}
	e.tellAll(z, &z.notes, behind, serving.Version)
}

// lacks reports whether an address was seen without serial, or a later one.
func lacks(a peer.Address, serial uint32) bool {
	soa := a.Sets[zone.TypeSOA]
	return !soa.Exists() || zone.SerialAfter(serial, soa.Rdata.Serial())
}

// Transferred notes what came of a transfer that somebody asked for: full, current, or
// why there was none. serial is that of the version served. Others than secondaries, and signers that are
// supplied, are passed over.
func (z *Zone) Transferred(from netip.AddrPort, key string, serial uint32, result string) {
	if c, is := z.Config().content(key); is {
		if c.For != "" {
			z.notes.transferredTo(c.For, status.Transfer{At: z.engine.clock.Now(), Serial: serial, Result: result})
		}
		return
	}
	s, ok := z.Config().secondary(from.Addr(), key)
	if !ok {
		return
	}
	z.notes.mu.Lock()
	defer z.notes.mu.Unlock()
	z.notes.at(s).transfer = &status.Transfer{At: z.engine.clock.Now(), Serial: serial, Result: result}
}

// secondary finds the secondary that asks from an address, by its key where several
// have that address; or, as it may ask from another than it listens at, the only one
// with its key.
func (c *Config) secondary(from netip.Addr, key string) (at netip.AddrPort, ok bool) {
	var byAddress, byKey []netip.AddrPort
	for _, s := range c.Secondaries {
		here, signed := s.Server.Addr.Addr() == from, s.Server.TSIG != nil && s.Server.TSIG.Name == key
		switch {
		case here && signed:
			return s.Server.Addr, true
		case here:
			byAddress = append(byAddress, s.Server.Addr)
		case signed:
			byKey = append(byKey, s.Server.Addr)
		}
	}
	switch {
	case len(byAddress) > 0:
		return byAddress[0], true
	case len(byKey) == 1:
		return byKey[0], true
	}
	return netip.AddrPort{}, false
}

// secondaries are what is known of each; s has what the last look saw.
func (z *Zone) secondaries(s status.Zone) []status.Secondary {
	all := []status.Secondary{}
	z.notes.mu.Lock()
	defer z.notes.mu.Unlock()
	for _, each := range z.Config().Secondaries {
		at := z.notes.at(each.Server.Addr)
		out := status.Secondary{Address: each.Server.Addr.String(), Notify: at.notify, Transfer: at.transfer}
		if i := slices.IndexFunc(s.Self, func(a status.Address) bool { return a.Address == out.Address }); i >= 0 {
			out.Seen, out.Serial, out.State = s.Self[i].Seen, s.Self[i].Serial, s.Self[i].State
			out.Behind = out.Serial != 0 && zone.SerialAfter(s.Serial, out.Serial)
		}
		all = append(all, out)
	}
	return all
}
