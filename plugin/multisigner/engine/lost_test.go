package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// rounds lets some time pass in which nothing is to change.
func (g *group) rounds(n int) {
	for range n {
		g.round()
	}
}

// backup copies a signer's state directory, as it is between two runs.
func (m *member) backup(t *testing.T) string {
	return m.loses(t)
}

// loses starts a signer without some of its state directory, and gives a copy of what that was.
func (m *member) loses(t *testing.T, names ...string) (backup string) {
	backup = t.TempDir()
	m.stop()
	restore(t, backup, m.dir)
	for _, name := range names {
		require.NoError(t, os.RemoveAll(filepath.Join(m.dir, name)))
	}
	m.start()
	return backup
}

// What becomes of a signer in a group whose state directory is lost, in part or
// whole: it makes no key behind anybody's back, says which command or which file
// settles it, and the others' answers stay good all the while.
func TestLostState(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		lose   []string
		alarm  string // what the alarm says
		serves bool   // the last version, all the same
		keys   int    // private keys there are then
		settle string // the command that settles it, or "" to put back the keys
	}{
		{name: "everything", lose: []string{"state.db", "keys", "zones"}, alarm: "its own keys are lost", settle: "rejoin"},
		{name: "state and snapshot", lose: []string{"state.db", "zones"}, alarm: "a key in our key store", keys: 2, settle: "recover"},
		{name: "state", lose: []string{"state.db"}, alarm: "a key in our key store", keys: 2, settle: "recover"},
		{name: "keys", lose: []string{"keys"}, alarm: "put it back", serves: true},
		{name: "keys and snapshot", lose: []string{"keys", "zones"}, alarm: "put it back"},
		{name: "snapshot", lose: []string{"zones"}, serves: true, keys: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGroup(t, "a b", nil)
			g.begin()
			a := g.signers[0]
			before := published(t, a.e.Load())
			backup := a.loses(t, tc.lose...)
			g.rounds(6)
			if tc.alarm != "" {
				require.True(t, alarmed(t, a.e.Load(), tc.alarm), "%+v", settled(t, a.e.Load()).Alarms)
			}
			require.Equal(t, tc.serves, a.version() != nil)
			private, err := filepath.Glob(filepath.Join(a.dir, "keys", "*", "*.private"))
			require.NoError(t, err)
			require.Len(t, private, tc.keys, "no key was made")

			if tc.settle != "" {
				a.do(tc.settle)
			} else if tc.keys == 0 {
				restore(t, filepath.Join(a.dir, "keys"), filepath.Join(backup, "keys"))
			}
			if tc.name == "state and snapshot" {
				a.serial = 0 // nobody knows it any more
			}
			if tc.settle == "rejoin" {
				// It has new keys, and answers outsiders when the others, who do not know them,
				// and the parent have taken them in.
				g.rounds(6)
				private, err = filepath.Glob(filepath.Join(a.dir, "keys", "*", "*.private"))
				require.NoError(t, err)
				require.Len(t, private, 2)
				require.Nil(t, a.version())
				require.True(t, alarmed(t, g.signers[1].e.Load(), "peer a is not trusted"))
				return
			}
			g.until("a serves again", func() bool { return a.version() != nil && g.calm() })
			require.Equal(t, before, published(t, a.e.Load()))
		})
	}
}

// The key files of a signer that has lost its state may come back after it has started, and has published its
// former keys for others, which show them. It serves nothing before the order that it says it needs.
func TestLostKeysComeBack(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	a := g.signers[0]
	before := published(t, a.e.Load())
	backup := a.loses(t, "state.db", "keys", "zones")
	a.serial = 0 // nobody knows it any more
	g.rounds(6)
	restore(t, filepath.Join(a.dir, "keys"), filepath.Join(backup, "keys"))
	a.stop()
	a.start()
	g.rounds(6)
	require.True(t, alarmed(t, a.e.Load(), "a key in our key store"), "%+v", settled(t, a.e.Load()).Alarms)
	require.Nil(t, a.version())
	a.do("recover")
	g.until("a serves again", func() bool { return a.version() != nil && g.calm() })
	require.Equal(t, before, published(t, a.e.Load()))
}

// A signer that has lost its keys makes new ones by order, and the others trust them when
// an operator says so, or a DS vouches for them: a DS of the new key in the configuration,
// or at the parent. Then it is as after a join: all that is answered meanwhile is good
// in every cache, and nobody takes the new keys for an older state. What was said
// holds over a restart of either.
func TestLostKeysAreTrustedAnew(t *testing.T) {
	t.Parallel()
	byDS := func(mode peer.TrustMode) func(*engine.Config) {
		return func(cfg *engine.Config) {
			for i := range cfg.Peers {
				cfg.Peers[i].Trust.Mode = mode
			}
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*engine.Config)
		settle func(g *group, a, b *member, key zone.DNSKEY)
	}{
		{"by order", nil, func(g *group, a, b *member, key zone.DNSKEY) {
			text, err := a.e.Load().Do(t.Context(), apex, engine.Command{Kind: "trust", Args: []string{"b", fmt.Sprint(key.Tag())}})
			require.NoError(g, err)
			require.Regexp(g, fmt.Sprintf(`^b is trusted by %d .* instead of \d+$`, key.Tag()), text)
			a.stop() // before it has looked
			a.start()
		}},
		{"by a configured DS", nil, func(g *group, a, b *member, key zone.DNSKEY) {
			a.stop()
			a.cfg.Peers[0].Trust = peer.Trust{Mode: peer.TrustDS, DS: dsOf(g.T, key)}
			a.start()
		}},
		{"by the DS at the parent", byDS(peer.TrustParent), func(g *group, a, b *member, key zone.DNSKEY) {
			ds := g.parent.set()
			ds.Rdata = zone.Pack(append(slices.Collect(ds.Rdata.All()), slices.Collect(dsOf(g.T, key).Rdata.All())...)...)
			g.parent.put(ds)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGroup(t, "a b", nil)
			if tc.change != nil {
				g.begin() // by TSIG, as there is no DS yet
				for _, m := range g.signers {
					m.stop()
					tc.change(&m.cfg)
					m.start()
				}
				g.until("all is as it was", g.calm)
			} else {
				g.begin()
			}
			a, b := g.signers[0], g.signers[1]
			b.stop()
			require.NoError(t, os.RemoveAll(b.dir))
			require.NoError(t, os.Mkdir(b.dir, 0o700))
			b.start()
			g.rounds(3)
			b.do("rejoin")
			g.rounds(6)
			b.serial = 0 // nobody knows it any more
			require.Nil(t, b.version())
			key := entryKey(t, b)
			require.True(t, alarmedOf(t, a.e.Load(), "peer b is not trusted", fmt.Sprintf("`trust ZONE b %d`", key.Tag())), "%+v", settled(t, a.e.Load()).Alarms)
			tc.settle(g, a, b, key)
			g.until("b serves again", func() bool {
				require.False(t, alarmed(t, b.e.Load(), "older state"))
				return b.version() != nil && g.calm()
			})
			require.Equal(t, key, entryKey(t, b))
			for _, m := range []*member{a, b} {
				m.stop()
				m.start()
				g.until("it is as it was", g.calm)
			}
			b.do("roll", "ksk")
			g.rounds(2)
			g.until("what was trusted anew is followed", g.calm)
			require.NotEqual(t, key, entryKey(t, b))
		})
	}
}

// entryKey is the key with the SEP flag that m itself signs its DNSKEY RRset with.
func entryKey(t *testing.T, m *member) zone.DNSKEY {
	t.Helper()
	v := m.e.Load().Find(apex).Serving().Version
	require.NotNil(t, v)
	keys, ok := v.RRset(apex, zone.TypeDNSKEY)
	require.True(t, ok)
	signers, err := validate.Signatures(keys, keys, apex, m.group.clock.Now())
	require.NoError(t, err)
	signers = slices.DeleteFunc(signers, func(k zone.DNSKEY) bool { return !k.SEP() })
	require.Len(t, signers, 1)
	return signers[0]
}

// An older state that comes back, with the keys of today or with those of then, is
// found out by a look before the first answer to outsiders; peers' looks are answered
// meanwhile. Nothing that is answered after it is bogus in whatever a resolver holds.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	for _, keysToo := range []bool{false, true} {
		t.Run(fmt.Sprintf("keys too %v", keysToo), func(t *testing.T) {
			g := newGroup(t, "a b", nil)
			g.begin()
			a, b := g.signers[0], g.signers[1]
			backup := a.backup(t)
			for _, m := range []*member{b, a, b} {
				m.do("roll", "zsk")
				g.settle()
				g.rounds(2)
				g.until("a rollover is over", g.calm)
			}
			g.rounds(4)
			a.stop()
			if keysToo {
				require.NoError(t, os.RemoveAll(a.dir))
				restore(t, a.dir, backup)
			} else {
				for _, name := range []string{"state.db", "zones"} {
					require.NoError(t, os.RemoveAll(filepath.Join(a.dir, name)))
				}
				restore(t, filepath.Join(a.dir, "zones"), filepath.Join(backup, "zones"))
				old, err := os.ReadFile(filepath.Join(backup, "state.db"))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(a.dir, "state.db"), old, 0o600))
			}
			a.serial = 0 // there is no secondary that could tell
			a.start()
			g.matrix()
			if g.rounds(2); keysToo {
				require.Nil(t, a.version(), "its keys were withdrawn")
				require.True(t, alarmed(t, a.e.Load(), "an older state was restored"))
			}
			g.until("it is as it should be", func() bool { return a.version() != nil && g.calm() })
		})
	}
}

// A state from before a peer's KSK was rolled knows nothing of the new one. The parent has
// its DS, so that the peer is believed at the first look, and the first answer to outsiders
// has its keys.
func TestRestoredFromBeforeAPeersRollover(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	a, b := g.signers[0], g.signers[1]
	backup := a.backup(t)
	for _, role := range []string{"ksk", "zsk"} {
		b.do("roll", role)
		g.settle()
		g.rounds(2)
		g.until("b's rollover is over", g.calm)
	}
	g.rounds(4)
	a.stop()
	require.NoError(t, os.RemoveAll(a.dir))
	restore(t, a.dir, backup)
	a.serial = 0
	a.start()
	g.settle()
	g.matrix()
	for range 6 {
		g.round()
		require.False(t, alarmed(t, a.e.Load(), "not trusted"))
	}
	g.until("it is as it should be", func() bool {
		if alarmedOf(t, b.e.Load(), "peer a is not trusted", "`resign` there") { // its clock was restored, too, and is late
			a.do("resign")
		}
		return a.version() != nil && g.calm()
	})
}

// Peers take what a restored state signs for a replay until it is later than what they
// have seen of it, and the restored clock catches up only as others bear witness. So all
// is signed anew often enough that it is believed soon after it can be; and both sides
// say that `resign` tries at once.
func TestRestoredBackupIsBelievedSoon(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	a, b := g.signers[0], g.signers[1]
	backup := a.backup(t)
	for _, m := range []*member{a, a} {
		m.do("roll", "zsk")
		g.settle()
		g.rounds(2)
		g.until("a rollover is over", g.calm)
	}
	a.do("resign")
	g.settle()
	g.rounds(1)
	a.stop()
	require.NoError(t, os.RemoveAll(a.dir))
	restore(t, a.dir, backup)
	a.serial = 0
	a.start()
	g.rounds(3)
	require.Nil(t, a.version())
	require.True(t, alarmedOf(t, a.e.Load(), "an older state was restored", "`resign`"))
	require.True(t, alarmedOf(t, b.e.Load(), "peer a is not trusted", "`resign` there"))
	began := g.clock.Now()
	g.until("it is as it should be", func() bool { return a.version() != nil && g.calm() })
	took := g.clock.Now().Sub(began)
	t.Logf("it took %s", took)
	require.Less(t, took, 3*time.Hour)
}

func alarmedOf(t *testing.T, e *engine.Engine, what, cure string) bool {
	t.Helper()
	s, _ := e.Status(apex)
	return slices.ContainsFunc(s.Alarms, func(a status.Alarm) bool {
		return strings.Contains(a.What, what) && strings.Contains(a.Cure, cure)
	})
}

// A record that is damaged, or of a newer program, stops its zone with a message that
// says what to do, and is left as it is; so is one of another signer.
func TestRecordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ from, to, says, cure string }{
		{`{"format":1,`, `{"format":1`, "damaged", "restore state.db from a backup"},
		{`"format":1,`, `"format":99,`, "format 99", "run the newer program"},
		{`"signer":"a"`, `"signer":"z"`, "as signer z", "a signer keeps its name"},
		{`"roll":"`, `"roll":"AAAA`, "damaged", "restore state.db from a backup"},
		{`"roll":"`, `"was":"`, "damaged", "restore state.db from a backup"},
	} {
		dir, cfg := t.TempDir(), alone(t, write(t, content))
		e := serve(t, dir, cfg)
		require.NoError(t, e.Close())
		good := engine.EditRecord(t, dir, apex, nil)
		bad := strings.Replace(good, tc.from, tc.to, 1)
		require.NotEqual(t, good, bad)
		engine.EditRecord(t, dir, apex, &bad)
		e = serve(t, dir, cfg)
		require.Equal(t, "the zone's state cannot be read", e.Find(apex).Serving().Refuse)
		require.True(t, alarmed(t, e, tc.says))
		require.True(t, alarmed(t, e, tc.cure))
		require.NoError(t, e.Close())
		require.Equal(t, bad, engine.EditRecord(t, dir, apex, nil), "it is left as it is")
		engine.EditRecord(t, dir, apex, &good)
		e = serve(t, dir, cfg)
		served(t, e)
		require.NoError(t, e.Close())
	}
}
