package validate_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func large(names int) *zone.Version {
	b := zone.MustVersion("example. 3600 SOA . . 9 1 1 1 300\nexample. 3600 NS ns.example.").Edit()
	for i := range names {
		b.Put(rrset(zone.MustName(fmt.Sprintf("host-%07d.example.", i)), zone.TypeA, "\x01\x02\x03\x04"))
	}
	return b.Version()
}

// BenchmarkGuard guards a change of one name, in zones of which the large one has a
// thousand times as many names: it costs what the change costs.
func BenchmarkGuard(b *testing.B) {
	for _, names := range []int{100, 100_000} {
		for _, m := range []denial.Mode{denial.NSEC, denial.NSEC3} {
			in := input(b, large(names), m)
			old := must(b, in).Version
			in.Old, in.Content, in.Serial = old, nil, 101
			in.Changes = []zone.Change{{New: rrset(zone.MustName("new.example."), zone.TypeA, "\x01\x02\x03\x04")}}
			out := must(b, in)
			g := validate.Guard{At: now, Held: validate.Held{Keys: []validate.Seen{{Name: "us", Set: dnskeys(old)}}}}
			b.Run(fmt.Sprintf("%v/%d", m, names), func(b *testing.B) {
				for b.Loop() {
					require.Empty(b, g.Faults(old, out.Diff, out.Version))
				}
			})
		}
	}
}

// BenchmarkSignedAnew guards a zone of 100,000 names of which every signature is
// new: with a sample, as it is shown, and whole, as behind a token.
func BenchmarkSignedAnew(b *testing.B) {
	in := input(b, large(100_000), denial.NSEC)
	old := must(b, in).Version
	in.Old, in.Content, in.Serial, in.Resign, in.Now = old, nil, 101, true, now.Add(1)
	in.Keys.Data = []sign.Key{key(b, 256, 12)}
	out := must(b, in)
	for _, sample := range []int{256, 0} {
		g := validate.Guard{At: in.Now, Sample: sample}
		b.Run(fmt.Sprintf("sample=%d", sample), func(b *testing.B) {
			for b.Loop() {
				require.Empty(b, g.Faults(old, out.Diff, out.Version))
			}
		})
	}
}

// BenchmarkAudit verifies what a sample has left, slice by slice.
func BenchmarkAudit(b *testing.B) {
	v := must(b, input(b, large(2000), denial.NSEC)).Version
	sets := 0
	for b.Loop() {
		a := validate.NewAudit(v, validate.Held{Keys: []validate.Seen{{Name: "us", Set: dnskeys(v)}}}, now)
		for done := false; !done; sets += 128 {
			var faults []validate.Fault
			faults, done = a.Next(128)
			require.Empty(b, faults)
		}
	}
	b.ReportMetric(float64(sets)/b.Elapsed().Seconds(), "RRsets/s")
}
