//go:build !failpoints

package engine

// failpoints are places at which a test lets the engine fail; see failpoints.go.
// Without the build tag they are nothing, and cost nothing.
type failpoints struct{}

func (failpoints) pass(string) error { return nil }

func (failpoints) reach(string) {}
