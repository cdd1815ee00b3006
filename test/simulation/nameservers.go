package simulation

import (
	"slices"
	"time"
)

// Nameservers come and go. One that leaves the NS RRsets is looked at no more, goes on
// serving and transferring as slowly as ever, and is asked by resolvers for as long as they
// may have the NS RRset that named it.

// renumber takes a secondary of s out of the NS RRsets, or puts one in.
func (w *world) renumber(s *signer) {
	if w.moot(s.outside || s.refuses || w.Start == Delegated && s.n == 0) || w.avoids(relapseOfForeign, s.foreign != nil) || w.avoids(nameserversWhileMoving, w.t < w.grand) {
		return
	}
	switch {
	case len(s.servers) > 1 && s.leaving == nil:
		s.leaves()
	case s.spare != nil && s.version != nil:
		s.arrives()
	}
}

// leaves takes the last secondary out of the NS RRsets.
func (s *signer) leaves() {
	w, n := s.w, len(s.servers)-1
	server := s.servers[n]
	s.servers, s.leaving = s.servers[:n:n], server
	long := max(w.nsTTL, w.nsHeld-w.t) + w.oracle.overstay
	w.note("%s is not named any more; resolvers ask it for %.0f h", server.name, float64(long)/float64(hour))
	w.did("nameserver leaves")
	for _, other := range w.signers {
		other.soon()
	}
	w.after(long, func() {
		w.note("nobody asks %s any more", server.name)
		for _, k := range []kind{theDNSKEY, theData, theCDS} {
			w.oracle.withdraw(source{server.name, k})
		}
		s.leaving, s.spare = nil, server
		server.cur, server.before = nil, nil
	})
}

// arrives puts a secondary into the NS RRsets. It has nothing before it has transferred.
func (s *signer) arrives() {
	w, server := s.w, s.spare
	s.spare = nil
	s.servers = append(slices.Clip(s.servers), server)
	server.since = w.t
	w.note("%s is named from now on", server.name)
	w.did("nameserver arrives")
	s.fetch(server)
	for _, other := range w.signers {
		other.soon()
	}
}

// secondaries are those servers that transfer from s.
func (s *signer) secondaries() []*server {
	if s.leaving == nil {
		return s.servers[1:]
	}
	return append(slices.Clip(s.servers[1:]), s.leaving)
}

// editNS changes the TTL of the NS RRsets now and then. What was cached with a larger one is good
// for as long as it was.
func (w *world) editNS() {
	if w.moot(w.t >= w.calm) {
		return
	}
	w.happens(func() {
		w.nsHeld = max(w.nsHeld, w.t+w.nsTTL)
		w.nsTTL = oneOf(w, hour, 6*hour, day, 2*day)
		w.note("the TTL of the NS RRsets is now %d h", w.nsTTL/hour)
		w.did("NS TTL")
		for _, s := range w.signers {
			s.soon()
		}
	})
	w.after(w.between(day, 60*day), w.editNS)
}

// named is for how long resolvers go on asking a server that nothing names any more.
func (w *world) named() time.Duration { return time.Duration(w.nsTTL) }
