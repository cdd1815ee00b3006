package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// boltFormat is the number of the file's layout: older ones are read, newer ones refused.
const boltFormat = 1

// lockWait is how long OpenBolt waits for another process to let go of the file:
// our choice, enough for one that is just ending.
const lockWait = 2 * time.Second

// OpenBolt opens the file at path, or makes it (mode 0600). The error says what
// is wrong with the file and what to do: it is in use, damaged (ErrDamaged), or of
// a newer format. All of the file is read once, so that damage is found now and
// not when a value is needed; a damaged file is left as it is.
func OpenBolt(path string) (Store, error) {
	db, err := openOrCreate(path)
	switch {
	case err == nil:
		db.MaxBatchDelay = batchDelay
		at, err := os.Stat(path)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
		}
		return &bolt{path: path, db: db, at: at}, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s is in use by another process: each state directory belongs to one", path)
	case errors.Is(err, ErrDamaged):
		return nil, fmt.Errorf("%s is %w: restore it from a backup, or move it away", path, err)
	case errors.As(err, new(newer)):
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return nil, fmt.Errorf("open %s: %w", path, err)
}

func openOrCreate(path string) (*bbolt.DB, error) {
	at, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create(path)
	case err != nil:
		return nil, err
	case at.Size() == 0: // create names a file when it is complete
		return nil, fmt.Errorf("%w (it is empty)", ErrDamaged)
	}
	db, err := open(path)
	if err != nil {
		return nil, judge(err)
	}
	if err := guarded(func() error { return inspect(db) }); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// judge calls damage what bbolt says of a file's content, and leaves what the
// system says and that the file is locked.
func judge(err error) error {
	var system syscall.Errno
	if errors.Is(err, berrors.ErrTimeout) || errors.Is(err, ErrDamaged) || errors.As(err, &system) {
		return err
	}
	return fmt.Errorf("%w (%w)", ErrDamaged, err)
}

// open opens the file by bbolt, which leaves it open and locked when it panics.
func open(path string) (db *bbolt.DB, err error) {
	var file *os.File
	err = guarded(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockWait, FreelistType: bbolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode fs.FileMode) (_ *os.File, err error) {
				file, err = os.OpenFile(name, flag, mode)
				return file, err
			},
		})
		return err
	})
	if err != nil && file != nil {
		unlock(file) // or the memory that is mapped to it keeps the lock
		file.Close() // an error only says that bbolt has closed it
	}
	return db, err
}

// create makes the file under another name and renames it when it is whole and on
// the disk: whoever finds a state file finds a whole one.
func create(path string) (*bbolt.DB, error) {
	unfinished := path + ".new"
	db, err := open(unfinished)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(valuesBucket); err != nil {
			return err
		}
		return meta.Put(formatKey, []byte(strconv.Itoa(boltFormat)))
	})
	if err == nil {
		err = install(unfinished, path)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// install names a file that this process has locked, unless another was first.
func install(unfinished, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return berrors.ErrTimeout
	}
	if err := os.Rename(unfinished, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the name of a new file durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// newer is a file of a later version of this program.
type newer int

func (n newer) Error() string {
	return fmt.Sprintf("has format %d, this program reads up to %d: run the newer program", int(n), boltFormat)
}

// inspect reads all that is in the file.
func inspect(db *bbolt.DB) error {
	at, err := os.Stat(db.Path())
	if err != nil {
		return err
	}
	return db.View(func(tx *bbolt.Tx) error {
		// A read beyond the end of the file would be a fault of the whole process,
		// also in goroutines that guarded does not reach.
		if at.Size() < tx.Size() {
			return fmt.Errorf("%w (%d octets are missing at its end)", ErrDamaged, tx.Size()-at.Size())
		}
		meta, values := tx.Bucket(metaBucket), tx.Bucket(valuesBucket)
		if meta == nil {
			return fmt.Errorf("%w (it has no format)", ErrDamaged)
		}
		switch format, err := strconv.Atoi(string(meta.Get(formatKey))); {
		case err != nil:
			return fmt.Errorf("%w (its format is %q)", ErrDamaged, meta.Get(formatKey))
		case format > boltFormat:
			return newer(format)
		case values == nil:
			return fmt.Errorf("%w (it has no values)", ErrDamaged)
		}
		return readAll(values)
	})
}

// readAll reads every value, and finds each again by its key, so that damage to
// what leads to it is noticed too. bbolt's own Check cannot be used: it runs in a
// goroutine where a fault of reading ends the process.
func readAll(values *bbolt.Bucket) error {
	var last []byte
	return values.ForEach(func(key, entry []byte) error {
		if last != nil && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("%w (its keys are out of order)", ErrDamaged)
		}
		last = key
		if _, _, err := decodeEntry(key, entry); err != nil {
			return err
		}
		if !bytes.Equal(values.Get(key), entry) {
			return fmt.Errorf("%w (%q is not found where it should be)", ErrDamaged, key)
		}
		return nil
	})
}

// guarded turns a panic of bbolt, which takes its file for granted, and a fault
// of reading the mapped file into an error.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w (%v)", ErrDamaged, r)
		}
	}()
	return do()
}
