package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// entry is what was acted on for a member, as it was saved.
type entry struct {
	catalog.Entry
	ns       []zone.Name   // of a zone that is gone: the nameservers that it had
	kept     time.Duration // and how long it was kept
	revision uint64
	saved    uint64 // by which of the process's saves it came to be what it is; 0: it was loaded
}

func (en entry) member() Member { return Member{Catalog: en.Catalog, ID: en.ID, Group: en.Block} }

// savedEntry is an entry on the disk.
type savedEntry struct {
	Format  int       `json:"format"`
	Catalog string    `json:"catalog"`
	ID      []byte    `json:"id"`
	Block   string    `json:"group"`
	Since   time.Time `json:"since"`
	Gone    time.Time `json:"gone,omitzero"`
	Reset   time.Time `json:"reset,omitzero"`
	NS      []string  `json:"ns,omitempty"`
	Kept    int64     `json:"kept,omitempty"` // seconds
}

const memberPrefix = "member/"

func memberKey(name zone.Name) string { return memberPrefix + name.String() }

// load reads the entries, once.
func (c *catalogs) load() error {
	if c.loaded {
		return nil
	}
	ctx, st := c.engine.life, c.engine.store
	keys, err := st.Keys(ctx, memberPrefix)
	if err != nil {
		return fmt.Errorf("load the members of catalogs: %w", err)
	}
	entries := make(map[zone.Name]entry, len(keys))
	for _, key := range keys {
		en, name, err := loadEntry(ctx, st, key)
		if err != nil {
			return fmt.Errorf("load the members of catalogs: %w", err)
		}
		entries[name] = en
	}
	c.entries, c.loaded = entries, true
	return nil
}

func loadEntry(ctx context.Context, st store.Store, key string) (en entry, name zone.Name, err error) {
	value, revision, err := st.Load(ctx, key)
	if err != nil {
		return entry{}, "", err
	}
	if name, err = zone.ParseName(strings.TrimPrefix(key, memberPrefix)); err != nil {
		return entry{}, "", fmt.Errorf("%q: %w", key, err)
	}
	var s savedEntry
	if err := json.Unmarshal(value, &s); err != nil {
		return entry{}, "", fmt.Errorf("the entry of %s is damaged (%w): restore state.db from a backup", name, err)
	}
	if s.Format > recordFormat {
		return entry{}, "", fmt.Errorf("the entry of %s has format %d, this program reads up to %d: run the newer program", name, s.Format, recordFormat)
	}
	from, err := zone.ParseName(s.Catalog)
	if err != nil {
		return entry{}, "", fmt.Errorf("the entry of %s is damaged: catalog %q: %w", name, s.Catalog, err)
	}
	en = entry{Entry: catalog.Entry{Catalog: from, ID: string(s.ID), Block: s.Block, Since: s.Since, Gone: s.Gone, Reset: s.Reset}, kept: time.Duration(s.Kept) * time.Second, revision: revision}
	for _, text := range s.NS {
		if ns, err := zone.ParseName(text); err == nil {
			en.ns = append(en.ns, ns)
		}
	}
	return en, name, nil
}

// encode is the entry as it is saved.
func (en entry) encode() ([]byte, error) {
	s := savedEntry{Format: recordFormat, Catalog: en.Catalog.String(), ID: []byte(en.ID), Block: en.Block, Since: en.Since, Gone: en.Gone, Reset: en.Reset, Kept: int64(en.kept / time.Second)}
	for _, ns := range en.ns {
		s.NS = append(s.NS, ns.String())
	}
	return json.Marshal(s)
}

// save makes changed entries durable, all or none, and takes them over.
func (c *catalogs) save(changed map[zone.Name]catalog.Entry) error {
	if len(changed) == 0 {
		return nil
	}
	e := c.engine
	var names []zone.Name
	var entries []entry
	var writes []store.Write
	for name, is := range changed {
		en := entry{Entry: is, revision: c.entries[name].revision}
		if !is.Gone.IsZero() {
			en.ns = e.nameserversOf(name)
		}
		value, err := en.encode()
		if err != nil {
			return err
		}
		names, entries = append(names, name), append(entries, en)
		writes = append(writes, store.Write{Key: memberKey(name), Value: value, Revision: en.revision})
	}
	if err := e.fail.pass("members-before"); err != nil {
		return fmt.Errorf("save the members of catalogs: %w", err)
	}
	revisions, err := e.store.SaveAll(e.life, writes)
	if err != nil {
		return fmt.Errorf("save the members of catalogs: %w", err)
	}
	e.fail.reach("members-after")
	c.saves++
	for i, name := range names {
		entries[i].revision, entries[i].saved = revisions[i], c.saves
		c.entries[name] = entries[i]
	}
	return nil
}

// nameserversOf are the names in the NS RRset that a zone has, or had when it was served last: a process
// that has just begun may not show it yet.
func (e *Engine) nameserversOf(apex zone.Name) (names []zone.Name) {
	var v *zone.Version
	if z := e.At(apex); z != nil {
		v = z.Serving().Version
	}
	if v == nil {
		var err error
		if v, _, _, err = e.kept.ReadSnapshot(apex); err != nil {
			e.log.Warn("which nameservers a removed zone had is not known", "zone", apex, "error", err)
		}
	}
	if v == nil {
		return nil
	}
	ns, _ := v.RRset(apex, zone.TypeNS)
	for rdata := range ns.Rdata.All() {
		if name, _, err := zone.NameFromWire([]byte(rdata)); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// saveKept saves how long a removed zone was kept.
func (c *catalogs) saveKept(name zone.Name) error {
	en := c.entries[name]
	value, err := en.encode()
	if err != nil {
		return err
	}
	if en.revision, err = c.engine.store.Save(c.engine.life, memberKey(name), value, en.revision); err != nil {
		return err
	}
	c.entries[name] = en
	return nil
}

// forget removes an entry for good.
func (c *catalogs) forget(name zone.Name) error {
	err := c.engine.store.Delete(c.engine.life, memberKey(name), c.entries[name].revision)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("forget member %s: %w", name, err)
	}
	delete(c.entries, name)
	return nil
}

// catalogRecord is what is saved of a catalog besides its content.
type catalogRecord struct {
	Format int           `json:"format"`
	Intake primary.State `json:"intake"`
	// Accepted: a person has said that what a version of it removes may go.
	Accepted *accepted `json:"acceptedRemovals,omitempty"`

	revision uint64
}

func catalogKey(name zone.Name) string { return "catalog/" + name.String() }

func (r *catalogRecord) load(ctx context.Context, st store.Store, name zone.Name) error {
	value, revision, err := st.Load(ctx, catalogKey(name))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("load the state of catalog %s: %w", name, err)
	}
	var is catalogRecord
	if err := json.Unmarshal(value, &is); err != nil {
		return fmt.Errorf("the state of catalog %s is damaged (%w): restore state.db from a backup", name, err)
	}
	if is.Format > recordFormat {
		return fmt.Errorf("the state of catalog %s has format %d, this program reads up to %d: run the newer program", name, is.Format, recordFormat)
	}
	*r = is
	r.revision = revision
	return nil
}

func (r *catalogRecord) save(ctx context.Context, st store.Store, name zone.Name) error {
	r.Format = recordFormat
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	revision, err := st.Save(ctx, catalogKey(name), value, r.revision)
	if err != nil {
		return fmt.Errorf("save the state of catalog %s: %w", name, err)
	}
	r.revision = revision
	return nil
}
