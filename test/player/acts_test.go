package player

import (
	"net/netip"
	"strings"
	"time"
)

// atRest starts all signers and lets the zone become secure.
func (w *world) atRest() {
	w.expectThat(w.begin(), "the zone becomes secure")
}

// rest demands that everything comes to rest.
func (w *world) rest() {
	w.expectThat(w.until("all is at rest", 6*day, w.calm), "all comes to rest")
}

// become lets time pass until something is so.
func (w *world) become(what string, limit time.Duration, is func() bool) {
	w.expectThat(w.until(what, limit, is), what)
}

// expect notes an order that was refused.
func (w *world) expect(err error) {
	if err != nil {
		w.caches.wrong("%v", err)
	}
}

func (w *world) expectThat(ok bool, what string) {
	if !ok {
		w.caches.wrong("it never came: %s", what)
	}
}

// waitsTo reports whether a step of the signer waits.
func (s *signer) waitsTo(what string) bool {
	for _, wait := range s.status().Waits {
		if strings.HasPrefix(wait.What, what) {
			return true
		}
	}
	return false
}

// since is for how long the signer has waited for a step; 0: it does not.
func (s *signer) since(what string) time.Duration {
	for _, wait := range s.status().Waits {
		if strings.HasPrefix(wait.What, what) && !wait.Since.IsZero() {
			return time.Since(wait.Since)
		}
	}
	return 0
}

func (s *signer) calm() bool {
	z := s.status()
	return z.Refuse == "" && len(z.Waits) == 0 && len(z.Alarms) == 0
}

// cut lets nothing pass between two hosts, either way.
func (w *world) cut(a, b netip.Addr, d time.Duration) {
	w.note("nothing passes between %s and %s for %s", a, b, d)
	w.network.cutOff(a, b, time.Now().Add(d))
	w.network.cutOff(b, a, time.Now().Add(d))
}

// leave takes a server off the network for good.
func (w *world) leave(s *secondary) {
	w.note("%s is switched off", s.name)
	w.network.at(s.addr, nil)
	s.sleep(1000 * day)
	w.caches.gives(s.name, nil)
}
