package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/matrix"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Check asks every address of every signer now and says of each pair whether the
// answers of one validate under the DNSKEY RRset of the other.
func (e *Engine) Check(ctx context.Context, apex zone.Name) (status.Matrix, error) {
	z := (*e.zones.Load())[apex]
	if z == nil {
		return status.Matrix{}, fmt.Errorf("zone %s is not served here", apex)
	}
	cfg, v := z.Config(), z.Serving().Version
	if v == nil {
		return status.Matrix{}, fmt.Errorf("zone %s has nothing to check yet: %s", apex, z.Serving().Refuse)
	}
	if len(cfg.Addresses)+len(cfg.Listens) == 0 {
		return status.Matrix{}, fmt.Errorf("where %s is found is not known: add `signer NAME ADDRESS...` with the addresses at which the world asks this server", apex)
	}
	r := matrix.Round{Apex: apex, At: e.clock.Now(), Subjects: subjects(cfg), Questions: matrix.Whole(v), Strict: true}
	for i, s := range r.Subjects {
		if s.Signer == cfg.Signer {
			r.Subjects[i].Server.Mark = e.marks.New() // while we answer nobody else, it shows that it is we who ask
		}
	}
	ctx = z.asking(ctx)
	ds, err := e.checkDS(ctx, cfg, r.At)
	if err != nil {
		return status.Matrix{}, err
	}
	if ds.Exists() {
		r.DS = []zone.RRset{ds}
	}
	return r.Run(ctx, e.client).Matrix, nil
}

// subjects are all servers that are configured.
func subjects(cfg *Config) (all []matrix.Subject) {
	for _, s := range ourServers(cfg) {
		all = append(all, matrix.Subject{Signer: cfg.Signer, Server: s})
	}
	if len(cfg.Addresses) == 0 { // nobody has said where the world finds us: we know where we listen
		for _, s := range servers(cfg.Listens, nil) {
			all = append(all, matrix.Subject{Signer: cfg.Signer, Server: s})
		}
	}
	for _, p := range cfg.Peers {
		for _, s := range servers(p.Addresses, p.TSIG) {
			all = append(all, matrix.Subject{Signer: p.Name, Server: s})
		}
	}
	return all
}

// checkDS gives the DS RRset that stands at the parent; its addresses must agree.
func (e *Engine) checkDS(ctx context.Context, cfg *Config, now time.Time) (zone.RRset, error) {
	where := whereParent(cfg)
	if where == nil {
		return zone.RRset{}, nil
	}
	var ds zone.RRset
	for i, a := range parent.Look(ctx, e.client, *where, cfg.Apex, now).Addresses {
		switch {
		case a.Status != parent.Good:
			return zone.RRset{}, fmt.Errorf("parent at %s: %s", a.Addr, a.Err)
		case i > 0 && a.DS.Rdata != ds.Rdata:
			return zone.RRset{}, fmt.Errorf("the parent's addresses disagree about the DS of %s: look again when all have the new one", cfg.Apex)
		}
		ds = a.DS
	}
	return ds, nil
}
