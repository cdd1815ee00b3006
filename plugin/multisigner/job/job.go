// Package job runs what takes long beside whoever asks for it: so many of a kind at once, and
// none longer than the life that all of a group share.
package job

import (
	"context"
	"sync"
)

// Group is jobs that end together. Its methods may be called from any goroutine.
type Group struct {
	life context.Context
	end  context.CancelFunc
	all  sync.WaitGroup
}

// New begins the life of a group.
func New() *Group {
	g := &Group{}
	g.life, g.end = context.WithCancel(context.Background())
	return g
}

// Life ends when Close is called. Jobs end with it.
func (g *Group) Life() context.Context { return g.life }

// Close ends the group's life, and waits for its jobs. None may be begun after it has
// returned; one that is begun meanwhile may find that its life is over.
func (g *Group) Close() {
	g.end()
	g.all.Wait()
}

// Go runs a job that waits for no place.
func (g *Group) Go(do func()) { g.all.Go(do) }

// Begin runs a job as soon as there is a place for it; it does not wait. If ctx, which is
// to end with the group's life, ends before, the job is never run.
func (g *Group) Begin(ctx context.Context, at Place, do func(ctx context.Context)) {
	g.all.Go(func() {
		leave, ok := at.Take(ctx)
		if !ok {
			return
		}
		defer leave()
		do(ctx)
	})
}

// Place is what a job must have before it runs.
type Place interface {
	// Take waits for it; leave gives it back. ok is false when ctx has ended first.
	Take(ctx context.Context) (leave func(), ok bool)
}

// Places are for so many jobs of a kind at once, as NewPlaces says.
type Places chan struct{}

// NewPlaces makes places for n jobs.
func NewPlaces(n int) Places { return make(Places, n) }

// Take waits for one of the places.
func (p Places) Take(ctx context.Context) (leave func(), ok bool) {
	select {
	case p <- struct{}{}:
		return func() { <-p }, true
	case <-ctx.Done():
		return nil, false
	}
}

// Each is a place in every one of some kinds. They are taken in that order: whoever waits for
// a later one has those before.
type Each []Places

// Take waits for all of them.
func (e Each) Take(ctx context.Context) (leave func(), ok bool) {
	var taken []func()
	leave = func() {
		for i := len(taken) - 1; i >= 0; i-- {
			taken[i]()
		}
	}
	for _, p := range e {
		one, ok := p.Take(ctx)
		if !ok {
			leave()
			return nil, false
		}
		taken = append(taken, one)
	}
	return leave, true
}
