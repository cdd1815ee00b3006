package job_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/job"
)

// No more jobs of a kind run than there are places, and all have their turn.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, places := job.New(), job.NewPlaces(3)
		var running, ran atomic.Int64
		next := make(chan struct{})
		for range 10 {
			g.Begin(g.Life(), places, func(context.Context) {
				running.Add(1)
				<-next
				running.Add(-1)
				ran.Add(1)
			})
		}
		for done := range int64(10) {
			synctest.Wait()
			require.Equal(t, min(3, 10-done), running.Load())
			require.Len(t, places, int(running.Load()))
			next <- struct{}{}
		}
		g.Close()
		require.EqualValues(t, 10, ran.Load())
		require.Empty(t, places)
	})
}

// Close ends what runs and what waits, and returns when all have ended: what waited is
// never run.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, places := job.New(), job.NewPlaces(1)
		var ran atomic.Int64
		for range 3 {
			g.Begin(g.Life(), places, func(ctx context.Context) {
				<-ctx.Done()
				ran.Add(1)
			})
		}
		g.Go(func() { <-g.Life().Done() })
		synctest.Wait()
		g.Close()
		require.EqualValues(t, 1, ran.Load(), "places are not waited for when life has ended")
		require.Error(t, g.Life().Err())
	})
}

// A place in each of two kinds is had as a whole, or not at all.
func TestEach(t *testing.T) {
	few, many := job.NewPlaces(1), job.NewPlaces(2)
	ctx, cancel := context.WithCancel(t.Context())
	leave, ok := job.Each{many, few}.Take(ctx)
	require.True(t, ok)
	cancel()
	_, ok = job.Each{many, few}.Take(ctx)
	require.False(t, ok)
	require.Equal(t, []int{1, 1}, []int{len(few), len(many)}, "what it had of the other was given back")
	leave()
	require.Equal(t, []int{0, 0}, []int{len(few), len(many)})
}
