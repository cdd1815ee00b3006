//go:build !failpoints

package player

import "github.com/multisigner/multisigner/plugin/multisigner/engine"

// crashing has signers die at their failpoints, which only a build with that tag has.
type crashing struct{}

func (*crashing) arm(*life, *engine.Options) {}

func (*crashing) bury() {}

func (*world) revive() {}

// crash reports that it did not.
func (*world) crash(*signer, *drawn) bool { return false }
