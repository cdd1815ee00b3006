package ask

import (
	"context"
	"sync"
	"time"
)

// Budget bounds how many questions a process asks a second, over all clients that
// share it. A nil one bounds nothing.
type Budget struct {
	each time.Duration // a question's share of a second

	mu   sync.Mutex
	free time.Time // when the questions let through so far have had their shares
}

// NewBudget lets perSecond questions, at least one, through each second, and a
// second's worth at once.
func NewBudget(perSecond int) *Budget {
	return &Budget{each: time.Second / time.Duration(max(1, perSecond))}
}

// Wait returns when one more question may be asked, in the order of calls. It
// gives context.DeadlineExceeded at once when ctx ends before that, and the
// context's error when it is cancelled meanwhile.
func (b *Budget) Wait(ctx context.Context) error {
	if b == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	wait, ok := b.take(ctx)
	if !ok {
		return context.DeadlineExceeded
	}
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take reserves a share and says how long until it begins; ok is false, and
// nothing reserved, when ctx ends before.
func (b *Budget) take(ctx context.Context) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	free := b.free
	if free.Before(now) {
		free = now
	}
	begin := free.Add(b.each - time.Second) // what was not used in the last second is there at once
	if deadline, has := ctx.Deadline(); has && deadline.Before(begin) {
		return 0, false
	}
	b.free = free.Add(b.each)
	return begin.Sub(now), true
}
