package engine_test

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var supplyKey = &ask.TSIG{Name: "supply.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// supplying is a signer of three: b is of our kind, and f is a foreign one that has our keys with the content.
type supplying struct {
	*testing.T
	b, f *other
	cfg  engine.Config
	dir  string
	e    atomic.Pointer[engine.Engine]
}

func newSupplying(t *testing.T) *supplying {
	s := &supplying{T: t, b: anotherOther(t, 20), f: anotherOther(t, 30), dir: t.TempDir()}
	s.cfg = alone(t, write(t, onLoopback))
	s.cfg.Signer, s.cfg.Addresses = "a", []netip.AddrPort{newStage(t, serving(&s.e)).addr}
	s.cfg.LookBusy, s.cfg.LookIdle = 50*time.Millisecond, 50*time.Millisecond
	s.cfg.Contents = []engine.Content{{TSIG: supplyKey, For: "f"}}
	for name, o := range map[string]*other{"b": s.b, "f": s.f} {
		s.cfg.Peers = append(s.cfg.Peers, engine.Peer{Name: name, Addresses: []netip.AddrPort{o.addr}, Foreign: name == "f", Trust: peer.Trust{Mode: peer.TrustDS, DS: dsOf(t, o.ksk.Record)}})
	}
	if s.cfg.Peers[0].Name == "f" {
		s.cfg.Peers[0], s.cfg.Peers[1] = s.cfg.Peers[1], s.cfg.Peers[0]
	}
	t.Cleanup(s.stop)
	return s
}

func (s *supplying) start() { s.e.Store(serve(s, s.dir, s.cfg)) }

func (s *supplying) stop() {
	if e := s.e.Swap(nil); e != nil {
		require.NoError(s, e.Close())
	}
}

// given is what f may transfer; nil: nothing.
func (s *supplying) given() *zone.Version {
	z := s.e.Load().Find(apex)
	v, _ := z.Serving().Unsigned(z.Config(), supplyKey.Name)
	return v
}

// has reports whether these keys are in what f may transfer.
func (s *supplying) has(keys ...sign.Key) bool {
	v := s.given()
	if v == nil {
		return false
	}
	set, _ := v.RRset(apex, zone.TypeDNSKEY)
	for _, k := range keys {
		if !set.Rdata.Has(string(k.Record)) {
			return false
		}
	}
	return true
}

func (s *supplying) eventually(what string, holds func() bool) {
	s.Helper()
	require.Eventually(s, holds, 20*time.Second, 10*time.Millisecond, what)
}

func (s *supplying) supply() status.Supply {
	for _, p := range statusOf(s.T, s.e.Load()).Peers {
		if p.Supply != nil {
			return *p.Supply
		}
	}
	return status.Supply{}
}

// looked waits until f was looked at again, and shows its serial of now.
func (s *supplying) looked() {
	s.Helper()
	s.eventually("a look", func() bool {
		z := statusOf(s.T, s.e.Load())
		return len(z.Peers) == 2 && len(z.Peers[1].Addresses) == 1 && z.Peers[1].Addresses[0].Serial == s.f.serial && len(z.Peers[0].Addresses) == 1 && z.Peers[0].Addresses[0].Serial == s.b.serial
	})
}

// A key of the foreign signer that does not sign yet may be a copy at the others when we first see it. It is not given
// back: it would stay there after its owner has withdrawn it. A new key of another signer is given.
func TestSupplyGivesNoKeyBack(t *testing.T) {
	t.Parallel()
	s := newSupplying(t)
	s.b.show(t, time.Now())
	s.start()
	s.eventually("it is given, for it does not serve the zone yet", func() bool { return s.has(s.b.ksk, s.b.zsk) })
	s.f.show(t, time.Now(), string(s.b.ksk.Record), string(s.b.zsk.Record))
	s.looked()
	s.stop()

	next, ofB := numberedKey(t, 256, 40), numberedKey(t, 256, 50)
	s.f.show(t, time.Now(), string(s.b.ksk.Record), string(s.b.zsk.Record), string(next.Record))
	s.b.beside = []sign.Key{ofB}
	s.b.show(t, time.Now(), string(ofB.Record), string(next.Record))
	s.start()
	s.looked()
	s.eventually("the other's is given", func() bool { return s.has(s.b.ksk, s.b.zsk, ofB) })
	ours := s.e.Load().Find(apex).Serving().Version
	require.True(t, dnskeyOf(t, ours).Has(string(next.Record)), "we have a copy, for it may sign at any moment")
	require.False(t, s.has(next))
	for _, p := range statusOf(t, s.e.Load()).Peers {
		if p.Hand != nil {
			require.NotContains(t, p.Hand.Records, status.Record{Type: "DNSKEY", Rdata: zone.RdataText(zone.TypeDNSKEY, string(next.Record))})
		}
	}

	old := s.f.zsk
	s.f.zsk = next
	s.f.show(t, time.Now(), string(s.b.ksk.Record), string(s.b.zsk.Record), string(old.Record), string(ofB.Record))
	s.looked()
	require.False(t, s.has(next))
	require.False(t, s.has(old))
	require.True(t, s.has(s.b.ksk, s.b.zsk, ofB))
}

// After a lost state what is given to the foreign signer is later than what it has, or it would be passed
// over; what it may have been given before stays for as long as caches may have data that it has signed; and
// while somebody cannot be seen whose keys stand there, nothing is taken away from them.
func TestSupplyAfterALostState(t *testing.T) {
	t.Parallel()
	s := newSupplying(t)
	s.cfg.EarlierTTL = 3 * time.Second
	lost := numberedKey(t, 256, 60)
	for _, k := range []zone.DNSKEY{s.f.ksk.Record, s.b.ksk.Record} {
		for rdata := range dsOf(t, k).Rdata.All() {
			s.f.cds = zone.Pack(append(unpack(s.f.cds), rdata)...)
		}
		s.f.cdnskey = zone.Pack(append(unpack(s.f.cdnskey), string(k))...)
	}
	s.f.serial = 4000
	s.f.show(t, time.Now(), string(s.b.ksk.Record), string(s.b.zsk.Record), string(lost.Record))
	s.start()
	s.eventually("it says what it waits for", func() bool {
		return s.supply().Why == "b is not seen, so that it is not known which of the keys at f are its own"
	})
	require.Nil(t, s.given())
	s.b.show(t, time.Now())
	s.eventually("it is given", func() bool { return s.given() != nil })
	first := s.given()
	require.Equal(t, s.f.serial+1, first.Serial())
	s.eventually("it says with which serial", func() bool {
		serial := s.supply().Serial // from the first turn after it was given
		return serial != nil && *serial == s.f.serial+1
	})
	require.True(t, s.has(s.b.ksk, s.b.zsk, lost))
	require.False(t, s.has(s.f.ksk))
	require.False(t, s.has(s.f.zsk))
	cds, _ := first.RRset(apex, zone.TypeCDS)
	require.Equal(t, unpack(dsOf(t, s.b.ksk.Record).Rdata), unpack(cds.Rdata), "a parent that reads there would else take it out")

	s.eventually("it is not needed any more", func() bool { return !s.has(lost) })
	require.True(t, s.has(s.b.ksk, s.b.zsk))
	require.True(t, zone.SerialAfter(s.given().Serial(), first.Serial()))
}

// An older state was put back: what it gives is older than what the foreign signer has, which shows something
// else. Then it gets a serial that is later, once.
func TestSupplyAfterAnOlderState(t *testing.T) {
	t.Parallel()
	s := newSupplying(t)
	s.b.show(t, time.Now())
	s.start()
	s.eventually("it is given", func() bool { return s.has(s.b.ksk, s.b.zsk) })
	serial := s.given().Serial()
	s.stop()

	s.f.serial = serial + 500
	s.f.show(t, time.Now())
	s.start()
	s.eventually("it is given something later", func() bool { v := s.given(); return v != nil && v.Serial() == s.f.serial+1 })
	serial = s.given().Serial()
	s.f.serial += 500
	s.f.show(t, time.Now())
	s.looked()
	s.f.show(t, time.Now())
	s.looked()
	require.Equal(t, serial, s.given().Serial(), "who does not keep what he gets is not given it for ever")
}

// Of a signer that has our keys with the content, status says which serial it has; and an alarm says what is wrong there, and
// has nobody carry anything.
func TestAlarmSupplied(t *testing.T) {
	t.Parallel()
	e, b, _ := withForeign(t, func(cfg *engine.Config) { cfg.Contents = []engine.Content{{TSIG: supplyKey, For: "b"}} })
	supply := func() status.Supply { return *statusOf(t, e).Peers[0].Supply }
	require.Nil(t, supply().Has)
	serial := *supply().Serial
	b.show(t, time.Now())
	cure := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool {
			for _, a := range statusOf(t, e).Alarms {
				if a.Name == "peer-lacks-key" && strings.Contains(a.Cure, text) {
					return true
				}
			}
			return false
		}, 20*time.Second, 10*time.Millisecond, "%s: %+v", text, statusOf(t, e).Alarms)
	}
	cure("b has asked for no transfer since the start")
	z, from := e.Find(apex), netip.MustParseAddrPort("192.0.2.1:4711")
	z.Transferred(from, supplyKey.Name, serial, "broke off: timeout")
	cure("it asked last for serial")
	require.Nil(t, supply().Has)
	require.Eventually(t, func() bool { // in the midst of a turn the status is that of before
		z.Transferred(from, supplyKey.Name, *supply().Serial, "full")
		s := supply()
		return s.Has != nil && *s.Has == *s.Serial
	}, 20*time.Second, 10*time.Millisecond)
	cure("see in its log why it does not keep the DNSKEY, CDS and CDNSKEY records")
}
