package roll

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// octets is the length of KeyID.Sum.
const octets = 8

// String is the key's algorithm, tag and sum: 13/4711/0123456789abcdef.
func (k KeyID) String() string {
	return strconv.Itoa(int(k.Algorithm)) + "/" + strconv.Itoa(int(k.Tag)) + "/" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, k.Sum))
}

// MarshalText writes String.
func (k KeyID) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (k *KeyID) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), "/")
	if len(parts) != 3 {
		return fmt.Errorf("key %q: want algorithm/tag/sum", b)
	}
	algorithm, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil {
		return fmt.Errorf("key %q: %w", b, err)
	}
	tag, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil {
		return fmt.Errorf("key %q: %w", b, err)
	}
	sum, err := hex.DecodeString(parts[2])
	if err != nil || len(sum) != octets {
		return fmt.Errorf("key %q: want a sum of %d octets in hex", b, octets)
	}
	*k = KeyID{Algorithm: uint8(algorithm), Tag: uint16(tag), Sum: binary.BigEndian.Uint64(sum)}
	return nil
}

// Compare orders keys by algorithm, tag and sum.
func (k KeyID) Compare(o KeyID) int {
	switch {
	case k.Algorithm != o.Algorithm:
		return cmp.Compare(k.Algorithm, o.Algorithm)
	case k.Tag != o.Tag:
		return cmp.Compare(k.Tag, o.Tag)
	}
	return cmp.Compare(k.Sum, o.Sum)
}

// hash tells sets of keys apart by the sum over their members.
func (k KeyID) hash() uint64 {
	return k.Sum ^ (uint64(k.Algorithm)<<16|uint64(k.Tag))*0x9e3779b97f4a7c15
}
