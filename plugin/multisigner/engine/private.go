package engine

import (
	"errors"
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// readKeys reads the private keys of a zone, at the start, and again as long as
// something is wrong with them: a key directory that comes back is noticed. Keys that
// were read stay in use when their files go away.
func (e *Engine) readKeys(z *Zone) {
	w := &z.work
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
	w := &z.work
	if asked.keys || asked.rewrite || len(w.unkept) > 0 {
		e.putKeysBack(z)
	}
	w.stale = w.stale || asked.rewrite
	e.alarmsOfHome(w)
	if len(w.keyFaults) > 0 || w.wanting {
		w.wanting = false
		e.readKeys(z)
	}
	if len(w.keyFaults) > 0 {
		w.alarm(status.AlarmKeyFile, errors.Join(w.keyFaults...).Error(), "see the message; no key is made until then, and what can be signed is")
	}
}

// lacking names a key that plan signs with and that is not there; nil when all are.
func (w *work) lacking(plan roll.Plan) error {
	for _, ids := range [][]roll.KeyID{plan.SignDNSKEY, plan.SignCDS, plan.SignData} {
		if _, err := w.privateKeys(ids); err != nil {
			return err
		}
	}
	return nil
}

// whole says why the key directory must be left alone: not all is there that should
// be, because it is away, or another one in its place.
func (e *Engine) whole(z *Zone, plan roll.Plan) error {
	w := &z.work
	keys, faults := e.keys.List(z.apex.String())
	there := map[roll.KeyID]bool{}
	for _, k := range keys {
		there[keyID(zone.DNSKEY(k.Rdata))] = true
	}
	for id, k := range w.own {
		if !there[id] {
			return fmt.Errorf("the key directory does not hold key %d of algorithm %d (%s), which is in use: put it back", id.Tag, id.Algorithm, k.Base)
		}
	}
	if err := w.lacking(plan); err != nil {
		return err
	}
	return errors.Join(faults...)
}

func (w *work) adopt(key keystore.Key) roll.KeyID {
	id := w.known.learn(zone.DNSKEY(key.Rdata))
	w.own[id] = key
	return id
}
