package lab

import (
	"os/exec"
	"syscall"
)

// tie gives cmd a process group, and has the kernel end it with the thread that starts it.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
