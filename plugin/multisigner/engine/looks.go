package engine

import (
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// keepLooking begins a look when one is due or asked for, and otherwise settles
// when the next one is.
func (e *Engine) keepLooking(z *Zone, cfg *Config, asked wants, now time.Time) {
	w := z.work
	if w.lookAtNobody(cfg, now) {
		return
	}
	w.keepNames(cfg, w.steady()) // a version may have been shown in this turn
	if w.looks {
		w.lookAgain = w.lookAgain || asked.look
		return
	}
	if w.sight != nil {
		every := cfg.LookIdle
		if len(w.plan.Waits) > 0 || w.plan.Busy || w.plan.Refuse != "" {
			every = cfg.LookBusy
		}
		if due := w.sightAt.Add(every); w.lookAt.IsZero() || due.Before(w.lookAt) || asked.seen != nil {
			w.lookAt = due
		}
		if asked.look || w.lookAgain || asked.configured {
			w.lookAgain = false
			w.lookAt = clock.Later(now, w.sightAt.Add(min(notifiedAtMost, cfg.LookBusy)))
		}
	}
	if w.sight == nil || !now.Before(w.lookAt) {
		g := w.gaze(cfg)
		g.refuses = z.Serving().Refuse != ""
		e.beginLook(z, g)
	}
}

// lookServing has a look soon when the last one has met a server of ours that had nothing
// to answer with, and the zone is served since: what it said is not so any more.
func (w *work) lookServing(z *Zone, cfg *Config, now time.Time) {
	if w.sight == nil || w.looks || !w.sight.refused || z.Serving().Refuse != "" {
		return
	}
	if slices.ContainsFunc(w.sight.self.Addresses, func(a peer.Address) bool { return a.Status != peer.Good }) {
		w.lookAt = clock.Later(now, w.sightAt.Add(min(notifiedAtMost, cfg.LookBusy)))
	}
}

// nobody is the sight of zones that have nobody to look at; it is not changed.
var nobody = &sight{}

// lookAtNobody makes the look at nobody, where there is nobody to look at, and reports that.
func (w *work) lookAtNobody(cfg *Config, now time.Time) bool {
	if looksAtAnybody(cfg) {
		return false
	}
	w.sight, w.sightAt, w.lookAt = nobody, now, time.Time{}
	w.hold(w.sight, w.steady())
	return true
}

// take makes what was seen the zone's last sight.
func (w *work) take(e *Engine, cfg *Config, seen *sight) {
	w.looks = false
	if seen.at.After(w.times.Wall()) {
		seen.at = w.times.Wall() // the clock was set back meanwhile
	}
	w.sight, w.sightAt = seen, seen.at
	w.found, w.digests = seen.found, seen.digests
	w.keepUp(seen.self)
	w.attribute(cfg, seen)
	w.bearWitness(seen.self)
	w.hold(seen, w.steady())
	for _, p := range cfg.Peers {
		report, ok := seen.peers[p.Name]
		if !ok {
			continue
		}
		e.weigh(w, cfg, p.Name, report, seen.at)
		w.bearWitness(report)
		if w.repinned[p.Name] {
			continue // while that look was under way: it followed what was trusted before
		}
		w.rememberPeer(p.Name, report.Memory)
	}
	clear(w.repinned)
}

// rememberPeer keeps what the next look at a peer must know, over a restart too.
func (w *work) rememberPeer(name string, m peer.Memory) {
	w.setMemory(name, m)
	if w.record.Peers == nil {
		w.record.Peers = map[string]remembered{}
	}
	now := remember(m)
	if !now.equal(w.record.Peers[name]) {
		w.record.Peers[name] = now
		w.dirty = true
	}
}

func (w *work) setMemory(name string, m peer.Memory) {
	if w.memories == nil {
		w.memories = map[string]peer.Memory{}
	}
	w.memories[name] = m
}

// keepUp takes in which serial our own servers have already: after a disk was full,
// or an older state was restored, it may be later than ours, and they would wait for
// one after it.
func (w *work) keepUp(self peer.Report) {
	for _, a := range self.Addresses {
		if a.Status != peer.Good {
			continue
		}
		for rdata := range a.Sets[zone.TypeSOA].Rdata.All() {
			if serial := zone.SOASerial(rdata); zone.SerialAfter(serial, w.record.Serial) {
				w.record.Serial, w.dirty, w.resign = serial, true, true
			}
		}
	}
}

// memory is what the next look at a peer must know of the last one.
func (w *work) memory(name string) peer.Memory {
	m, ok := w.memories[name]
	if !ok {
		m = w.record.Peers[name].recall()
		w.setMemory(name, m)
	}
	return m
}

// transferAgain has every peer's zone transferred at the next look: what the last
// transfers showed was not taken into a state that was saved.
func (w *work) transferAgain() {
	for name, m := range w.memories {
		m.Transferred = nil
		w.memories[name] = m
	}
}

// ownEntry are our keys by which our own servers are believed.
func (w *work) ownEntry() []zone.DNSKEY {
	var keys []zone.DNSKEY
	for _, id := range w.plan.SignDNSKEY {
		if k := w.own.find(id); k != nil {
			keys = append(keys, zone.DNSKEY(k.Rdata))
		}
	}
	return keys
}

// algorithms are those that a peer's keys may have: the ones of our own keys.
func (w *work) algorithms(cfg *Config) []uint8 {
	all := []uint8{cfg.Algorithm}
	for _, k := range w.own {
		all = append(all, k.id.Algorithm)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
