package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// ErrNoCatalog says that there is no catalog of that name.
var ErrNoCatalog = errors.New("no such catalog is consumed here")

// accepted is what a person has said that may go: what the catalog, as it came then, removes
// by the settings of then. Other settings could remove more of the same version.
type accepted struct {
	Serial   uint32    `json:"serial"`
	Number   uint64    `json:"number"` // of what came, which a serial does not tell: it may come twice
	Settings string    `json:"settings"`
	At       time.Time `json:"at"` // when the last of it was carried out
}

// acceptance is what a person accepts who does so now.
func (c *Catalog) acceptance(at time.Time) accepted {
	return accepted{c.last.Serial, c.number, fmt.Sprintf("%q %q", c.config.Suffixes, c.config.groups()), at}
}

// like reports whether two acceptances are of the same removals.
func (a accepted) like(b accepted) bool {
	a.At = b.At
	return a == b
}

// carriedOut notes that what was accepted has gone: it does not count against what a later version removes.
func (c *Catalog) carriedOut(done map[zone.Name]catalog.Entry) {
	now := c.planned.At
	if !c.rules().Accepted || !slices.ContainsFunc(slices.Collect(maps.Values(done)), func(en catalog.Entry) bool { return en.Gone.Equal(now) || en.Reset.Equal(now) }) {
		return
	}
	is := *c.record.Accepted
	is.At = now
	c.record.Accepted = &is
	c.saveRecord()
}

// acceptedAt is up to when a person has accepted what was removed.
func (c *Catalog) acceptedAt() time.Time {
	if c.record.Accepted == nil {
		return time.Time{}
	}
	return c.record.Accepted.At
}

// AcceptCatalog lets a catalog remove and reset as many members as its version of now does, and
// says in a sentence what was done.
func (e *Engine) AcceptCatalog(name zone.Name) (string, error) {
	e.catalogs.mu.Lock()
	defer e.catalogs.mu.Unlock()
	return e.catalogs.accept(name)
}

// accept is AcceptCatalog for a caller that holds the lock.
func (c *catalogs) accept(name zone.Name) (string, error) {
	e, from := c.engine, c.find(name)
	switch {
	case from == nil && e.Product(name) != nil:
		return "", fmt.Errorf("catalog %s is made here, of the zones that are served: there is nothing to accept", name)
	case from == nil:
		return "", fmt.Errorf("catalog %s: %w", name, ErrNoCatalog)
	case from.last == nil || len(from.plan.Waiting) == 0:
		return "", fmt.Errorf("catalog %s: no removal waits for a person", name)
	case from.unkept != nil:
		return "", fmt.Errorf("catalog %s: %w", name, from.unkept)
	}
	before, is := from.record.Accepted, from.acceptance(e.clock.Now())
	if !is.like(from.planned) { // by these settings it may remove others than the alarm has named
		return "", fmt.Errorf("catalog %s: the Corefile was just reloaded, and what waits for a person may be other members: see `catalog %[1]s`, and accept them then", name)
	}
	from.record.Accepted = &is
	if err := from.record.save(e.life, e.store, name); err != nil {
		from.record.Accepted = before
		return "", err
	}
	c.stale = true
	waiting := len(from.plan.Waiting)
	e.log.Warn("command", "catalog", name, "kind", "accept", "serial", is.Serial, "members", waiting)
	c.want()
	return fmt.Sprintf("%d members are removed or reset, as serial %d of the catalog says; their keys are kept", waiting, is.Serial), nil
}

// RetransferCatalog takes all of a catalog from a primary, whatever its serial there.
func (e *Engine) RetransferCatalog(name zone.Name) (string, error) {
	e.catalogs.mu.Lock()
	from := e.catalogs.find(name)
	e.catalogs.mu.Unlock()
	if from == nil {
		return "", fmt.Errorf("catalog %s: %w", name, ErrNoCatalog)
	}
	e.log.Info("command", "catalog", name, "kind", "retransfer")
	from.ask(primary.Event{Kind: primary.Retransfer})
	return "transferring all of the catalog, whatever its serial at the primary", nil
}
