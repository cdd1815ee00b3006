package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// overlay is what updates have made of a zone, over its base. In the store each RRset has
// a value of its own, written in one transaction with the record that has the serial
// under which it is shown: what a change costs does not depend on how much there is, and
// nothing is ever applied twice, because a value says what is and not what changed.
type overlay struct {
	entries update.Overlay
	parked  update.Parked
	records int // of all entries
	// unsaved are those that the store does not have as they are here.
	unsaved   map[update.Key]bool
	revisions map[update.Key]uint64
	// ahead: what is unsaved is shown, because the disk took nothing; see mayBeUnsaved.
	ahead bool
}

// overlayRecords bounds what updates may make of one zone, in records: our choice. A
// person folds long before.
const overlayRecords = 200_000

// overlayKey is where the entry of k is in the store. No name has a tab in its
// presentation form, so no zone finds another's.
func overlayKey(apex zone.Name, k update.Key) string {
	return overlayPrefix(apex) + k.Name.String() + "\t" + k.Type.String()
}

func overlayPrefix(apex zone.Name) string { return "update\t" + apex.String() + "\t" }

// loadOverlay reads what an earlier process has left. A part that cannot be read stops
// the zone: with less than was acknowledged it would be another.
func loadOverlay(ctx context.Context, st store.Store, apex zone.Name) (overlay, error) {
	var o overlay
	keys, err := st.Keys(ctx, overlayPrefix(apex))
	if err != nil {
		return o, fmt.Errorf("load updates of %s: %w", apex, err)
	}
	for _, key := range keys {
		value, revision, err := st.Load(ctx, key)
		if err != nil {
			return o, fmt.Errorf("load updates of %s: %w", apex, err)
		}
		e, err := update.Decode(value, apex)
		if err != nil || overlayKey(apex, e.Key) != key {
			return o, fmt.Errorf("what updates have made of %s is damaged (%q: %w): restore state.db from a backup", apex, key, err)
		}
		o.open()
		o.entries[e.Key], o.revisions[e.Key] = e, revision
		o.records += e.Records()
	}
	return o, nil
}

// open makes room for the first edit: few zones have any.
func (o *overlay) open() {
	if o.entries == nil {
		o.entries = update.Overlay{}
	}
	if o.unsaved == nil {
		o.unsaved = map[update.Key]bool{}
	}
	if o.revisions == nil {
		o.revisions = map[update.Key]uint64{}
	}
}

// take puts edits in, and gives those that take them back, in reverse order.
func (o *overlay) take(edits []update.Edit) (back []update.Edit) {
	o.open()
	for _, e := range edits {
		was, ok := o.entries[e.Key]
		if !ok {
			was = update.Edit{Key: e.Key}
		}
		back = append(back, was)
		o.records += e.Records() - was.Records()
		o.unsaved[e.Key] = true
		o.entries.Take([]update.Edit{e})
	}
	return back
}

// writes are what the store does not have yet, in an order of its own.
func (o *overlay) writes(apex zone.Name) (keys []update.Key, writes []store.Write) {
	for k := range o.unsaved {
		e, ok := o.entries[k]
		w := store.Write{Key: overlayKey(apex, k), Revision: o.revisions[k]}
		switch {
		case ok:
			w.Value = e.Encode()
		case w.Revision == 0:
			continue // it came and went
		}
		keys, writes = append(keys, k), append(writes, w)
	}
	return keys, writes
}

// saved notes that the store has it all.
func (o *overlay) saved(keys []update.Key, revisions []uint64) {
	for i, k := range keys {
		if o.revisions[k] = revisions[i]; revisions[i] == 0 {
			delete(o.revisions, k)
		}
	}
	clear(o.unsaved)
	o.ahead = false
}

// keeps reports whether the base is kept: something is, or may be laid over it.
func (w *work) keeps(cfg *Config) bool { return keepsBase(cfg) || len(w.overlay.entries) > 0 }

// lay lays the overlay over the base, and has what comes of it signed.
func (w *work) lay() {
	v := w.base.version
	v, w.overlay.parked = update.Compose(v, w.overlay.entries)
	w.content, w.contentOf = v, w.laid()
}

// overLaid begins the name of content that updates have changed.
const overLaid = "updated "

// laid is the name of the base with the overlay. It is the base's own only where there is
// none: a start could else take a snapshot for what the base holds, and the overlay that
// it was made with may be gone by then.
func (w *work) laid() string {
	if len(w.overlay.entries) > 0 {
		return overLaid + w.base.of
	}
	return w.base.of
}

// layOverSigned lays the overlay over what was signed last, when a start finds no base: the
// snapshot may be older than updates that were acknowledged. What they took back that the
// snapshot has, and no other update speaks of, is there until there is a base.
func (w *work) layOverSigned() {
	if w.signed == nil || w.base.version != nil || w.content != nil || w.signedContent != nil || len(w.overlay.entries) == 0 {
		return
	}
	v, parked := update.Compose(source.Take(w.signed).Content, w.overlay.entries)
	w.content, w.contentOf, w.overlay.parked = v, overLaid, parked
}

// newest is the unsigned content as it is: what waits to be signed, else what was signed
// last; nil when it is not there, because the file could not be read since the start.
func (w *work) newest() *zone.Version {
	if w.content != nil {
		return w.content
	}
	return w.signedContent
}

// reportOverlay is the overlay as a list, by name and type.
func (w *work) reportOverlay(cfg *Config) []status.Update {
	list := []status.Update{}
	for _, e := range w.overlay.entries.Sorted() {
		u := status.Update{Name: e.Name.String(), Type: e.Type.String(), Added: []string{}, Removed: []string{}, By: e.By, Since: e.Since}
		for rdata := range e.Added.Rdata.All() {
			u.Added = append(u.Added, zone.RdataText(e.Type, rdata))
		}
		for rdata := range e.Removed.All() {
			u.Removed = append(u.Removed, zone.RdataText(e.Type, rdata))
		}
		if e.TTLSet {
			u.TTL = &e.TTL
		}
		u.NotServed = w.overlay.parked.Why(e.Key)
		list = append(list, u)
	}
	return list
}

// fold is the overlay as text to paste into the zone file. When the file has it, it
// leaves the overlay.
func (w *work) fold() string {
	entries := w.overlay.entries.Sorted()
	if len(entries) == 0 {
		return "; updates have changed nothing beside the file"
	}
	var b strings.Builder
	for _, e := range entries {
		var was zone.RRset
		if w.base.version != nil {
			was, _ = w.base.version.RRset(e.Name, e.Type)
		}
		if e.Removed != "" {
			gone := was
			gone.Rdata, gone.Spelling = e.Removed, ""
			gone.Name, gone.Type = e.Name, e.Type
			for line := range strings.Lines(zone.Text(gone.WithSigs(""))) {
				b.WriteString("; remove: " + line)
			}
		}
		if e.TTLSet && was.Exists() {
			fmt.Fprintf(&b, "; give the other %s records of %s the TTL %d\n", e.Type, e.Name, e.TTL)
		}
		added := e.Added
		if added.TTL = e.TTL; was.Exists() && !e.TTLSet {
			added.TTL = was.TTL
		}
		b.WriteString(zone.Text(added))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// drop takes back what updates have made of an RRset.
func (w *work) drop(cfg *Config, args []string) (string, error) {
	if len(args) != 2 {
		return "", fmt.Errorf("say drop ZONE NAME TYPE")
	}
	name, err := zone.ParseName(args[0])
	if err != nil || !name.Under(cfg.Apex) {
		return "", fmt.Errorf("%q is no name of %s: write it whole", args[0], cfg.Apex)
	}
	t, err := update.ParseType(args[1])
	if err != nil {
		return "", err
	}
	k := update.Key{Name: name, Type: t}
	switch _, ok := w.overlay.entries[k]; {
	case !ok:
		return "", fmt.Errorf("updates have made nothing of %s %s: see updates %s", name, t, cfg.Apex)
	case w.base.version == nil:
		return "", fmt.Errorf("the zone file could not be read: mend it first")
	}
	w.overlay.take([]update.Edit{{Key: k}})
	w.lay()
	return fmt.Sprintf("%s %s is as in the file", name, t), nil
}
