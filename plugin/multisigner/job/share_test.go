package job

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Signers have all processors while nobody asks, and all but one as long as queries
// come; of many that want a place each gets on, and none is left in when they end.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries atomic.Uint64
		s := NewShare(queries.Load)
		s.all = 4
		var in, most atomic.Int64
		work := func(passes int) {
			keep, leave := s.Place()
			defer leave()
			in.Add(1)
			defer in.Add(-1)
			for range passes {
				most.Store(max(most.Load(), in.Load()))
				<-time.After(time.Millisecond) // it computes
				in.Add(-1)
				keep()
				in.Add(1)
			}
		}
		rounds := func(goroutines, passes int) int64 {
			most.Store(0)
			var all sync.WaitGroup
			for range goroutines {
				all.Go(func() { work(passes) })
			}
			all.Wait()
			require.Zero(t, s.busy)
			require.Empty(t, s.waiting)
			return most.Load()
		}
		require.EqualValues(t, 4, rounds(9, 50))

		ctx := make(chan struct{})
		var asking sync.WaitGroup
		asking.Go(func() {
			for {
				select {
				case <-ctx:
					return
				case <-time.After(100 * time.Millisecond):
					queries.Add(20)
				}
			}
		})
		<-time.After(time.Second)
		require.EqualValues(t, 3, rounds(9, 50))
		close(ctx)
		asking.Wait()
		<-time.After(2 * askedFor)
		require.EqualValues(t, 4, rounds(9, 50), "the last query was long ago")
	})
}

// On one processor those who compute rest as long as they work while queries come.
func TestShareOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var queries atomic.Uint64
		s := NewShare(func() uint64 { return queries.Add(1) }) // there are always new ones
		s.all = 1
		begun := time.Now()
		keep, leave := s.Place()
		for range 100 {
			<-time.After(time.Millisecond)
			keep()
		}
		leave()
		require.GreaterOrEqual(t, time.Since(begun), 190*time.Millisecond)

		quiet := NewShare(nil)
		quiet.all = 1
		begun = time.Now()
		keep, leave = quiet.Place()
		for range 100 {
			<-time.After(time.Millisecond)
			keep()
		}
		leave()
		require.Equal(t, 100*time.Millisecond, time.Since(begun))
	})
}
