package keystore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds a key file: RSA of 4096 bits needs 4 kB.
const maxFile = 64 << 10

// readPrivate reads a file that only its owner may read.
func readPrivate(path string) ([]byte, error) { return readFile(path, 0o077) }

func readPublic(path string) ([]byte, error) { return readFile(path, 0) }

// readFile refuses files with any of the permissions in forbidden. It looks at
// what it has opened, so that nothing can be put in its place between.
func readFile(path string, forbidden fs.FileMode) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", errNoFile, path)
		}
		return nil, err
	}
	defer f.Close()
	at, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !at.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case at.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d octets, a key file at most %d: it is no key file", path, at.Size(), maxFile)
	case at.Mode().Perm()&forbidden != 0:
		return nil, exposed(path, at.Mode())
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

func exposed(path string, mode fs.FileMode) error {
	return fmt.Errorf("%s can be read by others (mode %04o): chmod 600 %[1]s, and replace the key if somebody may have read it", path, mode.Perm())
}

// Exposed is an error when others than its owner may read the private file of a key now. A
// file that is not there is none: see PutBack.
func Exposed(key Key) error {
	path := key.Base + ".private"
	at, err := os.Stat(path)
	if err != nil || at.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return exposed(path, at.Mode())
}

// unfinished begins the names of files that have not got their own yet.
const unfinished = ".new-"

// writeFile writes a file for its owner only, under a name that is not its own
// until finish gives it that.
func writeFile(path string, content []byte) error {
	f, err := os.OpenFile(unfinishedName(path), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func unfinishedName(path string) string {
	return filepath.Join(filepath.Dir(path), unfinished+filepath.Base(path))
}

func finish(path string) error {
	return rename(unfinishedName(path), path)
}

// rename moves a file to a place that must be free. That nobody fills it between
// is the lock's work.
func rename(from, to string) error {
	if exists(to) {
		return fmt.Errorf("%s is there already: move it away", to)
	}
	return os.Rename(from, to)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// removeUnfinished removes what a crash has left in dir: files without their own
// name, and a .key file that was to get its .private file next. No such key was
// ever used.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), unfinished)
		if !ok {
			continue
		}
		if base, ok := strings.CutSuffix(name, ".private"); ok && !exists(filepath.Join(dir, name)) {
			if err := os.Remove(filepath.Join(dir, base+".key")); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory for its owner only, with those above it, and makes
// their names durable.
func makeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err = makeDir(filepath.Dir(path)); err == nil {
			err = os.Mkdir(path, 0o700)
		}
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
