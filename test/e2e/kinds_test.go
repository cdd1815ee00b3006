//go:build interop

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// change takes every signer through a kind of rollover, all at once. In the middle of
// it, when it has begun everywhere, it calls during.
func (s *story) change(t *testing.T, kind string, during func()) {
	t.Helper()
	switch kind {
	case "ZSK", "KSK", "CSK":
		old := s.current(t, strings.ToLower(kind))
		for _, signer := range s.Signers {
			s.roll(t, signer, strings.ToLower(kind))
		}
		during()
		s.rolled(t, old)
	case "KSK by double DS":
		s.reconfigure(t, "keys split", "keys split\n        ds-exchange double")
		s.change(t, "KSK", during)
	case "split to CSK":
		old := s.current(t, "")
		s.reconfigure(t, "keys split", "keys csk")
		s.roles = []string{"csk"}
		during()
		s.rolled(t, old)
	case "CSK to split":
		old := s.current(t, "")
		s.reconfigure(t, "keys csk", "keys split")
		s.roles = []string{"ksk", "zsk"}
		during()
		s.rolled(t, old)
	case "standby keys":
		s.reconfigure(t, "keys split", "keys split\n        standby")
		s.roles = []string{"ksk", "ksk", "zsk", "zsk"}
		during()
		s.rolled(t, nil)
	case "compromised ZSK", "compromised KSK":
		var old []uint16
		for _, signer := range s.Signers {
			z, _ := s.see(signer)
			for _, k := range inUse(z) {
				if strings.HasSuffix(kind, strings.ToUpper(k.Role)) && k.State == "active" {
					old = append(old, k.Tag)
					s.do(t, signer, "roll", "compromised", fmt.Sprint(k.Tag))
				}
			}
		}
		during()
		s.rolled(t, old)
	case "algorithm":
		s.changeAlgorithm(t, during)
	case "insecure":
		s.goInsecure(t, during)
	case "secure":
		s.comeBack(t, during)
	default:
		t.Fatalf("no rollover %q", kind)
	}
}

// changeAlgorithm goes from ECDSA to EdDSA, or back. The configuration follows, as
// the signers' alarm then says that it should.
func (s *story) changeAlgorithm(t *testing.T, during func()) {
	t.Helper()
	old := s.current(t, "")
	z, _ := s.see(s.Signers[0])
	from, to := inUse(z)[0].Mnemonic, "ED25519"
	if from == to {
		to = "ECDSAP256SHA256"
	}
	for _, signer := range s.Signers {
		s.do(t, signer, "roll", "algorithm", to)
	}
	during()
	s.rolled(t, old)
	s.reconfigure(t, "algorithm "+from, "algorithm "+to)
}

// goInsecure has every signer ask for the removal of the DS, and waits until all of
// them have stopped signing.
func (s *story) goInsecure(t *testing.T, during func()) {
	t.Helper()
	s.r.open.Store(true)
	for _, signer := range s.Signers {
		s.do(t, signer, "insecure")
	}
	during()
	s.until(t, "every signer to stop signing", func() (bool, string) {
		for _, signer := range s.Signers {
			www, err := fetch(signer.Address, "www.example.test.", dns.TypeA)
			if err != nil || www.Sigs != "" {
				return false, fmt.Sprintf("%s signs, or: %v", signer.Name, err)
			}
		}
		return true, ""
	})
}

// comeBack has the first signer sign again, and the others an hour later: caches know
// them as unsigned for longer. It waits until a DS is there and resolvers take
// everything for secure; from then on they must.
func (s *story) comeBack(t *testing.T, during func()) {
	t.Helper()
	for i, signer := range s.Signers {
		if i == 1 {
			s.pass(t, hour, func() {})
		}
		s.do(t, signer, "secure")
	}
	during()
	s.until(t, "the DS to be there", func() (bool, string) {
		ds, err := s.chain(time.Now())
		return err == nil && ds.Exists(), fmt.Sprint(err)
	})
	s.until(t, "resolvers to find the zone secure", func() (bool, string) {
		for _, u := range []*unbound{s.r.keeping, s.r.forgetting} {
			for _, q := range slices.Concat(asks(-1, true), asks(-2, true)) {
				if resp, err := u.patiently(q); err != nil || !resp.AuthenticatedData {
					return false, fmt.Sprintf("%s: %v", q, err)
				}
			}
		}
		return true, ""
	})
	s.r.open.Store(false)
}
