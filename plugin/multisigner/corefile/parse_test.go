package corefile

import (
	"bytes"
	"iter"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy/caddyfile"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var secrets = map[string]string{"xfr-key.": "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// read parses and checks a server block's multisigner blocks as setup does. The
// server block is for example.org alone, unless all name their zones.
func read(text string) ([]*Config, string) {
	d := caddyfile.NewDispenser("Corefile", strings.NewReader(strings.TrimSpace(text)))
	serverBlock := []string{"example.org.:53"}
	if !bare.MatchString(text) {
		serverBlock = []string{".:53"}
	}
	return readIn(&d, serverBlock)
}

var bare = regexp.MustCompile(`(?m)^multisigner( \{)?$`)

func readIn(d *caddyfile.Dispenser, serverBlock []string) ([]*Config, string) {
	blocks, faults := Parse(d, serverBlock)
	for _, b := range blocks {
		faults = append(faults, b.Check(secrets)...)
	}
	if err := faults.Err(); err != nil {
		return nil, err.Error()
	}
	return blocks, ""
}

func mustRead(t *testing.T, text string) []*Config {
	t.Helper()
	blocks, faults := read(text)
	require.Empty(t, faults)
	return blocks
}

// The manual's table of defaults is a block that says all of them: it means the same as
// one that says none.
func TestManualDefaults(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(manual), "\n## Defaults\n")
	require.True(t, found)
	_, text, found := strings.Cut(section, "\nexample.org {\n")
	require.True(t, found)
	text, _, found = strings.Cut(text, "\n}\n")
	require.True(t, found)
	said := mustRead(t, strings.ReplaceAll(text, "    multisigner", "multisigner"))
	silent := mustRead(t, "multisigner {\nfile db.example.org\nparent none\n}")
	require.Equal(t, silent[0].Build(".", nil), said[0].Build(".", nil))
	for name := range blockDirectives {
		switch name {
		case "catalog", "catalog-member", "key-tags", "standby", "outgoing", "secondary", "allow-transfer", "parent-notify", "parent-update", "resolver", "peer", "ignore", "hook", "review", "review-timeout",
			"update", "content-transfer", "primary", "primary-refresh", "primary-expire": // in the place of file
			require.False(t, said[0].has(name)) // absent is the default, and cannot be written
		default:
			require.True(t, said[0].has(name), "%s is not among the defaults of the manual", name)
		}
	}
}

// Each directive stands in an example of the manual, and the examples are read without
// a fault. TestReadmeCorefiles starts them.
func TestManualExamples(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	var lines string
	for _, example := range regexp.MustCompile("(?ms)^~~~ corefile\n(.*?)^~~~$").FindAllSubmatch(manual, -1) {
		blocks, err := caddyfile.Parse("Corefile", bytes.NewReader(example[1]), nil)
		require.NoError(t, err)
		for _, b := range blocks {
			d := caddyfile.NewDispenserTokens("Corefile", b.Tokens["multisigner"])
			_, faults := Parse(&d, b.Keys)
			require.NoError(t, faults.Err())
		}
		lines += string(example[1])
	}
	for _, names := range []iter.Seq[string]{maps.Keys(blockDirectives), maps.Keys(peerDirectives), maps.Keys(catalogDirectives)} {
		for name := range names {
			require.Regexp(t, `(?m)^ +`+name+`\b`, lines, "no example has %s", name)
		}
	}
}

// Every directive arrives in the engine's configuration: a setting that is read
// and then forgotten is worse than one that is refused.
func TestEverythingArrives(t *testing.T) {
	blocks := mustRead(t, `
multisigner example.org {
	file zones/db.{zone}
	state st
	signer B.example.net. 192.0.2.53 [2001:db8::53]:5353
	keys csk
	algorithm ed25519
	key-tags 0-32767
	denial nsec3-optout
	lifetime ksk 2w
	signatures 10d refresh 36h
	ttl dnskey 30m
	margin 15m
	propagation 2m
	serial date
	standby
	ds-exchange double
	alarm-after 12h
	outgoing 192.0.2.53 2001:db8::53
	hook bin/tell --to "on call"
	earlier-ttl 2h
	ignore 2001:db8::7
	ignore 192.0.2.7 192.0.2.8
	secondary 192.0.2.60 192.0.2.61:54 key xfr-key. hmac-sha512 tls
	allow-transfer 192.0.2.0/24 2001:db8::1 key xfr-key
	allow-transfer key xfr-key. TLS
	update key xfr-key. hmac-sha384 name @ sub dyn type txt TYPE65280
	update key xfr-key hmac-sha384
	parent resolver 192.0.2.5
	parent-notify 192.0.2.6:5300 2001:db8::6
	parent-update 192.0.2.7 key xfr-key hmac-sha384
	resolver 127.0.0.1:5300 anchor root.key
	look 30s 5m
	peer a.example.net {
		address 203.0.113.1
		address 203.0.113.2:5353
		key xfr-key.
		via query
		trust ds 12345 13 2 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
		foreign
		online
		resign 3d
		propagation 4h
	}
}`)
	ap := netip.MustParseAddrPort
	key := &ask.TSIG{Name: "xfr-key.", Algorithm: "hmac-sha256.", Secret: secrets["xfr-key."]}
	key384 := &ask.TSIG{Name: "xfr-key.", Algorithm: "hmac-sha384.", Secret: secrets["xfr-key."]}
	key512 := &ask.TSIG{Name: "xfr-key.", Algorithm: "hmac-sha512.", Secret: secrets["xfr-key."]}
	apex := zone.MustName("example.org.")
	rdata := []byte{0x30, 0x39, 13, 2}
	for i := range byte(32) {
		rdata = append(rdata, i)
	}
	dsSet := zone.RRset{Name: apex, Type: zone.TypeDS, Rdata: zone.Pack(string(rdata))}
	patterns, err := update.ParsePatterns([]string{"@", "sub", "dyn.example.org."}, apex)
	require.NoError(t, err)
	want := Site{Dir: "/root/st", Config: &engine.Config{
		Apex: apex, File: "/root/zones/db.example.org", Where: "Corefile:1",
		Signer: "b.example.net", Addresses: []netip.AddrPort{ap("192.0.2.53:53"), ap("[2001:db8::53]:5353")},
		Algorithm: 15, Tags: engine.Tags{Lo: 0, Hi: 32767}, Denial: denial.NSEC3OptOut, Serial: sign.Date,
		LifetimeKSK: 14 * 24 * time.Hour, LifetimeZSK: 30 * 24 * time.Hour,
		Validity: 240 * time.Hour, Refresh: 36 * time.Hour, DNSKEYTTL: 30 * time.Minute,
		Margin: 15 * time.Minute, Propagation: 2 * time.Minute, Standby: true, Variant: roll.DoubleDS, AlarmAfter: 12 * time.Hour, EarlierTTL: 2 * time.Hour, Ignore: []netip.Addr{netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")}, Hook: []string{"/root/bin/tell", "--to", "on call"}, LookBusy: 30 * time.Second, LookIdle: 5 * time.Minute,
		Outgoing: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")},
		Secondaries: []engine.Secondary{
			{Server: ask.Server{Addr: ap("192.0.2.60:53"), TSIG: key512}, TLS: true},
			{Server: ask.Server{Addr: ap("192.0.2.61:54"), TSIG: key512}, TLS: true},
		},
		AllowTransfer: []engine.Allow{
			{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Key: "xfr-key."},
			{Prefix: netip.MustParsePrefix("2001:db8::1/128"), Key: "xfr-key."},
			{Key: "xfr-key.", TLS: true},
		},
		Updates: []update.Grant{
			{Key: "xfr-key.", Algorithm: "hmac-sha384.", Names: patterns, Types: []zone.Type{zone.TypeTXT, 65280}},
			{Key: "xfr-key.", Algorithm: "hmac-sha384."},
		},
		Parent: engine.Parent{
			Mode: engine.ParentResolver, Servers: []netip.AddrPort{ap("192.0.2.5:53")}, Resolver: ap("127.0.0.1:5300"), Anchor: "/root/root.key",
			Notify: []netip.AddrPort{ap("192.0.2.6:5300"), ap("[2001:db8::6]:53")}, Update: []ask.Server{{Addr: ap("192.0.2.7:53"), TSIG: key384}},
		},
		Peers: []engine.Peer{{
			Name: "a.example.net", Addresses: []netip.AddrPort{ap("203.0.113.1:53"), ap("203.0.113.2:5353")},
			TSIG: key, Via: peer.Query, Trust: peer.Trust{Mode: peer.TrustDS, DS: dsSet}, Foreign: true, Online: true,
			Resign: 72 * time.Hour, Propagation: 4 * time.Hour, Where: "Corefile:33",
		}},
	}}
	require.Equal(t, []Site{want}, blocks[0].Build("/root", secrets))
}

// Reviews arrive as hooks do: a path with a slash starts at root, and each argument is one.
func TestReviewArrives(t *testing.T) {
	blocks := mustRead(t, `
multisigner example.org {
	file db
	parent none
	review content bin/look --all
	review signed ldns-verify-zone "a b"
	review-timeout 3m PASS
}`)
	mustRead(t, `
multisigner example.org {
	primary 192.0.2.1 key xfr-key.
	parent none
	update key xfr-key.
	update forward
	review content look
}`) // what is passed on comes back from the primary, and is reviewed then
	want := engine.Review{Content: []string{"/root/bin/look", "--all"}, Signed: []string{"ldns-verify-zone", "a b"}, Limit: 3 * time.Minute, Pass: true}
	require.Equal(t, want, blocks[0].Build("/root", secrets)[0].Config.Review)
	require.Equal(t, []string{"bin/look", "--all"}, blocks[0].Review.Content, "another zone of the block may be built")
}

// What is not said is what most would choose, and one name for many zones stands
// for each of them.
func TestDefaults(t *testing.T) {
	blocks := mustRead(t, `
multisigner example.org xn--caf-dma.example {
	file db.{zone}
	signer b
	parent none
	peer c {
		address 192.0.2.3
		key xfr-key.
	}
	peer a {
		address 192.0.2.1
		trust tsig
		key xfr-key.
	}
}`)
	sites := blocks[0].Build("/etc/coredns", secrets)
	require.Len(t, sites, 2)
	second := sites[1]
	require.Equal(t, "/etc/coredns/multisigner-state", second.Dir)
	require.Equal(t, "/etc/coredns/db.xn--caf-dma.example", second.Config.File)
	require.True(t, second.Config.Split)
	require.EqualValues(t, 13, second.Config.Algorithm)
	require.Equal(t, denial.NSEC, second.Config.Denial)
	require.Equal(t, 5*24*time.Hour, second.Config.Refresh)
	require.Equal(t, engine.Tags{Lo: 21845, Hi: 43689}, second.Config.Tags, "b is the second of a, b and c")
	require.Equal(t, peer.AXFR, second.Config.Peers[0].Via)
	require.Equal(t, peer.TrustTSIG, second.Config.Peers[0].Trust.Mode)
}

// The classes of key tags that a group gets by default are disjoint and cover
// what they should, whoever computes them.
func TestTagsOfAGroup(t *testing.T) {
	names := []string{"ns1.example.net", "a.example.org", "z.example.org"}
	seen := make(map[uint16]string)
	for i, signer := range names {
		c := defaults()
		c.Signer = signer
		for j, other := range names {
			if j != i {
				c.Peers = append(c.Peers, Peer{Name: other})
			}
		}
		for tag := range 65536 {
			if c.tags().Admits(uint16(tag)) {
				require.Empty(t, seen[uint16(tag)], "tag %d is %s's and %s's", tag, seen[uint16(tag)], signer)
				seen[uint16(tag)] = signer
			}
		}
	}
	require.Len(t, seen, 65536)
}

// Each fault is named with its line and its cure, all of them at once: an
// operator repairs a Corefile in one go, not in ten.
func TestFaults(t *testing.T) {
	for _, tc := range []struct{ name, corefile, want string }{
		{"peer without a block", `
multisigner {
	file db
	parent none
	signer a
	peer b
}`, `Corefile:5: peer needs a block, with its brace on the same line: write peer NAME {`},
		{"brace on the next line", `
multisigner {
	file db
	parent none
	signer a
	peer b
	{
		address 192.0.2.1
	}
}`, `Corefile:5: peer needs a block, with its brace on the same line: write peer NAME {
Corefile:6: a brace at the beginning of a line: it stands at the end of the line before`},
		{"mistyped", `
multisigner {
	fiel db
	file db
	parent none
	lookup 1s
	xyzzy
}`, `Corefile:2: unknown directive "fiel": do you mean file?
Corefile:5: unknown directive "lookup": do you mean look?
Corefile:6: unknown directive "xyzzy": these are known here: alarm-after, algorithm, allow-transfer, catalog, catalog-member, content-transfer, denial, ds-exchange, earlier-ttl, file, hook, ignore, key-tags, keys, lifetime, look, margin, outgoing, parent, parent-notify, parent-update, peer, primary, primary-expire, primary-refresh, propagation, resolver, review, review-timeout, secondary, serial, signatures, signer, standby, state, ttl, update`},
		{"what was mistyped is not missing as well", `
multisigner {
	primry 192.0.2.1
	parnt none
	sgner a
	peer b {
		adress 192.0.2.2
		kye xfr-key.
	}
}`, `Corefile:2: unknown directive "primry": do you mean primary?
Corefile:3: unknown directive "parnt": do you mean parent?
Corefile:4: unknown directive "sgner": do you mean signer?
Corefile:6: unknown directive "adress": do you mean address?
Corefile:7: unknown directive "kye": do you mean key?`},
		{"nor is what was written by half", `
multisigner {
	file
	parent
	signer
	peer b {
		address
		trust
	}
}
multisigner {
	primary
	primary-refresh 10s
	parent resolver
	resolver
}`, `Corefile:2: write file PATH
Corefile:3: write parent ADDRESS... [manual] | resolver [ADDRESS...] [manual] | none
Corefile:4: write signer NAME [ADDRESS...]
Corefile:6: write address ADDRESS...
Corefile:7: write trust tsig | parent | ds TAG ALGORITHM TYPE DIGEST
Corefile:11: write primary ADDRESS... [key NAME [ALGORITHM]] [tls [NAME] [ca FILE] [pin SHA256...]]
Corefile:14: write resolver ADDRESS [anchor FILE]`},
		{"ignore", `
multisigner {
	file db
	parent none
	ignore 192.0.2.1:53 ns.example.org
}`, `Corefile:4: ignore 192.0.2.1:53: it is no IP address; a port does not belong here
Corefile:4: ignore ns.example.org: it is no IP address; a port does not belong here`},
		{"review", `
multisigner {
	file db
	parent none
	review contents look
	review signed ""
	review content look
	review content look again
	review-timeout 1m wait
}
multisigner {
	file db
	parent none
	review-timeout 2m
}
multisigner {
	file db
	parent none
	update key xfr-key.
	review content look
	review-timeout 10ms
}`, `Corefile:4: review contents: it is content, before it is signed, or signed, before it is shown
Corefile:5: write review signed COMMAND [ARGUMENT...]: the command is empty
Corefile:7: review content stands there already: keep one of them
Corefile:8: review-timeout wait: it is one of hold, pass
Corefile:13: review-timeout, and no review: add review content COMMAND or review signed COMMAND
Corefile:19: review, and update: who sends an update is told when it is served, and cannot wait for a review: keep one, or have updates go to a primary by update forward
Corefile:20: review-timeout 10ms: it is at least 1s`},
		{"outgoing", `
multisigner {
	file db
	parent none
	outgoing 192.0.2.1 192.0.2.2
}
multisigner {
	file db
	parent none
	outgoing 192.0.2.1:53 ::
}`, `Corefile:4: outgoing 192.0.2.1 192.0.2.2: it is one address of each family
Corefile:9: outgoing 192.0.2.1:53: it is an IP address without a port
Corefile:9: outgoing ::: nothing can leave from there: write an address of this machine`},
		{"in the wrong block", `
multisigner {
	file db
	parent none
	signer a
	trust tsig
	peer b {
		address 192.0.2.1
		key xfr-key.
		algorithm ED25519
	}
}`, `Corefile:5: unknown directive "trust": it belongs in the block of a peer
Corefile:9: unknown directive "algorithm": these are known here: address, foreign, key, online, propagation, resign, trust, via`},
		{"signatures that end too soon", `
multisigner {
	file db
	parent none
	signatures 1h
}`, `Corefile:4: signatures are renewed when 20m0s is left, and the margin for clocks that differ is 1h0m0s: renew them earlier`},
		{"nothing in it", `multisigner`, `Corefile:1: no file and no primary: add file PATH, the unsigned zone, or primary ADDRESS..., a server that has it
Corefile:1: no parent: add parent ADDRESS..., parent resolver, or parent none if the zone has no DS and shall get none`},
		{"planned", `
multisigner {
	file db
	parent none
	signer a
	peer b {
		address 192.0.2.1
		trust parent
		push
	}
}`, `Corefile:5: peer b: trust parent, but there is no parent to ask: write trust tsig or trust ds
Corefile:8: push is not there yet: keys are not sent to foreign signers yet: let a peer that signs what it transfers have them by content-transfer key NAME for PEER, or add them there by hand: multisigner keys ZONE --for nsupdate PEER (or knot, pdnsutil) prints how`},
		{"primaries", `
multisigner {
	primary 192.0.2.1 192.0.2.300
	primary 192.0.2.1 key other-key.
	primary key xfr-key.
	primary 192.0.2.2 tls
	primary 192.0.2.3 tls p.example pin short
	primary 192.0.2.4 tls p.example anchor
	primary 192.0.2.53:5353
	primary-refresh 10s 5s
	primary-expire never
	signer a 192.0.2.53:5353
	parent none
}`, `Corefile:2: primary: "192.0.2.300" is no address: write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353
Corefile:3: primary 192.0.2.1:53 stands at Corefile:2 already: keep one of them
Corefile:3: no secret for key other-key.: add tsig { secret other-key. SECRET } to this server block
Corefile:4: primary without an address: write primary ADDRESS... [key NAME] [tls NAME]
Corefile:5: primary: write tls NAME, the name in the certificate of the primary, with ca FILE where the system does not know who made it; or tls pin SHA256..., the hash of its key
Corefile:6: primary: pin "short" is not the base64 of a SHA-256, which has 44 characters
Corefile:7: primary: write tls NAME, the name in the certificate of the primary, with ca FILE where the system does not know who made it; or tls pin SHA256..., the hash of its key
Corefile:8: primary 192.0.2.53:5353 is the address of signer a, at which we serve the signed zone: name the server that has the unsigned one
Corefile:9: primary-refresh 10s 5s: the first is the shorter one, and at least 1s
Corefile:10: primary-expire never: it is one of refuse, serve`},
		{"file and primary", `
multisigner {
	file db
	primary 192.0.2.1
	parent none
}`, `Corefile:3: file stands at Corefile:2 already: the zone's content comes from one of them: keep file or primary, or add content-transfer key NAME, where signers have the content of one of them and that may become another`},
		{"two views with one key", `
multisigner {
	file db
	primary 192.0.2.1 key xfr-key.
	parent none
	signer a
	secondary 192.0.2.3 key xfr-key.
	allow-transfer 192.0.2.0/24 key xfr-key.
	content-transfer 192.0.2.1 key xfr-key.
	content-transfer key xfr-key.
	content-transfer 192.0.2.1
	peer b {
		address 192.0.2.1
		key xfr-key.
	}
}`, `Corefile:8: content-transfer key xfr-key.: it is the key of secondary 192.0.2.3:53, too, which gets the signed zone: a key stands for one of them
Corefile:8: content-transfer key xfr-key.: it is the key of allow-transfer, too, which gets the signed zone: a key stands for one of them
Corefile:8: content-transfer key xfr-key.: it is the key of peer b, too, which gets the signed zone: a key stands for one of them
Corefile:9: content-transfer key xfr-key.: it is the key of secondary 192.0.2.3:53, too, which gets the signed zone: a key stands for one of them
Corefile:9: content-transfer key xfr-key.: it is the key of allow-transfer, too, which gets the signed zone: a key stands for one of them
Corefile:9: content-transfer key xfr-key.: it is the key of peer b, too, which gets the signed zone: a key stands for one of them
Corefile:9: content-transfer key xfr-key. stands at Corefile:8 already: keep one of them
Corefile:10: write content-transfer [ADDRESS...] key NAME [ALGORITHM] [for PEER]`},
		{"content with keys", `
multisigner {
	file db
	primary 192.0.2.9
	parent 192.0.2.8
	signer a
	content-transfer key xfr-key. for c
	content-transfer 192.0.2.9 key other-key. hmac-sha512 for b
	content-transfer key third-key. for d
	content-transfer key fourth-key. for d
	peer b {
		address 192.0.2.1
		trust parent
	}
	peer d {
		address 192.0.2.2
		trust parent
		foreign
	}
}`, `Corefile:3: file stands at Corefile:2 already: the zone's content comes from one of them: keep file or primary, or add content-transfer key NAME, where signers have the content of one of them and that may become another
Corefile:6: content-transfer for c: there is no peer of that name: add peer c { ... } with foreign in it
Corefile:7: no secret for key other-key.: add tsig { secret other-key. SECRET } to this server block
Corefile:7: content-transfer for b: that peer is not foreign, and finds our keys itself: leave out for b
Corefile:8: no secret for key third-key.: add tsig { secret third-key. SECRET } to this server block
Corefile:9: no secret for key fourth-key.: add tsig { secret fourth-key. SECRET } to this server block
Corefile:9: content-transfer for d stands at Corefile:8 already: keep one of them`},
		{"tls in the middle", `
multisigner {
	file db
	parent none
	secondary 192.0.2.1 tls key xfr-key.
	allow-transfer 192.0.2.0/24 TLS key xfr-key.
}`, `Corefile:4: secondary: tls stands last on the line, after the addresses and the key
Corefile:5: allow-transfer: tls stands last on the line, after the addresses and the key`},
		{"content for nobody", `
multisigner {
	file db
	parent none
	content-transfer key xfr-key. for
}`, `Corefile:4: content-transfer: "for" is no TSIG algorithm: hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or hmac-sha1`},
		{"updates and primary", `
multisigner {
	primary 192.0.2.1
	parent none
	update key xfr-key.
}`, `Corefile:4: update key, and primary: the content is changed at the primary: add update forward, to pass on to it what this key may send, or send updates there`},
		{"forwarding without a primary", `
multisigner {
	file db
	parent none
	update key xfr-key.
	update forward key no-key. hmac-sha512
	update forward
	update forward all
}`, `Corefile:5: no secret for key no-key.: add tsig { secret no-key. SECRET } to this server block
Corefile:5: update forward, and no primary: there is nobody to pass updates on to: add primary ADDRESS..., or take updates here by update key alone
Corefile:6: update forward stands at Corefile:5 already: keep one of them
Corefile:7: update forward all: write update forward [key NAME [ALGORITHM]]; who may send updates is said by update key`},
		{"forwarding without keys", `
multisigner {
	primary 192.0.2.1
	parent none
	update forward
}`, `Corefile:4: update forward, and no update key: nobody may send updates that could be passed on: add update key NAME
Corefile:4: update forward: primary 192.0.2.1:53 has no key to sign updates with: write update forward key NAME`},
		{"no primary", `
multisigner {
	file db
	primary-refresh 10s
	primary-expire serve
	parent none
}`, `Corefile:3: primary-refresh, and no primary: it is for zones that are fetched
Corefile:4: primary-expire, and no primary: it is for zones that are fetched`},
		{"updates", `
multisigner {
	file db
	parent none
	update key xfr-key.
	update key xfr-key. hmac-sha512
	update key no-key. name @ type TXT
	update key xfr-key. name
	update key xfr-key. type TXT name a type A
	update xfr-key. name a
	update key xfr-key. name a.example.net.
	update key xfr-key. name sub
	update key xfr-key. type FOO
	update key xfr-key. type DNSKEY
	update key xfr-key. hmac-md5
	allow-update 192.0.2.1
}`, `Corefile:5: update key xfr-key.: it is of hmac-sha256 in another line, and of hmac-sha512 here: a key has one algorithm
Corefile:6: no secret for key no-key.: add tsig { secret no-key. SECRET } to this server block
Corefile:7: update: write update key NAME [ALGORITHM] [name PATTERN...] [type TYPE...]
Corefile:8: update: write update key NAME [ALGORITHM] [name PATTERN...] [type TYPE...]
Corefile:9: update: write update key NAME [ALGORITHM] [name PATTERN...] [type TYPE...]
Corefile:10: update: name a.example.net. is not in example.org.: leave the final dot away where the name is below the zone's
Corefile:11: update: name sub stands there without a name: write @, a NAME, *.NAME, sub NAME or self
Corefile:12: update: "FOO" is no type: write A, TXT or TYPE65280
Corefile:13: update: DNSKEY: the signer makes these records, and nobody else can
Corefile:14: update: "hmac-md5" is no TSIG algorithm: hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or hmac-sha1
Corefile:15: allow-update is not there yet: write update key NAME [ALGORITHM] [name PATTERN...] [type TYPE...]`},
		{"online", `
multisigner {
	file db
	parent none
	signer a
	peer b {
		address 192.0.2.1
		key xfr-key.
		online
	}
}`, `Corefile:5: peer b: online is for foreign signers: another multisigner keeps its signatures`},
		{"resign", `
multisigner {
	file db
	parent none
	signer a
	peer b {
		address 192.0.2.1
		key xfr-key.
		resign 3d
	}
}`, `Corefile:5: peer b: resign is for foreign signers: another multisigner signs everything at once`},
		{"twice", `
multisigner {
	file db
	file db2
	parent none
	lifetime zsk 30d
	lifetime zsk 40d
}`, `Corefile:3: file stands at Corefile:2 already: keep one of them
Corefile:6: lifetime zsk stands at Corefile:5 already: keep one of them`},
		{"values", `
multisigner {
	file db
	parent ns.example.org
	ttl dnskey 1x
	ttl soa 1h
	keys one
	key-tags 5/3
	denial nsec5
	algorithm rsamd5
	signatures 14d until 3d
	resolver 192.0.2.1 root.key
	allow-transfer 192.0.2.0/33
	allow-transfer tls
	secondary key xfr-key.
	look 10m 1m
	lifetime dnskey 3d
}`, `Corefile:3: parent: "ns.example.org" is no address: write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353
Corefile:4: ttl: "1x" is no duration: write 90m, 1h30m, 14d or 2w
Corefile:5: ttl stands at Corefile:4 already: keep one of them
Corefile:6: keys one: it is one of split, csk
Corefile:7: key-tags: "5/3" is no class of key tags: write 1/3 (remainder 1 by 3) or 0-32767
Corefile:8: denial nsec5: it is one of nsec, nsec3, nsec3-optout
Corefile:9: algorithm: "rsamd5" is no algorithm that keys are made in: ECDSAP256SHA256, ECDSAP384SHA384, ED25519 or RSASHA256
Corefile:10: write signatures DURATION refresh DURATION
Corefile:11: write resolver ADDRESS anchor FILE
Corefile:12: allow-transfer: "192.0.2.0/33" is no prefix: write 192.0.2.0/24 or 192.0.2.1
Corefile:13: allow-transfer tls alone lets everybody transfer: write allow-transfer PREFIX... [key NAME] tls
Corefile:14: secondary without an address: write secondary ADDRESS... [key NAME] [tls]
Corefile:15: look 10m0s 1m0s: the first is the shorter one, and not 0
Corefile:16: lifetime dnskey: it is ksk or zsk`},
		{"RSA and remainders", `
multisigner example.org {
	file db
	parent none
	algorithm RSASHA256
	key-tags 1/3
}`, `Corefile:5: key-tags 1/3: RSA keys do not have tags of every such remainder: share them out as ranges, as in key-tags 0-21844`},
		{"things that do not go together", `
multisigner example.org example.net {
	file db
	parent resolver
	keys csk
	lifetime zsk 30d
	lifetime ksk 3h
	signatures 3d refresh 5d
	peer b {
		address 192.0.2.1
	}
	peer b {
		trust tsig
		address 192.0.2.1
	}
	peer d {
		key other-key.
		trust ds 1 13 1 00
	}
}`, `Corefile:1: no signer: add signer NAME [ADDRESS...], the name by which peers know us
Corefile:2: one file for 2 zones: put {zone} where their names differ, as in db.{zone}
Corefile:3: parent resolver needs to know which: add resolver ADDRESS
Corefile:5: keys csk makes no ZSK: write lifetime ksk for the lifetime of the CSK
Corefile:6: lifetime ksk 3h0m0s: a rollover takes at least 6h0m0s with these ttl and margin; 0 is: only when told to
Corefile:7: signatures are valid for 72h0m0s and renewed when 120h0m0s is left: they must be renewed before they end
Corefile:8: peer b: how shall it be believed? Add key NAME, or trust parent, or trust ds ...
Corefile:11: peer b: that name stands at Corefile:8 already
Corefile:11: peer b: 192.0.2.1:53 is the address of peer b
Corefile:11: peer b: trust tsig needs a key: add key NAME
Corefile:15: peer d has no address: add address ADDRESS...
Corefile:15: peer d: trust ds is for one zone, and this block has 2: give the zone a block of its own
Corefile:16: no secret for key other-key.: add tsig { secret other-key. SECRET } to this server block
Corefile:17: trust: digest type 1 with 2 hexadecimal digits: SHA-256 (2) has 64, SHA-384 (4) has 96, and no other is taken`},
		{"a parent that is told in vain", `
multisigner example.org {
	file db
	parent none
	parent-notify 192.0.2.1
	parent-update 192.0.2.1
}`, `Corefile:4: parent-notify, but parent none: there is nobody to tell, and nothing to tell it
Corefile:5: write parent-update ADDRESS... key NAME [ALGORITHM]`},
		{"a parent that a person tells", `
multisigner example.org {
	file db
	parent 192.0.2.1 manual
	parent-notify none
	parent-update 192.0.2.1 key nobodys-key.
}
multisigner example.net {
	file db
	parent manual
}
multisigner example.com {
	file db
	parent resolver none manual
	parent-update key xfr-key. hmac-sha256
}
multisigner example.info {
	file db
	parent none manual
}`, `Corefile:4: parent-notify, and parent ... manual: the parent is told, or a person carries the DS: keep one
Corefile:5: parent-update, and parent ... manual: the parent is told, or a person carries the DS: keep one
Corefile:5: no secret for key nobodys-key.: add tsig { secret nobodys-key. SECRET } to this server block
Corefile:9: parent manual: say where to look whether the DS is there: write parent ADDRESS... manual, or parent resolver manual
Corefile:13: parent: "none" is no address: write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353
Corefile:13: parent resolver needs to know which: add resolver ADDRESS
Corefile:14: write parent-update ADDRESS... key NAME: no parent takes an unsigned UPDATE
Corefile:14: parent-update, and parent ... manual: the parent is told, or a person carries the DS: keep one
Corefile:18: parent manual: say where to look whether the DS is there: write parent ADDRESS... manual, or parent resolver manual`},
		{"a zone twice, no name", `
multisigner example.org example.org {
	file db.{zone}
	parent none
}`, `Corefile:1: zone example.org. stands there twice`},
		{"a block too much", `
multisigner {
	file db {
	}
	parent none
}`, `Corefile:2: file has no block: write file PATH`},
		{"what follows is not ours", `
multisigner {
	file db
	parent none
}
whatever`, `Corefile:5: "whatever" does not belong here: is there a brace too many before it?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, faults := read(tc.corefile)
			require.Equal(t, tc.want, faults)
		})
	}
}

// Primaries arrive with what keeps them honest: keys, and names or pins for TLS, whose
// port is another. There is no file then.
func TestPrimaries(t *testing.T) {
	const pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	blocks := mustRead(t, `
multisigner example.org {
	primary 192.0.2.1 192.0.2.2:5353 key xfr-key.
	primary 2001:db8::1 key xfr-key. hmac-sha512 tls p.example. ca ca.pem pin `+pin+`
	primary 192.0.2.3:8853 tls pin `+pin+`
	primary-refresh 1s 5s
	primary-expire serve
	parent none
}`)
	cfg := blocks[0].Build("/root", secrets)[0].Config
	key := func(h string) *ask.TSIG {
		return &ask.TSIG{Name: "xfr-key.", Algorithm: h, Secret: secrets["xfr-key."]}
	}
	require.Empty(t, cfg.File)
	require.Equal(t, []ask.Server{
		{Addr: netip.MustParseAddrPort("192.0.2.1:53"), TSIG: key(dns.HmacSHA256)},
		{Addr: netip.MustParseAddrPort("192.0.2.2:5353"), TSIG: key(dns.HmacSHA256)},
		{Addr: netip.MustParseAddrPort("[2001:db8::1]:853"), TSIG: key(dns.HmacSHA512), TLS: ask.TLS{Name: "p.example", CA: "/root/ca.pem", Pins: pin}},
		{Addr: netip.MustParseAddrPort("192.0.2.3:8853"), TLS: ask.TLS{Pins: pin}},
	}, cfg.Primaries)
	require.Equal(t, []time.Duration{time.Second, 5 * time.Second}, []time.Duration{cfg.RefreshMin, cfg.RefreshMax})
	require.True(t, cfg.ServeExpired)
}

// A zone that the server block is not for would be signed, and nobody would ever see it.
func TestZonesWithoutQuestions(t *testing.T) {
	d := caddyfile.NewDispenser("Corefile", strings.NewReader("multisigner sub.example.org example.net a..b {\nfile db.{zone}\nparent none\n}"))
	_, faults := readIn(&d, []string{"dns://example.org:53", "example.com"})
	require.Equal(t, `Corefile:1: zone example.net. is not in example.org. example.com., so that no question for it comes to this server block: name it before the server block
Corefile:1: "a..b" is no zone name`, faults)
}

// CoreDNS compares the names of questions with the keys of server blocks as text. A zone
// whose key is escaped in another way than it writes names would answer nothing over TCP.
func TestSpelledKeys(t *testing.T) {
	faultsOf := func(zones string, keys ...string) string {
		d := caddyfile.NewDispenser("Corefile", strings.NewReader("multisigner "+zones+" {\nfile db.{zone}\nparent none\n}"))
		_, faults := readIn(&d, keys)
		return faults
	}
	for key, written := range map[string]string{`it's.example.`: `it\'s.example.`, `a\032b.example.`: `a\ b.example.`, `\097.example.`: `a.example.`} {
		require.Equal(t, "Corefile:1: no question comes to a server block for "+key+", because CoreDNS compares names as text, and this one as "+written+
			": name the zone behind multisigner, in a server block for a name above it or for .", faultsOf("", key))
		require.Empty(t, faultsOf(key, "."))
	}
	require.Empty(t, faultsOf("", "0/25.2.0.192.in-addr.arpa.", "_a-b.Example.", `\000.example.`, "192.0.2.0/24", "tls://example.org:853"))
}

// Two blocks in one server block are two blocks; a closing brace at the end of a
// line closes as one on its own line does.
func TestSeveralBlocks(t *testing.T) {
	blocks := mustRead(t, `
multisigner example.org {
	file a
	parent none }
multisigner example.net {
	file b
	parent none
	signer s
	peer p { 
		address 192.0.2.1
		key xfr-key. }
	state there
}`)
	require.Len(t, blocks, 2)
	require.Equal(t, []string{"example.net."}, blocks[1].Zones)
	require.Equal(t, "there", blocks[1].State)
	require.Len(t, blocks[1].Peers, 1)
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "14d": 14 * day, "2w": 14 * day,
		"1w2d3h": 9*day + 3*time.Hour, "1.5d": 36 * time.Hour, "250ms": 250 * time.Millisecond,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "14", "d", "-1h", "1h-1m", "1x", "1 d", "999999999w", "1e9d", "106751d24h"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
}

// Whatever a Corefile holds, reading it ends, and with a configuration or a fault
// that says where.
func FuzzParse(f *testing.F) {
	f.Add("multisigner {\nfile a\nparent none\npeer b {\naddress 192.0.2.1\n}\n}")
	f.Add("multisigner a b {\n{\n}\n}\n}")
	f.Add("multisigner \"x\ny\" {\nlifetime zsk 1d2w\n}")
	f.Fuzz(func(t *testing.T, text string) {
		blocks, faults := read(text)
		if faults != "" {
			require.Contains(t, faults, "Corefile:")
			return
		}
		for _, b := range blocks {
			b.Build("/", secrets)
		}
	})
}

// The keys of a server block are a set of zones, however often each is listened
// for; and the key that lets all questions in is no zone to sign.
func TestZonesOfTheServerBlock(t *testing.T) {
	text := "multisigner {\nfile db.{zone}\nparent none\n}"
	for _, tc := range []struct {
		keys, zones []string
		faults      string
	}{
		{[]string{"dns://example.org.:53", "tls://example.org.:853"}, []string{"example.org."}, ""},
		{[]string{"dns://example.org.:53", "dns://example.org.:5353", "quic://EXAMPLE.org.:853", "https://example.org"}, []string{"example.org."}, ""},
		{[]string{"dns://example.org.:53", "dns://example.net.:53", "dns://example.org.:54"}, []string{"example.org.", "example.net."}, ""},
		{[]string{"dns://.:53"}, nil, "Corefile:1: in the server block . name the zone: write multisigner ZONE... { (multisigner . { is for the root zone itself)"},
		{[]string{"dns://example.org.:53", "tls://.:853", "dns://.:53"}, nil, "Corefile:1: in the server block . name the zone: write multisigner ZONE... { (multisigner . { is for the root zone itself)"},
	} {
		d := caddyfile.NewDispenser("Corefile", strings.NewReader(text))
		blocks, faults := readIn(&d, tc.keys)
		require.Equal(t, tc.faults, faults)
		if tc.faults == "" {
			require.Equal(t, tc.zones, blocks[0].Zones)
		}
	}
	d := caddyfile.NewDispenser("Corefile", strings.NewReader(strings.Replace(text, " {", " . {", 1)))
	blocks, faults := readIn(&d, []string{"dns://.:53"})
	require.Empty(t, faults)
	require.Equal(t, []string{"."}, blocks[0].Zones)
}
