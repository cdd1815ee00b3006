package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// backup is how far it is known, since the start, whether the state is an older one that
// was restored. Its keys may have been withdrawn: peers publish others in their place,
// and what they sign is bogus to whoever has the keys from a peer
// (PROTOCOL supplanted-signer-refuses). A peer that has only lost our keys holds nothing
// up: it publishes no others that nobody signs with.
type backup struct {
	told   bool          // it is as it should be, or was made so
	old    bool          // it is an older one
	since  time.Duration // by the steady clock: every peer publishes our keys again
	signed time.Duration // by the steady clock: all was signed anew
	why    string        // outsiders are refused
}

// compareWithPeers looks, after a start and until it is settled, whether the peers
// publish a key that signs what we would answer with.
func (w *work) compareWithPeers(cfg *Config) {
	b := &w.backup
	b.why = ""
	if b.told || w.sight == nil || w.signed == nil || w.record.Serial == 0 {
		return
	}
	if w.state.Joining() {
		return // peers do not know our keys yet, and may have others that we have lost
	}
	sets, longest := w.shownByPeers(cfg)
	signers := w.known.makers(w.signed.SOA().Sigs)
	lacks := slices.ContainsFunc(sets, func(s zone.RRset) bool {
		for _, id := range w.known.learnAll(s.Rdata) {
			if slices.Contains(signers, id) {
				return false
			}
		}
		return true
	})
	switch {
	case len(sets) == 0: // nobody can be seen: it cannot be told
	case lacks && (b.old || w.supplanted(cfg, sets)):
		b.old, b.since = true, 0
		// Peers take for a replay what was signed before what they have seen of us, and
		// the mark that was restored is behind, too: it catches up by and by.
		if now := w.times.steady; b.signed == 0 || now-b.signed >= min(signRestored, 5*cfg.LookBusy) {
			b.signed, w.resign = now, true
		}
		b.why = "the other signers publish other keys of this signer than those it has"
		w.alarm(status.AlarmRestored, b.why+": an older state was restored, and what its keys sign is bogus",
			"restore a newer backup; else all is signed anew every few minutes, until the peers do not take it for a replay any more (`resign` does so at once), "+
				"and answered again when every peer publishes our present keys")
	case b.old:
		if b.since == 0 {
			b.since = w.times.steady
		}
		if w.times.steady-b.since < longest+cfg.Margin {
			b.why = "caches may still hold DNSKEY RRsets without the keys of this signer"
		} else {
			b.told = true
		}
	case !lacks:
		b.told = true
	}
}

// signRestored is how often all is signed anew while an old state is refused, or every
// few looks where these are quicker: our choice. Nobody else gets anything meanwhile,
// and each time may be the one that peers take for new.
const signRestored = 5 * time.Minute

// shownByPeers are the DNSKEY RRsets of the peers that are believed, and their
// longest TTL.
func (w *work) shownByPeers(cfg *Config) (sets []zone.RRset, longest time.Duration) {
	for _, p := range cfg.Peers {
		for _, a := range w.sight.peers[p.Name].Addresses {
			if s, ok := a.Sets[zone.TypeDNSKEY]; ok && a.Status == peer.Good && !a.TransferFrom {
				sets, longest = append(sets, s), max(longest, seconds(s.TTL))
			}
		}
	}
	return sets, longest
}

// supplanted reports whether sets have a key that may be ours, though we do not hold
// it: one of our class of tags with which no peer signs.
func (w *work) supplanted(cfg *Config, sets []zone.RRset) bool {
	theirs := map[zone.DNSKEY]bool{}
	for _, p := range cfg.Peers {
		for _, a := range w.sight.peers[p.Name].Addresses {
			for _, k := range append(slices.Clone(a.Entry), a.DataSigners...) {
				theirs[k] = true
			}
		}
	}
	for _, s := range sets {
		for rdata := range s.Rdata.All() {
			k := zone.DNSKEY(rdata)
			if _, held := w.own[keyID(k)]; !held && !theirs[k] && cfg.Tags.Admits(k.Tag()) {
				return true
			}
		}
	}
	return false
}
