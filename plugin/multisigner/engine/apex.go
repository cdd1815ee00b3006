package engine

import (
	"context"
	"crypto"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// apexSets are the RRsets at the apex that come from the plan and not from the
// unsigned zone. CDS and CDNSKEY always go together (RFC 7344 4).
func (w *work) apexSets(cfg *Config, plan roll.Plan) ([]zone.RRset, error) {
	ttl := uint32(cfg.DNSKEYTTL / time.Second)
	dnskey, err := w.known.dnskeys(plan.DNSKEY)
	if err != nil {
		return nil, err
	}
	var cds, cdnskey zone.Packed
	switch {
	case plan.CDSDelete:
		cds, cdnskey = zone.Pack(cdsDelete), zone.Pack(cdnskeyDelete)
	case len(plan.CDS) > 0:
		if cds, err = w.known.cds(plan.CDS); err != nil {
			return nil, err
		}
		if cdnskey, err = w.known.dnskeys(plan.CDS); err != nil {
			return nil, err
		}
	}
	var sets []zone.RRset
	for _, s := range []zone.RRset{
		{Type: zone.TypeDNSKEY, Rdata: dnskey}, {Type: zone.TypeCDS, Rdata: cds}, {Type: zone.TypeCDNSKEY, Rdata: cdnskey},
	} {
		if s.Exists() {
			s.Name, s.TTL = cfg.Apex, ttl
			sets = append(sets, s)
		}
	}
	return sets, nil
}

// signers are the private keys that sign by the plan.
func (w *work) signers(plan roll.Plan) (keys sign.Keys, err error) {
	awake := wakened{}
	if keys.DNSKEY, err = w.privateKeys(plan.SignDNSKEY, awake); err != nil {
		return keys, err
	}
	if keys.CDS, err = w.privateKeys(plan.SignCDS, awake); err != nil {
		return keys, err
	}
	keys.Data, err = w.privateKeys(plan.SignData, awake)
	return keys, err
}

// wakened are the private keys of one signing: each is made ready once.
type wakened map[roll.KeyID]crypto.Signer

func (a wakened) signer(k *ownKey) crypto.Signer {
	signer := a[k.id]
	if signer == nil {
		signer = keystore.Awake(k.Signer)
		a[k.id] = signer
	}
	return signer
}

func (w *work) privateKeys(ids []roll.KeyID, awake wakened) ([]sign.Key, error) {
	keys := make([]sign.Key, 0, len(ids))
	for _, id := range ids {
		k := w.own.find(id)
		if k == nil {
			return nil, w.missing(id)
		}
		keys = append(keys, sign.Key{Record: zone.DNSKEY(k.Rdata), Signer: awake.signer(k)})
	}
	return keys, nil
}

// backDate is how far before now signatures begin: our choice, because validators' clocks
// are wrong by up to an hour (PROTOCOL signatures-hold-by-either-clock).
const backDate = time.Hour

// sign makes the version that the plan asks for; with nothing new it is the one
// that is served. Renewing, it does with the private keys that are there. It stops
// when ctx ends: a large zone takes minutes, and who is told to end may be killed before.
// Who may answer from a first version before it is whole is first; nil: nobody.
func (e *Engine) sign(ctx context.Context, z *Zone, cfg *Config, plan roll.Plan, renewing bool, first func(*zone.Version) error) (sign.Output, error) {
	w := z.work
	if w.signed == nil && w.content == nil || len(plan.SignData) == 0 {
		return sign.Output{Version: w.signed}, nil // there is nothing to sign, or nothing to sign with
	}
	var apex []zone.RRset
	var keys sign.Keys
	if !plan.Unsigned { // it has gone insecure
		var err error
		if apex, err = w.apexSets(cfg, plan); err != nil {
			return sign.Output{}, err
		}
		keys, err = w.signers(plan)
		if err != nil && renewing && w.signed != nil {
			keys, err = w.signersThere(plan, apex)
		}
		if err != nil {
			return sign.Output{}, err
		}
	}
	var serialThere uint32
	if w.content != nil {
		serialThere = w.content.Serial()
	}
	serial := sign.NextSerial(cfg.Serial, w.record.Serial, serialThere, w.times.Wall())
	if err := e.fail.pass("sign"); err != nil {
		return sign.Output{}, err
	}
	in := sign.Input{
		Old: w.signed, Apex: apex,
		// Who raises the serial of the content alone wants secondaries to have it.
		Serial: serial, Renumber: w.renumber || cfg.Serial == sign.Increment && w.content != nil && serial == serialThere,
		Keys: keys, Denial: cfg.Denial,
		Policy: sign.Policy{Validity: cfg.Validity, Refresh: cfg.Refresh, BackDate: backDate},
		Now:    w.times.Dated(), Mark: w.times.Mark(), Resign: w.resign || w.overlong(cfg), Stop: ctx.Err,
		Place: e.share.Place, Progress: z.signing, First: first,
	}
	w.give(&in)
	return sign.Zone(in)
}

// overlong reports whether the signatures last for longer than any should: they
// were made when the clock was wrong, and nobody should be able to use them again
// for so long.
func (w *work) overlong(cfg *Config) bool {
	end, ok := w.ends()
	return ok && end.Sub(w.times.Latest()) > cfg.Validity+clock.Tolerance
}
