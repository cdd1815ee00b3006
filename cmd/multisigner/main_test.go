package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
	"github.com/multisigner/multisigner/plugin/multisigner/control"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

// server is what the command talks to in these tests.
type server struct {
	zones  []status.Zone
	matrix status.Matrix
	told   []string

	ofCatalog []status.Alarm
}

func (s *server) Names() []string {
	var names []string
	for _, z := range s.zones {
		names = append(names, z.Zone)
	}
	return names
}

func (s *server) Status(names ...string) []status.Zone {
	var all []status.Zone
	for _, name := range names {
		if i := slices.Index(s.Names(), name); i >= 0 {
			all = append(all, s.zones[i])
		}
	}
	return all
}

func (s *server) Catalogs() []status.Catalog {
	return []status.Catalog{{Catalog: "cat.example.", Alarms: s.ofCatalog}}
}

func (s *server) Catalog(name string) (status.Catalog, bool) {
	return status.Catalog{Catalog: name}, name == "cat.example."
}

func (s *server) DoCatalog(name, command string) (string, error) {
	if command != "accept" || name != "cat.example." {
		return "", errors.New("no removal waits for a person")
	}
	s.told = append(s.told, command+" "+name)
	return "12 members are removed", nil
}

func (s *server) Do(_ context.Context, name, command string, args []string) (string, error) {
	if name == "stuck.example." {
		return "", errors.New("the zone is frozen: multisigner thaw stuck.example")
	}
	s.told = append(s.told, strings.Join(append([]string{command, name}, args...), " "))
	return command + " has begun", nil
}

func (s *server) Check(context.Context, string) (status.Matrix, error) { return s.matrix, nil }

func (s *server) Export(_ context.Context, name, view string) (iter.Seq[string], error) {
	return slices.Values([]string{name + " " + view + " 1\n", "2\n"}), nil
}

// Plan is a ZSK rollover under way.
func (s *server) Plan(_ context.Context, name string) (status.Plan, error) {
	soon := now.Add(50 * time.Minute)
	return status.Plan{Zone: name, Steps: []status.Step{
		{At: soon, What: "sign the zone with ZSK 1003", After: []status.Wait{
			{What: "sign the zone with ZSK 1003", Why: "every signer to publish ZSK 1003", Holding: []string{"b.example.net 192.0.2.3:53"}},
			{What: "sign the zone with ZSK 1003", Why: "DNSKEY RRsets without ZSK 1003 to leave the caches", From: "1h0m0s DNSKEY TTL of b.example.net, since 2026-11-23T11:50:00Z"},
			{What: "change the DS to CSK 1004", Why: "DS RRsets without that of CSK 1004 to leave the caches", From: "1h0m0s DS TTL of the parent, since 2026-11-23T11:50:00Z"}}},
		{At: soon, What: "stop signing the zone with ZSK 1002"},
		{At: soon.Add(2 * time.Hour), What: "withdraw ZSK 1002"},
	}, Waits: []status.Wait{{What: "drop c.example.net's ZSK 3", Why: "a peer to be reachable and trusted", Holding: []string{"c.example.net"}}}}, nil
}

// Updates has one of each kind.
func (s *server) Updates(_ context.Context, name string) ([]status.Update, error) {
	ttl, at := uint32(60), now.Add(-time.Hour)
	return []status.Update{
		{Name: "new." + name, Type: "A", Added: []string{"192.0.2.81"}, Removed: []string{}, TTL: &ttl, By: "k.", Since: at},
		{Name: "www." + name, Type: "A", Added: []string{}, Removed: []string{"192.0.2.80", "192.0.2.82"}, By: "k.", Since: at, NotServed: "it is beside a CNAME"},
	}, nil
}

// start serves s on a socket and gives a function that runs the command on it.
func start(t *testing.T, s *server) func(args ...string) (out, err string, code int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ms")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	listening, err := control.Listen(dir, s, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listening.Close()) })
	t.Setenv("MULTISIGNER_STATE", dir)
	clock = func() time.Time { return now }
	t.Cleanup(func() { clock = time.Now })
	return func(args ...string) (string, string, int) {
		var out, err bytes.Buffer
		code := run(args, &out, &err)
		return out.String(), err.String(), code
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is how it shall look: go test ./cmd/multisigner -update")
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var contentSerials, supplySerials = [2]uint32{7, 5}, [2]uint32{2026112301, 2026112302}

// rolling is a zone in the middle of a ZSK rollover, with a peer that lags, a
// parent and something to complain of: all that status can show.
func rolling() status.Zone {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	return status.Zone{
		Zone: "example.org.", Signer: "a.example.net", At: now, Where: "Corefile:3",
		Serving: true, Serial: 2026112301, Names: 12, Records: 57, Denial: "nsec",
		Source: status.Source{
			File: "/etc/coredns/db.example.org", Serial: 7, Read: ago(90 * time.Minute), Refused: true,
			Passed:   "not served: it is not greater than 2026112301, which was served already; the next serial is one more than that",
			Problems: []status.Problem{{Where: "db.example.org:12", Text: "no TTL", Fatal: true}},
		},
		Signatures: status.Signatures{Earliest: now.Add(9*24*time.Hour + 3*time.Hour), Renewed: now.Add(4 * 24 * time.Hour)},
		Keys: []status.Key{
			{Tag: 1001, Algorithm: 13, Mnemonic: "ECDSAP256SHA256", Role: "ksk", Owner: "a.example.net", Own: true, State: "active", Signs: []string{"dnskey", "cds"},
				Moments: []status.Moment{{What: "created", At: ago(48 * time.Hour)}, {What: "signing", At: ago(47 * time.Hour)}}},
			{Tag: 1003, Algorithm: 13, Mnemonic: "ECDSAP256SHA256", Role: "zsk", Owner: "a.example.net", Own: true, State: "published",
				Moments: []status.Moment{{What: "created", At: ago(10 * time.Minute)}, {What: "may sign", At: now.Add(50 * time.Minute)}}},
			{Tag: 2002, Algorithm: 13, Mnemonic: "ECDSAP256SHA256", Role: "csk", Owner: "b.example.net", State: "active"},
		},
		DS: []string{"1001 13 2 AB", "2002 13 2 CD"}, DSWhy: "the keys of both signers",
		Secondaries: []status.Secondary{
			{
				Address: "192.0.2.60:53", Seen: ago(20 * time.Second), State: "good", Serial: 2026112299, Behind: true,
				Notify: &status.Notify{At: ago(3 * time.Hour), Serial: 2026112301, Answer: "notify 192.0.2.60:53 of example.org SOA: answered REFUSED",
					Cure: "let it serve the zone, and take NOTIFYs for it from 192.0.2.1; `outgoing` sets the address from which they leave here"},
				Transfer: &status.Transfer{At: ago(26 * time.Hour), Serial: 2026112299, Result: "full"},
			},
			{Address: "192.0.2.61:53"},
		},
		Self: []status.Address{{Address: "192.0.2.1:53", Seen: ago(20 * time.Second), State: "good", Serial: 2026112301, DNSKEY: []uint16{1001, 1003, 2002}, CDS: []uint16{1001, 2002}},
			{Address: "ns.elsewhere.example.", Host: "ns.elsewhere.example.", Seen: ago(20 * time.Second), State: "address not known", Why: "there is no resolver to ask"}},
		Peers: []status.Peer{
			{Name: "b.example.net", Trusted: true, Addresses: []status.Address{
				{Address: "192.0.2.2:53", Seen: ago(15 * time.Second), State: "good", Serial: 5, DNSKEY: []uint16{1001, 1003, 2002}, CDS: []uint16{1001, 2002}},
				{Address: "192.0.2.3:53", Seen: ago(16 * time.Second), State: "unreachable", Why: "timeout"},
			}},
			{Name: "c.example.net", Why: "its keys are not signed by one that is pinned", Supply: &status.Supply{Serial: &supplySerials[1], Has: &supplySerials[0],
				Transfer: &status.Transfer{At: ago(time.Minute), Serial: supplySerials[1], Result: "broke off: timeout"}}},
			{Name: "d.example.net", Trusted: true, Silent: true, Why: "192.0.2.4:53: timeout", Supply: &status.Supply{Why: "no address of d.example.net says which serial it has"}},
		},
		Contents: []status.Content{
			{Signer: "a.example.net", Serial: &contentSerials[0], State: status.ContentOurs},
			{Signer: "b.example.net", Serial: &contentSerials[1], State: status.ContentDiffers, Why: "the serial", Since: ago(time.Minute)},
			{Signer: "c.example.net", State: status.ContentUnknown},
		},
		Parent: status.Parent{Mode: "servers", Zone: "org.", DS: []string{"1001 13 2 AB", "2002 13 2 CD"},
			Addresses: []status.ParentAddress{{Address: "192.0.2.9:53", Seen: ago(time.Minute), State: "good", DS: []string{"1001 13 2 AB", "2002 13 2 CD"}}}},
		Waits: []status.Wait{
			{What: "sign the zone with ZSK 1003", Why: "our own servers to publish ZSK 1003", Key: 1003, Since: ago(10 * time.Minute), Holding: []string{"a.example.net 192.0.2.1:53"}},
			{What: "sign the zone with ZSK 1003", Why: "every signer to publish ZSK 1003", Key: 1003, Since: ago(10 * time.Minute), Holding: []string{"b.example.net 192.0.2.3:53"}},
			{What: "the DNSKEY TTL to pass", Since: ago(10 * time.Minute), Earliest: now.Add(50 * time.Minute), From: "1h0m0s DNSKEY TTL of b.example.net, since 2026-11-23T11:50:00Z"},
		},
		Signing: &status.Progress{Percent: 45, Names: 450_123, Of: 1_000_006, Answers: true},
		Guard: status.Guard{Refusals: 1, Withdrawals: 1, Verifying: true, Refused: &status.Refused{
			At: ago(3 * time.Hour), Serial: 2026112300, File: "/var/lib/multisigner/zones/example.org.refused",
			Faults: []string{"www.example.org. A: no key with tag 1003 and algorithm 13 (for b.example.net)"},
		}},
		Matrix: &status.Matrix{At: ago(20 * time.Second), Pairs: []status.Pair{
			{Answers: "a.example.net", Keys: "a.example.net", State: status.Green, Since: ago(48 * time.Hour)},
			{Answers: "a.example.net", Keys: "b.example.net", State: status.Red, Since: ago(time.Minute), Why: []string{"www.example.org. A: no key with tag 1003 and algorithm 13"}},
			{Answers: "b.example.net", Keys: "a.example.net", State: status.Unknown, Since: ago(time.Hour), Why: []string{"timeout"}},
		}},
		Alarms: []status.Alarm{
			{Name: "key-file-unusable", What: "Kexample.org.+013+01001.private: permission denied", Cure: "see the message", Since: ago(time.Minute), Breaks: "what that key signs is not renewed", By: now.Add(72 * time.Hour)},
			{Name: "peer-silent", About: "d.example.net", What: "peer d.example.net does not answer: 192.0.2.4:53: timeout", Since: ago(48 * time.Hour), Cure: "see that it runs", Breaks: "no rollover goes on"},
			{Name: "wait-too-long", About: "sign the zone with ZSK 1003", What: "to sign the zone with ZSK 1003 waits for every signer to publish ZSK 1003 (d.example.net)", Since: ago(24 * time.Hour), Cure: "see to what holds it up", Breaks: "the rollover does not go on", Under: "peer-silent"},
		},
	}
}

// The pictures that an operator sees, whole.
func TestViews(t *testing.T) {
	refusing := status.Zone{Zone: "example.net.", Signer: "a.example.net", At: now, Refuse: "no keys: the parent has a DS that is not ours", Denial: "nsec3", DSWhy: "c is not trusted", Frozen: true}
	one := start(t, &server{zones: []status.Zone{rolling()}})
	for _, view := range []string{"status", "keys", "plan"} {
		out, err, code := one(view)
		require.Empty(t, err)
		require.Zero(t, code)
		golden(t, view, out)
	}
	two := start(t, &server{zones: []status.Zone{rolling(), refusing}})
	out, _, _ := two("status")
	golden(t, "overview", out)
	out, _, _ = two("status", "example.net")
	golden(t, "refusing", out)
	out, err, code := two("ds", "example.net")
	require.Empty(t, out)
	require.Equal(t, "multisigner: example.net. has no DS that is safe now: c is not trusted\n", err)
	require.Equal(t, 1, code, "a script must not paste nothing")
}

// What is said beside a date counts from the moment of who reads. A zone where nothing
// happens has its turns ten minutes apart, and a reload may be refused after the last.
func TestAges(t *testing.T) {
	z := rolling()
	z.Reload = &status.Reload{At: now.Add(time.Minute), Why: "Corefile:8: no"}
	one := start(t, &server{zones: []status.Zone{z}})
	clock = func() time.Time { return now.Add(9 * time.Minute) }
	out, _, code := one("status")
	require.Zero(t, code)
	require.Contains(t, out, "refused 2026-11-23T12:01:00Z (8m0s ago)")
	require.Regexp(t, `192\.0\.2\.2:53 +9m15s ago`, out)
	require.Contains(t, out, "renewed 2026-11-27T12:00:00Z (in 3d23h)")
	out, _, _ = one("status", "--json")
	require.Contains(t, out, `"at": "2026-11-23T12:00:00Z"`, "when it was so")
}

// After a restart with a file that is as it was, the file is not read; the status names it all
// the same, and a retransfer that was asked for.
func TestStatusOfUnreadFile(t *testing.T) {
	z := rolling()
	z.Source.Read, z.Source.Refused = time.Time{}, false
	out, _, _ := start(t, &server{zones: []status.Zone{z}})("status")
	require.Regexp(t, `(?m)^file +/etc/coredns/db.example.org, unchanged since before the start$`, out)
	z.Source = status.Source{Primaries: []string{"192.0.2.9:53"}, Retransfer: true}
	out, _, _ = start(t, &server{zones: []status.Zone{z}})("status")
	require.Regexp(t, `(?m)^retransfer +wanted: `, out)
}

// A primary that does not give the zone is no alarm for half of the time after which it
// expires: the status says by then what it said, and since when none is good.
func TestStatusOfFailingPrimary(t *testing.T) {
	z := rolling()
	z.Source = status.Source{Primaries: []string{"192.0.2.9:53"}, Failing: now.Add(-2 * time.Hour), Why: "transfer example.org from 192.0.2.9:53: answered REFUSED"}
	out, _, code := start(t, &server{zones: []status.Zone{z}})("status")
	require.Zero(t, code)
	require.Regexp(t, `failing since +2026-11-23T10:00:00Z \(2h0m ago\)\n`, out)
	require.Regexp(t, `last failure +transfer example.org from 192.0.2.9:53: answered REFUSED\n`, out)
}

// --json is the status itself, wherever the flag stands.
func TestJSON(t *testing.T) {
	one := start(t, &server{zones: []status.Zone{rolling()}})
	out, _, code := one("status", "example.org", "--json")
	require.Zero(t, code)
	var zones []status.Zone
	require.NoError(t, json.Unmarshal([]byte(out), &zones))
	require.Equal(t, []status.Zone{rolling()}, zones)
	out, _, _ = one("--json", "ds")
	require.JSONEq(t, `[{"zone": "example.org.", "ds": ["1001 13 2 AB", "2002 13 2 CD"], "why": "the keys of both signers", "delete": false,
		"parent": ["1001 13 2 AB", "2002 13 2 CD"], "change": {"safe": true, "add": [], "remove": [], "unseen": [], "done": true}}]`, out)
	out, _, _ = one("freeze", "--json")
	require.JSONEq(t, `[{"zone": "example.org.", "done": "freeze has begun"}]`, out)
	out, _, _ = one("updates", "--json")
	require.JSONEq(t, `[{"zone": "example.org.", "updates": [
		{"name": "new.example.org.", "type": "A", "added": ["192.0.2.81"], "removed": [], "ttl": 60, "by": "k.", "since": "2026-11-23T11:00:00Z"},
		{"name": "www.example.org.", "type": "A", "added": [], "removed": ["192.0.2.80", "192.0.2.82"], "by": "k.", "since": "2026-11-23T11:00:00Z", "not_served": "it is beside a CNAME"}]}]`, out)
}

// What a program asks with --json it can read, whatever the command is: an object, or a list
// of them, with the zone that each is of.
func TestEverythingAsJSON(t *testing.T) {
	z := rolling()
	z.Peers = append(z.Peers, status.Peer{Name: "f.example.net", Foreign: true, Hand: &status.Hand{}})
	one := start(t, &server{zones: []status.Zone{z}})
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("db", []byte("@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nbad.other. A 192.0.2.1\n"), 0o644))
	require.NoError(t, os.WriteFile("none", []byte("@ SOA\n"), 0o644))
	require.NoError(t, os.WriteFile("Corefile", []byte("example.org {\n multisigner {\n file later\n parent none\n }\n}\n"), 0o644))
	require.NoError(t, os.WriteFile("wrong", []byte("example.org {\n multisigner {\n fiel db\n }\n}\n"), 0o644))
	asked := map[string][][]string{
		"keys": {{}, {"--records"}, {"example.org", "--for", "knot", "f.example.net"}}, "roll": {{"zsk"}, {"example.org", "--compromised", "7"}},
		"drop": {{"example.org", "www.example.org", "A"}}, "review": {{"example.org", "pass"}}, "trust": {{"example.org", "b.example.net", "4711"}},
		"check-config": {{"Corefile"}, {"wrong"}, {"nowhere"}}, "check-zone": {{"db", "example.org"}, {"none", "example.org"}, {"nowhere", "example.org"}},
	}
	for _, name := range commands.Names(commands.View, commands.List, commands.Order, commands.Local) {
		if name == "lab" || name == "help" || name == "export" {
			continue // they are for people, or print a zone file
		}
		ways, ok := asked[name]
		if !ok {
			ways = [][]string{{}}
		}
		for _, way := range ways {
			args := append([]string{name, "--json"}, way...)
			out, _, _ := one(args...)
			var value any
			require.NoError(t, json.Unmarshal([]byte(out), &value), "%v: %s", args, out)
			list, ok := value.([]any)
			if !ok {
				list = []any{value}
			}
			require.NotEmpty(t, list)
			for _, each := range list {
				require.IsType(t, map[string]any{}, each, "%v: %s", args, out)
			}
		}
	}
}

// What updates have changed is a line for each RRset.
func TestUpdates(t *testing.T) {
	out, err, code := start(t, &server{zones: []status.Zone{rolling()}})("updates")
	require.Zero(t, code)
	require.Empty(t, err)
	require.Equal(t, "new.example.org. A: 1 added, TTL 60, by key k. at 2026-11-23T11:00:00Z\n"+
		"www.example.org. A: 2 removed, by key k. at 2026-11-23T11:00:00Z\n  not served: it is beside a CNAME\n", out)
}

// check exits with 1 as soon as one cell is red or one server is silent: that is
// what monitoring looks at.
func TestCheck(t *testing.T) {
	a, b := status.Server{Signer: "a", Address: "192.0.2.1:53"}, status.Server{Signer: "b", Address: "192.0.2.2:53"}
	cell := func(answers, keys status.Server, faults ...string) status.Cell {
		return status.Cell{Answers: answers.Address, Keys: keys.Address, Asked: 9, Faults: faults}
	}
	green := status.Matrix{DS: []string{"1001 13 2 AB"}, Servers: []status.Server{b, a}, Cells: []status.Cell{cell(a, a), cell(a, b), cell(b, a), cell(b, b)}}
	red := green
	red.Cells = []status.Cell{cell(a, a), cell(a, b, "www.example.org. A: no key with tag 1003", "x", "y", "z", "and this"), cell(b, a), cell(b, b)}
	silent := green
	silent.DS, silent.Cells = nil, green.Cells[:1]
	silent.Servers = []status.Server{a, {Signer: "b", Address: "192.0.2.2:53", Fault: "timeout"}}
	for name, tc := range map[string]struct {
		matrix status.Matrix
		code   int
	}{
		"check-green": {green, 0}, "check-red": {red, 1}, "check-silent": {silent, 1}, "check-empty": {status.Matrix{}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			one := start(t, &server{zones: []status.Zone{{Zone: "example.org."}}, matrix: tc.matrix})
			out, _, code := one("check")
			require.Equal(t, tc.code, code)
			golden(t, name, out)
			_, _, code = one("check", "--json")
			require.Equal(t, tc.code, code)
		})
	}
}

// An order reaches the zones that were named. With several zones none is not all:
// a slip must not roll the keys of a thousand.
func TestOrders(t *testing.T) {
	s := &server{zones: []status.Zone{{Zone: "example.org."}, {Zone: "stuck.example."}}}
	two := start(t, s)
	out, err, code := two("roll", "example.org", "zsk")
	require.Equal(t, "example.org: roll has begun\n", out)
	require.Empty(t, err)
	require.Zero(t, code)

	_, err, code = two("reload")
	require.Equal(t, 2, code)
	require.Contains(t, err, "reload which zone? There are 2; --all means all of them")
	require.Equal(t, []string{"roll example.org. zsk"}, s.told)

	out, err, code = two("resign", "--all")
	require.Equal(t, 1, code)
	require.Equal(t, "example.org.: resign has begun\n", out)
	require.Equal(t, "multisigner: resign stuck.example.: the zone is frozen: multisigner thaw stuck.example\n", err)

	for _, args := range [][]string{{"roll", "algorithm", "ED25519", "example.org"}, {"roll", "algorithm", "example.org"}, {"roll", "example.org", "--compromised", "7", "--yes", "--now"}, {"insecure", "example.org"}, {"trust", "example.org", "b.example.net", "4711"}} {
		_, err, code = two(args...)
		require.Empty(t, err)
		require.Zero(t, code)
	}
	require.Equal(t, []string{"roll example.org. algorithm ED25519", "roll example.org. algorithm", "roll example.org. compromised 7 now", "insecure example.org.", "trust example.org. b.example.net 4711"}, s.told[len(s.told)-5:])

	// What an emergency costs is said before it is begun.
	out, err, code = two("roll", "example.org", "--compromised", "7")
	require.Equal(t, 1, code)
	require.Empty(t, err)
	require.Equal(t, "cost example.org. 7", s.told[len(s.told)-1])
	require.Contains(t, out, "Nothing was begun: give --yes")

	_, err, code = two("reload", "other.example")
	require.Equal(t, 1, code)
	require.Contains(t, err, "zone other.example. is not served here")
}

// What is misused is explained, on stderr and with 2, so that no script takes it
// for an answer.
func TestMisuse(t *testing.T) {
	t.Setenv("MULTISIGNER_STATE", t.TempDir()+"/none")
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "which command?"},
		{[]string{"stauts"}, 2, `no command "stauts": do you mean status?`},
		{[]string{"xyzzy"}, 2, `no command "xyzzy": these are there: status, keys, `},
		{[]string{"cost", "example.org"}, 2, `no command "cost"`},
		{[]string{"roll"}, 2, "roll what?"},
		{[]string{"roll", "example.org"}, 2, "roll what?"},
		{[]string{"roll", "--compromised", "7"}, 2, "of which zone?"},
		{[]string{"trust", "example.org", "b"}, 2, "trust which key of which peer?"},
		{[]string{"--wrong", "status"}, 2, "flag provided but not defined: -wrong"},
		{[]string{"status"}, 1, "there is no state directory"},
	} {
		var out, err bytes.Buffer
		require.Equal(t, tc.code, run(tc.args, &out, &err), tc.args)
		lines := strings.Split(strings.TrimSpace(err.String()), "\n")
		require.Contains(t, lines[len(lines)-1], tc.want, "the message comes last")
		if tc.code == exitUsage {
			require.Len(t, lines, 3, "after two lines of usage")
		}
		require.Empty(t, out.String())
	}
	var out, err bytes.Buffer
	require.Zero(t, run([]string{"--help"}, &out, &err))
	require.Equal(t, commands.Usage(), out.String())
}

// Every command of the table is one that there is: none is offered that does nothing.
func TestEveryCommandIsThere(t *testing.T) {
	for _, name := range commands.Names(commands.View, commands.List, commands.Order, commands.Local) {
		if name == "lab" {
			continue // it starts servers; the lab's tests run it
		}
		_, err, _ := start(t, &server{zones: []status.Zone{{Zone: "example.org."}}})(name)
		require.NotContains(t, err, "no command")
	}
}

// An export goes to the standard output as it comes, what is served if nothing else is said.
func TestExport(t *testing.T) {
	run := start(t, &server{zones: []status.Zone{{Zone: "example.org."}}})
	for args, want := range map[string]string{"example.org": "signed", "example.org. signed": "signed", "example.org content": "content"} {
		out, err, code := run(append([]string{"export"}, strings.Fields(args)...)...)
		require.Zero(t, code, err)
		require.Equal(t, "example.org. "+want+" 1\n2\n", out)
	}
	for args, want := range map[string]string{"export": "export which zone?", "export example.org --json": "--json does not go with it", "export example.org signed now": "export which zone?"} {
		out, err, code := run(strings.Fields(args)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, err, want)
		require.Empty(t, out)
	}
	_, err, code := run("export", "example.net")
	require.Equal(t, exitFailure, code)
	require.Contains(t, err, "zone example.net. is not served here")
}

// The status of a zone tells what a review looks at, and what it holds and why.
func TestReviewsInTheStatus(t *testing.T) {
	z := status.Zone{Zone: "example.org.", At: now, Reviews: []status.Review{
		{Stage: "content", Serial: 9, Since: now.Add(-3 * time.Second)},
		{Stage: "signed", Serial: 8, Since: now.Add(-time.Hour), Held: true, Why: "look: exit status 1"}}}
	s := &server{zones: []status.Zone{z}}
	run := start(t, s)
	out, _, code := run("status")
	require.Zero(t, code)
	require.Contains(t, out, "content, serial 9, since 2026-11-23T11:59:57Z (3s ago): looks at it\n")
	require.Contains(t, out, "signed, serial 8, since 2026-11-23T11:00:00Z (1h0m ago): holds it: look: exit status 1\n")
	_, _, code = run("review", "example.org", "pass")
	require.Zero(t, code)
	require.Equal(t, []string{"review example.org. pass"}, s.told)
	_, _, code = run("review", "example.org")
	require.Equal(t, exitUsage, code)
}

// What was built can be told, whatever else is wrong.
func TestVersion(t *testing.T) {
	t.Setenv("MULTISIGNER_STATE", t.TempDir()+"/none")
	var out, err bytes.Buffer
	require.Zero(t, run([]string{"version"}, &out, &err))
	require.Regexp(t, `^multisigner \S+ \w+/\w+ go1\.\S+\n$`, out.String())
	out.Reset()
	require.Zero(t, run([]string{"--json", "version"}, &out, &err))
	require.Contains(t, out.String(), `"go": "go1.`)
	require.Empty(t, err.String())
}
