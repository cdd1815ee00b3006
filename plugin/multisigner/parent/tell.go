package parent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// notifyTime is how long one address may take to answer a NOTIFY, with all tries.
const notifyTime = 20 * time.Second

// Notify tells one server after the other that the RRset of type t at child has
// changed (RFC 9859 4.2), until one answers NOERROR, and says which. That is no
// promise: only a look shows what the parent does about it.
func Notify(ctx context.Context, c *ask.Client, servers []ask.Server, child zone.Name, t zone.Type) (ask.Server, error) {
	var errs []error
	for _, s := range servers {
		within, cancel := context.WithTimeout(ctx, notifyTime)
		err := c.Notify(within, s, child.String(), uint16(t), nil)
		cancel()
		if err == nil {
			return s, nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return ask.Server{}, errors.Join(errs...)
}

// ErrChanged is the error of Update when the parent does not have the DS RRset that
// was seen: somebody else has changed it, and nothing was done.
var ErrChanged = errors.New("the parent no longer has the DS that was seen")

// Change is what a parent is asked to do by UPDATE (RFC 2136), in one message: all
// of it or nothing.
type Change struct {
	Parent zone.Name // the zone that is updated
	Child  zone.Name
	Seen   zone.RRset // the DS RRset last seen there; it does not Exist: there was none
	DS     zone.RRset // takes its place, with its TTL; it does not Exist: the DS goes
}

// Update asks s, which must have a key, to make the change, if the parent still has
// what was seen. No error means that s answered NOERROR: whether and when it is done,
// only a look shows.
func Update(ctx context.Context, c *ask.Client, s ask.Server, change Change) error {
	if s.TSIG == nil {
		return fmt.Errorf("update the DS of %s at %s: without a key nobody would take it", change.Child, s)
	}
	if !change.Child.Under(change.Parent) || change.Child == change.Parent {
		return fmt.Errorf("update the DS of %s: %s is no zone above it", change.Child, change.Parent)
	}
	anyDS := &dns.DS{Hdr: dns.RR_Header{Name: change.Child.String(), Rrtype: dns.TypeDS, Class: dns.ClassINET}}
	m := new(dns.Msg).SetUpdate(change.Parent.String())
	if change.Seen.Exists() {
		m.Used(change.Seen.RRs())
	} else {
		m.RRsetNotUsed([]dns.RR{anyDS})
	}
	m.RemoveRRset([]dns.RR{anyDS})
	m.Insert(change.DS.RRs())
	err := c.Update(ctx, s, m)
	if refused, ok := errors.AsType[*ask.Refused](err); ok && (refused.Rcode == dns.RcodeNXRrset || refused.Rcode == dns.RcodeYXRrset) {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	return err
}
