package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/multisigner/multisigner/plugin/multisigner/store"
)

// Every kind of store keeps the one promise: what was saved is there, and nobody
// overwrites what he has not seen.
func TestStore(t *testing.T) {
	kinds := map[string]func(t *testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return store.Memory() },
		"bolt": func(t *testing.T) store.Store {
			st, err := store.OpenBolt(filepath.Join(t.TempDir(), "state.db"))
			require.NoError(t, err)
			return st
		},
	}
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			ctx, st := context.Background(), open(t)
			_, _, err := st.Load(ctx, "zone/a.")
			require.ErrorIs(t, err, store.ErrNotFound)

			first, err := st.Save(ctx, "zone/a.", []byte("one"), 0)
			require.NoError(t, err)
			_, err = st.Save(ctx, "zone/a.", []byte("again"), 0)
			require.ErrorIs(t, err, store.ErrConflict, "a key that is there is not new")
			second, err := st.Save(ctx, "zone/a.", []byte("two"), first)
			require.NoError(t, err)
			require.NotEqual(t, first, second)
			_, err = st.Save(ctx, "zone/a.", []byte("late"), first)
			require.ErrorIs(t, err, store.ErrConflict, "somebody else has saved meanwhile")

			value, revision, err := st.Load(ctx, "zone/a.")
			require.NoError(t, err)
			require.Equal(t, "two", string(value))
			require.Equal(t, second, revision)

			_, err = st.Save(ctx, "other", []byte("x"), 0)
			require.NoError(t, err)
			keys, err := st.Keys(ctx, "zone/")
			require.NoError(t, err)
			require.Equal(t, []string{"zone/a."}, keys)

			require.ErrorIs(t, st.Delete(ctx, "zone/a.", first), store.ErrConflict)
			require.NoError(t, st.Delete(ctx, "zone/a.", second))
			_, _, err = st.Load(ctx, "zone/a.")
			require.ErrorIs(t, err, store.ErrNotFound)

			revisions, err := st.SaveAll(ctx, []store.Write{{Key: "a", Value: []byte("a1")}, {Key: "b", Value: []byte("b1")}})
			require.NoError(t, err)
			again, err := st.SaveAll(ctx, []store.Write{{Key: "a", Revision: revisions[0]}, {Key: "b", Value: []byte("b2"), Revision: revisions[1]}, {Key: "c", Value: []byte{}}})
			require.NoError(t, err)
			require.Zero(t, again[0])
			_, _, err = st.Load(ctx, "a")
			require.ErrorIs(t, err, store.ErrNotFound)
			value, revision, err = st.Load(ctx, "b")
			require.NoError(t, err)
			require.Equal(t, "b2", string(value))
			require.Equal(t, again[1], revision)
			_, err = st.SaveAll(ctx, []store.Write{{Key: "d", Value: []byte("d1")}, {Key: "b", Value: []byte("b3"), Revision: revisions[1]}})
			require.ErrorIs(t, err, store.ErrConflict)
			_, _, err = st.Load(ctx, "d")
			require.ErrorIs(t, err, store.ErrNotFound, "all or none")

			ended, cancel := context.WithCancel(ctx)
			cancel()
			_, err = st.Save(ended, "zone/a.", nil, 0)
			require.ErrorIs(t, err, context.Canceled)

			require.NoError(t, st.Close())
			_, err = st.Save(ctx, "zone/a.", nil, 0)
			require.ErrorIs(t, err, store.ErrClosed)
		})
	}
}

// Of many that save the same revision one wins, and what it saved is what stands.
func TestSaveHasOneWinner(t *testing.T) {
	ctx := context.Background()
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "state.db"))
	require.NoError(t, err)
	defer st.Close()
	var wg sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		wg.Go(func() {
			value := fmt.Sprint(i)
			if _, err := st.Save(ctx, "k", []byte(value), 0); err == nil {
				won <- value
			}
		})
	}
	wg.Wait()
	require.Len(t, won, 1)
	value, _, err := st.Load(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, <-won, string(value))
}

// What cannot be opened says why and what to do, and is left as it was.
func TestOpenBoltRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")

	st, err := store.OpenBolt(path)
	require.NoError(t, err)
	_, err = store.OpenBolt(path)
	require.ErrorContains(t, err, "in use by another process")
	require.NoError(t, st.Close())

	mode, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), mode.Mode().Perm())

	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("2"))
	}))
	require.NoError(t, db.Close())
	_, err = store.OpenBolt(path)
	require.ErrorContains(t, err, "run the newer program")

	damaged := filepath.Join(dir, "damaged.db")
	require.NoError(t, os.WriteFile(damaged, make([]byte, 1<<16), 0o600))
	_, err = store.OpenBolt(damaged)
	require.ErrorContains(t, err, "restore it from a backup")

	_, err = store.OpenBolt(filepath.Join(dir, "no", "such", "folder"))
	require.ErrorContains(t, err, "no/such/folder")
}

// BenchmarkSave is sixteen writers, each saving its own key: they share syncs.
func BenchmarkSave(b *testing.B) {
	ctx := context.Background()
	st, err := store.OpenBolt(filepath.Join(b.TempDir(), "state.db"))
	require.NoError(b, err)
	defer st.Close()
	var n int
	var mu sync.Mutex
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			key := fmt.Sprint(n)
			mu.Unlock()
			if _, err := st.Save(ctx, key, make([]byte, 500), 0); err != nil {
				b.Error(err)
			}
		}
	})
}
