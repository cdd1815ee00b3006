package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

// build makes the world of the configuration, with what the seed adds to it.
func (w *world) build() {
	n := w.Signers
	w.cut = make([][]int64, n+1)
	for i := range w.cut {
		w.cut[i] = make([]int64, n+1)
	}
	w.parent = &parent{w: w, nextTTL: []int64{hour, 6 * hour, day}[w.random.IntN(3)]}
	w.parent.ttl = [2]int64{w.parent.nextTTL, w.parent.nextTTL}
	for i := range n {
		s := &signer{w: w, n: i, name: string(rune('a' + i)), reach: make([]int64, n+1), lag: w.between(minute, 2*hour)}
		s.servers = []*server{{name: s.name + "1"}}
		if w.chance(50) {
			s.servers = append(s.servers, &server{name: s.name + "2"})
		}
		s.policy = w.policy(s)
		w.signers = append(w.signers, s)
	}
	for i, s := range w.signers {
		for _, other := range w.signers {
			if other != s {
				s.policy.Peers = append(s.policy.Peers, roll.Peer{Name: other.name, Foreign: other.n >= n-w.Foreign})
			}
		}
		if i >= n-w.Foreign {
			s.foreign = newForeign(s)
		}
		for _, server := range s.servers { // the zone was served unsigned until now
			w.oracle.replace(&w.oracle.data, server.name, &record{ttl: s.maxTTL()})
		}
		w.after(w.between(0, 2*hour), func() {
			s.upSince = w.t
			if s.foreign != nil {
				s.foreign.begin()
			} else {
				s.turn()
			}
		})
	}
	w.parent.plan()
	if w.Faults {
		w.after(w.between(10*day, 20*day), w.fault)
		w.after(20*day, w.save)
	}
	w.after(w.between(20*day, 60*day), w.order)
}

func (w *world) policy(s *signer) roll.Policy {
	days := func(lo, hi int64) time.Duration { return time.Duration(w.between(lo*day, hi*day)) }
	p := roll.Policy{Signer: s.name, Split: !w.CSK, Algorithm: 13, LifetimeZSK: days(20, 60), LifetimeKSK: days(90, 200),
		DNSKEYTTL: time.Duration([]int64{hour, 6 * hour, day}[w.random.IntN(3)]), Margin: time.Duration(w.between(minute, hour)),
		Interval: 10 * time.Minute, Parent: roll.ParentScan, Terse: true, Standby: w.chance(20)}
	if w.Double {
		p.Variant = roll.DoubleDS
	}
	if w.Parent == Person {
		p.Parent = roll.ParentManual
	}
	return p
}

// save keeps a backup of every state now and then.
func (w *world) save() {
	for _, s := range w.signers {
		if w.chance(30) {
			s.backup, s.backupOwn = s.disk, s.own
		}
	}
	w.after(w.between(day, 20*day), w.save)
}

// order gives a command now and then: a rollover out of turn, another TTL, the other
// kind of keys.
func (w *world) order() {
	if w.t < w.calm {
		s := w.signers[w.random.IntN(len(w.signers))]
		if s.foreign == nil && !s.down {
			switch w.random.IntN(6) {
			case 0, 1:
				s.command(roll.KSK)
			case 2, 3:
				s.command(roll.ZSK)
			case 4:
				s.policy.DNSKEYTTL = time.Duration([]int64{hour, 6 * hour, day}[w.random.IntN(3)])
				s.turn()
			case 5:
				if w.chance(30) {
					s.policy.Split = !s.policy.Split
					w.note("%s: keys split is now %v", s.name, s.policy.Split)
					s.turn()
				}
			}
		}
		w.after(w.between(day, 40*day), w.order)
	}
}

func (s *signer) command(role roll.Role) {
	if !s.policy.Split {
		role = roll.CSK
	}
	next, err := roll.Do(s.disk, roll.Command{Kind: roll.RollKey, Role: role}, s.policy, s.wall(s.w.t))
	if err != nil {
		return
	}
	s.w.note("%s is told to roll its %s", s.name, role)
	s.disk = next
	s.turn()
}

// checkCDS asks of every CDS RRset that any address serves whether the parent might
// take it now (I12), and that no two keys in sight share a tag (I10).
func (w *world) checkCDS() {
	for _, s := range w.signers {
		for _, server := range s.servers {
			if v := server.cur; v != nil && !(s.refuses && server == s.servers[0]) && len(v.cds) > 0 && len(w.parent.ds) > 0 {
				if s.foreign != nil {
					continue // it may forget the others'
				}
				r := record{who: server.name, set: w.oracle.bits(v.cds)}
				w.oracle.adopt(&r)
			}
		}
	}
}

// rest asks, after a long calm, whether everything that began has ended.
func (w *world) rest() {
	stuck := func(format string, args ...any) {
		w.result.Stuck = append(w.result.Stuck, fmt.Sprintf(format, args...))
	}
	for _, s := range w.signers {
		if s.version == nil {
			stuck("%s never served", s.name)
			continue
		}
		w.result.Rolls += int(w.made)
		if s.foreign != nil {
			continue
		}
		for _, wait := range s.plan.Waits {
			if s.wall(w.t).Sub(wait.Since) > 12*24*time.Hour {
				stuck("%s waits since %v to %s, for %s %v", s.name, wait.Since, wait.What, wait.Why, wait.Holding)
			}
		}
		if len(s.version.cds) == 0 {
			stuck("%s publishes no CDS", s.name)
		}
		for _, other := range w.signers {
			for _, id := range other.version.data {
				if !slices.Contains(s.version.dnskey, id) {
					stuck("%s does not publish %s of %s", s.name, keyName(id), other.name)
				}
			}
		}
		if n := len(s.version.dnskey); n > 5*len(w.signers) {
			stuck("%s publishes %d keys: %s", s.name, n, keyNames(s.version.dnskey))
		}
	}
	if len(w.parent.ds) == 0 {
		stuck("the parent has no DS")
	}
	if w.made < uint64(float64(len(w.signers))*w.Years*4) && !w.CSK {
		stuck("only %d keys were made", w.made)
	}
}
