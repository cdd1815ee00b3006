package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// boltFormat is the number of the file's layout: older ones are read, newer ones refused.
const boltFormat = 1

// lockWait is how long OpenBolt waits for another process to let go of the file:
// our choice, enough for one that is just ending.
const lockWait = 2 * time.Second

// batchDelay is how long a Save waits for others to share its sync: our choice,
// about what one sync costs.
const batchDelay = 2 * time.Millisecond

var (
	valuesBucket = []byte("values")
	metaBucket   = []byte("meta")
	formatKey    = []byte("format")
)

// OpenBolt opens the file at path, or makes it (mode 0600). The error says what
// is wrong with the file and what to do: it is in use, damaged, or of a newer format.
func OpenBolt(path string) (Store, error) {
	_, statErr := os.Stat(path)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s is in use by another process: each state directory belongs to one", path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%s is damaged (%w): restore it from a backup", path, err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.MaxBatchDelay = batchDelay
	if err := db.Update(checkFormat); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if errors.Is(statErr, os.ErrNotExist) {
		if err := syncDir(filepath.Dir(path)); err != nil {
			db.Close()
			return nil, err
		}
	}
	return &bolt{db}, nil
}

func checkFormat(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucketIfNotExists(valuesBucket); err != nil {
		return err
	}
	written := meta.Get(formatKey)
	if written == nil {
		return meta.Put(formatKey, []byte(strconv.Itoa(boltFormat)))
	}
	format, err := strconv.Atoi(string(written))
	switch {
	case err != nil:
		return fmt.Errorf("is damaged: its format is %q; restore it from a backup", written)
	case format > boltFormat:
		return fmt.Errorf("has format %d, this program reads up to %d: run the newer program", format, boltFormat)
	}
	return nil
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

// bolt keeps each value behind its revision in eight octets.
type bolt struct{ db *bbolt.DB }

func (b *bolt) Load(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	err = b.db.View(func(tx *bbolt.Tx) error {
		v, rev, err := entryOf(tx, key)
		if err != nil {
			return err
		}
		if rev == 0 {
			return fmt.Errorf("%s: %w", key, ErrNotFound)
		}
		value, revision = bytes.Clone(v), rev
		return nil
	})
	return value, revision, closed(err)
}

// entryOf reads the value of key; its revision is 0 when there is none.
func entryOf(tx *bbolt.Tx, key string) (value []byte, revision uint64, err error) {
	v := tx.Bucket(valuesBucket).Get([]byte(key))
	switch {
	case v == nil:
		return nil, 0, nil
	case len(v) < 8:
		return nil, 0, fmt.Errorf("%s is damaged: restore the store from a backup", key)
	}
	return v[8:], binary.BigEndian.Uint64(v), nil
}

func (b *bolt) Save(ctx context.Context, key string, value []byte, revision uint64) (saved uint64, err error) {
	err = b.change(ctx, key, revision, func(values *bbolt.Bucket) error {
		next, err := values.NextSequence()
		if err != nil {
			return err
		}
		saved = next
		return values.Put([]byte(key), append(binary.BigEndian.AppendUint64(nil, next), value...))
	})
	return saved, err
}

func (b *bolt) Delete(ctx context.Context, key string, revision uint64) error {
	return b.change(ctx, key, revision, func(values *bbolt.Bucket) error {
		if revision == 0 {
			return fmt.Errorf("%s: %w", key, ErrNotFound)
		}
		return values.Delete([]byte(key))
	})
}

// change runs do if key is at revision. Many that come together share one sync.
func (b *bolt) change(ctx context.Context, key string, revision uint64, do func(*bbolt.Bucket) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return closed(b.db.Batch(func(tx *bbolt.Tx) error {
		_, is, err := entryOf(tx, key)
		if err != nil {
			return err
		}
		switch {
		case is == 0 && revision != 0:
			return fmt.Errorf("%s: %w", key, ErrNotFound)
		case is != revision:
			return fmt.Errorf("%s is at revision %d, not %d: %w", key, is, revision, ErrConflict)
		}
		return do(tx.Bucket(valuesBucket))
	}))
}

func (b *bolt) Keys(ctx context.Context, prefix string) (keys []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = b.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(valuesBucket).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			keys = append(keys, string(k))
		}
		return nil
	})
	return keys, closed(err)
}

func (b *bolt) Close() error { return b.db.Close() }

func closed(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
