package xfr_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"iter"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// seed is small: the fuzzer spends its time on making what it finds smaller.
var seed = zone.MustVersion(`
example.     60 SOA   ns.example. . 7 1 2 3 4
example.     60 NS    ns.example.
ns.example.  60 A     192.0.2.1
ns.example.  60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA
x.example.   60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA
0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 4 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A`)

// nextSeed is a version after it.
func nextSeed() *zone.Version {
	b := seed.Edit()
	soa := seed.SOA()
	for rdata := range soa.Rdata.All() {
		soa.Rdata = zone.Pack(zone.SOAWithSerial(rdata, 8))
	}
	b.Put(soa)
	b.Delete(zone.MustName("ns.example."), zone.TypeA)
	return b.Version()
}

// FuzzSnapshot reads files whose checksums are right and whose messages are
// anything: whatever is accepted must be written and read again as the same.
func FuzzSnapshot(f *testing.F) {
	for m := range xfr.Packed(seed, asked(seed, 0), 32<<10) {
		f.Add(bytes.Clone(m), uint32(seed.Records()+1), true)
	}
	var diff bytes.Buffer
	require.NoError(f, xfr.WriteDiff(&diff, zone.Compare(seed, nextSeed())))
	f.Add(diff.Bytes()[20:diff.Len()-12], uint32(6), false)
	f.Fuzz(func(t *testing.T, message []byte, records uint32, snapshot bool) {
		// As it came, most of it ends at a checksum; framed, it gets through.
		xfr.Read(bytes.NewReader(message))
		file := framed(message, records, snapshot)
		if !snapshot {
			d, err := xfr.ReadDiff(bytes.NewReader(file))
			if err != nil {
				return
			}
			var again bytes.Buffer
			require.NoError(t, xfr.WriteDiff(&again, d))
			got, err := xfr.ReadDiff(&again)
			require.NoError(t, err)
			require.Equal(t, d, got)
			return
		}
		v, err := xfr.Read(bytes.NewReader(file))
		if err != nil {
			return
		}
		var again bytes.Buffer
		require.NoError(t, xfr.Write(&again, v))
		got, err := xfr.Read(&again)
		require.NoError(t, err)
		require.Empty(t, zone.Compare(v, got).Changes)
	})
}

func framed(message []byte, records uint32, snapshot bool) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	kind := byte(2)
	if snapshot {
		kind = 1
	}
	file := append([]byte("ms-zone\n"), 0, 1, 0, kind)
	file = binary.BigEndian.AppendUint32(file, uint32(len(message)))
	file = binary.BigEndian.AppendUint32(file, crc32.Checksum(message, table))
	file = append(file, message...)
	file = binary.BigEndian.AppendUint32(file, 0)
	file = binary.BigEndian.AppendUint32(file, records)
	return binary.BigEndian.AppendUint32(file, crc32.Checksum(file, table))
}

// FuzzTransfer makes versions of whatever a primary may send. What is accepted
// goes out again as the same zone.
func FuzzTransfer(f *testing.F) {
	for _, size := range []int{150, 32 << 10} {
		var stream []byte
		for m := range xfr.Packed(seed, asked(seed, 0), size) {
			stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(m))), m...)
		}
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		v, _, err := xfr.Collect(seed.Apex(), unpacked(stream))
		if err != nil {
			return
		}
		got, _, err := xfr.Collect(v.Apex(), messages(xfr.AXFR(v, 500)))
		require.NoError(t, err)
		require.Empty(t, zone.Compare(v, got).Changes)
		var file bytes.Buffer
		require.NoError(t, xfr.Write(&file, v))
		got, err = xfr.Read(&file)
		require.NoError(t, err)
		require.Empty(t, zone.Compare(v, got).Changes)
	})
}

// unpacked reads a stream of messages as it comes over TCP, up to the first that
// the library refuses.
func unpacked(stream []byte) iter.Seq2[*dns.Msg, error] {
	return func(yield func(*dns.Msg, error) bool) {
		for len(stream) >= 2 {
			size := int(binary.BigEndian.Uint16(stream))
			stream = stream[2:]
			m := new(dns.Msg)
			if err := m.Unpack(stream[:min(size, len(stream))]); err != nil {
				yield(nil, err)
				return
			}
			stream = stream[min(size, len(stream)):]
			if !yield(m, nil) {
				return
			}
		}
	}
}
