package engine

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What is owed is what was planned last, and goes when it is not wanted any more:
// another set is, or nobody can be told. Something else that is owed stays.
func TestOwed(t *testing.T) {
	t.Parallel()
	one, two := roll.KeyID{Tag: 1, Algorithm: 13}, roll.KeyID{Tag: 2, Algorithm: 13}
	var r record
	r.owe(roll.Plan{TellParent: []roll.Tell{roll.TellCDS, roll.TellCSYNC}, CDS: []roll.KeyID{one}})
	first := r
	r.owe(roll.Plan{TellParent: []roll.Tell{roll.TellCDS}, CDS: []roll.KeyID{two}})
	require.Equal(t, []owed{{What: "CSYNC"}, {What: "CDS", DS: []roll.KeyID{two}}}, r.Owed)
	require.Equal(t, []roll.KeyID{one}, first.Owed[0].DS, "what was saved is not changed")

	told := &Config{Parent: Parent{Mode: ParentServers}}
	for name, tc := range map[string]struct {
		cfg  Parent
		plan roll.Plan
		want []string
	}{
		"wanted":            {told.Parent, roll.Plan{CDS: []roll.KeyID{two}}, []string{"CSYNC", "CDS"}},
		"another is wanted": {told.Parent, roll.Plan{CDS: []roll.KeyID{one}}, []string{"CSYNC"}},
		"it shall go":       {told.Parent, roll.Plan{CDSDelete: true}, []string{"CSYNC"}},
		"manual":            {Parent{Mode: ParentServers, Manual: true}, roll.Plan{CDS: []roll.KeyID{two}}, nil},
		"none":              {Parent{}, roll.Plan{CDS: []roll.KeyID{two}}, nil},
		"UPDATE alone":      {Parent{Mode: ParentServers, Silent: true, Update: []ask.Server{{}}}, roll.Plan{CDS: []roll.KeyID{two}}, []string{"CDS"}},
	} {
		w := work{record: r, plan: tc.plan}
		w.settle(&Config{Parent: tc.cfg})
		var left []string
		for _, o := range w.record.Owed {
			left = append(left, o.What)
		}
		require.Equal(t, tc.want, left, name)
		require.Equal(t, len(left) != 2, w.dirty, name)
	}
}

// To remove the DS is owed until none is seen, and is no leftover of a set.
func TestOwedDeletion(t *testing.T) {
	t.Parallel()
	w := work{plan: roll.Plan{CDSDelete: true}, sight: &sight{}, known: newKnown(zone.MustName("example.org."))}
	w.record.owe(roll.Plan{TellParent: []roll.Tell{roll.TellCDS}, CDSDelete: true})
	cfg := &Config{Parent: Parent{Mode: ParentServers}}
	ds := zone.RRset{Type: zone.TypeDS, Rdata: zone.Pack("\x00\x01\x0d\x02ab")}
	w.sight.parent.Addresses = []parent.Address{{Status: parent.Good, DSAbsent: true}, {Status: parent.Good, DS: ds}}
	w.settle(cfg)
	require.Len(t, w.record.Owed, 1)
	w.sight.parent.Addresses[1] = parent.Address{Status: parent.Unreachable}
	w.settle(cfg)
	require.Len(t, w.record.Owed, 1, "unreachable is not gone")
	w.sight.parent.Addresses[1] = parent.Address{Status: parent.Good, DSAbsent: true}
	w.settle(cfg)
	require.Empty(t, w.record.Owed)

	w.record.owe(roll.Plan{TellParent: []roll.Tell{roll.TellCDS}, CDSDelete: true})
	w.plan = roll.Plan{}
	w.settle(cfg)
	require.Empty(t, w.record.Owed, "without an order to remove it, none is removed")
}

// UPDATE replaces what is known only: not while a server of the parent is not seen,
// differs from another, or its zone is not known.
func TestChangeIsOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	ds := func(digest string) zone.RRset {
		return zone.RRset{Type: zone.TypeDS, TTL: 7, Rdata: zone.Pack("\x00\x01\x0d\x02" + digest)}
	}
	good := func(s zone.RRset) parent.Address {
		return parent.Address{Status: parent.Good, DS: s, DSAbsent: !s.Exists()}
	}
	for name, tc := range map[string]struct {
		zone      zone.Name
		addresses []parent.Address
		ok        bool
	}{
		"alike":         {"\x03org\x00", []parent.Address{good(ds("a")), good(ds("a"))}, true},
		"none":          {"\x03org\x00", []parent.Address{good(zone.RRset{})}, true},
		"one differs":   {"\x03org\x00", []parent.Address{good(ds("a")), good(ds("b"))}, false},
		"one has none":  {"\x03org\x00", []parent.Address{good(ds("a")), good(zone.RRset{})}, false},
		"one is silent": {"\x03org\x00", []parent.Address{good(ds("a")), {Status: parent.Unreachable}}, false},
		"one is bogus":  {"\x03org\x00", []parent.Address{{Status: parent.Bogus}, good(ds("a"))}, false},
		"no zone":       {"", []parent.Address{good(ds("a"))}, false},
		"nobody":        {"\x03org\x00", nil, false},
	} {
		w := work{sight: &sight{parent: parent.Report{Zone: tc.zone, Addresses: tc.addresses}}, known: newKnown(zone.MustName("example.org."))}
		change, ok := w.change(&Config{Apex: zone.MustName("example.org."), DNSKEYTTL: time.Hour}, nil)
		require.Equal(t, tc.ok, ok, name)
		if ok && change.Seen.Exists() {
			require.Equal(t, uint32(7), change.DS.TTL, name)
		} else if ok {
			require.Equal(t, uint32(3600), change.DS.TTL, name)
		}
	}
}

// One thing that cannot be told does not keep the next from being told; the wait for
// the next try grows to an hour; what cannot be told yet has no date of its own.
func TestTellingGoesOn(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := &Config{LookBusy: time.Minute, Parent: Parent{Mode: ParentServers, Servers: []netip.AddrPort{{}}, Update: []ask.Server{{}}}}
	e := &Engine{log: slog.New(slog.DiscardHandler)}
	w := work{sight: &sight{}}
	cds, csync := owed{What: "CDS", DS: []roll.KeyID{{Tag: 1}}}, owed{What: "CSYNC"}
	w.record.Owed = []owed{cds, csync}
	next, ok := w.nextErrand(cfg)
	require.True(t, ok)
	require.Equal(t, csync, next.owed, "the parent was not seen: only NOTIFY can be sent")

	var waits []time.Duration
	for range 9 {
		w.heard(e, cfg, []told{{owed: w.record.Owed[0], Told: status.Told{What: w.record.Owed[0].What}, err: ask.ErrTSIG}}, at)
		waits = append(waits, w.telling.due.Sub(at))
	}
	require.Equal(t, csync, w.record.Owed[0], "they take turns")
	require.Equal(t, []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute}, waits[:3])
	require.Equal(t, time.Hour, waits[8])
	w.heard(e, cfg, []told{{owed: csync, Told: status.Told{What: "CSYNC", How: "NOTIFY"}}}, at)
	require.Equal(t, []owed{cds}, w.record.Owed)
	require.Zero(t, w.telling.due)
	w.heard(e, cfg, []told{{owed: cds, Told: status.Told{What: "CDS", How: "UPDATE"}}}, at)
	require.Equal(t, []owed{cds}, w.record.Owed, "an answer to UPDATE is no look")
	w.telling, w.record.Owed = telling{}, []owed{cds}
	changed := told{owed: cds, Told: status.Told{What: "CDS", How: "UPDATE", Error: "changed"}, err: parent.ErrChanged}
	w.heard(e, cfg, []told{changed}, at)
	require.Nil(t, w.reportTold(), "a peer was quicker: nothing to complain of")
	w.heard(e, cfg, []told{changed}, at)
	require.Equal(t, "changed", w.reportTold().Error, "but not again and again")
	require.Len(t, w.alarmOfTelling(cfg), 1)
	w.heard(e, cfg, []told{{owed: cds, Told: status.Told{What: "CDS", How: "NOTIFY"}, err: parent.ErrNoEndpoint, none: true}}, at)
	require.Empty(t, w.record.Owed)
}
