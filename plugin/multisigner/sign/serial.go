package sign

import "time"

// SerialPolicy is how serials are chosen.
type SerialPolicy uint8

// The policies.
const (
	Increment SerialPolicy = iota
	UnixTime
	Date
)

// NextSerial gives the serial of the version after last.
func NextSerial(policy SerialPolicy, last, content uint32, now time.Time) uint32 { return 0 }
