package roll

// encoded3 is a state of formats 1 to 3. These had no ledger of versions: each key knew
// since when none of our servers has a signature by it.
type encoded3 struct {
	Format int    `json:"format"`
	Facts  facts3 `json:"facts"`
}

type facts3 struct {
	facts
	Keys []key3 `json:"keys"`
}

type key3 struct {
	key
	Stopped    moment `json:"stopped"`
	StopSerial uint32 `json:"stop_serial"` // our first version without its signatures
}

// upgraded makes the ledger of what was known of each key.
func (e *encoded3) upgraded() facts {
	f := e.Facts.facts
	if len(f.Signers) == 0 {
		return f
	}
	now := served{MaxTTL: f.Signers[0].MaxTTL.max(), KeyTTL: f.Signers[0].DNSKEYTTL.max()}
	before := now
	for _, k := range e.Facts.Keys {
		f.Keys = append(f.Keys, k.key)
		switch {
		case k.Owner != 0 || k.DataOn == 0:
		case k.DataOff == 0:
			now.Signers = append(now.Signers, k.ID)
		case k.Stopped != 0:
			f.Served = append(f.Served, served{Signers: keyIDs{k.ID}, MaxTTL: now.MaxTTL, KeyTTL: now.KeyTTL, Passed: k.Stopped})
		case k.StopSerial != 0:
			before.Signers, now.First = append(before.Signers, k.ID), max(now.First, k.StopSerial)
		default: // it may sign what is served
			now.Signers = append(now.Signers, k.ID)
		}
	}
	if len(before.Signers) > 0 {
		f.Served = append(f.Served, before)
	}
	if len(now.Signers) > 0 {
		f.Served = append(f.Served, now)
	}
	f.dropHashes()
	f.PastFrom = f.Clock
	for i := range f.Signers { // they were met long ago
		if s := &f.Signers[i]; i == 0 && f.begun() || s.Since != 0 {
			s.Met = 1
		}
	}
	if f.DSTTL.max() != 0 {
		f.ParentMet = 1
	}
	if f.Unsigned { // it has gone insecure by order
		f.Secured = false
	}
	return f
}
