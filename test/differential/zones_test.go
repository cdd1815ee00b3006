//go:build interop

package differential

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// signedZone is the same content under one of the ways to deny.
type signedZone struct {
	apex    string
	mode    denial.Mode
	version *zone.Version
	text    string // the whole version, for the peers
}

func (z signedZone) file(dir string) string { return filepath.Join(dir, z.mode.String()+".zone") }

func signedZones(t *testing.T, seed uint64, now time.Time) []signedZone {
	t.Helper()
	awkward, err := os.ReadFile("../../plugin/multisigner/answer/testdata/example.zone")
	require.NoError(t, err)
	text := string(awkward) + generated(seed)
	var zones []signedZone
	for _, mode := range []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut} {
		apex := strings.ToLower(mode.String()) + ".test."
		content := zone.MustVersion(strings.Replace(text, "$ORIGIN example.", "$ORIGIN "+apex, 1))
		z := signedZone{apex: apex, mode: mode, version: signed(t, content, mode, now)}
		z.text = zoneText(z.version)
		zones = append(zones, z)
	}
	return zones
}

func signed(t *testing.T, content *zone.Version, mode denial.Mode, now time.Time) *zone.Version {
	t.Helper()
	private := ed25519.NewKeyFromSeed([]byte("the key of the differential tests"[:32]))
	key := sign.Key{Record: zone.NewDNSKEY(257, 15, private.Public().(ed25519.PublicKey)), Signer: private}
	keys := []sign.Key{key}
	out, err := sign.Zone(sign.Input{
		Content: content,
		Serial:  1,
		Apex: []zone.RRset{
			{Name: content.Apex(), Type: zone.TypeDNSKEY, TTL: 3600, Rdata: zone.Pack(string(key.Record))},
			{Name: content.Apex(), Type: zone.TypeCDNSKEY, TTL: 3600, Rdata: zone.Pack(string(key.Record))},
		},
		Keys:   sign.Keys{DNSKEY: keys, CDS: keys, Data: keys},
		Denial: mode,
		Policy: sign.Policy{Validity: 14 * 24 * time.Hour, Refresh: 5 * 24 * time.Hour, BackDate: time.Hour},
		Now:    now,
	})
	require.NoError(t, err)
	return out.Version
}

// zoneText writes types as RFC 3597 5 has it for unknown ones where the
// peers' readers may be older than the type.
func zoneText(v *zone.Version) string {
	var b strings.Builder
	write := func(n *zone.Node) {
		for s := range n.All() {
			if s.Type < zone.TypeSVCB {
				b.WriteString(zone.Text(s))
				continue
			}
			for rdata := range s.Rdata.All() {
				fmt.Fprintf(&b, "%s %d IN TYPE%d \\# %d %x\n", s.Name, s.TTL, s.Type, len(rdata), rdata)
			}
			for _, rr := range s.SigRRs() {
				fmt.Fprintln(&b, rr)
			}
		}
	}
	for n := range v.All() {
		write(n)
	}
	for n := range v.Hashed() {
		write(n)
	}
	return b.String()
}

// generated is content at random: a few labels, so that names meet as parents,
// aliases, wildcards and cuts of each other.
func generated(seed uint64) string {
	var b strings.Builder
	random := rand.New(rand.NewPCG(seed, 0))
	labels := []string{"p", "q", "r", "s", "t", "u"}
	name := func() string {
		parts := []string{"gen"}
		for range 1 + random.IntN(3) {
			parts = append([]string{labels[random.IntN(len(labels))]}, parts...)
		}
		return strings.Join(parts, ".")
	}
	taken := map[string]bool{}  // has something
	closed := map[string]bool{} // is below or at an alias or a cut: nothing else may be there
	under := func(n string) bool {
		for ; n != "gen"; _, n, _ = strings.Cut(n, ".") {
			if closed[n] {
				return true
			}
		}
		return false
	}
	above := func(n string) bool {
		for other := range taken {
			if strings.HasSuffix(other, "."+n) {
				return true
			}
		}
		return false
	}
	for i := range 120 {
		n := name()
		if under(n) || taken[n] {
			continue
		}
		switch kind := random.IntN(10); {
		case kind == 0:
			fmt.Fprintf(&b, "%s CNAME %s\n", n, name())
			taken[n] = true
		case kind == 1 && !above(n):
			fmt.Fprintf(&b, "%s DNAME %s\n", n, name())
			taken[n], closed[n] = true, true
		case kind == 2 && !above(n):
			fmt.Fprintf(&b, "%[1]s NS ns.%[1]s\nns.%[1]s A 192.0.2.%d\n", n, i)
			if random.IntN(2) == 0 {
				fmt.Fprintf(&b, "%s DS %d 13 2 %064x\n", n, i, i)
			}
			taken[n], closed[n] = true, true
		case kind <= 4 && !taken["*."+n]:
			fmt.Fprintf(&b, "*.%s %s\n", n, []string{"A 192.0.2.1", "TXT \"*\"", "CNAME " + name()}[random.IntN(3)])
			taken["*."+n] = true
		default:
			fmt.Fprintf(&b, "%s A 192.0.2.%d\n", n, i)
			if random.IntN(2) == 0 {
				fmt.Fprintf(&b, "%s MX 10 %s\n", n, name())
			}
			taken[n] = true
		}
	}
	return b.String()
}
