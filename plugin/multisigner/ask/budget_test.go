package ask_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// A process with ten thousand zones must not flood its peers: over any stretch of
// time the budget lets through no more than a second's worth besides the rate.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := ask.NewBudget(10)
		began := time.Now()
		for range 10 {
			require.NoError(t, b.Wait(t.Context()))
		}
		require.Zero(t, time.Since(began), "a second's worth is there at once")
		for range 20 {
			require.NoError(t, b.Wait(t.Context()))
		}
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

// A question that could not be asked in time is not waited for, and takes no share.
func TestBudgetAndDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := ask.NewBudget(1)
		require.NoError(t, b.Wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, b.Wait(ctx), context.DeadlineExceeded)
		require.Zero(t, time.Since(began))
		require.NoError(t, b.Wait(t.Context()))
		require.Equal(t, time.Second, time.Since(began))
	})
}
