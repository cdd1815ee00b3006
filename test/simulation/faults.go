package simulation

// fault does something bad, and plans the next.
func (w *world) fault() {
	if w.t >= w.calm {
		return
	}
	s := w.signers[w.random.IntN(len(w.signers))]
	switch w.random.IntN(8) {
	case 0, 1, 2:
		w.partition()
	case 3, 4:
		if !s.down && s.foreign == nil {
			w.note("%s crashes", s.name)
			s.crash()
		}
	case 5:
		w.jump(s)
	case 6:
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

// blink lets a secondary of s serve an older version for less than a look's interval.
func (w *world) blink(s *signer) {
	if len(s.servers) < 2 || s.servers[1].cur == nil || s.version == nil {
		return
	}
	w.note("%s is late", s.servers[1].name)
	s.lag = w.between(hour, 10*hour)
}

// oldParent restores what the parent had before, for a while.
func (w *world) oldParent() {}
