package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Beside its state a key says that it stands by, or is compromised.
func TestKeysBesides(t *testing.T) {
	z := status.Zone{Zone: "example.org.", At: now, Keys: []status.Key{
		{Tag: 1, Role: "zsk", State: "ready", Standby: true}, {Tag: 2, Role: "zsk", State: "retired", Compromised: true}}}
	out, err, code := start(t, &server{zones: []status.Zone{z}})("keys")
	require.Empty(t, err)
	require.Zero(t, code)
	require.Contains(t, out, " ready, standby ")
	require.Contains(t, out, " retired, compromised ")
}

// What a foreign signer is to be told is written in its own words, and nothing else stands
// on stdout: it is piped.
func TestKeysFor(t *testing.T) {
	dnskey := func(rdata string) status.Record { return status.Record{Type: "DNSKEY", Rdata: rdata} }
	cds := status.Record{Type: "CDS", Rdata: "1 13 2 AB"}
	z := status.Zone{Zone: "example.org.", At: now, Peers: []status.Peer{
		{Name: "knot.example", Foreign: true, Addresses: []status.Address{{Address: "[2001:db8::2]:5353"}, {Address: "192.0.2.2:53"}}, Hand: &status.Hand{TTL: 3600,
			Records: []status.Record{dnskey("257 3 13 b3Vycw=="), dnskey("256 3 13 emVk"), cds},
			Add:     []status.Record{dnskey("256 3 13 emVk")}, Remove: []status.Record{dnskey("256 3 13 b2xk"), {Type: "CDNSKEY", Rdata: "257 3 13 b2xk"}}}},
		{Name: "done.example", Foreign: true, Hand: &status.Hand{TTL: 3600, Records: []status.Record{cds}}},
		{Name: "gone.example", Foreign: true, Why: "192.0.2.4:53: timeout"},
		{Name: "ours.example"},
	}}
	one := start(t, &server{zones: []status.Zone{z}})
	for how, want := range map[string]string{
		"nsupdate": `server 2001:db8::2 5353
zone example.org.
update add example.org. 3600 DNSKEY 256 3 13 emVk
update delete example.org. DNSKEY 256 3 13 b2xk
update delete example.org. CDNSKEY 257 3 13 b2xk
send
`,
		"knot": `zone-begin example.org.
zone-set example.org. @ 3600 DNSKEY 256 3 13 emVk
zone-unset example.org. @ DNSKEY 256 3 13 b2xk
zone-unset example.org. @ CDNSKEY 257 3 13 b2xk
zone-commit example.org.
`,
		"pdnsutil": `pdnsutil replace-rrset example.org @ DNSKEY 3600 '257 3 13 b3Vycw==' '256 3 13 emVk'
pdnsutil delete-rrset example.org @ CDNSKEY
pdnsutil increase-serial example.org
`,
	} {
		out, err, code := one("keys", "example.org", "--for", how, "Knot.example.")
		require.Zero(t, code)
		require.Equal(t, want, out)
		require.Equal(t, "example.org.: 1 to add, 2 to remove at knot.example\n", err)
	}
	out, err, code := one("keys", "example.org", "--for", "knot", "done.example")
	require.Zero(t, code)
	require.Empty(t, out)
	require.Equal(t, "example.org.: 0 to add, 0 to remove at done.example\n", err)
	out, _, _ = one("--json", "keys", "example.org", "--for", "knot", "done.example")
	require.JSONEq(t, `{"ttl": 3600, "records": [{"type": "CDS", "rdata": "1 13 2 AB"}], "add": null, "remove": null}`, out)

	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--for", "bind", "knot.example"}, 2, "it is nsupdate, knot or pdnsutil"},
		{[]string{"--for", "knot"}, 2, "keys ZONE --for knot PEER"},
		{[]string{"--for", "knot", "gone.example"}, 1, "what gone.example publishes is not known: 192.0.2.4:53: timeout"},
		{[]string{"--for", "knot", "ours.example"}, 1, "it takes our keys by itself"},
		{[]string{"--for", "knot", "none.example"}, 1, "no peer none.example: these are there: knot.example, done.example, gone.example, ours.example"},
	} {
		out, err, code := one(append([]string{"keys", "example.org"}, tc.args...)...)
		require.Equal(t, tc.code, code)
		require.Contains(t, err, tc.says)
		require.Empty(t, out, "a pipe must not take it for commands")
	}
}

// The DNSKEY records are zone file text, so that they can be pasted and compared.
func TestKeysRecords(t *testing.T) {
	z := status.Zone{Zone: "example.org.", At: now, Keys: []status.Key{
		{Tag: 1, Role: "zsk", Owner: "a", State: "active", DNSKEY: "256 3 13 emVk"}, {Tag: 2, Role: "ksk", Owner: "b", State: "seen"}}}
	out, err, code := start(t, &server{zones: []status.Zone{z}})("keys", "--records")
	require.Zero(t, code)
	require.Empty(t, err)
	require.Equal(t, "example.org. IN DNSKEY 256 3 13 emVk ; zsk 1 of a, active\n", out)
}

// A zone's name may hold what a shell would act on.
func TestWord(t *testing.T) {
	require.Equal(t, "0/25.2.0.192.in-addr.arpa", word("0/25.2.0.192.in-addr.arpa"))
	require.Equal(t, `'a$(b)'\''c.example'`, word("a$(b)'c.example"))
}
