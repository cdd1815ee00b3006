package engine_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// A zone that has nothing to do rests: it takes a third of the memory, and nobody can tell. It is
// answered from, its status is the same as ever, it notices what happens to its file and its keys, takes
// commands, and saves when the process ends how far the time has come.
func TestRest(t *testing.T) {
	dir, file := t.TempDir(), write(t, content)
	cfg := alone(t, file)
	cfg.Parent = engine.Parent{Mode: engine.ParentNone}
	e := serve(t, dir, cfg)
	z := e.Find(cfg.Apex)
	rests := func() bool {
		octets, is := z.Rests()
		return is && octets > 0 && octets < 3000
	}
	require.Eventually(t, rests, 30*time.Second, time.Millisecond, "it has nothing to do")
	before, _ := e.Status(cfg.Apex)
	require.True(t, rests(), "whoever asks for the status wakes nobody")
	after, _ := e.Status(cfg.Apex)
	require.Equal(t, before, after)
	require.NotEmpty(t, before.Keys)
	require.NotEmpty(t, before.Keys[0].DNSKEY)
	serial := served(t, e).Serial()

	_, err := e.Do(context.Background(), cfg.Apex, engine.Command{Kind: "resign"})
	require.NoError(t, err)
	require.Greater(t, served(t, e).Serial(), serial)
	require.Eventually(t, rests, 30*time.Second, time.Millisecond, "and again")

	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(content, "192.0.2.80", "192.0.2.81", 1)), 0o644))
	was := served(t, e)
	require.Eventually(t, func() bool { return served(t, e) != was }, 30*time.Second, 10*time.Millisecond)
	require.Eventually(t, rests, 30*time.Second, time.Millisecond)

	keys := dnskey(t, served(t, e))
	require.NoError(t, e.Close())
	woken, _ := e.Status(cfg.Apex)
	require.Equal(t, before.Keys[0].DNSKEY, woken.Keys[0].DNSKEY, "also of an engine that has ended")
	e = serve(t, dir, cfg)
	require.Equal(t, keys, dnskey(t, served(t, e)))
	require.NoError(t, e.Close())
}
