package simulation

// fault does something bad, and plans the next.
func (w *world) fault() {
	if w.t >= w.calm {
		return
	}
	s := w.signers[w.random.IntN(len(w.signers))]
	switch w.random.IntN(9) {
	case 0, 1, 2:
		w.partition()
	case 3, 4:
		if !s.down && s.foreign == nil {
			w.note("%s crashes", s.name)
			s.crash()
		}
	case 5:
		w.jump(s)
	case 6, 8:
		w.blink(s)
	case 7:
		w.oldParent()
	}
	w.after(w.between(hour, 12*day), w.fault)
}

// partition cuts one or both ways between two parties, the parent among them.
func (w *world) partition() {
	i, j := w.random.IntN(len(w.cut)), w.random.IntN(len(w.cut))
	if i == j {
		return
	}
	if max(i, j) == len(w.signers) {
		w.parent.excuse()
	}
	length := w.between(minute, 12*hour)
	if w.chance(10) {
		length = w.between(day, 10*day)
	}
	w.cutOff(i, j, length)
	if w.chance(50) {
		w.cutOff(j, i, length)
	}
}

func (w *world) cutOff(i, j int, length int64) {
	until := w.t + length
	if w.cut[i][j] >= until {
		return
	}
	w.cut[i][j] = until
	w.note("%s does not reach %s for %.1f h", w.party(i), w.party(j), float64(length)/float64(hour))
	if i == len(w.signers) {
		return
	}
	s := w.signers[i]
	s.soon()
	w.after(length, func() {
		if w.cut[i][j] <= w.t {
			s.reach[j] = w.t
			s.soon()
		}
	})
}

func (w *world) party(i int) string {
	if i == len(w.signers) {
		return "the parent"
	}
	return w.signers[i].name
}

// jump sets a wall clock wrong, and right again later.
func (w *world) jump(s *signer) {
	if s.foreign != nil {
		return
	}
	by := []int64{hour, -hour, 365 * day, -365 * day, -40 * day, 3 * day}[w.random.IntN(6)]
	s.offset += by
	w.note("the clock of %s jumps by %d h", s.name, by/hour)
	s.soon()
	w.after(w.between(minute, 5*day), func() {
		s.offset -= by
		w.note("the clock of %s is right again", s.name)
		s.soon()
	})
}

// blink makes a secondary of s slower, or lets a foreign signer forget.
func (w *world) blink(s *signer) {
	if s.foreign != nil {
		s.foreign.forget()
		return
	}
	w.note("%s is late from now on", s.name)
	s.lag = w.between(hour, 10*hour)
}

// oldParent restores the DS set that the parent had before, for three days. That can
// be bogus at once, and is no fault of ours if it is; but what was withdrawn must
// come back, and after a look and the longest TTL all must be well.
func (w *world) oldParent() {
	p := w.parent
	if len(p.before) == 0 || p.until > w.t || w.Parent == Hasty || w.Foreign > 0 || w.t-p.changed > 5*day {
		return // a foreign signer could not come back, and keys are not kept for ever
	}
	for _, s := range w.signers {
		if s.down || w.cut[s.n][len(w.signers)] > w.t {
			return
		}
	}
	w.note("the parent restores old data")
	p.ds = p.before
	p.until, p.wrong = w.t+4*day, w.t+3*day
	for i := range p.shown {
		p.show(i, p.ds, p.ttl[i])
	}
	w.after(3*day, func() {
		if w.t >= p.wrong {
			w.oracle.wrong(false)
			w.oracle.ask()
		}
	})
}

// excuse says that not every signer could see what the parent went back to.
func (p *parent) excuse() {
	if p.until > p.w.t {
		p.wrong = p.until
	}
}
