//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package store

import "os"

// unlock does nothing: the lock lasts as long as the process, if bbolt panicked.
func unlock(*os.File) {}
