package sign

import (
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// SerialPolicy is how serials are chosen.
type SerialPolicy uint8

// The policies: one more than the last; seconds since 1970; the date, as
// 2026112300. All count on when they would have to stand still or go back, and
// Increment goes along when the content's own serial is ahead.
const (
	Increment SerialPolicy = iota
	UnixTime
	Date
)

// String gives increment, unixtime or date, as a Corefile has it.
func (p SerialPolicy) String() string {
	switch p {
	case Increment:
		return "increment"
	case UnixTime:
		return "unixtime"
	case Date:
		return "date"
	}
	return "unknown"
}

// NextSerial gives the serial of the version after last, which it comes after in
// the order of RFC 1982. A last of 0 means that there is none yet. content is the
// serial of the unsigned content. 0 is never given: some software takes it for none.
func NextSerial(policy SerialPolicy, last, content uint32, now time.Time) uint32 {
	want := content
	switch policy {
	case UnixTime:
		want = uint32(now.Unix())
	case Date:
		year, month, day := now.UTC().Date()
		want = uint32(year*1000000 + int(month)*10000 + day*100)
	}
	if want != 0 && (last == 0 || zone.SerialAfter(want, last)) {
		return want
	}
	if last++; last == 0 {
		return 1
	}
	return last
}
