package engine_test

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
)

// slow signs some RRsets, and no more until it is let go on.
type slow struct {
	crypto.Signer
	left *atomic.Int64
	gate chan struct{}
}

func (s slow) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if s.left.Add(-1) < 0 {
		<-s.gate
	}
	return s.Signer.Sign(r, message, o)
}

// Whoever waits for a large zone to be signed can see how far it is, and the log tells
// of it now and then, and at the end how long it took.
func TestProgress(t *testing.T) {
	const names = 6000
	var text strings.Builder
	var mu sync.Mutex
	clock, gate := newManual(moment), make(chan struct{})
	var left atomic.Int64
	left.Store(2 * names * 2 / 3)
	e, err := engine.Open(t.TempDir(), engine.Options{
		Logger: slog.New(slog.NewTextHandler(&locked{mu: &mu, to: &text}, nil)), Clock: clock,
		Key: func(k keystore.Key) keystore.Key {
			k.Signer = slow{k.Signer, &left, gate}
			return k
		},
	})
	require.NoError(t, err)
	defer e.Close()
	var file strings.Builder
	file.WriteString(content)
	for i := range names {
		fmt.Fprintf(&file, "host-%05d A 192.0.2.1\n", i)
	}
	cfg := alone(t, write(t, file.String()))
	cfg.Algorithm = 15
	p, err := e.Prepare(context.Background(), []engine.Config{cfg})
	require.NoError(t, err)
	committed := make(chan struct{})
	go func() { p.Commit(); close(committed) }()
	require.Eventually(t, func() bool {
		z, _ := e.Status(apex)
		return z.Signing != nil && z.Signing.Percent >= 33 && z.Signing.Names < z.Signing.Of
	}, time.Minute, time.Millisecond)
	z, _ := e.Status(apex)
	require.Less(t, z.Signing.Percent, 100)
	require.GreaterOrEqual(t, z.Signing.Of, names)
	clock.step(20 * time.Second)
	close(gate)
	<-committed
	<-e.Find(apex).Began()
	z, _ = e.Status(apex)
	require.Nil(t, z.Signing)
	mu.Lock()
	defer mu.Unlock()
	require.Regexp(t, `msg=signing zone=example.org. percent=\d+ after=20s`, text.String())
	require.Regexp(t, `msg=published .*signatures=\d+ after=20s`, text.String())
}
