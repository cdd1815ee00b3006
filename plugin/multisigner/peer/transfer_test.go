package peer_test

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const some = "a 60 A 192.0.2.1\nb 60 TXT \"text\"\n"

// A zone is transferred when its serial has changed, and not else; what it shows
// stands beside what the addresses answer, and its digest tells its content.
func TestTransferWhenTheSerialChanged(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	c := usual(ksk, zsk)
	c.more = some
	f := serve(t, c)
	target := trusting([]key{ksk}, f.keyed())
	target.Via = peer.AXFR

	r := lookAt(t, target)
	require.Empty(t, r.TransferErr)
	require.Len(t, r.Addresses, 2)
	a := r.Addresses[1]
	require.True(t, a.TransferFrom)
	require.Equal(t, peer.Good, a.Status, a.Err)
	require.Equal(t, []zone.DNSKEY{ksk.rdata()}, a.Entry)
	require.ElementsMatch(t, []zone.DNSKEY{ksk.rdata(), zsk.rdata()}, a.DataSigners)
	require.Equal(t, []uint8{13}, a.Algorithms)
	require.Equal(t, uint32(1), r.Transfer.Serial())
	require.Equal(t, 1, r.Transfer.Names(), "the apex alone is kept")
	first := r.Digest
	require.NotZero(t, first)
	require.Equal(t, 1, f.count(dns.TypeAXFR))

	target.Memory = r.Memory
	r = lookAt(t, target)
	require.Equal(t, 1, f.count(dns.TypeAXFR))
	require.Nil(t, r.Transfer)
	require.Zero(t, r.Digest)
	require.Len(t, r.Addresses, 1)

	c.serial = 2
	f.set(c)
	target.Memory = r.Memory
	r = lookAt(t, target)
	require.Equal(t, first, r.Digest, "the serial is no content")
	c.serial, c.more = 3, some+"c 60 A 192.0.2.3\n"
	f.set(c)
	target.Memory = r.Memory
	r = lookAt(t, target)
	require.NotZero(t, r.Digest)
	require.NotEqual(t, first, r.Digest)
}

// A peer that will not give its zone is asked at its addresses all the same.
func TestTransferRefused(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	f := serve(t, usual(ksk, zsk)).says(func(q, m *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype == dns.TypeAXFR {
			m.Rcode, m.Answer = dns.RcodeRefused, nil
		}
		return m
	})
	target := trusting([]key{ksk}, f.keyed())
	target.Via = peer.AXFR
	r := lookAt(t, target)
	require.True(t, r.Trusted)
	require.Equal(t, peer.Good, r.Addresses[0].Status)
	require.Contains(t, r.TransferErr, "transfer example.org from "+f.Addr.String()+": answered REFUSED")
	require.Nil(t, r.Memory.Transferred, "it is tried again")
}

// A zone above the limit is looked at by its apex, which comes first, and not
// transferred again until it changes.
func TestTransferAboveTheLimit(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	c := usual(ksk, zsk)
	c.more = some
	f := serve(t, c)
	f.mu.Lock()
	f.chunk = len(f.transfer) - 3 // the apex; then two names and the closing SOA
	f.mu.Unlock()
	target := trusting([]key{ksk}, f.keyed())
	target.Via, target.Limit = peer.AXFR, ask.Limit{Records: f.chunk}
	r := lookAt(t, target)
	require.Contains(t, r.TransferErr, "records allowed")
	require.Zero(t, r.Digest, "of a part there is none")
	require.Equal(t, uint32(1), r.Transfer.Serial())
	require.True(t, r.Addresses[1].TransferFrom)
	require.Equal(t, peer.Good, r.Addresses[1].Status, r.Addresses[1].Err)
	require.Equal(t, []zone.DNSKEY{ksk.rdata()}, r.Addresses[1].Entry)
	require.Empty(t, r.Addresses[1].Algorithms, "what was not seen may be signed with others")

	target.Memory = r.Memory
	require.Equal(t, r.TransferErr, lookAt(t, target).TransferErr, "it is what there is to know")
	require.Equal(t, 1, f.count(dns.TypeAXFR))

	// Where not even the SOA came, there is nothing to look at.
	target.Memory.Transferred, target.Limit.Records = nil, 2
	r = lookAt(t, target)
	require.Contains(t, r.TransferErr, "records allowed")
	require.Nil(t, r.Transfer)
	require.Len(t, r.Addresses, 1)
}

// A transfer with keys that those of the same address do not vouch for shows
// nothing that may be used.
func TestTransferOfOtherKeys(t *testing.T) {
	ksk, zsk := newKSK(), newZSK()
	f := serve(t, usual(ksk, zsk))
	forged := serve(t, usual(newKSK(), newZSK()))
	f.mu.Lock()
	f.transfer = forged.transfer
	f.mu.Unlock()
	target := trusting([]key{ksk}, f.keyed())
	target.Via = peer.AXFR
	r := lookAt(t, target)
	require.Equal(t, peer.Good, r.Addresses[0].Status, r.Addresses[0].Err)
	require.Equal(t, peer.UnknownKey, r.Addresses[1].Status)
	require.False(t, r.Addresses[1].Believed)
	require.Empty(t, r.Addresses[1].Sets)
	require.Equal(t, []zone.DNSKEY{ksk.rdata()}, r.Memory.Pins)
}

// Two signers of one content have one digest, whatever they made of it.
func TestDigest(t *testing.T) {
	const content = "a.example. 60 A 192.0.2.1\nb.example. 60 NS c.b.example.\nc.b.example. 60 A 192.0.2.2\n"
	sum := func(more string) peer.Digest { return peer.Sum(zone.MustVersion(more + content)) }
	one := sum("example. 60 SOA a. b. 1 2 3 4 5\nexample. 60 NS a.\n")
	require.Equal(t, one, sum(`
example. 60 SOA x. y. 9 8 7 6 5
example. 60 NS b.
example. 60 DNSKEY 256 3 13 AAAA
example. 60 TYPE65534 \# 1 00
example. 60 NSEC a.example. SOA
a.example. 60 NSEC example. A
a.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA
`))
	for _, other := range []string{"d.example. 60 A 192.0.2.1\n", "a.example. 60 A 192.0.2.9\n", "b.example. 60 NS x.\n"} {
		require.NotEqual(t, one, sum("example. 60 SOA a. b. 1 2 3 4 5\nexample. 60 NS a.\n"+other))
	}
	require.NotEqual(t, one, peer.Sum(zone.MustVersion("example. 60 SOA a. b. 1 2 3 4 5\nexample. 60 NS a.\na.example. 61 A 192.0.2.1\nb.example. 60 NS c.b.example.\nc.b.example. 60 A 192.0.2.2\n")))
}
