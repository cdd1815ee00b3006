package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A revoked key is withdrawn, although its record is there: validators use it for
// nothing any more (RFC 5011 2.1). Its record is not published in its plain key's place.
func TestRevokedKeyIsGone(t *testing.T) {
	t.Parallel()
	apex := zone.MustName("example.")
	public := make([]byte, 64)
	record := func(flags uint16, last byte) zone.DNSKEY {
		public[63] = last
		return zone.NewDNSKEY(flags, 13, public)
	}
	ksk, revoked, zsk := record(257, 1), record(257|zone.FlagRevoke, 2), record(256, 3)
	w := &work{known: newKnown(apex)}
	dnskey := zone.RRset{Name: apex, Type: zone.TypeDNSKEY, TTL: 60, Rdata: zone.Pack(string(ksk), string(revoked), string(zsk))}
	cdnskey := zone.RRset{Name: apex, Type: zone.TypeCDNSKEY, TTL: 60, Rdata: zone.Pack(string(ksk), string(revoked))}
	a := w.address(peer.Address{At: time.Unix(0, 0), Status: peer.Good, Believed: true,
		Sets: map[zone.Type]zone.RRset{zone.TypeDNSKEY: dnskey, zone.TypeCDNSKEY: cdnskey}})
	require.Equal(t, sortIDs([]roll.KeyID{keyID(ksk), keyID(zsk)}), a.DNSKEY)
	require.Equal(t, []roll.KeyID{keyID(ksk)}, a.SEP)
	require.Equal(t, []roll.KeyID{keyID(ksk)}, a.CDNSKEY)
	_, known := w.known.record(keyID(revoked))
	require.False(t, known)

	// As plain it is another record of the same key.
	plain := record(257, 2)
	require.Equal(t, keyID(plain), keyID(revoked))
	w.known.learn(plain)
	set, err := w.known.dnskeys([]roll.KeyID{keyID(revoked)})
	require.NoError(t, err)
	require.Equal(t, zone.Pack(string(plain)), set)
}
