//go:build interop

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/lab"
)

// story is a group whose keys change while everybody watches.
type story struct {
	*group
	w     *watch
	r     *resolvers
	roles []string // of the keys that each signer is to have

	outages  int
	patience time.Duration // of until
}

// all is the long form, of make interop-all.
var all = os.Getenv("INTEROP") == "all"

// slots bounds how many stories run at the same time: each is some nine processes, which wait
// most of the time.
var slots = make(chan struct{}, 5)

func startStory(t *testing.T, args ...string) *story {
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })
	s := &story{group: startGroup(t, args...), roles: []string{"ksk", "zsk"}, patience: 2 * patience}
	if slices.Contains(args, "csk") {
		s.roles = []string{"csk"}
	}
	s.w = startWatch(t, s.group)
	s.r = startResolvers(t, s.group, s.w)
	return s
}

func (s *story) stop(t *testing.T) {
	s.r.stop(t)
	s.w.stop(t)
}

// end stops the watching and counts what was seen, if all of it was good.
func (s *story) end(t *testing.T, rolls map[string]int) {
	s.stop(t)
	if t.Failed() {
		return
	}
	t.Logf("%v: %d questions to resolvers, slowest round %s; %d rounds of the matrix, %d answers verified",
		rolls, s.r.queries.Load(), time.Duration(s.r.slowest.Load()).Round(time.Millisecond), s.w.rounds, s.w.verified)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for kind, n := range rolls {
		seen.rolls[kind] += n
	}
	seen.outages += s.outages
	seen.queries += s.r.queries.Load()
	seen.bogus += s.r.bogus.Load()
	seen.insecure += s.r.insecure.Load()
	seen.silent += s.r.silent.Load()
	seen.rounds += s.w.rounds
	seen.verified += s.w.verified
}

// until waits for what is to come true. It gives up at the first fault that anybody sees.
func (s *story) until(t *testing.T, what string, is func() (bool, string)) {
	t.Helper()
	deadline := time.NewTimer(s.patience)
	defer deadline.Stop()
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for {
		done, why := is()
		if done {
			return
		}
		select {
		case <-ticker.C:
		case <-s.w.onFault:
			s.r.check(t)
			t.FailNow()
		case <-deadline.C:
			t.Fatalf("%s: not after %s: %s\n%s", what, s.patience, why, s.waits())
		}
	}
}

// see is the status of a signer; ok is false while it does not answer.
func (g *group) see(s lab.Signer) (z status.Zone, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	z, err := g.client(s).Zone(ctx, g.Zone)
	return z, err == nil
}

func (g *group) do(t *testing.T, s lab.Signer, command string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := g.client(s).Do(ctx, g.Zone, command, args...)
	require.NoError(t, err, "signer %s: %s %s", s.Name, command, strings.Join(args, " "))
}

// waits is what every signer waits for.
func (g *group) waits() string {
	var b strings.Builder
	for _, s := range g.Signers {
		z, _ := g.see(s)
		for _, w := range z.Waits {
			fmt.Fprintf(&b, "%s, to %s, waits for %s %v\n", s.Name, w.What, w.Why, w.Holding)
		}
		for _, a := range z.Alarms {
			fmt.Fprintf(&b, "%s: ALARM %s\n", s.Name, a.What)
		}
		for _, k := range z.Keys {
			fmt.Fprintf(&b, "%s: %s %s %d of %s: %s, signs %v\n", s.Name, k.Mnemonic, k.Role, k.Tag, k.Owner, k.State, k.Signs)
		}
	}
	return b.String()
}

func tagsOf(keys []status.Key) (tags []uint16) {
	for _, k := range keys {
		tags = append(tags, k.Tag)
	}
	return tags
}

// current are the tags of the keys that every signer uses now, of a role or ("") of all.
func (s *story) current(t *testing.T, role string) []uint16 {
	var tags []uint16
	for _, signer := range s.Signers {
		z, ok := s.see(signer)
		require.True(t, ok, "signer %s", signer.Name)
		tags = append(tags, tagsOf(slices.DeleteFunc(inUse(z), func(k status.Key) bool { return role != "" && k.Role != role }))...)
	}
	return tags
}

// rolled waits until no signer uses any of the old keys, and each has those that it is
// to have and no more. Copies of the old ones at peers stay a while longer; see gone.
func (s *story) rolled(t *testing.T, old []uint16) {
	t.Helper()
	s.until(t, fmt.Sprintf("%v in the place of %v", s.roles, old), func() (bool, string) {
		for _, signer := range s.Signers {
			z, ok := s.see(signer)
			if !ok {
				return false, signer.Name + " does not say"
			}
			var have []string
			for _, k := range inUse(z) {
				if slices.Contains(old, k.Tag) || k.State != "active" && k.State != "ready" {
					return false, fmt.Sprintf("%s has %d, %s", signer.Name, k.Tag, k.State)
				}
				have = append(have, k.Role)
			}
			if slices.Sort(have); !slices.Equal(have, s.roles) {
				return false, fmt.Sprintf("%s has %v", signer.Name, have)
			}
		}
		return true, ""
	})
}

// gone waits until the DNSKEY RRset of every signer has the keys in use and no
// others, the DS RRset has one for each signer, and nobody waits for anything. The
// standby keys of three signers need TCP, which an alarm says.
func (s *story) gone(t *testing.T) {
	t.Helper()
	s.until(t, "the old keys to vanish everywhere", func() (bool, string) {
		want := map[uint16]bool{}
		for _, tag := range s.current(t, "") {
			want[tag] = true
		}
		for i, tags := range s.tags(t) {
			if len(tags) != len(want) || slices.ContainsFunc(keysOf(tags), func(tag uint16) bool { return !want[tag] }) {
				return false, fmt.Sprintf("%s publishes %v, in use are %v", s.Signers[i].Name, keysOf(tags), keysOf(want))
			}
			z, ok := s.see(s.Signers[i])
			alarms := slices.DeleteFunc(z.Alarms, func(a status.Alarm) bool { return strings.HasPrefix(a.What, "the DNSKEY answer takes ") })
			if !ok || len(z.Waits) > 0 || len(alarms) > 0 {
				return false, fmt.Sprintf("%s waits, or has alarms", s.Signers[i].Name)
			}
		}
		ds, err := s.chain(time.Now())
		if err != nil {
			return false, err.Error()
		}
		count := 0
		for rdata := range ds.Rdata.All() {
			count++
			if !want[zone.DS(rdata).Tag()] {
				return false, zone.Text(ds)
			}
		}
		return count == len(s.Signers), zone.Text(ds)
	})
	require.NoError(t, s.matrix(s.Signers...))
}

func keysOf(tags map[uint16]bool) (all []uint16) {
	for tag := range tags {
		all = append(all, tag)
	}
	slices.Sort(all)
	return all
}

// withdrawn counts the keys that each signer has made and withdrawn, by its name and
// their role. Roles that it has none of at all are left out.
func (s *story) withdrawn() map[string]int {
	count := map[string]int{}
	for _, signer := range s.Signers {
		z, _ := s.see(signer)
		for _, k := range z.Keys {
			if k.Own {
				count[signer.Name+" "+k.Role] += 0
				if k.State == "removed" {
					count[signer.Name+" "+k.Role]++
				}
			}
		}
	}
	return count
}

// rolls counts the rollovers of all signers that have ended, by kind.
func (s *story) rolls() map[string]int {
	done := map[string]int{}
	for name, n := range s.withdrawn() {
		_, role, _ := strings.Cut(name, " ")
		done[strings.ToUpper(role)] += n
	}
	return done
}

// reconfigure changes a line of every signer's Corefile and has it read again.
func (s *story) reconfigure(t *testing.T, from, to string) {
	for _, signer := range s.Signers {
		path := filepath.Join(s.dir, signer.Corefile)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(text), "\n        "+from+"\n")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), "\n        "+from+"\n", "\n        "+to+"\n", 1)), 0o600))
		require.NoError(t, syscall.Kill(signer.PID, syscall.SIGUSR1))
	}
}

// signersOf are the keys that sign the SOA RRset at a signer now.
func signersOf(s lab.Signer) (tags []uint16, err error) {
	soa, err := fetch(s.Address, "example.test.", dns.TypeSOA)
	for sig := range soa.Sigs.All() {
		tags = append(tags, zone.RRSIG(sig).KeyTag())
	}
	return tags, err
}
