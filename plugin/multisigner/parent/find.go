package parent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// maxHosts bounds how many nameservers of a parent are asked.
const maxHosts = 32

// port is where nameservers are asked: NS records name none.
const port = 53

// find asks the resolver for the parent zone, its servers' addresses and its keys.
// The error says what was not found; what was is used.
func (l *look) find(ctx context.Context) error {
	l.noKeys = errors.New("the parent was not found")
	if l.child == zone.Root {
		return errors.New("the root has no parent")
	}
	keysErr := l.findKeys(ctx)
	if l.parent == "" {
		l.unfound = []string{"the nameservers of the parent"}
		return keysErr
	}
	return errors.Join(l.hosts(ctx), keysErr)
}

// findKeys asks for the parent zone and its keys only.
func (l *look) findKeys(ctx context.Context) error {
	parent, err := l.enclosing(ctx, l.child.Parent())
	if err != nil {
		l.noKeys = fmt.Errorf("find the parent of %s: %w", l.child, err)
		return l.noKeys
	}
	l.parent = parent
	l.keys, l.noKeys = l.parentKeys(ctx)
	return l.noKeys
}

// recurse asks the resolver. NXDOMAIN is an answer here, other rcodes are errors.
func (l *look) recurse(ctx context.Context, name zone.Name, t zone.Type, checkingDisabled bool) (*dns.Msg, error) {
	resolver := ask.Server{Addr: l.where.Resolver}
	m, err := l.client.Exchange(ctx, resolver, ask.Recursive(name.String(), uint16(t), checkingDisabled))
	if l.noAnswer == "" && l.parent == "" { // it is the first question
		switch {
		case err != nil:
			l.noAnswer = err.Error()
		case m.Rcode == dns.RcodeRefused || m.Rcode == dns.RcodeNotAuth:
			l.noAnswer = "it answers " + ask.Rcode(m.Rcode)
		}
	}
	if err != nil || m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError {
		return m, err
	}
	why := refused(m)
	if m.Rcode == dns.RcodeServerFailure && !checkingDisabled && why.status != Stale {
		// Was there no answer, or one that it does not believe? It gives that one to who
		// asks for it, and its signatures tell more than its extended errors, which it
		// may not have, or forgets with its cache.
		raw, err := l.client.Exchange(ctx, resolver, ask.Recursive(name.String(), uint16(t), true))
		if err == nil && raw.Rcode != dns.RcodeServerFailure && len(raw.Answer)+len(raw.Ns) > 0 {
			why.status = l.fault(append(sigsIn(raw.Answer), sigsIn(raw.Ns)...))
		}
	}
	return m, fmt.Errorf("ask %s for %s %s: %w", l.where.Resolver, name, t, why)
}

// enclosing is the zone that name is in.
func (l *look) enclosing(ctx context.Context, name zone.Name) (zone.Name, error) {
	m, err := l.recurse(ctx, name, zone.TypeSOA, l.where.Anchor != "")
	if err != nil {
		return "", err
	}
	owner := soaOwner(&dns.Msg{Ns: m.Answer})
	if owner == "" {
		owner = soaOwner(m)
	}
	if owner == "" || !name.Under(owner) {
		return "", fmt.Errorf("%s has no SOA for %s", l.where.Resolver, name)
	}
	return owner, nil
}

// hosts adds every address of every nameserver of the parent to the targets.
func (l *look) hosts(ctx context.Context) error {
	m, err := l.recurse(ctx, l.parent, zone.TypeNS, l.where.Anchor != "")
	if err != nil {
		l.unfound = []string{"the nameservers of " + l.parent.String()}
		return fmt.Errorf("find the servers of %s: %w", l.parent, err)
	}
	var hosts []string
	for _, rr := range m.Answer {
		if ns, ok := rr.(*dns.NS); ok && len(hosts) < maxHosts {
			hosts = append(hosts, ns.Ns)
		}
	}
	type found struct {
		addrs []netip.Addr
		err   error
	}
	all := ask.All(hosts, func(host string) (f found) {
		f.addrs, _, f.err = l.client.Addresses(ctx, ask.Server{Addr: l.where.Resolver}, host)
		return f
	})
	var errs []error
	for i, f := range all {
		routed := func(a netip.Addr) bool { return l.client.Routed(ctx, netip.AddrPortFrom(a, port)) }
		for _, addr := range ask.Reachable(f.addrs, routed) {
			l.add(netip.AddrPortFrom(addr, port), hosts[i])
		}
		if f.err != nil {
			errs = append(errs, f.err)
		}
		if f.err != nil && len(f.addrs) == 0 { // many resolvers stumble over AAAA alone
			l.unfound = append(l.unfound, hosts[i])
		}
	}
	if len(l.targets) == 0 {
		errs = append(errs, fmt.Errorf("no address of a server of %s was found", l.parent))
	}
	return errors.Join(errs...)
}

// add adds a target that is not there yet. A server counts as there whatever the port
// that is configured with its address: NS records have none, and who writes another
// than 53 has something in between.
func (l *look) add(addr netip.AddrPort, host string) {
	if i := slices.IndexFunc(l.targets, func(t target) bool { return t.addr.Addr() == addr.Addr() }); i < 0 {
		l.targets = append(l.targets, target{addr, host})
	} else if l.targets[i].host == "" {
		l.targets[i].host = host
	}
}
