//go:build unix && !linux

package lab

import (
	"os/exec"
	"syscall"
)

// tie gives cmd a process group; no other system ends a child with its parent.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
