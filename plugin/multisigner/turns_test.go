package multisigner

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Transfers go on in small number, a few of each client, and the others wait for
// their turn in the order in which they came.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := turns{clients: make(map[netip.Prefix]int)}
		client := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
		var order []int
		var ends []func()
		var mu sync.Mutex
		come := func(i int) {
			go func() {
				done, err := turns.take(client(i))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					order = append(order, -i)
					return
				}
				order = append(order, i)
				ends = append(ends, done)
			}()
			synctest.Wait()
		}
		came := func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(order)
		}
		end := func(i int) {
			mu.Lock()
			done := ends[i]
			mu.Unlock()
			done()
		}
		going := func() (int, int, int) {
			turns.mu.Lock()
			defer turns.mu.Unlock()
			return turns.going, len(turns.waiting), len(turns.clients)
		}
		for _, i := range []int{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6, 7} {
			come(i)
		}
		require.Equal(t, []int{1, 1, 2, 2, 3, 3, 4, 4, 5, 6}, came(), "two of each client, ten of all")
		for _, tc := range []struct {
			end, next int
			why       string
		}{
			{2, 2, "client 1, who waits longest, has two already"},
			{8, 7, "and so have 1, 3 and 4"},
			{0, 1, "now 1 has one only"},
		} {
			end(tc.end)
			synctest.Wait()
			now := came()
			require.Equal(t, tc.next, now[len(now)-1], tc.why)
			n, _, _ := going()
			require.Equal(t, maxTransfers, n)
		}

		<-time.After(maxWait + time.Second)
		synctest.Wait()
		now := came()
		require.ElementsMatch(t, []int{-3, -4}, now[len(now)-2:], "nobody waits for ever")
		_, waiting, _ := going()
		require.Zero(t, waiting)
		for i := range len(now) - 2 {
			if !slices.Contains([]int{2, 8, 0}, i) {
				end(i)
			}
		}
		n, _, clients := going()
		require.Zero(t, n)
		require.Zero(t, clients)
	})
}

// The queue has an end, too: for all, and for one client before it fills it alone.
func TestTurnsThatNobodyHas(t *testing.T) {
	turns := turns{clients: make(map[netip.Prefix]int)}
	wait := func(a string) error {
		_, err := turns.join(clientOf(netip.MustParseAddr(a)))
		return err
	}
	for range maxClientTransfers + maxClientWaiting {
		require.NoError(t, wait("2001:db8::1"))
	}
	require.ErrorIs(t, wait("2001:db8::1"), errBusy)
	require.ErrorIs(t, wait("2001:db8::ffff"), errBusy, "another address of the same network")
	require.NoError(t, wait("2001:db8:0:1::1"))
	for i := range maxWaiting * 2 {
		wait(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String())
	}
	require.ErrorIs(t, wait("192.0.2.1"), errBusy)
	require.Len(t, turns.waiting, maxWaiting)
	require.Equal(t, maxTransfers, turns.going)
}

// At most so many work at once, but those who wait for the network do not count.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(func(int) int { return 2 }, time.Second, true)
		var working atomic.Int32
		work := func(d time.Duration) {
			place := p.begin()
			working.Add(1)
			<-time.After(d)
			working.Add(-1)
			place.end()
		}
		for _, d := range []time.Duration{time.Hour, time.Hour, 100 * time.Millisecond, 100 * time.Millisecond} {
			go work(d)
			synctest.Wait()
		}
		require.EqualValues(t, 2, working.Load())
		<-time.After(time.Second + time.Millisecond)
		require.EqualValues(t, 4, working.Load(), "the first two wait for somebody")
		<-time.After(100 * time.Millisecond)
		require.EqualValues(t, 2, working.Load())
		begun := time.Now()
		p.begin().end()
		require.Equal(t, 99*time.Millisecond, time.Since(begun), "who has worked rests as long")
		<-time.After(time.Hour)
	})
}

// Where Go has found one processor it gets two, also when CoreDNS finds a limit
// after the start of the program; then work for connections leaves one of them.
func TestProcessorLeftFree(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, tc := range []struct {
		found      int
		variable   string
		have, work int
	}{{1, "", 2, 1}, {1, "1", 1, 1}, {2, "", 2, 1}, {5, "", 5, 4}} {
		p := newPace(func(n int) int { return n - 1 }, time.Second, false)
		t.Setenv("GOMAXPROCS", tc.variable)
		runtime.GOMAXPROCS(tc.found)
		leaveOne()
		require.Equal(t, tc.have, runtime.GOMAXPROCS(0))
		require.True(t, p.places().TryAcquire(int64(tc.work)))
		require.False(t, p.places().TryAcquire(1))
	}
}
