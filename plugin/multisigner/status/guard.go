package status

import "time"

// Guard is what the second look at new versions has come to since the start.
type Guard struct {
	Refusals    int      `json:"refusals"`          // versions that were not shown, each counted once
	Withdrawals int      `json:"withdrawals"`       // versions that were taken away for a bad signature
	Refused     *Refused `json:"refused,omitempty"` // the last that was refused, whenever that was
	Verifying   bool     `json:"verifying"`         // signatures of what is served are still being verified
}

// Refused is a version that was not shown.
type Refused struct {
	At     time.Time `json:"at"`
	Serial uint32    `json:"serial"` // that it would have had
	Faults []string  `json:"faults"` // the first ones
	File   string    `json:"file"`   // where all of them are, with the records that they are about
}
