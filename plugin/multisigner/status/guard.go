package status

import "time"

// Guard is what the second look at new versions has come to since the start.
type Guard struct {
	Refusals    int      `json:"refusals"`          // versions that were not shown, each counted once
	Reasons     Reasons  `json:"reasons"`           // what was wrong with them first of all
	Withdrawals int      `json:"withdrawals"`       // versions that were taken away for a bad signature
	Refused     *Refused `json:"refused,omitempty"` // the last that was refused, whenever that was
	Verifying   bool     `json:"verifying"`         // signatures of what is served are still being verified
}

// Reasons counts refused versions by what their first fault was about.
type Reasons struct {
	Keys   int `json:"keys"`   // the DNSKEY RRset: some DS or some answers would not validate under it
	CDS    int `json:"cds"`    // CDS and CDNSKEY: a parent that takes them would cut somebody off
	Denial int `json:"denial"` // NSEC, NSEC3
	Data   int `json:"data"`   // any other RRset, or the serial
}

// Refused is a version that was not shown.
type Refused struct {
	At     time.Time `json:"at"`
	Serial uint32    `json:"serial"` // that it would have had
	Faults []string  `json:"faults"` // the first ones
	File   string    `json:"file"`   // where all of them are, with the records that they are about
}
