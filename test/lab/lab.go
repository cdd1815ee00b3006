// Package lab runs a parent zone and its signers as real processes on loopback:
// for a newcomer to look at, and for the end-to-end tests to break. It decides
// nothing about a zone: the parent is package registry, the signers are coredns.
package lab

import (
	"fmt"
	"io"

	"github.com/multisigner/multisigner/test/lab/registry"
)

// Run is `multisigner lab`: it starts everything, says what to try, and stays
// until it is told to stop. The result is the exit status.
func Run(args []string, stdout, stderr io.Writer) int {
	fmt.Fprintln(stderr, "multisigner lab: not finished yet")
	return 1
}

// RunParent is `multisigner lab-parent`, which Run starts.
func RunParent(args []string, stdout, stderr io.Writer) int {
	return registry.Run(args, stdout, stderr)
}
