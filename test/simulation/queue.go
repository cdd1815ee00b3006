package simulation

import "math/rand/v2"

// event is something due. Each draws from the stream of what planned it, so that
// leaving one fault out changes little else.
type event struct {
	at     int64
	seq    int
	stream *rand.Rand
	do     func()
}

// queue is a heap of events, the earliest first.
type queue []event

func (q queue) before(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}

func (q *queue) push(e event) {
	*q = append(*q, e)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.before(i, up) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *queue) pop() event {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h.before(down+1, down) {
			down++
		}
		if !h.before(down, i) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	*q = h
	return first
}

// after plans an event.
func (w *world) after(d int64, do func()) {
	w.seq++
	w.queue.push(event{at: w.t + d, seq: w.seq, stream: w.random, do: do})
}

// stream makes a source of chance of its own.
func (w *world) stream(n uint64) *rand.Rand { return rand.New(rand.NewPCG(w.Seed, 0x5eed+n)) }

// by runs do with another source of chance.
func (w *world) by(r *rand.Rand, do func()) {
	old := w.random
	w.random = r
	do()
	w.random = old
}

// between draws a duration.
func (w *world) between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + w.random.Int64N(hi-lo)
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// oneOf draws one of several.
func oneOf[T any](w *world, choices ...T) T { return choices[w.random.IntN(len(choices))] }
