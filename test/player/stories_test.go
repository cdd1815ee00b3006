package player

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// story is a world that somebody thought out: what befalls whom, and when.
type story struct {
	name  string
	tells string
	// open says what is still wrong in it; it is played with PLAYER_ALL=1 alone.
	open string
	play func(w *world)
}

// Each story ends with a zone that no resolver ever found bogus, and at rest.
func TestStories(t *testing.T) {
	for i, s := range stories {
		if s.open != "" && os.Getenv("PLAYER_ALL") == "" {
			continue
		}
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
			faults := play(t, uint64(i), s.play)
			require.Empty(t, strings.Join(faults, "\n"), s.tells)
		})
	}
}

var stories = []story{
	{
		name:  "restart while a secondary lags",
		tells: "the first turn after a start has seen nothing: what was not looked at has not been reached",
		play: func(w *world) {
			w.group(1, 1)
			w.atRest()
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.expect(a.do("roll", "zsk"))
			w.become("the new ZSK signs next", day, func() bool { return a.waitsTo("sign the zone with") })
			w.become("the new ZSK may be in all caches", day, func() bool { return a.since("sign the zone with") > 55*minute })
			a2.sleep(20 * hour)
			w.become("the new ZSK signs", day, func() bool { return !a.waitsTo("sign the zone with") })
			w.pass(20 * minute)
			a.stop()
			a.start()
			w.pass(30 * hour)
			w.rest()
		},
	},
	{
		name:  "the same in a group",
		tells: "as above, and the peer knows no better",
		play: func(w *world) {
			w.group(1, 1, 0)
			w.atRest()
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.expect(a.do("roll", "zsk"))
			w.become("the new ZSK may be in all caches", day, func() bool { return a.since("sign the zone with") > 55*minute })
			a2.sleep(20 * hour)
			w.become("the new ZSK signs", day, func() bool { return !a.waitsTo("sign the zone with") })
			w.pass(20 * minute)
			a.stop()
			a.start()
			w.pass(30 * hour)
			w.rest()
		},
	},
	{
		name:  "a large TTL is lowered while a secondary lags",
		tells: "the TTL of a version counts until every address has passed its serial",
		play: func(w *world) {
			w.content.ttl = day
			w.group(1, 1)
			w.atRest()
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.expect(a.do("roll", "zsk"))
			w.become("the new ZSK may be in all caches", 3*day, func() bool { return a.since("sign the zone with") > 55*minute })
			a2.sleep(40 * hour)
			w.pass(minute)
			w.content.ttl = hour
			a.write(w.content)
			w.expect(a.do("reload"))
			w.pass(3 * day)
			w.rest()
		},
	},
	{
		name:  "a nameserver that the delegation alone names",
		tells: "what the parent said of nameservers counts while it is silent",
		play: func(w *world) {
			w.group(1, 1)
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.content.ns = slices.DeleteFunc(w.content.ns, func(n nameserver) bool { return n.addr == a2.addr })
			a.write(w.content)
			a.core.secondaries, a.core.allow = nil, []netip.Addr{a2.addr}
			w.atRest()
			w.pass(2 * hour)
			w.expect(a.do("roll", "zsk"))
			a2.sleep(20 * hour)
			w.cut(a.addr, w.parent.addrs[0], 30*hour)
			w.pass(3 * day)
			w.rest()
		},
	},
	{
		name:  "a nameserver that lags leaves",
		tells: "resolvers ask it for as long as they hold an NS RRset with its name",
		play: func(w *world) {
			w.group(1, 1)
			w.atRest()
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.expect(a.do("roll", "zsk"))
			a2.sleep(20 * hour)
			w.pass(10 * minute)
			w.content.ns = slices.DeleteFunc(w.content.ns, func(n nameserver) bool { return n.addr == a2.addr })
			a.write(w.content)
			w.parent.ns = slices.Clone(w.content.ns)
			a.core.secondaries = nil
			a.reload()
			w.pass(hour + minute)
			w.leave(a2)
			w.pass(2 * day)
			w.rest()
		},
	},
	{
		name:  "recover while a peer is out of sight",
		tells: "a configured peer that was never seen may have keys that our caches' DNSKEY RRsets lack",
		play: func(w *world) {
			w.group(1, 0, 0)
			w.atRest()
			a, b := w.signers[0], w.signers[1]
			a.kill()
			w.must(os.Remove(a.stateDir(a.lives) + "/state.db"))
			w.must(os.RemoveAll(a.stateDir(a.lives) + "/zones"))
			w.cut(a.addr, b.addr, 2*day)
			a.start()
			w.pass(minute)
			w.expect(a.do("recover"))
			w.pass(4 * day)
			w.rest()
		},
	},
	{
		name:  "the parent is none for a while",
		tells: "where a DS was ever seen, no key of it goes because nobody looks any more",
		play: func(w *world) {
			w.group(1, 0)
			w.atRest()
			a := w.signers[0]
			w.parent.deaf = true
			w.expect(a.do("roll", "ksk"))
			w.pass(6 * hour)
			a.core.parent = "none"
			a.reload()
			w.pass(2 * day)
			a.core.parent = ""
			a.reload()
			w.parent.deaf = false
			w.pass(day)
			w.rest()
		},
	},
	{
		name:  "the DS vanishes for days",
		tells: "a DS RRset that goes without an order may come back",
		play: func(w *world) {
			w.group(1, 0, 0)
			w.atRest()
			a := w.signers[0]
			w.parent.deaf = true
			was := w.parent.current()
			w.parent.put(nil)
			w.pass(hour)
			w.expect(a.do("roll", "ksk"))
			w.pass(3 * day)
			w.parent.put(was)
			w.parent.deaf = false
			w.pass(2 * day)
			w.rest()
		},
	},
	{
		name:  "an address answers no question for CDS",
		tells: "a step that it holds up says so",
		play: func(w *world) {
			w.group(1, 1)
			w.atRest()
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.network.mute(a2.addr, "CDS CDNSKEY")
			w.expect(a.do("roll", "ksk"))
			w.pass(day)
			if z := a.status(); len(z.Waits) == 0 {
				w.caches.wrong("nothing waits, alarms %v", z.Alarms)
			}
			w.network.mute(a2.addr, "")
			w.pass(2 * day)
			w.rest()
		},
	},
	{
		name:  "a secondary that the signers do not see has an old CDS",
		tells: "a parent that asks one server may take it up again as long as it is served",
		play: func(w *world) {
			w.parent.kind = askOne
			w.group(1, 1)
			w.atRest()
			a, a2 := w.signers[0], w.signers[0].secondaries[0]
			w.expect(a.do("roll", "ksk"))
			w.become("the new KSK may be in all caches", day, func() bool { return a.since("ask the parent") > 0 || a.since("change the DS") > 55*minute })
			a2.sleep(40 * hour)
			w.cut(a.addr, a2.addr, 40*hour)
			w.pass(4 * day)
			w.rest()
		},
	},
	{
		name:  "TTLs are lowered just before a signer joins",
		tells: "what is seen first is not all that there ever was",
		play: func(w *world) {
			w.parent.ttl = day
			w.group(1, 0, 0)
			a, b := w.signers[0], w.signers[1]
			a.core.peers = nil
			all := w.content.ns
			w.content.ns = all[:1]
			w.parent.ns = all[:1]
			a.write(w.content)
			a.start()
			w.become("a alone is secure", 6*day, func() bool { return len(w.parent.current()) == 1 && a.calm() })
			w.pass(day)
			// A guide says: have the TTLs lowered, and then begin.
			w.parent.ttl = hour
			w.parent.show(0, w.parent.current())
			a.core.peers = []*peering{{of: b, addresses: []netip.Addr{b.addr}}}
			a.reload()
			b.start()
			w.become("b has joined", 6*day, func() bool { return len(w.parent.current()) == 2 && b.calm() })
			w.content.ns = all
			w.parent.ns = all
			a.write(w.content)
			b.write(w.content)
			w.pass(2 * day)
			w.rest()
		},
	},
	{
		name:  "an older state is restored",
		tells: "a signer whose keys went on without it answers nobody, or signs with those that the world has",
		play: func(w *world) {
			w.group(1, 0, 0)
			w.atRest()
			a := w.signers[0]
			a.save()
			w.expect(a.do("roll", "ksk"))
			w.pass(2 * day)
			a.kill()
			a.restore(&a.backups[0])
			a.start()
			w.pass(5 * day)
		},
	},
}
