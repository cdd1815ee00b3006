package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// faulty makes bad signatures over A records of names with a certain text in them,
// while it is broken. It signs ED25519: the message comes to it whole.
type faulty struct {
	crypto.Signer
	broken *atomic.Pointer[string]
}

func (f faulty) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	signature, err := f.Signer.Sign(r, message, o)
	if text := f.broken.Load(); text != nil && bytes.HasPrefix(message, []byte{0, 1}) && bytes.Contains(message, []byte(*text)) {
		signature[0] ^= 1
	}
	return signature, err
}

// signing is an engine whose keys can be broken.
type signing struct {
	*engine.Engine
	clock  *manual
	dir    string
	file   string
	broken atomic.Pointer[string]
}

// startSigning serves a zone of some names, by keys that are in a device or not.
func startSigning(t *testing.T, names int, token bool) *signing {
	t.Helper()
	var text strings.Builder
	text.WriteString(content)
	for i := range names {
		fmt.Fprintf(&text, "host-%05d A 192.0.2.1\n", i)
	}
	s := &signing{clock: newManual(moment), dir: t.TempDir(), file: write(t, text.String())}
	s.open(t, token)
	return s
}

func (s *signing) open(t *testing.T, token bool) {
	t.Helper()
	e, err := engine.Open(s.dir, engine.Options{
		Logger: slog.New(slog.DiscardHandler), Clock: s.clock,
		Key: func(k keystore.Key) keystore.Key {
			k.Signer, k.Token = faulty{k.Signer, &s.broken}, token
			return k
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	cfg := alone(t, s.file)
	cfg.Algorithm = 15
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	s.Engine = e
}

func (s *signing) breakFor(text string) { s.broken.Store(&text) }
func (s *signing) mend()                { s.broken.Store(nil) }

func (s *signing) order(t *testing.T, kind string) {
	t.Helper()
	_, err := s.Do(context.Background(), apex, engine.Command{Kind: kind})
	require.NoError(t, err)
}

func (s *signing) await(t *testing.T, what string, so func(z status.Zone) bool) status.Zone {
	t.Helper()
	var z status.Zone
	require.Eventually(t, func() bool {
		z, _ = s.Status(apex)
		return so(z)
	}, time.Minute, 5*time.Millisecond, "%s: %+v", what, &z)
	return z
}

// verified says that all that is served was verified; before anything is, nothing is.
func verified(z status.Zone) bool { return z.Serial != 0 && !z.Guard.Verifying }

func (s *signing) addToFile(t *testing.T, line string) {
	t.Helper()
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.file, append(text, line...), 0o644))
}

// What the guard refuses is not shown, and is kept for a person to look at: a file
// that others cannot read, which the alarm and the status name.
func TestRefusedVersionIsKept(t *testing.T) {
	t.Parallel()
	s := startSigning(t, 0, false)
	before := served(t, s.Engine)
	s.breakFor("new")
	s.addToFile(t, "new A 192.0.2.81\n")
	s.order(t, "reload")
	require.Same(t, before, served(t, s.Engine))
	z, _ := s.Status(apex)
	path := filepath.Join(s.dir, "zones", "example.org.refused")
	require.Equal(t, 1, z.Guard.Refusals)
	require.Equal(t, status.Reasons{Data: 1}, z.Guard.Reasons)
	require.Equal(t, path, z.Guard.Refused.File)
	require.Equal(t, before.Serial()+1, z.Guard.Refused.Serial)
	require.Contains(t, z.Guard.Refused.Faults[0], "new.example.org. A: signature by key")
	require.Contains(t, z.Alarms[0].What, path)
	require.Contains(t, z.Alarms[0].What, "is bad")
	at, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), at.Mode())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "; new.example.org. A: signature by key")
	for _, t2 := range []string{"\tDNSKEY\t", "\tSOA\t", "\tRRSIG\tDNSKEY", "new.example.org.\t300\tIN\tA\t192.0.2.81"} {
		require.Contains(t, string(text), t2)
	}

	// The same again is counted once; and what is shown is renewed meanwhile.
	s.order(t, "look")
	z, _ = s.Status(apex)
	require.Equal(t, 1, z.Guard.Refusals)
	s.clock.step(12 * day)
	require.Eventually(t, func() bool {
		end, _ := served(t, s.Engine).Earliest()
		return end.After(s.clock.Now().Add(5 * day))
	}, 10*time.Second, 5*time.Millisecond)
	require.Nil(t, served(t, s.Engine).Get(zone.MustName("new.example.org.")))

	s.mend()
	s.order(t, "reload")
	require.NotNil(t, served(t, s.Engine).Get(zone.MustName("new.example.org.")))
	z, _ = s.Status(apex)
	require.Empty(t, z.Alarms)
	require.NotNil(t, z.Guard.Refused, "the last one can still be looked at")
}

// deep is a name in the middle of a zone that is signed anew, whose signature no
// sample looks at.
const deep, many = "host-00778", 3000

// Of a device every signature is verified before anybody sees it, also when a
// whole zone is signed anew.
func TestTokenIsVerifiedBefore(t *testing.T) {
	t.Parallel()
	s := startSigning(t, many, true)
	before := served(t, s.Engine)
	s.clock.step(time.Hour)
	s.breakFor(deep)
	s.order(t, "resign")
	require.Same(t, before, served(t, s.Engine))
	z, _ := s.Status(apex)
	require.Equal(t, 1, z.Guard.Refusals)
	require.False(t, z.Guard.Verifying)
	s.mend()
	s.order(t, "resign")
	require.NotSame(t, before, served(t, s.Engine))
}

// Of keys of files a sample is verified before, and the rest in the background:
// what is bad there takes the version away again. The last good one is shown until
// the zone is well.
func TestWithdrawnForTheLastGood(t *testing.T) {
	t.Parallel()
	s := startSigning(t, many, false)
	s.await(t, "verified", verified)
	good := served(t, s.Engine)
	s.clock.step(time.Hour) // else the same signatures are made again
	s.breakFor(deep)
	s.order(t, "resign")
	z := s.await(t, "withdrawn", func(z status.Zone) bool { return z.Guard.Withdrawals == 1 && z.Guard.Refusals == 1 })
	require.Same(t, good, served(t, s.Engine), "what is signed anew is bad again, and is seen before it is shown")
	require.Contains(t, alarms(z), deep+".example.org. A: signature by key")

	// It is not tried at every turn: it costs much.
	s.order(t, "look")
	z, _ = s.Status(apex)
	require.Equal(t, 1, z.Guard.Refusals)
	s.mend()
	s.clock.step(31 * time.Second)
	z = s.await(t, "mended", func(z status.Zone) bool { return len(z.Alarms) == 0 })
	v := served(t, s.Engine)
	require.True(t, zone.SerialAfter(v.Serial(), good.Serial()+1))
	require.Equal(t, 1, z.Guard.Withdrawals)
}

func alarms(z status.Zone) string {
	var b strings.Builder
	for _, a := range z.Alarms {
		fmt.Fprintln(&b, a.What)
	}
	return b.String()
}

// A bad signature that a restart finds on the disk is found in the background; with
// no good version there is none to answer with but the one that is made at once.
func TestSnapshotIsVerified(t *testing.T) {
	t.Parallel()
	s := startSigning(t, many, false)
	s.await(t, "verified", verified)
	require.NoError(t, s.Close())
	path := filepath.Join(s.dir, "zones", "example.org.snapshot")
	f, err := os.Open(path)
	require.NoError(t, err)
	r := bufio.NewReader(f)
	head, err := r.ReadString('\n')
	require.NoError(t, err)
	v, err := xfr.Read(r)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	name := zone.MustName(deep + ".example.org.")
	set, _ := v.RRset(name, zone.TypeA)
	sigs := []byte(set.Sigs)
	sigs[len(sigs)-1] ^= 1
	edit := v.Edit()
	edit.Put(set.WithSigs(zone.Packed(sigs)))
	var out bytes.Buffer
	out.WriteString(head)
	require.NoError(t, xfr.Write(&out, edit.Version()))
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))

	s.breakFor(deep)
	s.open(t, false)
	s.await(t, "withdrawn", func(z status.Zone) bool { return z.Guard.Withdrawals == 1 && z.Guard.Refusals == 1 })
	require.Contains(t, s.Find(apex).Serving().Refuse, "found to be bad")
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist, "another restart must not begin with it")
	s.mend()
	s.clock.step(31 * time.Second)
	s.await(t, "mended", func(z status.Zone) bool { return z.Serving && len(z.Alarms) == 0 })
	is, _ := served(t, s.Engine).RRset(name, zone.TypeA)
	require.NotEqual(t, string(sigs), string(is.Sigs))
}
