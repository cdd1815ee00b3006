package engine

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever waits is told once the event has come, whether he has asked before, meanwhile or after.
func TestEvent(t *testing.T) {
	for range 1000 {
		var e event
		require.False(t, e.hasCome())
		first := e.wait()
		select {
		case <-first:
			t.Fatal("it has not come")
		default:
		}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if i%4 == 0 {
					e.come()
				}
				<-e.wait()
				if !e.hasCome() {
					t.Error("told of what has not come")
				}
			})
		}
		all.Wait()
		<-first
	}
	var alone event // nobody has waited
	alone.come()
	alone.come()
	<-alone.wait()
	require.True(t, alone.hasCome())
}
