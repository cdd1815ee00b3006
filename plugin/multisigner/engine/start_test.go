package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// smallZones are configurations of n small zones in a directory.
func smallZones(t testing.TB, dir string, n int) (configs []engine.Config) {
	t.Helper()
	for i := range n {
		cfg := alone(t, filepath.Join(dir, fmt.Sprintf("db.z%d", i)))
		cfg.Apex = zone.MustName(fmt.Sprintf("z%d.example.", i))
		require.NoError(t, os.WriteFile(cfg.File, []byte("$TTL 300\n@ SOA ns hostmaster 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.80\n"), 0o644))
		configs = append(configs, cfg)
	}
	return configs
}

// The log of a start of many zones says how far it is and when it has ended, and what
// is wrong; not what is as expected of each zone.
func TestLogOfAStartOfManyZones(t *testing.T) {
	var text strings.Builder
	var mu sync.Mutex
	clock, dir := newManual(moment), t.TempDir()
	configs := smallZones(t, dir, 40)
	require.NoError(t, os.WriteFile(configs[3].File, []byte("nonsense"), 0o644))
	e, err := engine.Open(filepath.Join(dir, "state"), engine.Options{Logger: slog.New(slog.NewTextHandler(&locked{mu: &mu, to: &text}, nil)), Clock: clock})
	require.NoError(t, err)
	defer e.Close()
	p, err := e.Prepare(context.Background(), configs)
	require.NoError(t, err)
	go p.Commit()
	log := func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
	require.Eventually(t, func() bool {
		clock.step(time.Second)
		return strings.Contains(log(), "zones are loaded")
	}, 30*time.Second, time.Millisecond)
	require.Contains(t, log(), `msg="loading zones" zones=40`)
	require.Regexp(t, regexp.MustCompile(`msg="loading zones" zones=40 loaded=\d+`), log())
	require.Contains(t, log(), `msg="zones are loaded" zones=40 refusing=1 `)
	require.Contains(t, log(), "db.z3:1")
	require.NotContains(t, log(), "made a key")
	require.NotContains(t, log(), "published")

	_, err = e.Do(context.Background(), configs[0].Apex, engine.Command{Kind: "resign"})
	require.NoError(t, err)
	require.Contains(t, log(), "msg=published zone=z0.example.", "later each zone tells of itself")
}
