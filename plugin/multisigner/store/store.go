// Package store keeps what must survive a restart: bytes under a key, with a
// revision, so that two writers cannot overwrite each other unseen. What the
// bytes mean is their owners' business.
package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Errors that a caller answers by doing something else.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed by another writer meanwhile")
	ErrClosed   = errors.New("store is closed")
	ErrDamaged  = errors.New("damaged")
)

// Store is a set of values by key. Its methods may be called from any goroutine.
type Store interface {
	// Load gives a value and its revision; ErrNotFound when there is none.
	Load(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Save replaces the value of revision, 0 for a key that is new, and gives the
	// new revision; ErrConflict when the key is at another one. On return the
	// value is durable; on an error nothing has changed, unless the error says
	// otherwise.
	Save(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// SaveAll makes several changes, all or none, and gives the new revisions, 0 for what
	// was deleted. The keys must differ. On return all are durable; on an error, as above,
	// nothing has changed: ErrConflict when one of the keys is at another revision.
	SaveAll(ctx context.Context, writes []Write) ([]uint64, error)
	// Keys lists the keys that begin with prefix, sorted.
	Keys(ctx context.Context, prefix string) ([]string, error)
	// Delete removes the value of revision; ErrNotFound and ErrConflict as above.
	Delete(ctx context.Context, key string, revision uint64) error
	// Mend sees to it that what was saved is where a restart looks for it, and says
	// whether it had to be put there anew since it was asked last.
	Mend() (mended bool, err error)
	Close() error
}

// Write is one change among several: the value replaces that of the revision, 0 for a
// key that is new. A nil value deletes.
type Write struct {
	Key      string
	Value    []byte
	Revision uint64
}

// Memory gives a store that lasts as long as the process.
func Memory() Store { return &memory{values: map[string]entry{}} }

type memory struct {
	mu     sync.Mutex
	values map[string]entry
	last   uint64
	closed bool
}

type entry struct {
	value    []byte
	revision uint64
}

func (m *memory) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.at(ctx, key)
	return slices.Clone(e.value), e.revision, err
}

// at gives the entry of key; the caller holds the lock.
func (m *memory) at(ctx context.Context, key string) (entry, error) {
	if m.closed {
		return entry{}, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return entry{}, err
	}
	e, ok := m.values[key]
	if !ok {
		return entry{}, fmt.Errorf("%s: %w", key, ErrNotFound)
	}
	return e, nil
}

func (m *memory) Save(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.at(ctx, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, err
	}
	if e.revision != revision {
		return 0, fmt.Errorf("%s is at revision %d, not %d: %w", key, e.revision, revision, ErrConflict)
	}
	m.last++
	m.values[key] = entry{slices.Clone(value), m.last}
	return m.last, nil
}

func (m *memory) SaveAll(ctx context.Context, writes []Write) ([]uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range writes {
		e, err := m.at(ctx, w.Key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if e.revision != w.Revision {
			return nil, fmt.Errorf("%s is at revision %d, not %d: %w", w.Key, e.revision, w.Revision, ErrConflict)
		}
	}
	revisions := make([]uint64, len(writes))
	for i, w := range writes {
		if w.Value == nil {
			delete(m.values, w.Key)
			continue
		}
		m.last++
		m.values[w.Key], revisions[i] = entry{slices.Clone(w.Value), m.last}, m.last
	}
	return revisions, nil
}

func (m *memory) Keys(ctx context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	keys := slices.Sorted(maps.Keys(m.values))
	return slices.DeleteFunc(keys, func(k string) bool { return !strings.HasPrefix(k, prefix) }), ctx.Err()
}

func (m *memory) Delete(ctx context.Context, key string, revision uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.at(ctx, key)
	if err != nil {
		return err
	}
	if e.revision != revision {
		return fmt.Errorf("%s is at revision %d, not %d: %w", key, e.revision, revision, ErrConflict)
	}
	delete(m.values, key)
	return nil
}

func (m *memory) Mend() (bool, error) { return false, nil }

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
