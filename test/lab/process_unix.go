//go:build unix

package lab

import (
	"os"
	"syscall"
)

// signalGroup reaches the process group that Start gave to p.
func signalGroup(p *os.Process, s syscall.Signal) error { return syscall.Kill(-p.Pid, s) }
