//go:build unix

package engine

import (
	"io/fs"
	"syscall"
)

// device tells disks apart.
func device(at fs.FileInfo) uint64 {
	if sys, ok := at.Sys().(*syscall.Stat_t); ok {
		return uint64(sys.Dev)
	}
	return 0
}
