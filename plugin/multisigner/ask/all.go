package ask

import "sync"

// All calls do for every element of what, each in a goroutine of its own but at
// most 32 at a time, and returns their results in order when the last has ended.
func All[S, T any](what []S, do func(S) T) []T {
	results := make([]T, len(what))
	slots := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for i := range what {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = do(what[i])
		})
	}
	wg.Wait()
	return results
}
