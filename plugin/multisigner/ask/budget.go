package ask

import "context"

// Budget bounds how many questions a process asks a second, over all clients that share it.
type Budget struct{}

// NewBudget lets perSecond questions through each second, and a second's worth at once.
func NewBudget(perSecond int) *Budget { return &Budget{} }

// Wait returns when one more question may be asked, or when ctx ends with its error.
func (b *Budget) Wait(ctx context.Context) error { return ctx.Err() }
