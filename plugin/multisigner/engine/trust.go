package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// trust is what is known of whether a peer is believed. One that does not answer is
// neither believed nor disbelieved: it is as it was.
type trust struct {
	believed, silent, told bool
	reached                time.Time
}

// silent reports whether no address of a peer answers. One that does not answer every
// question does: what it has said is believed.
func silent(r peer.Report) bool {
	asked := false
	if r.Trusted {
		return false
	}
	for _, a := range r.Addresses {
		if a.TransferFrom {
			continue
		}
		if asked = true; a.Status != peer.Unreachable {
			return false
		}
	}
	return asked
}

// weigh takes in whether a peer answers and is believed, and says in a line when it is
// again. That it is not is an alarm.
func (e *Engine) weigh(w *work, cfg *Config, name string, r peer.Report, at time.Time) {
	was := w.trusts[name]
	is := trust{believed: r.Trusted, silent: silent(r), told: true, reached: was.reached}
	if is.silent {
		// After a start, who has pins was believed before it.
		is.believed = was.believed || !was.told && len(w.memory(name).Pins) > 0
	}
	if !slices.ContainsFunc(r.Addresses, func(a peer.Address) bool { return a.Status == peer.Unreachable }) {
		is.reached = at
	}
	if w.trusts == nil {
		w.trusts = map[string]trust{}
	}
	w.trusts[name] = is
	if is.believed && !is.silent && (!was.told || !was.believed || was.silent) {
		e.log.Info("peer is believed", "zone", cfg.Apex, "peer", name)
	}
}

// vouched looks again at peers that show keys that are not trusted, if the parent has DS
// records that may vouch for them: what the parent has now is known only now. So a signer
// whose older state was restored believes the keys that a peer has rolled to since.
func (e *Engine) vouched(ctx context.Context, g gaze, s *sight) {
	for name, target := range g.peers {
		unknown := slices.ContainsFunc(s.peers[name].Addresses, func(a peer.Address) bool { return len(a.Strangers) > 0 })
		if !unknown || target.Trust.Mode == peer.TrustDS {
			continue
		}
		if target.Trust.DS = standing(s.parent, g.apex, g.keysOfOthers[name]); target.Trust.DS.Exists() {
			s.peers[name] = peer.Look(ctx, e.client, target, s.at)
		}
	}
}

// standing is the DS RRset that all addresses of the parent have that were good, but for
// the records of some keys.
func standing(r parent.Report, apex zone.Name, but []zone.DNSKEY) (ds zone.RRset) {
	first := true
	for _, a := range r.Addresses {
		switch {
		case a.Status != parent.Good:
		case first:
			ds, first = a.DS, false
		default:
			ds.Rdata = without(ds.Rdata, func(rdata string) bool { return !a.DS.Rdata.Has(rdata) })
		}
	}
	ds.Rdata = without(ds.Rdata, func(rdata string) bool {
		return slices.ContainsFunc(but, func(k zone.DNSKEY) bool {
			of, err := k.DS(apex, zone.DS(rdata).DigestType())
			return err == nil && string(of) == rdata
		})
	})
	return ds
}

// keysOfOthers are the keys by which we and the peers but one are believed. Their DS
// records vouch for nobody else: an address that shows another's keys has gone astray.
func (w *work) keysOfOthers(cfg *Config, but Peer) []zone.DNSKEY {
	keys := w.ownEntry()
	for _, p := range cfg.Peers {
		if p.Name != but.Name {
			keys = append(keys, w.memory(p.Name).Pins...)
		}
	}
	return keys
}

func without(rdata zone.Packed, drop func(string) bool) zone.Packed {
	return zone.Pack(slices.DeleteFunc(slices.Collect(rdata.All()), drop)...)
}

// repin carries out `trust PEER TAG`: the peer is believed by a key that was seen to sign
// its DNSKEY RRset, instead of by those that it has lost. It says which they are.
func (w *work) repin(cfg *Config, args []string) (string, error) {
	if len(args) != 2 {
		return "", errors.New("trust: say whom, and the tag of the key: trust PEER TAG")
	}
	name, tag := args[0], args[1]
	if !slices.ContainsFunc(cfg.Peers, func(p Peer) bool { return p.Name == name }) {
		return "", fmt.Errorf("trust %s: there is no peer of that name", name)
	}
	if w.sight == nil {
		return "", fmt.Errorf("trust %s %s: it was not looked at yet: try again in a moment", name, tag)
	}
	var found, shown []zone.DNSKEY
	for _, a := range w.sight.peers[name].Addresses {
		for _, k := range a.Strangers {
			if slices.Contains(shown, k) {
				continue
			}
			shown = append(shown, k)
			if tag == fmt.Sprint(k.Tag()) || tag == fmt.Sprintf("%d/%d", k.Algorithm(), k.Tag()) {
				found = append(found, k)
			}
		}
	}
	was := w.memory(name)
	switch {
	case len(shown) == 0 && len(was.Pins) > 0:
		return "", fmt.Errorf("trust %s %s: it shows no key that signs its DNSKEY RRset and is not trusted; it is trusted by %s", name, tag, tags(was.Pins))
	case len(shown) == 0:
		return "", fmt.Errorf("trust %s %s: it was not seen to have a key that signs its DNSKEY RRset", name, tag)
	case len(found) == 0:
		return "", fmt.Errorf("trust %s %s: what signs its DNSKEY RRset is %s", name, tag, tags(shown))
	case len(found) > 1:
		return "", fmt.Errorf("trust %s %s: it shows %d keys of that tag: write ALGORITHM/TAG, or a `trust ds` line with the digest of the right one", name, tag, len(found))
	}
	key := found[0]
	// Inceptions of before say nothing of what this key signs.
	w.rememberPeer(name, peer.Memory{Pins: []zone.DNSKEY{key}, Spent: was.Spent})
	if w.repinned == nil {
		w.repinned = map[string]bool{}
	}
	w.repinned[name] = w.looks
	ds, err := key.DS(cfg.Apex, ourDigest)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s is trusted by %s (DS %s)", name, tags(found), zone.RdataText(zone.TypeDS, string(ds)))
	if len(was.Pins) > 0 {
		text += " instead of " + tags(was.Pins)
	}
	return text, nil
}

// tags names keys for people.
func tags(keys []zone.DNSKEY) string {
	var all []string
	for _, k := range keys {
		all = append(all, fmt.Sprint(k.Tag()))
	}
	return strings.Join(all, ", ")
}
