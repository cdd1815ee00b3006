package parent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// ErrNoEndpoint is the error of Discover when the parent names no endpoint: it
// looks by itself, or a person must tell it.
var ErrNoEndpoint = errors.New("the parent has no DSYNC record for it")

// maxLookups bounds one discovery: RFC 9859 4.1 needs three, and more only where
// denials come from ever higher zones.
const maxLookups = 5

// maxServers bounds how many of the configured servers are asked for a DSYNC
// record, one after the other, until one answers.
const maxServers = 8

// Discover finds where child's parent wants to hear of changes of type t, CDS or
// CSYNC (RFC 9859 4.1). With a Resolver the answer must be validated, as the DS is;
// else the configured Servers are asked and believed. The error is ErrNoEndpoint,
// wrapped, when there is validly none; any other means that it is not known.
func Discover(ctx context.Context, c *ask.Client, w Where, child zone.Name, t zone.Type, now time.Time) (Endpoint, error) {
	l := &look{client: c, where: w, child: child, now: now}
	e, err := l.discover(ctx, t)
	if err != nil {
		return Endpoint{}, fmt.Errorf("find where to send NOTIFY(%s) of %s: %w", t, child, err)
	}
	return e, nil
}

func (l *look) discover(ctx context.Context, t zone.Type) (Endpoint, error) {
	if l.child == zone.Root {
		return Endpoint{}, errors.New("the root has no parent")
	}
	if l.where.Anchor != "" {
		if err := l.findKeys(ctx); err != nil {
			return Endpoint{}, err
		}
	}
	var asked []zone.Name
	before := l.child.Ancestor(l.child.Labels() - 1)
	name, err := inserted(l.child, before)
	for err == nil && len(asked) < maxLookups {
		asked = append(asked, name)
		var records []string
		var parent zone.Name
		if records, parent, err = l.dsync(ctx, name); err != nil {
			return Endpoint{}, err
		}
		if len(records) > 0 {
			return choose(records, t)
		}
		name, before, err = l.next(name, before, parent)
		if name == "" || slices.Contains(asked, name) {
			return Endpoint{}, ErrNoEndpoint
		}
	}
	if err == nil {
		err = ErrNoEndpoint
	}
	return Endpoint{}, err
}

// next is the name to look up after name, in which _dsync stands just before the
// labels of before, was denied by the zone parent: just before the parent's own
// labels; after that with nothing in front, for parents that have no wildcard. "" is
// that there is no other.
func (l *look) next(name, before, parent zone.Name) (zone.Name, zone.Name, error) {
	if l.above(parent) && parent != before && before.Under(parent) {
		next, err := inserted(l.child, parent)
		return next, parent, err
	}
	if name == label+before {
		return "", before, nil
	}
	return label + before, before, nil
}

const label = zone.Name("\x06_dsync")

// inserted is child with _dsync just before the labels of parent, which it is under.
func inserted(child, parent zone.Name) (zone.Name, error) {
	name := child[:len(child)-len(parent)] + label + parent
	if len(name) > zone.MaxName {
		return "", fmt.Errorf("there is no room for _dsync in %s", child)
	}
	return name, nil
}

// dsync looks up the DSYNC RRset of name, or the zone that denies it.
func (l *look) dsync(ctx context.Context, name zone.Name) (records []string, parent zone.Name, err error) {
	ask := l.dsyncAtServers
	if l.where.Resolver.IsValid() {
		ask = l.dsyncByResolver
	}
	m, err := ask(ctx, name)
	if err == nil && len(m.Answer)+len(m.Ns)+len(m.Extra) > maxRecords {
		err = errors.New("more records than any DSYNC needs")
	}
	if err == nil {
		records, err = dsyncOf(m.Answer, name)
	}
	if err != nil {
		return nil, "", fmt.Errorf("DSYNC of %s: %w", name, err)
	}
	return records, soaOwner(m), nil
}

func (l *look) dsyncByResolver(ctx context.Context, name zone.Name) (*dns.Msg, error) {
	validates := l.where.Anchor != ""
	m, err := l.recurse(ctx, name, typeDSYNC, validates)
	switch {
	case err != nil:
		return nil, err
	case validates && len(m.Answer)+len(m.Ns) <= maxRecords:
		err = validate.Response(m, m.Question[0], l.parent, l.keys, l.now)
	case !validates && !m.AuthenticatedData:
		err = fmt.Errorf("%s does not vouch for it", l.where.Resolver)
	}
	return m, err
}

// dsyncAtServers asks one server after the other until one answers with authority.
func (l *look) dsyncAtServers(ctx context.Context, name zone.Name) (*dns.Msg, error) {
	return l.atServers(ctx, name, typeDSYNC)
}

func (l *look) atServers(ctx context.Context, name zone.Name, t zone.Type) (*dns.Msg, error) {
	if len(l.where.Servers) == 0 {
		return nil, errors.New("there is nobody to ask: no server of the parent and no resolver is configured")
	}
	var errs []error
	for _, addr := range l.where.Servers[:min(len(l.where.Servers), maxServers)] {
		m, err := l.client.Exchange(ctx, ask.Server{Addr: addr}, ask.Question(name.String(), uint16(t)))
		switch {
		case err != nil:
		case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
			err = fmt.Errorf("%s answered %s", addr, ask.Rcode(m.Rcode))
		case !m.Authoritative:
			err = fmt.Errorf("%s answered without authority", addr)
		default:
			return m, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}
