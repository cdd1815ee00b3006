package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Mend sees to it that what was saved is where a restart looks for it. A file that was
// removed is still open here: all of it is written anew. Another one in its place is
// left alone, and nothing can be saved until it is gone.
func (b *bolt) Mend() (mended bool, err error) {
	err = b.putInPlace()
	return b.mended.Swap(false), err
}

func (b *bolt) putInPlace() error {
	b.mu.RLock()
	there, err := b.inPlace()
	b.mu.RUnlock()
	if there || err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if there, err := b.inPlace(); there || err != nil {
		return err
	}
	if err := b.writeAnew(); err != nil {
		return fmt.Errorf("%s was removed while it was in use, and cannot be written anew: %w", b.path, err)
	}
	b.mended.Store(true)
	return nil
}

// inPlace reports whether the file is where it was opened. The caller holds the lock.
func (b *bolt) inPlace() (bool, error) {
	at, err := os.Stat(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !os.SameFile(at, b.at):
		return false, fmt.Errorf("%s is another file than the one that this process has open, and nothing is saved: "+
			"end whatever else uses it; then move it away to have this process write its own, or restart to use it", b.path)
	}
	return true, nil
}

// writeAnew copies what is open to a new file and goes on with that.
func (b *bolt) writeAnew() error {
	unfinished := b.path + ".new"
	if err := copyTo(unfinished, b.db); err != nil {
		os.Remove(unfinished) // or the next try writes over it
		return err
	}
	db, err := open(unfinished)
	if err != nil {
		return err
	}
	if err := install(unfinished, b.path); err != nil {
		return errors.Join(err, db.Close())
	}
	at, err := os.Stat(b.path)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	old := b.db
	db.MaxBatchDelay, db.NoSync = old.MaxBatchDelay, old.NoSync
	b.db, b.at = db, at
	return closed(old.Close())
}

func copyTo(path string, db *bbolt.DB) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			_, err := tx.WriteTo(f)
			return err
		})
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		err = ErrClosed
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
