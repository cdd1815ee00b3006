package denial_test

import (
	"fmt"
	"testing"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func large(names int) *zone.Version {
	b := parse(soa).Edit()
	for i := range names {
		b.Put(zone.RRset{Name: host(i), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\x01\x02\x03\x04")})
	}
	return b.Version()
}

func host(i int) zone.Name { return zone.MustName(fmt.Sprintf("host-%07d.example.", i)) }

// BenchmarkUpdate adds one name to a zone; BenchmarkProof denies one.
func BenchmarkUpdate(b *testing.B) {
	for _, m := range modes[:2] {
		for _, names := range []int{1000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", m, names), func(b *testing.B) {
				old := chained(b, large(names), m)
				i := 0
				for b.Loop() {
					edit := old.Edit()
					edit.Put(zone.RRset{Name: "\x01x" + host(i%names), Type: zone.TypeA, TTL: 60, Rdata: zone.Pack("\x01\x02\x03\x04")})
					if changes, err := denial.Update(old, edit.Version(), m, 300); err != nil || len(changes) != 2 {
						b.Fatal(len(changes), err)
					}
					i += 7919
				}
			})
		}
	}
}

func BenchmarkFromScratch(b *testing.B) {
	for _, m := range modes[:2] {
		content := large(100_000)
		b.Run(m.String(), func(b *testing.B) {
			for b.Loop() {
				edit := content.Edit()
				if err := denial.Put(edit, nil, content, m, 300, nil); err != nil {
					b.Fatal(err)
				}
				edit.Version()
			}
		})
	}
}

func BenchmarkProof(b *testing.B) {
	for _, m := range modes[:2] {
		v := chained(b, large(100_000), m)
		names := make([]zone.Name, 997)
		for i := range names {
			names[i] = "\x01x" + host(i*100)
		}
		dst := make([]zone.RRset, 0, 8)
		i := 0
		b.Run(m.String()+"/NXDomain", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				name := names[i%len(names)]
				f := v.Find(name)
				wildcard, _ := f.Encloser.Name().Wildcard()
				dst = denial.NXDomain(dst[:0], v, name, f, v.Find(wildcard))
				i++
			}
		})
		b.Run(m.String()+"/NoData", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				name := names[i%len(names)].Parent()
				dst = denial.NoData(dst[:0], v, name, v.Find(name))
				i++
			}
		})
	}
	v := chained(b, parse(soa+"a.ent.example. 60 A 192.0.2.1"), denial.NSEC)
	dst := make([]zone.RRset, 0, 8)
	name := zone.MustName("ent.example.")
	b.Run("nsec/empty non-terminal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst = denial.NoData(dst[:0], v, name, v.Find(name))
		}
	})
}
