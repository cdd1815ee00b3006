package engine

import (
	"net/netip"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/history"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Signers that have their content from one of them transfer it from there: unsigned, and
// under a serial of its own, by which they go on from one to the next. The content of a file
// with updates over it has none: the file's stays when an update comes. So each that is
// signed is given one, which is saved before anybody gets it.

// numbered is the content's own serial, as it is saved.
type numbered struct {
	Serial uint32 `json:"serial"`
}

// offering is the content as others transfer it.
type offering struct {
	of      *zone.Version     // what was numbered last; nil: nothing since the start
	version *zone.Version     // the same, with its serial; nil: there is none to give
	history history.Chronicle // of what was given
}

// newestSigned is the content that is in the version to be shown: what waited, if that is
// within, or what was signed before. nil where it is not kept.
func (w *work) newestSigned(within bool) *zone.Version {
	if within {
		return w.content
	}
	return w.signedContent
}

// number gives the content that is about to be shown its serial in the record. It is to be
// saved then, if it is another.
func (w *work) number(cfg *Config, next *record, content *zone.Version) {
	if content == nil || content == w.offering.of || len(cfg.Contents) == 0 {
		return
	}
	serial := content.Serial()
	if had := w.record.Content; had != nil && w.writes(cfg) {
		switch {
		case zone.SerialAfter(serial, had.Serial):
		case w.offeredAlready(content):
			serial = had.Serial
		default:
			serial = had.Serial + 1
		}
	}
	if next.Content == nil || next.Content.Serial != serial {
		next.Content, w.dirty = &numbered{serial}, true
	}
}

// offeredAlready reports whether content is, but for its serial, what has the serial of the
// record. After a start the snapshot tells, if it is of the last version that was shown.
func (w *work) offeredAlready(content *zone.Version) bool {
	was := w.offering.of
	if was == nil && w.signed != nil && w.signed.Serial() == w.record.Serial {
		was = source.Take(w.signed).Content
	}
	if was == nil {
		return false
	}
	for _, c := range zone.Compare(was, content).Changes {
		if c.Type() != zone.TypeSOA || c.Old.WithSerial(0) != c.New.WithSerial(0) {
			return false
		}
	}
	return true
}

// offer makes what was numbered, and saved, what others get.
func (w *work) offer(cfg *Config, content *zone.Version) (changed bool) {
	if len(cfg.Contents) == 0 || content == nil {
		w.offering = offering{}
		return false
	}
	if content == w.offering.of {
		return false
	}
	w.offering.of = content
	before := w.offering.version
	b := content.Edit()
	b.Put(content.SOA().WithSerial(w.record.Content.Serial))
	w.offering.version = b.Version()
	return before == nil || before.Serial() != w.offering.version.Serial()
}

// given is what may be transferred as content now; nil while there is none, or it is too old.
func (w *work) given(cfg *Config) *zone.Version {
	if w.offering.version == nil || w.lapsed(cfg) != "" {
		return nil
	}
	return w.offering.version
}

// tellContent sends NOTIFY for the content, by the keys of those who may transfer it: to
// the addresses that were named, or to the peers. The server that we have it from is
// passed over.
func (e *Engine) tellContent(z *Zone, cfg *Config) {
	v := z.work.offering.version
	var servers []ask.Server
	add := func(a netip.AddrPort, key *ask.TSIG) {
		known := slices.ContainsFunc(servers, func(s ask.Server) bool { return s.Addr == a })
		ours := slices.ContainsFunc(cfg.Primaries, func(s ask.Server) bool { return s.Addr == a })
		if !known && (!ours || z.work.writes(cfg)) {
			servers = append(servers, ask.Server{Addr: a, TSIG: key})
		}
	}
	for _, c := range cfg.Contents {
		for _, a := range c.Told {
			if c.For == "" {
				add(a, c.TSIG)
			}
		}
	}
	for _, c := range cfg.Contents {
		for _, p := range cfg.Peers {
			for _, a := range p.Addresses {
				if c.For == "" && len(c.Told) == 0 && !p.Foreign {
					add(a, c.TSIG)
				}
			}
		}
	}
	e.tellAll(z, &z.contentNotes, servers, v)
}
