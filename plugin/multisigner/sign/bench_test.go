package sign_test

import (
	"crypto"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func large(names int) *zone.Version {
	b := zone.MustVersion("example. 3600 SOA . . 9 1 1 1 300\nexample. 3600 NS ns.example.").Edit()
	for i := range names {
		b.Put(rrset(host(i), zone.TypeA, 60, "\x01\x02\x03\x04"))
	}
	return b.Version()
}

func host(i int) zone.Name { return zone.MustName(fmt.Sprintf("host-%07d.example.", i)) }

// instant signs at once, to show what is not cryptography.
type instant struct{ crypto.Signer }

func (instant) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 64), nil
}

func quick(in sign.Input) sign.Input {
	for _, keys := range []*[]sign.Key{&in.Keys.DNSKEY, &in.Keys.CDS, &in.Keys.Data} {
		var list []sign.Key
		for _, k := range *keys {
			list = append(list, sign.Key{Record: k.Record, Signer: instant{k.Signer}})
		}
		*keys = list
	}
	return in
}

// BenchmarkWhole signs a zone of 100,000 names, two RRsets each.
func BenchmarkWhole(b *testing.B) {
	content := large(100_000)
	for _, tc := range []struct {
		name      string
		algorithm uint8
		instant   bool
	}{{"ECDSAP256SHA256", 13, false}, {"ED25519", 15, false}, {"instant", 15, true}} {
		b.Run(tc.name, func(b *testing.B) {
			in := input(b, content, tc.algorithm, denial.NSEC)
			if tc.instant {
				in = quick(in)
			}
			signed := 0
			for b.Loop() {
				signed += must(b, in).Signed
			}
			b.ReportMetric(float64(signed)/b.Elapsed().Seconds(), "sigs/s")
		})
	}
}

// BenchmarkChange puts a new name into a signed zone: its address and NSEC, the
// NSEC before it, the SOA. A million names take gigabytes: only with LARGE=1.
func BenchmarkChange(b *testing.B) {
	sizes := []int{1000, 100_000}
	if os.Getenv("LARGE") != "" {
		sizes = append(sizes, 1_000_000)
	}
	for _, names := range sizes {
		for _, mode := range modes[:2] {
			for _, fast := range []bool{false, true} {
				if names > 100_000 && !fast {
					continue
				}
				label := "ED25519"
				if fast {
					label = "instant"
				}
				b.Run(fmt.Sprintf("%d/%s/%s", names, mode, label), func(b *testing.B) {
					in := input(b, large(names), 15, mode)
					if fast {
						in = quick(in)
					}
					in.Old = must(b, in).Version
					in.Content, in.Serial = nil, 101
					i := 0
					for b.Loop() {
						s := rrset("\x01x"+host(i%names), zone.TypeA, 60, "\x01\x02\x03\x04")
						in.Changes = []zone.Change{{New: s}}
						if out := must(b, in); out.Signed != 4 {
							b.Fatal(out.Signed)
						}
						i += 7919
					}
				})
			}
		}
	}
}
