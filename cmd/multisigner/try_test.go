package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Files are checked without a server, with what the server reads them by: each fault with
// its place, and an exit status for scripts.
func TestCheckFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("MULTISIGNER_STATE", "none")
	for name, text := range map[string]string{
		"db":       "$TTL 60\n@ SOA ns h 7 1 1 1 1\n@ NS ns\nns A 127.0.0.1\n",
		"db.bad":   "$TTL 60\n@ SOA ns h 7 1 1 1 1\n@ NS ns\nns A 127.0.0\nx MX\n",
		"Corefile": "example.org:1053 {\n    multisigner {\n        file db\n        parent none\n    }\n}\n",
		"early":    "example.org:1053 {\n    multisigner {\n        file later\n        parent none\n    }\n}\n",
		"folder":   "example.org:1053 {\n    multisigner {\n        file .\n        parent none\n    }\n}\n",
		"lacking":  "example.org:1053 {\n    multisigner {\n        primary 127.0.0.1 tls ns ca ./none\n        hook none-such\n        review signed ./none\n        parent none\n    }\n}\n",
		"catalog":  ".:1053 {\n    multisigner {\n        parent none\n        catalog c.example {\n            primary 127.0.0.1\n            group default {\n                file {zone}\n            }\n        }\n    }\n}\n",
		"writer":   "example.org:1053 {\n    tsig {\n        secret k. AAAA\n        secret up. AAAA\n    }\n    multisigner {\n        file db\n        primary 127.0.0.2 key k.\n        content-transfer key k.\n        update key up.\n        update forward\n        allow-transfer 127.0.0.3 tls\n        parent none\n    }\n}\n",
		"bad":      "example.org:1053 {\n    multisigner {\n        fiel db\n        parent none\n    }\n}\n",
	} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	wd, err := os.Getwd()
	require.NoError(t, err)
	for _, tc := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"check-config", "Corefile"}, 0, "Corefile:2: zone example.org. from " + filepath.Join(wd, "db") + ", state in " + filepath.Join(wd, "multisigner-state") + "\n", ""},
		{[]string{"check-config", "early"}, 0, "early:2: zone example.org. from " + filepath.Join(wd, "later") + ", state in " + filepath.Join(wd, "multisigner-state") + "\n",
			"early:2: warning: open " + filepath.Join(wd, "later") + ": no such file or directory: zone example.org. answers SERVFAIL until it can be read\n"},
		{[]string{"check-config", "folder"}, 0, "folder:2: zone example.org. from " + wd + ", state in " + filepath.Join(wd, "multisigner-state") + "\n",
			"folder:2: warning: open " + wd + ": not a file: zone example.org. answers SERVFAIL until it can be read\n"},
		{[]string{"check-config", "lacking"}, 0, "lacking:2: zone example.org. from 127.0.0.1:853, state in " + filepath.Join(wd, "multisigner-state") + "\n",
			"lacking:2: warning: open " + filepath.Join(wd, "none") + ": no such file or directory: nothing is transferred from 127.0.0.1:853 until it can be used\n" +
				"lacking:2: warning: exec: \"none-such\": executable file not found in $PATH: nobody is told of alarms until it can be run\n" +
				"lacking:2: warning: exec: \"" + filepath.Join(wd, "none") + "\": stat " + filepath.Join(wd, "none") + ": no such file or directory: new content is held until it can be run\n"},
		{[]string{"check-config", "catalog"}, 0, "catalog:4: catalog c.example. from 127.0.0.1:53, state in " + filepath.Join(wd, "multisigner-state") + "\n", ""},
		{[]string{"check-config", "writer"}, 0, "writer:6: zone example.org. from " + filepath.Join(wd, "db") + " 127.0.0.2:53, state in " + filepath.Join(wd, "multisigner-state") + "\n",
			"writer:6: warning: transfers that must go over TLS, and no server block for tls:// that serves the zone: nobody transfers it by these lines (secondary, allow-transfer) until there is one\n" +
				"writer:6: warning: content-transfer key k., update forward, and no update key k.: updates that another signer passes on by that key are refused while the content is changed here\n"},
		{[]string{"check-config", "bad"}, 1, "", "bad:3: unknown directive \"fiel\": do you mean file?\n"},
		{[]string{"check-config", "nowhere"}, 1, "", "open nowhere: no such file or directory\n"},
		{[]string{"check-zone", "db", "Example.org"}, 0, "db: zone example.org., serial 7, 2 names, 3 records\n", ""},
		{[]string{"check-zone", "db.bad", "example.org."}, 1, "", "db.bad:4: A: the address: \"127.0.0\" is no IPv4 address\ndb.bad:5: MX: the record ends before its data\n"},
	} {
		var out, err bytes.Buffer
		require.Equal(t, tc.code, run(tc.args, &out, &err), "%v: %s", tc.args, err.String())
		require.Equal(t, tc.out, out.String())
		require.Equal(t, tc.err, err.String())
	}
	for _, args := range [][]string{{"check-config"}, {"check-config", "a", "b"}, {"check-zone", "db"}, {"check-zone", "db", "a..b"}} {
		var out, err bytes.Buffer
		require.Equal(t, exitUsage, run(args, &out, &err))
	}
	require.NoDirExists(t, "multisigner-state")
}

// That the Corefile was refused stands in the status of one zone and of many, once.
func TestRefusedReload(t *testing.T) {
	refused := &status.Reload{At: now.Add(-time.Minute), Why: "Corefile:2: this\nCorefile:3: and that"}
	s := &server{zones: []status.Zone{{Zone: "a.example.", At: now, Reload: refused}, {Zone: "b.example.", At: now, Reload: refused}}}
	both := start(t, s)
	for _, args := range [][]string{{"status"}, {"status", "a.example"}} {
		out, _, _ := both(args...)
		require.Contains(t, out, "\nthe reload of the Corefile was refused 2026-11-23T11:59:00Z (1m0s ago), and all is served as before\n  Corefile:2: this\n  Corefile:3: and that\n")
		require.Equal(t, 1, bytes.Count([]byte(out), []byte("Corefile:3")))
	}
}
