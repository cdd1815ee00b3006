package zone_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// generated gives the RRsets of a signed zone as they are met in the wild: hosts
// with A, AAAA and NSEC and a signature as long as P-256's over each, some of them
// below a name of their own. In canonical order.
func generated(names int) []zone.RRset {
	r := rand.New(rand.NewPCG(1, 2))
	owners := make([]zone.Name, 0, names)
	for range names - 1 {
		label := make([]byte, 4+r.IntN(10))
		for i := range label {
			label[i] = "abcdefghijklmnopqrstuvwxyz0123456789"[r.IntN(36)]
		}
		owner := string(label) + ".example."
		if r.IntN(8) == 0 {
			owner = fmt.Sprintf("%s.site%d.example.", label, r.IntN(names/100+1))
		}
		owners = append(owners, zone.MustName(owner))
	}
	apex := zone.MustName("example.")
	owners = append(owners, apex)
	slices.SortFunc(owners, zone.Name.Compare)
	owners = slices.Compact(owners)
	var sets []zone.RRset
	for i, owner := range owners {
		next := owners[(i+1)%len(owners)]
		add := func(t zone.Type, rdata string) {
			sig := make([]byte, 18, 18+len(apex)+64)
			sig[0], sig[1], sig[2], sig[8] = byte(t>>8), byte(t), 13, 0x70
			sig = append(sig, apex...)
			for range 64 {
				sig = append(sig, byte(r.Uint32()))
			}
			sets = append(sets, zone.RRset{Name: owner, Type: t, TTL: 3600,
				Rdata: zone.Pack(rdata), Sigs: zone.Pack(string(sig))})
		}
		add(zone.TypeA, string([]byte{192, 0, byte(i >> 8), byte(i)}))
		add(zone.TypeAAAA, fmt.Sprintf("\x20\x01\x0d\xb8%012d", i))
		add(zone.TypeNSEC, string(next)+"\x00\x06\x40\x00\x00\x08\x00\x03")
		if owner == apex {
			add(zone.TypeSOA, string(apex)+string(apex)+"\x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x02\x58\x00\x01\x51\x80\x00\x00\x01\x2c")
		}
	}
	return sets
}

func built(sets []zone.RRset) *zone.Version {
	b := zone.NewBuilder(zone.MustName("example."))
	for _, s := range sets {
		b.Put(s)
	}
	return b.Version()
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// sizes of the zones that are measured; the largest only without -short.
func sizes(b *testing.B) []int {
	if testing.Short() {
		return []int{10_000}
	}
	return []int{100_000, 1_000_000}
}

// Building counts for a start and for a zone that is read anew; the memory that a
// version takes decides how large a zone may be.
func BenchmarkBuild(b *testing.B) {
	for _, names := range sizes(b) {
		sets := generated(names)
		b.Run(fmt.Sprintf("ordered/%d", names), func(b *testing.B) {
			for b.Loop() {
				built(sets)
			}
		})
		b.Run(fmt.Sprintf("bytes/%d", names), func(b *testing.B) {
			before := heap()
			v := built(sets)
			held := heap() - before
			for b.Loop() {
				runtime.KeepAlive(v)
			}
			b.ReportMetric(held/float64(v.Names()), "B/name")
			b.ReportMetric(float64(v.Size())/held, "Size/held")
		})
		shuffled := slices.Clone(sets)
		r := rand.New(rand.NewPCG(3, 4))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		b.Run(fmt.Sprintf("shuffled/%d", names), func(b *testing.B) {
			for b.Loop() {
				built(shuffled)
			}
		})
	}
}

// A lookup stands in the way of every answer.
func BenchmarkFind(b *testing.B) {
	for _, names := range sizes(b) {
		sets := generated(names)
		v := built(sets)
		r := rand.New(rand.NewPCG(5, 6))
		var present, absent []zone.Name
		for range 1 << 16 {
			owner := sets[r.IntN(len(sets))].Name
			present = append(present, owner)
			absent = append(absent, "\x05zzzzz"+owner)
		}
		for _, tc := range []struct {
			name string
			ask  []zone.Name
		}{{"present", present}, {"absent", absent}} {
			b.Run(fmt.Sprintf("%s/%d", tc.name, names), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if v.Find(tc.ask[i&(1<<16-1)]).Encloser == nil {
						b.Fatal("lost")
					}
					i++
				}
			})
		}
	}
}

// Most versions differ from the one before in a name or two: what that costs
// must not depend on how large the zone is.
func BenchmarkEdit(b *testing.B) {
	for _, names := range sizes(b) {
		sets := generated(names)
		v := built(sets)
		b.Run(fmt.Sprintf("change/%d", names), func(b *testing.B) {
			b.ReportAllocs()
			r := rand.New(rand.NewPCG(7, 8))
			for b.Loop() {
				s := sets[r.IntN(len(sets))]
				s.TTL++
				e := v.Edit()
				e.Put(s)
				e.Version()
			}
		})
		b.Run(fmt.Sprintf("add/%d", names), func(b *testing.B) {
			b.ReportAllocs()
			r := rand.New(rand.NewPCG(7, 8))
			for b.Loop() {
				s := sets[r.IntN(len(sets))]
				s.Name = "\x01x" + s.Name
				e := v.Edit()
				e.Put(s)
				e.Version()
			}
		})
		b.Run(fmt.Sprintf("compare/%d", names), func(b *testing.B) {
			b.ReportAllocs()
			r := rand.New(rand.NewPCG(7, 8))
			var others []*zone.Version
			for range 1000 {
				s := sets[r.IntN(len(sets))]
				s.TTL++
				e := v.Edit()
				e.Put(s)
				others = append(others, e.Version())
			}
			i := 0
			for b.Loop() {
				if len(zone.Compare(v, others[i%len(others)]).Changes) != 1 {
					b.Fatal("lost")
				}
				i++
			}
		})
		if names <= 100_000 {
			other := built(sets)
			b.Run(fmt.Sprintf("compare-unshared/%d", names), func(b *testing.B) {
				for b.Loop() {
					zone.Compare(v, other)
				}
			})
		}
	}
}

// Signing and transfers walk the whole zone.
func BenchmarkAll(b *testing.B) {
	v := built(generated(100_000))
	for b.Loop() {
		for n := range v.All() {
			for s := range n.All() {
				if !s.Exists() {
					b.Fatal("lost")
				}
			}
		}
	}
}

// Records from a zone file or a transfer pass this edge one by one.
func BenchmarkFromRRs(b *testing.B) {
	var rrs []dns.RR
	for _, s := range generated(10_000) {
		rrs = append(append(rrs, s.RRs()...), s.SigRRs()...)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := zone.FromRRs(rrs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rrs)), "ns/record")
}
