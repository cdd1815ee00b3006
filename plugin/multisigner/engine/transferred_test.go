package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A transfer shows with which algorithms all of a zone is signed, unless something in it
// does not validate: then it does not count as seen, and its serial may be nobody's.
func TestWhatTransfersProve(t *testing.T) {
	t.Parallel()
	apex := zone.MustName("example.")
	dnskey := zone.RRset{Name: apex, Type: zone.TypeDNSKEY, TTL: 60, Rdata: zone.Pack(string(zone.NewDNSKEY(257, 13, make([]byte, 64))))}
	w := &work{known: newKnown(apex)}
	seen := peer.Address{At: time.Unix(0, 0), Believed: true, TransferFrom: true, Algorithms: []uint8{13, 15},
		Sets: map[zone.Type]zone.RRset{zone.TypeDNSKEY: dnskey}}
	for status, proves := range map[peer.Status][]uint8{peer.Good: {13, 15}, peer.Bogus: nil, peer.Expired: nil} {
		seen.Status = status
		a := w.address(seen)
		require.True(t, a.Transfer, status)
		require.Len(t, a.DNSKEY, 1, "its keys are taken in")
		require.Equal(t, proves, a.Algorithms, status)
	}
}

// What a transfer shows stands in one look only. When the turn that should have saved it
// fails, the zone is transferred again.
func TestTransferredAgain(t *testing.T) {
	t.Parallel()
	serial := uint32(7)
	w := &work{memories: map[string]peer.Memory{"b": {Transferred: &serial, Pins: []zone.DNSKEY{"pin"}}}}
	w.transferAgain()
	require.Equal(t, map[string]peer.Memory{"b": {Pins: []zone.DNSKEY{"pin"}}}, w.memories)
}
