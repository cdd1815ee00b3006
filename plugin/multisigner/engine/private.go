package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// readKeys reads the private keys of a zone, at the start, and again as long as
// something is wrong with them: a key directory that comes back is noticed. Keys that
// were read stay in use when their files go away.
func (e *Engine) readKeys(z *Zone) {
	w := z.work
	z.keysAt.Store(e.keysAt(z)) // before they are read: what goes away meanwhile is noticed
	keys, faults := e.keys.List(z.apex.String())
	for _, k := range keys {
		w.adopt(e.openKey(k))
	}
	w.keyFaults = faults
}

// checkKeys looks for keys that are missing, here or on the disk, and raises an alarm
// for each file that cannot be used.
func (e *Engine) checkKeys(z *Zone, asked wants) {
	w := z.work
	if asked.keys || asked.rewrite || len(w.unkept) > 0 {
		e.putKeysBack(z)
	}
	w.stale = w.stale || asked.rewrite
	e.alarmsOfHome(w)
	if len(w.keyFaults) > 0 || w.wanting {
		w.wanting = false
		e.readKeys(z)
	}
	faults, breaks := w.keyFaults, ""
	if len(faults) == 0 {
		faults, breaks = w.exposed(), "no key is made, and the next start does not use that key"
	}
	if len(faults) > 0 {
		w.alarm(status.AlarmKeyFile, errors.Join(faults...).Error(), "see the message. Until then no key is made; whatever can be signed is still signed")
		if a := &w.alarms[len(w.alarms)-1]; a.Name == status.AlarmKeyFile {
			a.Breaks = breaks
		}
	}
}

// exposed are the faults of private files that were well when they were read, and that others
// may read now.
func (w *work) exposed() (faults []error) {
	for _, k := range w.own {
		if err := keystore.Exposed(k.Key); err != nil {
			faults = append(faults, err)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return faults
}

// lacking names a key that plan signs with and that is not there; nil when all are.
func (w *work) lacking(plan roll.Plan) error {
	for _, ids := range [][]roll.KeyID{plan.SignDNSKEY, plan.SignCDS, plan.SignData} {
		for _, id := range ids {
			if w.own.find(id) == nil {
				return w.missing(id)
			}
		}
	}
	return nil
}

// missing is that a private key is not there.
func (w *work) missing(id roll.KeyID) error {
	w.wanting = true
	return fmt.Errorf("the private key %d of algorithm %d is not in the key directory: put it back from a backup", id.Tag, id.Algorithm)
}

// whole says why the key directory must be left alone: not all is there that should
// be, because it is away, or another one in its place.
func (e *Engine) whole(z *Zone, plan roll.Plan) error {
	w := z.work
	keys, faults := e.keys.List(z.apex.String())
	there := map[roll.KeyID]bool{}
	for _, k := range keys {
		there[keyID(zone.DNSKEY(k.Rdata))] = true
	}
	for _, k := range w.own {
		if !there[k.id] {
			return fmt.Errorf("the key directory does not hold key %d of algorithm %d (%s), which is in use: put it back", k.id.Tag, k.id.Algorithm, k.Base)
		}
	}
	if err := w.lacking(plan); err != nil {
		return err
	}
	return errors.Join(faults...)
}

// ring are the private keys of a zone.
type ring []ownKey

type ownKey struct {
	id   roll.KeyID
	role roll.Role // what it was made for; not known of one that was found
	keystore.Key
}

// find gives a key; nil when it is not there.
func (r ring) find(id roll.KeyID) *ownKey {
	for i := range r {
		if r[i].id == id {
			return &r[i]
		}
	}
	return nil
}

// adopt takes in a key that was found or made.
func (w *work) adopt(key keystore.Key) roll.KeyID {
	key.Signer = keystore.AtRest(key.Signer)
	id := w.known.learn(zone.DNSKEY(key.Rdata))
	if had := w.own.find(id); had != nil {
		had.Key = key
	} else {
		w.own = append(w.own, ownKey{id: id, Key: key})
	}
	return id
}
