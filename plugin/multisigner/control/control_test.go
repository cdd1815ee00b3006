package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control"
	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// zones is a small server side: what it was told is kept for the test to see.
type zones struct {
	names []string
	told  []string
	lines iter.Seq[string] // of an export
}

func (z *zones) Names() []string { return z.names }

func (z *zones) Status(names ...string) []status.Zone {
	var all []status.Zone
	for _, name := range names {
		if slices.Contains(z.names, name) {
			all = append(all, status.Zone{Zone: name, Serial: 7})
		}
	}
	return all
}

func (z *zones) Do(_ context.Context, name, command string, args []string) (string, error) {
	if command == "roll" && slices.Equal(args, []string{"zsk"}) {
		z.told = append(z.told, fmt.Sprint(name, command, args))
		return "the next ZSK is being made", nil
	}
	return "", errors.New("no such command: try roll zsk")
}

func (z *zones) Check(context.Context, string) (status.Matrix, error) {
	return status.Matrix{Cells: []status.Cell{{Answers: "a", Keys: "b", Asked: 3}}}, nil
}

func (z *zones) Plan(_ context.Context, name string) (status.Plan, error) {
	return status.Plan{Zone: name, Steps: []status.Step{{What: "publish the next ZSK"}}}, nil
}

func (z *zones) Export(_ context.Context, name, view string) (iter.Seq[string], error) {
	if z.lines == nil {
		return nil, fmt.Errorf("there is no %s of %s", view, name)
	}
	return z.lines, nil
}

func (z *zones) Updates(_ context.Context, name string) ([]status.Update, error) {
	return []status.Update{{Name: name, Type: "TXT", By: "k."}}, nil
}

func listen(t *testing.T, dir string, z control.Zones) *client.Client {
	t.Helper()
	server, err := control.Listen(dir, z, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return client.New(dir)
}

// stateDir is short: a test's own directory may be too long for a socket.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ms")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// What the server has, the client shows; what the client tells, the server does;
// and what it refuses comes back in its own words.
func TestConversation(t *testing.T) {
	ctx := t.Context()
	z := &zones{names: []string{".", "example.org.", "a\\.b.example."}}
	c := listen(t, stateDir(t), z)

	for _, name := range z.names {
		got, err := c.Zone(ctx, name)
		require.NoError(t, err, name)
		require.Equal(t, status.Zone{Zone: name, Serial: 7}, got)
	}
	got, err := c.Zone(ctx, "Example.ORG")
	require.NoError(t, err, "as people write it")
	require.Equal(t, "example.org.", got.Zone)

	done, err := c.Do(ctx, "example.org", "roll", "zsk")
	require.NoError(t, err)
	require.Equal(t, "the next ZSK is being made", done)
	require.Equal(t, []string{"example.org.roll[zsk]"}, z.told)
	_, err = c.Do(ctx, "example.org", "explode")
	require.ErrorContains(t, err, `there is no command "explode": these are there: fold, roll, insecure, `)
	_, err = c.Do(ctx, "example.org", "roll", "xsk")
	require.EqualError(t, err, "no such command: try roll zsk")
	_, err = c.Do(ctx, "example.org", "../check")
	require.Error(t, err)

	plan, err := c.Plan(ctx, "example.org.")
	require.NoError(t, err)
	require.Equal(t, "publish the next ZSK", plan.Steps[0].What)
	updates, err := c.Updates(ctx, "example.org.")
	require.NoError(t, err)
	require.Equal(t, "example.org.", updates[0].Name)
	m, err := c.Check(ctx, "example.org.")
	require.NoError(t, err)
	require.True(t, m.OK())

	for _, ask := range []func() error{
		func() error { _, err := c.Zone(ctx, "example.net"); return err },
		func() error { _, err := c.Do(ctx, "example.net", "roll", "zsk"); return err },
		func() error { _, err := c.Check(ctx, "example.net"); return err },
		func() error { _, err := c.Plan(ctx, "example.net"); return err },
		func() error { _, err := c.Updates(ctx, "example.net"); return err },
	} {
		var refused *client.Refused
		require.ErrorAs(t, ask(), &refused)
		require.Equal(t, http.StatusNotFound, refused.Code)
		require.Equal(t, `zone example.net. is not served here; these are: . example.org. a\.b.example.`, refused.Text)
	}
}

// A server may have more zones than fit in one answer: the client gets them all,
// in pages.
func TestManyZones(t *testing.T) {
	z := &zones{}
	for i := range 2500 {
		z.names = append(z.names, fmt.Sprintf("z%04d.example.", i))
	}
	c := listen(t, stateDir(t), z)
	all, err := c.Zones(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2500)
	require.Equal(t, "z2499.example.", all[2499].Zone)
	_, err = c.Zone(t.Context(), "other.example.")
	require.EqualError(t, err, "zone other.example. is not served here; 2500 others are")
}

// Only the server's own user may speak to it, however long the path is; a socket
// that a dead process left is no hindrance, and nothing is left behind.
func TestSocket(t *testing.T) {
	for name, dir := range map[string]string{
		"short": stateDir(t),
		"long":  filepath.Join(stateDir(t), strings.Repeat("long/", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.MkdirAll(dir, 0o700))
			left := filepath.Join(dir, "control.sock")
			require.NoError(t, os.WriteFile(left, nil, 0o600))
			server, err := control.Listen(dir, &zones{names: []string{"example.org."}}, slog.Default())
			require.NoError(t, err)
			path := left
			if name == "long" {
				text, err := os.ReadFile(filepath.Join(dir, "control.path"))
				require.NoError(t, err)
				path = strings.TrimSpace(string(text))
			}
			stat, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.ModeSocket|0o600, stat.Mode())
			_, err = client.New(dir).Zone(t.Context(), "example.org")
			require.NoError(t, err)

			require.NoError(t, server.Close())
			require.NoFileExists(t, path)
			rest, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, rest)
		})
	}
}

// When nobody answers, the message says what to do about it.
func TestNobodyThere(t *testing.T) {
	dir := stateDir(t)
	ask := func(dir string) error { _, err := client.New(dir).Zones(t.Context()); return err }
	require.ErrorContains(t, ask(dir+"/nowhere"), "there is no state directory "+dir+"/nowhere: give the Corefile's with --state DIR")
	require.ErrorContains(t, ask(dir), "no server uses the state directory "+dir+": is coredns running")

	listener, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	require.NoError(t, err)
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	require.ErrorContains(t, ask(dir), "the server that used "+dir+" is gone: start coredns")
}

// Nothing that is sent is held or believed without a limit.
func TestRefusals(t *testing.T) {
	h := control.Handler(&zones{names: []string{"example.org."}})
	for _, tc := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/v1/zones?limit=0", "", 400, "it is a number from 1 to 1000"},
		{"GET", "/v1/zones?limit=1001", "", 400, "it is a number from 1 to 1000"},
		{"GET", "/v1/zones?after=gone.example.", "", 410, "zone gone.example. is no longer served"},
		{"POST", "/v1/zones/example.org/roll", "{", 400, `send {\"args\": [...]} or nothing`},
		{"POST", "/v1/zones/example.org/roll", `{"force": true}`, 400, "unknown field"},
		{"POST", "/v1/zones/example.org/roll", `{"args": ["` + strings.Repeat("x", 1<<17) + `"]}`, 400, "too large"},
		{"GET", "/v1/zones/example.org/roll", "", 404, "there is no GET /v1/zones/example.org/roll here"},
		{"GET", "/", "", 404, "there is no GET / here"},
	} {
		t.Run(tc.method+tc.path, func(t *testing.T) {
			got := &recorder{header: http.Header{}}
			req, err := http.NewRequest(tc.method, "http://x"+tc.path, strings.NewReader(tc.body))
			require.NoError(t, err)
			h.ServeHTTP(got, req)
			require.Equal(t, tc.code, got.code, got.String())
			require.Contains(t, got.String(), tc.want)
		})
	}
}

type recorder struct {
	bytes.Buffer
	header http.Header
	code   int
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(c int)   { r.code = c }

// A client holds no connection between its requests: a program that makes many
// clients would else keep everybody from the server.
func TestManyClients(t *testing.T) {
	dir := stateDir(t)
	listen(t, dir, &zones{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 100 {
		_, err := client.New(dir).Plan(ctx, "example.org.")
		var refused *client.Refused
		if err != nil {
			require.ErrorAs(t, err, &refused, "it was answered, whatever the answer")
		}
	}
}
