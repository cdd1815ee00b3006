package engine_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// manyNames is a zone of so many names, half of which come first and begin with block.
func manyNames(names int) string {
	var b strings.Builder
	b.WriteString(content)
	for i := range names / 2 {
		fmt.Fprintf(&b, "block-%05d A 192.0.2.1\nhost-%05d A 192.0.2.1\n", i, i)
	}
	return b.String()
}

// held are keys that stop at the names that begin with block, as soon as they have signed what
// is signed before a zone is shown. They sign ED25519: the message comes to them whole.
type held struct {
	free    atomic.Int64 // signatures
	stopped chan struct{}
	once    sync.Once
	gate    chan struct{}
	fails   atomic.Bool
}

func newHeld() *held {
	h := &held{stopped: make(chan struct{}), gate: make(chan struct{})}
	h.free.Store(400)
	return h
}

type heldKey struct {
	crypto.Signer
	*held
}

func (k heldKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.free.Add(-1) < 0 && bytes.Contains(message, []byte("block-")) {
		k.once.Do(func() { close(k.stopped) })
		<-k.gate
		if k.fails.Load() {
			return nil, errors.New("the key has gone")
		}
	}
	return k.Signer.Sign(r, message, o)
}

// answering is an engine in the midst of signing a zone for the first time.
func answering(t *testing.T, dir string, h *held, cfg engine.Config, token bool) *engine.Engine {
	t.Helper()
	e, err := engine.Open(dir, engine.Options{
		Logger: slog.New(slog.DiscardHandler),
		Key: func(k keystore.Key) keystore.Key {
			k = h.key(k)
			k.Token = token
			return k
		},
	})
	require.NoError(t, err)
	begin(t, e, h, cfg)
	return e
}

// key is k, held.
func (h *held) key(k keystore.Key) keystore.Key {
	k.Signer = heldKey{k.Signer, h}
	return k
}

// begin has an engine serve a zone, and waits until its keys have stopped.
func begin(t *testing.T, e *engine.Engine, h *held, cfg engine.Config) {
	t.Helper()
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	go p.Commit()
	<-h.stopped
}

func manyAlone(t *testing.T, mode denial.Mode) engine.Config {
	t.Helper()
	cfg := alone(t, write(t, manyNames(4400)))
	cfg.Algorithm, cfg.Denial = 15, mode
	return cfg
}

// questioned gives what a version says, validated by its own keys.
func questioned(t *testing.T, v *zone.Version, name string, kind uint16) *dns.Msg {
	t.Helper()
	var r answer.Response
	request := new(dns.Msg).SetQuestion(name, kind).SetEdns0(4096, true)
	r.Plan(v, answer.Question{Name: zone.MustName(name), Type: zone.Type(kind), DO: true, Sign: true})
	m := r.Msg(request, 65535, true)
	keys, ok := v.RRset(apex, zone.TypeDNSKEY)
	require.True(t, ok)
	require.NoError(t, validate.Response(m, request.Question[0], apex, keys, time.Now()), "%s", m)
	return m
}

// A large zone answers before all of it is signed: whatever is asked gets an answer that
// validates, and the same that it gets later. It is not ready, nor given out as a whole. What is
// wanted of it meanwhile, a rollover and other content, comes after.
func TestAnswersAtOnce(t *testing.T) {
	for _, mode := range []denial.Mode{denial.NSEC, denial.NSEC3, denial.NSEC3OptOut} {
		h, dir, cfg := newHeld(), t.TempDir(), manyAlone(t, mode)
		e := answering(t, dir, h, cfg, false)
		z := e.Find(apex)
		serving := z.Serving()
		require.Empty(t, serving.Refuse)
		require.False(t, serving.Version.Whole())
		require.Same(t, serving.Version, z.Open())
		ready, why := e.Ready()
		require.False(t, ready)
		require.Contains(t, why, "example.org.")
		s, _ := e.Status(apex)
		require.True(t, s.Serving)
		require.Empty(t, s.Refuse)
		require.Equal(t, serving.Version.Serial(), s.Serial)
		require.NotNil(t, s.Signing)
		require.True(t, s.Signing.Answers)
		require.Equal(t, cfg.Denial.String(), s.Denial)
		require.Equal(t, "none", s.Parent.Mode, "nobody asks it, now or later")
		_, err := e.View(context.Background(), apex, "signed")
		require.ErrorContains(t, err, "still being signed")

		questions := map[string]uint16{
			"host-00007.example.org.": dns.TypeA, "host-00008.example.org.": dns.TypeMX, "nothing.example.org.": dns.TypeA,
			"x.host-00009.example.org.": dns.TypeA, "example.org.": dns.TypeSOA, "ns.example.org.": dns.TypeA,
		}
		early := map[string]string{}
		for name, kind := range questions {
			early[name] = questioned(t, serving.Version, name, kind).String()
		}

		require.NoError(t, os.WriteFile(cfg.File, []byte(manyNames(4400)+"new A 192.0.2.99\n"), 0o644))
		var orders sync.WaitGroup
		for _, c := range []engine.Command{{Kind: "reload"}, {Kind: "roll", Args: []string{"zsk"}}} {
			orders.Go(func() {
				if _, err := e.Do(context.Background(), apex, c); err != nil {
					panic(err)
				}
			})
		}
		require.Same(t, serving, z.Serving())
		close(h.gate)
		orders.Wait()
		<-z.Began()
		for name, kind := range questions {
			if is := questioned(t, z.Open(), name, kind); len(is.Ns) == 0 && kind != dns.TypeSOA { // where no serial is
				require.Equal(t, afterID(early[name]), afterID(is.String()), name)
			}
		}
		questioned(t, z.Open(), "new.example.org.", dns.TypeA)
		ready, why = e.Ready()
		require.True(t, ready, why)
		v, err := e.View(context.Background(), apex, "signed")
		require.NoError(t, err)
		require.True(t, v.Whole())
		require.NotNil(t, v.Get(zone.MustName("new.example.org.")))
		require.True(t, zone.SerialAfter(v.Serial(), serving.Version.Serial()))
		s, _ = e.Status(apex)
		require.Nil(t, s.Signing)
		require.NoError(t, e.Close())

		e = serve(t, dir, cfg)
		require.Empty(t, zone.Compare(v, served(t, e)).Changes)
		require.NoError(t, e.Close())
	}
}

// afterID is a message without the number that it was asked with.
func afterID(m string) string {
	_, rest, _ := strings.Cut(m, ";; QUESTION")
	return rest
}

// What a device signs is verified as a whole before it is shown, and what is reviewed before
// somebody has looked at it: neither is answered from earlier.
func TestAnswersAtOnceOnlyWhatMayBe(t *testing.T) {
	for _, token := range []bool{true, false} {
		h, cfg := newHeld(), manyAlone(t, denial.NSEC)
		if !token {
			cfg.Review.Signed = []string{"true"}
		}
		e := answering(t, t.TempDir(), h, cfg, token)
		serving := e.Find(apex).Serving()
		require.Nil(t, serving.Version)
		require.NotEmpty(t, serving.Refuse)
		close(h.gate)
		require.Eventually(t, func() bool { return e.Find(apex).Open() != nil }, 10*time.Minute, time.Millisecond)
		require.True(t, e.Find(apex).Open().Whole())
		require.NoError(t, e.Close())
	}
}

// A version that cannot be finished is taken away: nobody would renew its signatures. The
// next one has the same keys, and a later serial.
func TestWhatAnsweredAtOnceIsTakenAway(t *testing.T) {
	h, dir, cfg := newHeld(), t.TempDir(), manyAlone(t, denial.NSEC)
	e := answering(t, dir, h, cfg, false)
	first := e.Find(apex).Open()
	require.False(t, first.Whole())
	h.fails.Store(true)
	close(h.gate)
	<-e.Find(apex).Began()
	serving := e.Find(apex).Serving()
	require.Nil(t, serving.Version)
	require.NotEmpty(t, serving.Refuse)
	s, _ := e.Status(apex)
	require.False(t, s.Serving)
	require.Contains(t, alarms(s), "the key has gone")
	h.fails.Store(false)
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "look"})
	require.NoError(t, err)
	again := served(t, e)
	require.True(t, again.Whole())
	require.True(t, zone.SerialAfter(again.Serial(), first.Serial()))
	require.Equal(t, must(first.RRset(apex, zone.TypeDNSKEY)).Rdata, must(again.RRset(apex, zone.TypeDNSKEY)).Rdata)
	require.NoError(t, e.Close())
}

// A process that is told to end in the midst of it has not failed: no line of the log says that
// resolvers get SERVFAIL. The next one signs all of it, with the same keys and a later serial.
func TestEndsWhileItAnswersAtOnce(t *testing.T) {
	h, dir, cfg, text := newHeld(), t.TempDir(), manyAlone(t, denial.NSEC), &logged{}
	e, err := engine.Open(dir, engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil)), Key: h.key})
	require.NoError(t, err)
	begin(t, e, h, cfg)
	first := e.Find(apex).Open()
	require.False(t, first.Whole())
	ended := make(chan error)
	go func() { ended <- e.Close() }()
	require.Eventually(t, func() bool {
		_, err := e.Prepare(context.Background(), nil)
		return err != nil
	}, 10*time.Minute, time.Millisecond)
	close(h.gate)
	require.NoError(t, <-ended)
	require.Len(t, text.lines("signing what is not asked for"), 1)
	require.Empty(t, text.lines("refuses"))
	e = serve(t, dir, cfg)
	<-e.Find(apex).Began()
	again := served(t, e)
	require.True(t, again.Whole())
	require.True(t, zone.SerialAfter(again.Serial(), first.Serial()))
	require.Equal(t, must(first.RRset(apex, zone.TypeDNSKEY)).Rdata, must(again.RRset(apex, zone.TypeDNSKEY)).Rdata)
	require.NoError(t, e.Close())
}

// A later version is shown when it is whole, and no sooner: other signatures of all that there
// is, a new chain of denial, a rollover.
func TestLaterVersionsAreWhole(t *testing.T) {
	h, cfg := newHeld(), manyAlone(t, denial.NSEC)
	close(h.gate)
	e := answering(t, t.TempDir(), h, cfg, false)
	<-e.Find(apex).Began()
	before := served(t, e)
	done := make(chan struct{})
	var watched sync.WaitGroup
	watched.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if v := e.Find(apex).Open(); v == nil || !v.Whole() {
					panic("a later version is not whole")
				}
			}
		}
	})
	cfg.Denial = denial.NSEC3
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	for _, c := range []engine.Command{{Kind: "resign"}, {Kind: "roll", Args: []string{"zsk"}}} {
		_, err := e.Do(context.Background(), apex, c)
		require.NoError(t, err)
	}
	close(done)
	watched.Wait()
	require.True(t, denial.Of(served(t, e)).Hashed())
	require.NotSame(t, before, served(t, e))
	require.NoError(t, e.Close())
}
