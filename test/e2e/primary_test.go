//go:build interop

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/test/lab"
)

// Two signers have the zone from a hidden primary, where its owner changes it every second and
// which dies now and then, in the midst of whatever it was saying. Meanwhile keys roll at both,
// and one is killed. Nobody finds anything bogus, nothing gets stuck, and in the end
// both serve what the primary has.
func TestBehindPrimary(t *testing.T) {
	t.Parallel()
	for kind, rolls := range map[string][]string{
		"knot": {"ZSK"},
		"nsd":  {"KSK"},
		"bind": {"algorithm"},
	} {
		if all {
			rolls = []string{"ZSK", "KSK", "algorithm"}
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			rollBehind(t, rolls, "--primary", kind)
		})
	}
}

// The same with updates in the place of the file: all go to one signer, which is killed as well,
// and which passes them on to the primary. Whoever gets no answer sends the same again.
func TestUpdatesBehindPrimary(t *testing.T) {
	t.Parallel()
	kinds, rolls := []string{"bind"}, []string{"KSK"}
	if all {
		kinds, rolls = []string{"bind", "knot"}, []string{"KSK", "ZSK", "algorithm"}
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			rollBehind(t, rolls, "--primary", kind, "--updates")
		})
	}
}

// In a group without a primary the first signer writes the content. Updates go to the second,
// which passes them on, and has the content from there; first the one dies, then the other.
func TestUpdatesAtOneOfAGroup(t *testing.T) {
	t.Parallel()
	rolls := []string{"ZSK"}
	if all {
		rolls = []string{"ZSK", "KSK", "algorithm"}
	}
	rollBehind(t, rolls, "--updates")
}

// rollBehind rolls keys of a group whose zone is changed by its owner.
func rollBehind(t *testing.T, rolls []string, args ...string) {
	s := startStory(t, args...)
	owner := startOwner(t, s, slices.Contains(args, "--updates"))
	done := map[string]int{}
	for i, roll := range rolls {
		s.change(t, roll, func() {
			dead := &s.Signers[i%len(s.Signers)]
			s.fell(t, dead)
			s.pass(t, 3*time.Second, func() {})
			s.rise(t, dead)
		})
		done[roll] += len(s.Signers)
	}
	s.until(t, "the owner to change and the primary to die often enough", owner.busy)
	owner.stop()
	s.level(t, owner)
	s.gone(t)
	s.end(t, done)
	t.Logf("%d changes, the primary died %d times", owner.changes, owner.deaths)
}

// owner changes the zone every second, and kills the primary sometimes.
type owner struct {
	s       *story
	updates bool // the change is sent to a signer; else it is saved, and the primary reads the file
	random  *rand.Rand
	zone    string   // the lab's, with %d for its serial
	names   []string // what each of the owner's own names has
	primary *exec.Cmd

	cancel  context.CancelFunc
	ended   sync.WaitGroup
	mu      sync.Mutex
	serial  uint32
	changes int
	deaths  int
}

func startOwner(t *testing.T, s *story, updates bool) *owner {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed of the owner: %d", seed)
	text := []byte("$ORIGIN example.test.\n@ 2 SOA ns-a hostmaster.example.test. 0 3600 600 1209600 2\n")
	if s.Primary != nil {
		var err error
		text, err = os.ReadFile(s.Primary.File)
		require.NoError(t, err)
	} else { // as the signers read it: $GENERATE is not read alike everywhere
		path := filepath.Join(t.TempDir(), "signed")
		transfer(t, s.Signers[0].Address, path)
		text = append(text, strings.Join(contentOfFile(t, path), "\n")+"\n"...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &owner{s: s, updates: updates, random: rand.New(rand.NewPCG(seed, 0)), names: make([]string, 30), cancel: cancel}
	serial := regexp.MustCompile(`hostmaster\S* (\d+)`)
	_, err := fmt.Sscan(string(serial.FindSubmatch(text)[1]), &o.serial)
	require.NoError(t, err)
	o.zone = serial.ReplaceAllString(strings.ReplaceAll(string(text), "%", "%%"), "hostmaster.example.test. %d")
	o.ended.Go(func() {
		if err := o.run(ctx); err != nil {
			s.w.fault("the owner: %v", err)
		}
	})
	t.Cleanup(func() {
		o.stop()
		if s.Primary != nil {
			o.kill() // what the lab did not start it does not end
		}
	})
	return o
}

func (o *owner) stop() {
	o.cancel()
	o.ended.Wait()
}

// busy reports whether enough has happened to prove anything.
func (o *owner) busy() (bool, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changes >= 30 && (o.deaths >= 4 || o.s.Primary == nil), fmt.Sprintf("%d changes, %d deaths", o.changes, o.deaths)
}

func (o *owner) run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	soon := func() int { return 3 + o.random.IntN(4) }
	for left := soon(); ; left-- {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := o.change(); err != nil {
			return err
		}
		if left > 0 || o.s.Primary == nil {
			continue
		}
		left = soon()
		o.wait(100 * time.Millisecond) // NOTIFY, SOA and the transfer are under way in this time
		o.kill()
		o.wait(3 * time.Second)
		if err := o.restart(); err != nil {
			return err
		}
	}
}

// wait lets up to so much time pass.
func (o *owner) wait(most time.Duration) { <-time.After(time.Duration(o.random.Int64N(int64(most)))) }

// change gives some names other records.
func (o *owner) change() error {
	var names []int
	for range 1 + o.random.IntN(3) {
		i := o.random.IntN(len(o.names))
		names = append(names, i)
		o.names[i] = []string{"", "2 A 192.0.2.1", "1 A 192.0.2.2", "2 TXT \"Some Text\"", "2 MX 10 www.example.test.", "2 NS www.example.test."}[o.random.IntN(6)]
	}
	o.mu.Lock()
	o.serial++
	o.changes++
	o.mu.Unlock()
	if o.updates {
		return o.send(names)
	}
	file := o.s.Primary.File
	if err := os.WriteFile(file+".new", []byte(o.text()), 0o644); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	return syscall.Kill(o.s.Primary.PID, syscall.SIGHUP)
}

// text is the zone as it is to be.
func (o *owner) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, o.zone, o.serial)
	for i, data := range o.names {
		if data != "" {
			fmt.Fprintf(&b, "own-%d %s\n", i, data)
		}
	}
	fmt.Fprintf(&b, "at 2 TXT \"serial %d\"\n", o.serial)
	return b.String()
}

// send has nsupdate put names to what they are to have, again until that is acknowledged:
// the signer and the primary may be away.
func (o *owner) send(names []int) error {
	at := o.s.Signers[0]
	if o.s.Primary == nil {
		at = o.s.Signers[1] // which passes it on to the first
	}
	host, port, err := net.SplitHostPort(at.Address)
	if err != nil {
		return err
	}
	script := fmt.Sprintf("server %s %s\nzone example.test\nupdate delete at.example.test\nupdate add at.example.test 2 TXT \"serial %d\"\n", host, port, o.serial)
	for _, i := range names {
		script += fmt.Sprintf("update delete own-%d.example.test\n", i)
		if o.names[i] != "" {
			script += fmt.Sprintf("update add own-%d.example.test %s\n", i, o.names[i])
		}
	}
	var out []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(200 * time.Millisecond) {
		cmd := exec.Command("nsupdate", "-v", "-k", filepath.Join(o.s.dir, "update.key"))
		cmd.Stdin = strings.NewReader(script + "send\n")
		if out, err = cmd.CombinedOutput(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no update was acknowledged for %s: %w\n%s", patience, err, out)
}

// kill ends the primary and its children as a power failure would.
func (o *owner) kill() {
	pid := o.s.Primary.PID
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	for syscall.Kill(pid, 0) == nil && o.primary == nil { // the lab waits for it
		<-time.After(10 * time.Millisecond)
	}
	if o.primary != nil {
		_ = o.primary.Wait()
	}
}

func (o *owner) restart() error {
	p := o.s.Primary
	if !o.updates { // BIND, killed, would hold its journal against the file
		if err := os.Remove(p.File + ".jnl"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	out, err := os.OpenFile(filepath.Join(o.s.dir, "primary", "log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	o.primary = exec.Command(p.Command[0], p.Command[1:]...)
	o.primary.Dir, o.primary.Stdout, o.primary.Stderr = filepath.Join(o.s.dir, "primary"), out, out
	if err := lab.Start(o.primary); err != nil {
		return err
	}
	p.PID = o.primary.Process.Pid
	o.mu.Lock()
	o.deaths++
	o.mu.Unlock()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(100 * time.Millisecond) {
		if _, err = serial(lab.Signer{Address: p.Address}); err == nil {
			return nil // a SIGHUP before that would end it
		}
	}
	return fmt.Errorf("the primary does not answer after its restart: %w", err)
}

// level waits until every signer has the owner's last content and no other.
func (s *story) level(t *testing.T, o *owner) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "want")
	require.NoError(t, os.WriteFile(path, []byte(o.text()), 0o644))
	want := contentOfFile(t, path)
	last := o.serial
	switch { // whoever writes counts
	case s.Primary == nil:
		z, ok := s.see(s.Signers[0])
		require.True(t, ok)
		last = z.Source.Given
	case o.updates:
		var err error
		last, err = serial(lab.Signer{Address: s.Primary.Address})
		require.NoError(t, err)
	}
	s.until(t, fmt.Sprintf("every signer to serve content %d", last), func() (bool, string) {
		for _, signer := range s.Signers {
			z, ok := s.see(signer)
			has := z.Source.Serial
			if s.Primary == nil {
				has = z.Source.Given
			}
			if !ok || has != last {
				return false, fmt.Sprintf("%s has %d: %s", signer.Name, has, z.Source.Why)
			}
		}
		return true, ""
	})
	for _, signer := range s.Signers {
		path := filepath.Join(t.TempDir(), "signed")
		transfer(t, signer.Address, path)
		require.Equal(t, want, contentOfFile(t, path), "signer %s", signer.Name)
	}
}

// contentOfFile is what a zone file has but for its SOA, what signers make, and capitals in owners' names.
func contentOfFile(t *testing.T, path string) (lines []string) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	made := []uint16{dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY}
	parser := dns.NewZoneParser(file, "", path)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if slices.Contains(made, rr.Header().Rrtype) {
			continue
		}
		wire := make([]byte, dns.MaxMsgSize) // one spelling of whatever may be spelled in several ways
		n, err := dns.PackRR(rr, wire, 0, nil, false)
		require.NoError(t, err)
		same, _, err := dns.UnpackRR(wire[:n], 0)
		require.NoError(t, err)
		same.Header().Name = strings.ToLower(same.Header().Name) // Knot and NSD give it so
		lines = append(lines, same.String())
	}
	require.NoError(t, parser.Err())
	require.Greater(t, len(lines), 50)
	slices.Sort(lines)
	return lines
}
