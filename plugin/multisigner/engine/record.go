package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/store"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// recordFormat is the number of the record's layout. An older one is read, a
// newer one refused: an older program cannot know what it would lose.
const recordFormat = 1

// record is all of a zone that must survive a restart and is not in files of its
// own. It is saved before anything of it takes effect.
type record struct {
	Format int    `json:"format"`
	Signer string `json:"signer"`
	ofSigner
	ofProcess

	revision uint64
}

// ofSigner is what is true of this signer of the zone, whichever process of it serves the
// zone: its keys and what it has published with them, what others were seen to have, and
// what an operator has ordered.
type ofSigner struct {
	Roll   []byte `json:"roll"` // roll.State, encoded by itself; nil when that is decoded
	Serial uint32 `json:"serial"`
	// ContentSerial is that of the content which the version is made from; nil: not known.
	ContentSerial *uint32 `json:"contentSerial,omitempty"`
	// Keys are the DNSKEY rdata of the keys that the state speaks of, ours and
	// peers': roll knows keys by their ids only.
	Keys [][]byte `json:"keys"`
	// Peers is what is remembered of each peer: by which keys it is believed.
	Peers map[string]remembered `json:"peers,omitempty"`
	// Owed is what the parent is still to be told.
	Owed []owed `json:"owed,omitempty"`
	// Held is what resolvers may hold of what was served before; nil when it is decoded.
	Held []caches.Held `json:"held,omitempty"`
	// Named are the nameservers that resolvers may ask.
	Named []named `json:"named,omitempty"`
	// Hasty is the DNSKEY record of a compromised key that an operator has ordered to
	// go without waiting for caches, knowing what it costs.
	Hasty []byte `json:"hasty,omitempty"`
	// Content is how the content is numbered for those who transfer it; nil: for nobody.
	Content *numbered `json:"content,omitempty"`
	// Supplied is what foreign signers were given with the content.
	Supplied map[string]supplied `json:"supplied,omitempty"`
	// Role says that it is not as in the Corefile who changes the content; nil: it is.
	Role *role `json:"role,omitempty"`
	// Lost is that records of ours are in no content any more, until somebody has seen to it.
	Lost *lost `json:"lost,omitempty"`
	// Member is the id by which a catalog named the zone when its content was taken last.
	Member []byte `json:"member,omitempty"`
	// HoldUpdates: an operator has said that no UPDATE is to be taken.
	HoldUpdates bool `json:"holdUpdates,omitempty"`
}

// ofProcess is how it stood with the process that saved it: its clocks, its visits to
// primaries, what it answered.
type ofProcess struct {
	// Mark is the latest time that the engine has acted on: a clock that falls back must
	// not make signatures that are expired in the world
	// (PROTOCOL signatures-hold-by-either-clock).
	Mark time.Time `json:"mark"`
	// Steady is how far the steady clock had come when this was saved.
	Steady time.Time `json:"steady"`
	// Intake is how it stands with the primaries; nil where there is none.
	Intake *primary.State `json:"intake,omitempty"`
	// Refused says that outsiders were refused by the rules when this was saved.
	Refused bool `json:"refused,omitempty"`
}

// remembered is a peer.Memory as it is saved.
type remembered struct {
	Pins   [][]byte                      `json:"pins,omitempty"`
	Newest map[netip.AddrPort]signedKeys `json:"newest,omitempty"`
	Spent  []byte                        `json:"spent,omitempty"`
}

type signedKeys struct {
	Inception uint32 `json:"inception"`
	Keys      []byte `json:"keys"`
}

func recordKey(apex zone.Name) string { return "zone/" + apex.String() }

// loadRecord gives a zone's record; that of a zone met for the first time is empty.
func loadRecord(ctx context.Context, st store.Store, apex zone.Name) (record, error) {
	value, revision, err := st.Load(ctx, recordKey(apex))
	if errors.Is(err, store.ErrNotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("load state of %s: %w", apex, err)
	}
	r := record{revision: revision}
	if err := json.Unmarshal(value, &r); err != nil {
		return record{}, fmt.Errorf("the state of %s is damaged (%w): restore state.db from a backup", apex, err)
	}
	if r.Format > recordFormat {
		return record{}, fmt.Errorf("the state of %s has format %d, this program reads up to %d: run the newer program", apex, r.Format, recordFormat)
	}
	return r, nil
}

// state is what the rules are to go on from; it is empty where nothing was saved yet.
func (r *record) state(apex zone.Name) (roll.State, error) {
	if r.revision == 0 {
		return roll.State{}, nil
	}
	state, err := roll.Decode(r.Roll)
	if err != nil {
		return roll.State{}, fmt.Errorf("the state of %s is damaged (%w): restore state.db from a backup", apex, err)
	}
	return state, nil
}

// saveRecord makes r durable, and with it what the store does not have of o, which may be
// nil. On an error nothing of it may take effect.
func (e *Engine) saveRecord(ctx context.Context, apex zone.Name, r *record, o *overlay) error {
	if err := e.fail.pass("save-before"); err != nil {
		return fmt.Errorf("save state of %s: %w", apex, err)
	}
	if err := r.saveWith(ctx, e.store, apex, o); err != nil {
		return err
	}
	e.fail.reach("save-after")
	return nil
}

// save makes r durable. On an error nothing of it may take effect.
func (r *record) save(ctx context.Context, st store.Store, apex zone.Name) error {
	return r.saveWith(ctx, st, apex, nil)
}

func (r *record) saveWith(ctx context.Context, st store.Store, apex zone.Name, o *overlay) error {
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode state of %s: %w", apex, err)
	}
	var keys []update.Key
	writes := []store.Write{{Key: recordKey(apex), Value: value, Revision: r.revision}}
	if o != nil {
		var more []store.Write
		keys, more = o.writes(apex)
		writes = append(writes, more...)
	}
	revisions, err := st.SaveAll(ctx, writes)
	if err != nil {
		return fmt.Errorf("save state of %s: %w", apex, err)
	}
	r.revision = revisions[0]
	if o != nil {
		o.saved(keys, revisions[1:])
	}
	return nil
}

// remember gives what is to be saved of a look's memory, and recall the reverse.
func remember(m peer.Memory) remembered {
	r := remembered{Spent: []byte(m.Spent)}
	for _, pin := range m.Pins {
		r.Pins = append(r.Pins, []byte(pin))
	}
	for addr, mark := range m.Newest {
		if r.Newest == nil {
			r.Newest = map[netip.AddrPort]signedKeys{}
		}
		r.Newest[addr] = signedKeys{mark.Inception, []byte(mark.Keys)}
	}
	return r
}

func (r remembered) equal(o remembered) bool {
	return slices.EqualFunc(r.Pins, o.Pins, bytes.Equal) && bytes.Equal(r.Spent, o.Spent) &&
		maps.EqualFunc(r.Newest, o.Newest, func(a, b signedKeys) bool {
			return a.Inception == b.Inception && bytes.Equal(a.Keys, b.Keys)
		})
}

func (r remembered) recall() peer.Memory {
	m := peer.Memory{Spent: zone.Packed(r.Spent)}
	for _, pin := range r.Pins {
		m.Pins = append(m.Pins, zone.DNSKEY(pin))
	}
	for addr, mark := range r.Newest {
		if m.Newest == nil {
			m.Newest = map[netip.AddrPort]peer.Mark{}
		}
		m.Newest[addr] = peer.Mark{Inception: mark.Inception, Keys: zone.Packed(mark.Keys)}
	}
	return m
}
