package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/parent"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Before a look nothing is known of anybody. After it, whoever was configured since was not asked, which is
// not that there is nothing.
func TestObservedUnasked(t *testing.T) {
	t.Parallel()
	later := netip.MustParseAddrPort("192.0.2.8:53")
	cfg := &Config{
		Apex: heldApex, Signer: "a", Addresses: []netip.AddrPort{later},
		Peers:  []Peer{{Name: "b", Addresses: []netip.AddrPort{heldServer, later}}, {Name: "c", Addresses: []netip.AddrPort{later}}},
		Parent: Parent{Mode: ParentServers, Servers: []netip.AddrPort{heldParent, later}},
	}
	w := newHolder()
	require.Equal(t, roll.Observation{Steady: w.steady()}, w.observation(cfg, heldStart))

	w.sight = seen(heldKeys('a', 60), zone.RRset{})
	w.sight.parent.Unfound = []string{"ns.example."}
	w.signed = zone.MustVersion("example.org. 1 SOA . . 7 1 1 1 1")
	o := w.observation(cfg, heldStart)
	require.True(t, o.Looked)
	require.EqualValues(t, 7, o.Published.Serial)
	states := func(v roll.View) (list []string) {
		for _, a := range v.Addresses {
			list = append(list, a.Addr+" "+a.State.String())
		}
		return list
	}
	require.Equal(t, []string{later.String() + " not asked yet"}, states(o.Self))
	require.Len(t, o.Peers, 1, "nobody has looked at c")
	require.Equal(t, []string{heldServer.String() + " good", later.String() + " not asked yet"}, states(o.Peers[0]))
	var parents []string
	for _, a := range o.Parent.Addresses {
		parents = append(parents, a.Addr+" "+a.State.String())
	}
	require.Equal(t, []string{heldParent.String() + " good", later.String() + " not asked yet", "ns.example. address not known"}, parents)

	cfg.Parent = Parent{}
	require.Empty(t, w.observation(cfg, heldStart).Parent.Addresses, "an island has no parent")
}

// A signature says by tag and algorithm whose it is: a key that shares one of them alone has signed nothing.
func TestObservedSigners(t *testing.T) {
	t.Parallel()
	public := []byte(fmt.Sprintf("%032d", 0))
	signs := zone.NewDNSKEY(256, 15, public)
	public[1] += 2
	twin, other := zone.NewDNSKEY(256, 13, public), zone.NewDNSKEY(256, 15, public)
	require.Equal(t, signs.Tag(), twin.Tag())
	known := newKnown(heldApex)
	for _, k := range []zone.DNSKEY{signs, twin, other} {
		known.learn(k)
	}
	b := zone.MustVersion("example.org. 1 SOA . . 7 1 1 1 1").Edit()
	sig := "\x00\x06\x0f\x02" + fmt.Sprintf("%012d", 0) + string([]byte{byte(signs.Tag() >> 8), byte(signs.Tag())}) + string(heldApex) + fmt.Sprintf("%064d", 0)
	b.Put(b.Version().SOA().WithSigs(zone.Pack(sig)))
	require.Equal(t, []roll.KeyID{keyID(signs)}, published(b.Version(), known).Signers)
}

// Keys are taken in where they are believed, whatever else is at fault there; but only an address at which
// nothing is at fault is evidence of anything else. Revoked keys are good for nothing.
func TestObservedFaults(t *testing.T) {
	t.Parallel()
	key := func(flags uint16) zone.DNSKEY { return zone.NewDNSKEY(flags, 15, fmt.Appendf(nil, "%032d", flags)) }
	zsk, ksk, revoked := key(256), key(257), key(257|128)
	set := zone.RRset{Name: heldApex, Type: zone.TypeDNSKEY, TTL: 60, Rdata: zone.Pack(string(zsk), string(ksk), string(revoked))}
	both := []roll.KeyID{keyID(zsk), keyID(ksk)}
	slices.SortFunc(both, compareIDs)
	w := newHolder()
	look := func(status peer.Status, believed bool) roll.Address {
		return w.address(peer.Address{
			Server: ask.Server{Addr: heldServer}, Status: status, Believed: believed, Algorithms: []uint8{15}, AbsentTTL: 9,
			Sets: map[zone.Type]zone.RRset{zone.TypeDNSKEY: set},
		})
	}
	for _, tc := range []struct {
		status   peer.Status
		believed bool
		state    roll.AddressState
		keys     []roll.KeyID
	}{
		{peer.Good, true, roll.Good, both},
		{peer.Bogus, true, roll.Partial, both},
		{peer.Unreachable, true, roll.Partial, both},
		{peer.Stale, false, roll.Stale, nil},
		{peer.UnknownKey, false, roll.Bogus, nil},
		{peer.Unsigned, false, roll.Unsigned, nil},
	} {
		a := look(tc.status, tc.believed)
		require.Equal(t, tc.state, a.State, "%v", tc.status)
		require.Equal(t, tc.keys, a.DNSKEY, "%v", tc.status)
		require.False(t, a.Unclaimed, "%v: an operator has named it", tc.status)
		if tc.keys != nil {
			require.Equal(t, []roll.KeyID{keyID(ksk)}, a.SEP)
			require.Equal(t, time.Minute, a.DNSKEYTTL)
		} else {
			require.Equal(t, 9*time.Second, a.DNSKEYTTL)
		}
		if tc.status == peer.Good {
			require.Equal(t, []uint8{15}, a.Algorithms)
		} else {
			require.Empty(t, a.Algorithms, "%v: what is bad in part proves nothing of the whole", tc.status)
		}
	}
	found := w.address(peer.Address{Server: ask.Server{Addr: heldServer}, Host: "ns.example.", Status: peer.Good, Believed: true})
	require.False(t, found.Unclaimed, "a name led there, and it has shown whose it is")
}

// Resolvers ask an address for as long as what names it is cached. Of a host whose address nobody knows they ask
// none, whatever other such hosts there are.
func TestObservedNames(t *testing.T) {
	t.Parallel()
	w := newHolder()
	w.record.Named = []named{
		{Source: "zone", Host: "ns.example.", Addr: heldServer.Addr(), TTL: 3600},
		{Source: "zone", Host: "nowhere.example.", TTL: 7200},
	}
	v := w.view("b", peer.Report{Addresses: []peer.Address{
		{Server: ask.Server{Addr: heldServer}, Host: "ns.example.", Status: peer.Unreachable},
		{Host: "elsewhere.example.", Status: peer.Unfound},
	}}, nil)
	require.Equal(t, []roll.Address{
		{Addr: heldServer.String(), State: roll.Unreachable, Named: time.Hour, Unclaimed: true},
		{Addr: "elsewhere.example.", State: roll.Unfound, Unclaimed: true},
	}, v.Addresses)
}

// A peer asks the parent to delete the DS RRset by CDS, by CDNSKEY, or not at all.
func TestObservedDeletion(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cds, cdnskey string
		deletes      bool
	}{{"", "", false}, {cdsDelete, "", true}, {"", cdnskeyDelete, true}, {cdsDelete, cdnskeyDelete, true}} {
		sets := map[zone.Type]zone.RRset{}
		for kind, rdata := range map[zone.Type]string{zone.TypeCDS: tc.cds, zone.TypeCDNSKEY: tc.cdnskey} {
			if rdata != "" {
				sets[kind] = zone.RRset{Name: heldApex, Type: kind, TTL: 60, Rdata: zone.Pack(rdata)}
			}
		}
		a := newHolder().address(peer.Address{Server: ask.Server{Addr: heldServer}, Status: peer.Good, Believed: true, Sets: sets})
		require.Equal(t, tc.deletes, a.CDSDelete, "%q %q", tc.cds, tc.cdnskey)
	}
}

// What a server of the parent says counts if it could be validated; and one that was found by its name is
// asked by resolvers for as long as such names are cached, one that an operator has written down for no longer than
// that stands there.
func TestObservedParent(t *testing.T) {
	t.Parallel()
	w := newHolder()
	ns := zone.RRset{Name: heldApex, Type: zone.TypeNS, TTL: 60, Rdata: zone.Pack("\x02ns" + string(heldApex))}
	ds := zone.RRset{Name: heldApex, Type: zone.TypeDS, TTL: 60, Rdata: zone.Pack("\x00\x01\x0f\x02" + fmt.Sprintf("%032d", 1))}
	addresses := []parent.Address{
		{Addr: heldParent, Status: parent.Good, NS: ns, DS: ds},
		{Addr: heldServer, Host: "ns.org.", Status: parent.Bogus, NS: ns},
	}
	require.Equal(t, []roll.ParentAddress{
		{Addr: heldParent.String(), State: roll.Good, UnknownDS: 1, TTL: time.Minute, NS: []string{"ns.example.org."}, NSTTL: time.Minute},
		{Addr: heldServer.String(), State: roll.Bogus, Named: parentNamed},
	}, w.parentView(parent.Report{Addresses: addresses}, &parent.Where{}).Addresses)
}
