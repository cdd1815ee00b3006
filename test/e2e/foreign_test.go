//go:build interop

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
	"github.com/multisigner/multisigner/test/lab/registry"
)

// Knot is the second signer, and rolls by timers of its own; our keys are given to
// it by hand, as its operator would with nsupdate. Both roll, and the zone is secure
// throughout.
func TestForeignPeer(t *testing.T) {
	t.Parallel()
	slots <- struct{}{}
	defer func() { <-slots }()
	s, k := besideKnot(t, "45", "90", false)
	bothRoll(t, s, k)
}

// The same, and nobody carries a key: Knot signs what it transfers from us, and our keys come
// with that.
func TestForeignPeerIsSupplied(t *testing.T) {
	t.Parallel()
	slots <- struct{}{}
	defer func() { <-slots }()
	s, k := besideKnot(t, "45", "90", true)
	bothRoll(t, s, k)
}

func bothRoll(t *testing.T, s *story, k *knot) {
	old := s.own(t, s.Signers[0])
	s.roll(t, s.Signers[0], "zsk")
	s.roll(t, s.Signers[0], "ksk")
	s.until(t, "Knot and us to roll", func() (bool, string) {
		k.hand(t)
		z, _ := s.see(s.Signers[0])
		mine := slices.DeleteFunc(inUse(z), func(k status.Key) bool { return !slices.Contains(old, k.Tag) })
		theirs := k.rolled(z)
		return len(mine) == 0 && theirs["ksk"] > 0 && theirs["zsk"] > 0, k.last
	})
	z, _ := s.see(s.Signers[0])
	theirs := k.rolled(z)
	s.end(t, map[string]int{"ZSK": 1, "KSK": 1, "ZSK by Knot's timers": theirs["zsk"], "KSK by Knot's timers": theirs["ksk"]})
}

// Knot rolls its algorithm by its own timers when its operator writes another one into
// its policy, and holds until its new DS is there; we are told some time later. A
// transfer shows us that all of its zone is signed with both.
func TestForeignAlgorithm(t *testing.T) {
	t.Parallel()
	slots <- struct{}{}
	defer func() { <-slots }()
	s, k := besideKnot(t, "0", "0", false)
	us := s.Signers[0]

	old := s.own(t, us)
	k.configure(t, "ed25519", "0", "0")
	require.NoError(t, syscall.Kill(k.pid, syscall.SIGHUP))
	s.until(t, "Knot to sign with both", func() (bool, string) {
		k.hand(t)
		www, err := fetch(k.them.Address, "www.example.test.", dns.TypeA)
		return err == nil && www.Sigs.Len() == 2, "Knot signs with one algorithm"
	})
	s.do(t, us, "roll", "algorithm", "ED25519")
	s.until(t, "the old algorithm to be gone everywhere", func() (bool, string) {
		k.hand(t)
		z, _ := s.see(us)
		mine := slices.DeleteFunc(inUse(z), func(k status.Key) bool { return !slices.Contains(old, k.Tag) })
		for _, signer := range s.Signers {
			keys, err := fetch(signer.Address, s.Zone, dns.TypeDNSKEY)
			if err != nil {
				return false, err.Error()
			}
			for rdata := range keys.Rdata.All() {
				if a := zone.DNSKEY(rdata).Algorithm(); a != 15 {
					return false, fmt.Sprintf("%s publishes a key of algorithm %d; %s", signer.Name, a, k.last)
				}
			}
			www, err := fetch(signer.Address, "www.example.test.", dns.TypeA)
			if err != nil || www.Sigs.Len() != 1 {
				return false, signer.Name + " signs with both algorithms"
			}
		}
		return len(mine) == 0, "we have old keys"
	})
	s.end(t, map[string]int{"algorithm": 1, "algorithm by Knot's timers": 1})
}

// besideKnot starts us and Knot, with lifetimes in seconds, and waits until the parent
// has the DS of both. From then on all is watched. Where Knot is supplied, it has the zone and
// our keys from us.
func besideKnot(t *testing.T, zsk, ksk string, supplied bool) (*story, *knot) {
	g := draft(t)
	k := startKnot(t, g, zsk, ksk, supplied)
	corefile := filepath.Join(g.dir, g.Signers[0].Corefile)
	text, err := os.ReadFile(corefile)
	require.NoError(t, err)
	text = []byte(strings.Replace(string(text), "            trust tsig\n", "            trust tsig\n            foreign\n", 1))
	if supplied {
		text = []byte(strings.NewReplacer("        secret "+k.key, "        secret supply.lab. "+k.secret+"\n        secret "+k.key,
			"    multisigner {\n", "    multisigner {\n        content-transfer key supply.lab. for "+k.them.Name+"\n").Replace(string(text)))
	}
	require.NoError(t, os.WriteFile(corefile, text, 0o600))
	g.restart(t, &g.Signers[0])

	s := &story{group: g, roles: []string{"ksk", "zsk"}, patience: 2 * patience}
	s.w = &watch{onFault: make(chan struct{})}
	s.until(t, "the parent to have the DS of both", func() (bool, string) {
		k.hand(t)
		ds, err := g.chain(time.Now())
		return err == nil && ds.Rdata.Len() == 2, k.last
	})
	s.w = startWatch(t, g, s.agreeable(t)...)
	s.r = startResolvers(t, g, s.w)
	return s, k
}

// draft has a lab written down for two signers, and nothing of it runs but the parent.
func draft(t *testing.T) *group {
	g := &group{dir: t.TempDir()}
	cmd := exec.Command(filepath.Join(bin, "multisigner"), "lab", "--fast", "--dir", g.dir)
	require.NoError(t, lab.Start(cmd))
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(g.dir, lab.File)); return err == nil }, patience, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
	g.describe(t)
	for _, path := range []string{"a/state", "b/state", "parent/keys", "parent/delegation.json", "parent/anchors"} {
		require.NoError(t, os.RemoveAll(filepath.Join(g.dir, path)))
	}
	runServer(t, filepath.Join(g.dir, "parent", "log"), filepath.Join(bin, "multisigner"), "lab-parent", "-config", filepath.Join(g.dir, "parent", "config.json"))
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(g.dir, "parent", registry.AnchorsFile))
		g.Parent.Anchors = strings.Split(strings.TrimSpace(string(text)), "\n")
		return !errors.Is(err, fs.ErrNotExist) && len(text) > 0
	}, patience, 10*time.Millisecond)
	return g
}

// knot is the second signer of a group.
type knot struct {
	*group
	us, them lab.Signer
	dir      string
	pid      int
	key      string // of TSIG
	secret   string // its
	supplied bool
	handed   time.Time
	last     string // what was handed over, for a test that fails
}

const knotConfig = `
server:
    rundir: {dir}
    listen: {address}
log:
  - target: stderr
    any: info
database:
    storage: {dir}
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
remote:
  - id: parent
    address: {parent}
acl:
  - id: hand
    key: {key}
    action: [transfer, update]
submission:
  - id: look
    parent: parent
    check-interval: 2
    parent-delay: 6
policy:
  - id: quick
    algorithm: {algorithm}
    dnskey-ttl: 2
    zone-max-ttl: 2
    propagation-delay: 12
    zsk-lifetime: {zsk}
    ksk-lifetime: {ksk}
    cds-cdnskey-publish: always
    dnskey-management: incremental
    delete-delay: 3600
    ksk-submission: look
zone:
  - domain: example.test
    file: {dir}/zone
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
    dnssec-signing: on
    dnssec-policy: quick
    acl: hand
`

// supply is what is otherwise where Knot signs what it transfers from us.
var supply = strings.NewReplacer("remote:\n", `  - id: supply.lab.
    algorithm: hmac-sha256
    secret: {secret}
remote:
  - id: us
    address: {us}
    key: supply.lab.
`, "acl:\n", `acl:
  - id: told
    key: supply.lab.
    action: notify
`, "zonefile-load: difference\n", "zonefile-load: none\n    master: us\n", "acl: hand\n", "acl: [hand, told]\n")

func startKnot(t *testing.T, g *group, zsk, ksk string, supplied bool) *knot {
	k := &knot{group: g, dir: t.TempDir(), us: g.Signers[0], them: g.Signers[1], key: "a-b.lab.", supplied: supplied}
	text, err := os.ReadFile(filepath.Join(g.dir, k.us.Corefile))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "secret "+k.key+" ")
	require.True(t, found)
	k.secret = strings.Fields(after)[0]
	if !supplied {
		plain(t, filepath.Join(g.dir, "db.example.test"), filepath.Join(k.dir, "zone"))
	}
	k.configure(t, "ecdsap256sha256", zsk, ksk)
	k.pid = runServer(t, filepath.Join(k.dir, "log"), "knotd", "-c", filepath.Join(k.dir, "conf"))
	return k
}

// configure writes its configuration. It reads that when it starts, and on SIGHUP.
func (k *knot) configure(t *testing.T, algorithm, zsk, ksk string) {
	config := knotConfig
	if k.supplied {
		config = supply.Replace(config)
	}
	config = strings.NewReplacer("{us}", knotAddress(k.us.Address), "{dir}", k.dir, "{address}", knotAddress(k.them.Address), "{parent}", knotAddress(k.Parent.Address), "{key}", k.key, "{secret}", k.secret,
		"{algorithm}", algorithm, "{zsk}", zsk, "{ksk}", ksk).Replace(config)
	require.NoError(t, os.WriteFile(filepath.Join(k.dir, "conf"), []byte(config), 0o600))
}

func knotAddress(address string) string { return strings.Replace(address, ":", "@", 1) }

// plain writes a zone file anew in the form that every server reads.
func plain(t *testing.T, from, to string) {
	in, err := os.Open(from)
	require.NoError(t, err)
	defer in.Close()
	parser := dns.NewZoneParser(in, "example.test.", from)
	var b strings.Builder
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		b.WriteString(strings.Replace(rr.String(), "\tCLASS1\t", "\tIN\t", 1) + "\n")
	}
	require.NoError(t, parser.Err())
	require.NoError(t, os.WriteFile(to, []byte(b.String()), 0o644))
}

// hand does what its operator would: it pipes what the command says is to be added and
// removed at Knot into nsupdate. It does so twice a second.
func (k *knot) hand(t *testing.T) {
	if k.supplied || time.Since(k.handed) < 500*time.Millisecond {
		return
	}
	k.handed = time.Now()
	lines, err := exec.Command(filepath.Join(bin, "multisigner"), "--state", filepath.Join(k.group.dir, k.us.State), "keys", k.Zone, "--for", "nsupdate", k.them.Name).Output()
	if err != nil || len(lines) == 0 {
		return
	}
	nsupdate := exec.Command("nsupdate", "-v", "-t", "10", "-y", "hmac-sha256:"+k.key+":"+k.secret)
	nsupdate.Stdin = bytes.NewReader(lines)
	said, err := nsupdate.CombinedOutput()
	k.last = fmt.Sprintf("handed %s: %v %s", lines, err, said)
}

// rolled counts the keys of Knot that have come and gone, by role.
func (k *knot) rolled(z status.Zone) map[string]int {
	n := map[string]int{}
	for _, key := range z.Keys {
		if !key.Own && key.State == "withdrawn" {
			n[key.Role]++
		}
	}
	return n
}

// agreeable are the questions to which both make of answers what we take for valid
// when nothing happens: our check of answers is stricter than validators are.
func (s *story) agreeable(t *testing.T) []question {
	keys, err := fetch(s.Signers[1].Address, s.Zone, dns.TypeDNSKEY)
	require.NoError(t, err)
	good := slices.DeleteFunc(slices.Clone(questions), func(q question) bool {
		if q.t == dns.TypeDNSKEY {
			return false
		}
		resp, err := exchange(s.Signers[1].Address, q.full(), q.t)
		if err == nil {
			err = validate.Response(resp, dns.Question{Name: q.full(), Qtype: q.t, Qclass: dns.ClassINET}, apex, keys, time.Now())
		}
		if err != nil {
			t.Logf("not asked: %v", err)
		}
		return err != nil
	})
	require.Greater(t, len(good), len(questions)*3/4)
	return good
}

func (s *story) own(t *testing.T, signer lab.Signer) []uint16 {
	z, ok := s.see(signer)
	require.True(t, ok)
	return tagsOf(inUse(z))
}
