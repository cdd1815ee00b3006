package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// batchDelay is how long a Save waits for others to share its sync: our choice,
// about what one sync costs.
const batchDelay = 2 * time.Millisecond

var (
	valuesBucket = []byte("values")
	metaBucket   = []byte("meta")
	formatKey    = []byte("format")
)

// entryHeader is what stands before a value: its revision in eight octets, and
// the CRC-32C of key, revision and value in four. Without the sum a page that the
// disk has damaged would give out another state than was saved.
const entryHeader = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeEntry(key, value []byte, revision uint64) []byte {
	entry := binary.BigEndian.AppendUint64(make([]byte, 0, entryHeader+len(value)), revision)
	entry = binary.BigEndian.AppendUint32(entry, entrySum(key, entry, value))
	return append(entry, value...)
}

// decodeEntry gives the value inside entry, not a copy.
func decodeEntry(key, entry []byte) (value []byte, revision uint64, err error) {
	if len(entry) < entryHeader || binary.BigEndian.Uint32(entry[8:]) != entrySum(key, entry[:8], entry[entryHeader:]) {
		return nil, 0, fmt.Errorf("%s is %w: restore the store from a backup", key, ErrDamaged)
	}
	return entry[entryHeader:], binary.BigEndian.Uint64(entry), nil
}

func entrySum(key, revision, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, revision)
	return crc32.Update(sum, castagnoli, value)
}

type bolt struct {
	path string

	mu sync.RWMutex // held for writing while another file takes the place of a lost one
	db *bbolt.DB
	at fs.FileInfo // of the file as it was opened

	mended atomic.Bool // by a Save, say, and nobody was told yet
}

func (b *bolt) Load(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	err = guarded(func() error {
		return b.db.View(func(tx *bbolt.Tx) error {
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
	})
	return value, revision, closed(err)
}

// entryOf reads the value of key; its revision is 0 when there is none.
func entryOf(tx *bbolt.Tx, key string) (value []byte, revision uint64, err error) {
	entry := tx.Bucket(valuesBucket).Get([]byte(key))
	if entry == nil {
		return nil, 0, nil
	}
	return decodeEntry([]byte(key), entry)
}

func (b *bolt) Save(ctx context.Context, key string, value []byte, revision uint64) (saved uint64, err error) {
	err = b.change(ctx, key, revision, func(values *bbolt.Bucket) error {
		next, err := values.NextSequence()
		if err != nil {
			return err
		}
		saved = next
		return values.Put([]byte(key), encodeEntry([]byte(key), value, next))
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

// SaveAll implements Store.
func (b *bolt) SaveAll(ctx context.Context, writes []Write) ([]uint64, error) {
	revisions := make([]uint64, len(writes))
	err := b.batch(ctx, func(tx *bbolt.Tx) error {
		values := tx.Bucket(valuesBucket)
		for _, w := range writes {
			if err := at(tx, w.Key, w.Revision); err != nil {
				return err
			}
		}
		for i, w := range writes {
			if revisions[i] = 0; w.Value == nil {
				if err := values.Delete([]byte(w.Key)); err != nil {
					return err
				}
				continue
			}
			next, err := values.NextSequence()
			if err != nil {
				return err
			}
			revisions[i] = next
			if err := values.Put([]byte(w.Key), encodeEntry([]byte(w.Key), w.Value, next)); err != nil {
				return err
			}
		}
		return nil
	})
	return revisions, err
}

// change runs do if key is at revision.
func (b *bolt) change(ctx context.Context, key string, revision uint64, do func(*bbolt.Bucket) error) error {
	return b.batch(ctx, func(tx *bbolt.Tx) error {
		if err := at(tx, key, revision); err != nil {
			return err
		}
		return do(tx.Bucket(valuesBucket))
	})
}

// batch runs do in a transaction. Many that come together share one sync.
func (b *bolt) batch(ctx context.Context, do func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.putInPlace(); err != nil {
		return err // what goes into a file that nobody finds is not saved
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return closed(b.db.Batch(do))
}

// at holds key to be at revision.
func at(tx *bbolt.Tx, key string, revision uint64) error {
	_, is, err := entryOf(tx, key)
	switch {
	case err != nil:
		return err
	case is == 0 && revision != 0:
		return fmt.Errorf("%s: %w", key, ErrNotFound)
	case is != revision:
		return fmt.Errorf("%s is at revision %d, not %d: %w", key, is, revision, ErrConflict)
	}
	return nil
}

func (b *bolt) Keys(ctx context.Context, prefix string) (keys []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	err = b.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(valuesBucket).Cursor()
		for k, _ := c.Seek([]byte(prefix)); k != nil && bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			keys = append(keys, string(k))
		}
		return nil
	})
	return keys, closed(err)
}

func (b *bolt) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.db.Close()
}

func closed(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
