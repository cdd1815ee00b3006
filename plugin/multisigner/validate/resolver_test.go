package validate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// spoiler makes a version worse, or tries to.
type spoiler struct {
	*rand.Rand
	old, new *zone.Version
	sets     []zone.RRset // of new
	b        *zone.Builder
}

func newSpoiler(seed uint64, old, new *zone.Version) *spoiler {
	s := &spoiler{Rand: rand.New(rand.NewPCG(seed, 1)), old: old, new: new, b: new.Edit()}
	for n := range new.All() {
		for set := range n.All() {
			s.sets = append(s.sets, set)
		}
	}
	for n := range new.Hashed() {
		for set := range n.All() {
			s.sets = append(s.sets, set)
		}
	}
	return s
}

func (s *spoiler) any() zone.RRset { return s.sets[s.IntN(len(s.sets))] }

func (s *spoiler) flipped(p zone.Packed) zone.Packed {
	var all []string
	for rdata := range p.All() {
		all = append(all, rdata)
	}
	if len(all) == 0 {
		return p
	}
	at := s.IntN(len(all))
	octets := []byte(all[at])
	octets[s.IntN(len(octets))] ^= 1 << s.IntN(8)
	all[at] = string(octets)
	return zone.Pack(all...)
}

// spoil does one thing that should not be, and says what.
func (s *spoiler) spoil() string {
	set, kind := s.any(), s.IntN(11)
	switch kind {
	case 0:
		s.b.Put(set.WithSigs(""))
	case 1:
		set.Sigs = s.flipped(set.Sigs)
		s.b.Put(set)
	case 2:
		if was, ok := s.old.RRset(set.Name, set.Type); ok {
			s.b.Put(was)
		}
	case 3:
		if set.Type != zone.TypeSOA {
			s.b.Delete(set.Name, set.Type)
		}
	case 4:
		set.TTL += uint32(s.IntN(3)) - 1
		s.b.Put(set)
	case 5:
		if other := s.any(); set.Type != zone.TypeNSEC3 && other.Type != zone.TypeNSEC3 && set.Type != zone.TypeSOA {
			set.Name = other.Name
			s.b.Put(set)
		}
	case 6:
		set.Rdata = s.flipped(set.Rdata)
		if set.Type != zone.TypeNS && set.Type != zone.TypeSOA { // whose names must be names
			s.b.Put(set)
		}
	case 7:
		if set.Type != zone.TypeNSEC3 {
			s.b.Put(rrset(set.Name, zone.TypeNS, "\x00"))
		}
	case 8:
		s.b.Delete(set.Name, zone.TypeNS)
	case 9:
		if set.Type != zone.TypeNSEC3 {
			s.b.Put(rrset(set.Name, zone.TypeDNAME, "\x00"))
		}
	case 10:
		s.b.Delete(set.Name, zone.TypeDNAME)
	}
	return fmt.Sprintf("%d at %s %s", kind, set.Name, set.Type)
}

// bogus lists the questions that have an answer which keys accept in old, and one
// that they do not accept in new.
func bogus(old, new *zone.Version, keys zone.RRset) (list []string) {
	for _, question := range questions {
		good := func(v *zone.Version) (err error) {
			defer func() {
				if broken := recover(); broken != nil {
					err = fmt.Errorf("%v", broken)
				}
			}()
			m, q := ask(v, question)
			return validate.Response(m, q, v.Apex(), keys, now)
		}
		if err := good(new); err != nil && good(old) == nil {
			list = append(list, fmt.Sprintf("%s: %v", question, err))
		}
	}
	return list
}

// Whatever is done to a version, it is refused if a resolver would see more bogus
// answers than before. The resolver knows nothing of the guard: it asks. SEED
// replays a run.
func TestGuardAgainstResolver(t *testing.T) {
	first, runs := rand.Uint64(), uint64(60)
	if text := os.Getenv("SEED"); text != "" {
		var err error
		first, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		runs = 1
	}
	passed, refused, rightly := 0, 0, 0
	for _, m := range modes {
		in := input(t, nastyAndMore(t), m)
		start := must(t, in)
		out := after(t, in, start, func(b *zone.Builder) {
			b.Put(rrset(zone.MustName("new.nasty.example."), zone.TypeA, "\x01\x02\x03\x04"))
			b.Delete(zone.MustName("plain.nasty.example."), zone.TypeNS)
			b.Put(rrset(zone.MustName("wild.nasty.example."), zone.TypeTXT, "\x01a"))
		})
		h := held(t, start.Version)
		for seed := first; seed != first+runs; seed++ {
			s := newSpoiler(seed, start.Version, out.Version)
			var did []string
			for range 1 + s.IntN(2) {
				did = append(did, s.spoil())
			}
			bad := s.b.Version()
			if faults(start.Version, zone.Compare(start.Version, bad), bad, h, now) != "" {
				if refused++; refused%10 == 0 && len(bogus(start.Version, bad, dnskeys(bad))) > 0 {
					rightly++
				}
				continue
			}
			passed++
			for _, k := range h.Keys {
				set := k.Set
				if k.Name == "ours" {
					set = dnskeys(bad)
				}
				require.Empty(t, bogus(start.Version, bad, set), "%v, SEED=%d, keys of %s, %v", m, seed, k.Name, did)
			}
		}
	}
	t.Logf("SEED=%d: %d of %d passed the guard, and the resolver; of %d refused ones it failed on %d", first, passed, 3*runs, refused/10, rightly)
	require.True(t, runs == 1 || rightly > 0, "the resolver must be able to fail")
}
