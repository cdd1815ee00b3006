package sign

import (
	"crypto"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Key is a key that signs.
type Key struct {
	Record zone.DNSKEY
	Signer crypto.Signer
}

// NewKey makes the DNSKEY record of a private key.
func NewKey(flags uint16, algorithm uint8, signer crypto.Signer) (Key, error) { return Key{}, nil }

// Keys says who signs what.
type Keys struct {
	DNSKEY []Key // sign the DNSKEY RRset
	CDS    []Key // sign CDS and CDNSKEY at the apex
	Data   []Key // sign everything else
}

// Policy is how long signatures are good.
type Policy struct {
	Validity time.Duration
	Refresh  time.Duration
	BackDate time.Duration
}

// Input is a version of a zone as it should be.
type Input struct {
	Old     *zone.Version
	Content *zone.Version
	// Changes, without Content, are the changes of the content that Old was made from.
	Changes []zone.Change
	Serial  uint32
	Apex    []zone.RRset
	Keys    Keys
	Denial  denial.Mode
	Policy  Policy
	Now     time.Time
	Mark    time.Time
	// Resign makes every signature anew.
	Resign bool
}

// Output is the version that came of it.
type Output struct {
	Version *zone.Version
	Diff    zone.Diff
	Signed  int
	Changed bool
	Refresh time.Time
}

// Zone signs.
func Zone(in Input) (Output, error) { return Output{}, nil }
