//go:build !linux

package clock

import "time"

// sinceBoot may leave out the time that the machine was suspended: waits are that
// much longer then.
func sinceBoot() time.Duration { return time.Since(started) }

var started = time.Now()
