//go:build interop

package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// sink has one of everything that can be written in more than one way.
var sink = map[string]string{
	"zone": base + `
; comments ( do not ; count "
a 300 IN A 192.0.2.1 ; here neither
a IN 300 A 192.0.2.2
a 300 A (192.0.2.3)
	A 192.0.2.4
B 1h2m3s AAAA 2001:DB8::1
b AAAA ::ffff:192.0.2.1
@ MX 10 Mail.EXAMPLE.org.
@ MX 20 mail
  TXT ( "one" ; a comment
        two "three; ( not )" )
txt TXT "a \"quoted\" word" back\\slash \065\066 "\000\255" "" "tab	tab"
dots\.in\.label A 192.0.2.5
\097\098 A 192.0.2.6
sp\032ace A 192.0.2.7
*.wild CNAME a
$TTL 2h
soon A 192.0.2.8
$ORIGIN sub
@ A 192.0.2.9
c CNAME @
$ORIGIN example.org.
srv SRV 0 5 5060 Sip.Example.ORG.
naptr NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:x@example.org!" .
caa CAA 0 issue "ca.example; policy=x"
loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
sshfp SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789
tlsa TLSA 3 1 1 ( 0123456789abcdef0123456789abcdef
                  0123456789abcdef0123456789abcdef )
hinfo HINFO "PDP 11" UNIX
rp RP admin.example.org. txt
ptr PTR A
afsdb AFSDB 1 afs
kx KX 1 kx
dname DNAME other.example.net.
uri URI 10 1 "https://example.org/"
svc HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1
svcb SVCB 0 a
apl APL 1:192.168.32.0/21 !1:192.168.38.0/28
dhcid DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=
cert CERT PGP 0 0 mQENBFYx
openpgp OPENPGPKEY mQENBFYxMjM0
eui EUI48 00-00-5e-00-53-2a
eui EUI64 00-00-5e-ef-10-00-00-2a
nid NID 10 1014:4fff:ff20:ee64
l32 L32 10 10.1.2.0
lp LP 10 l64
csync CSYNC 66 3 A NS AAAA
unknown TYPE65280 \# 4 01020304
unknown TYPE65281 \# 0
known TYPE1 \# 4 c0000201
known AAAA \# 16 20010DB8 00000000 0000000000000001
sub2 NS ns.sub2
ns.sub2 A 192.0.2.54
sub2 DS 12345 13 2 ( 0123456789ABCDEF0123456789ABCDEF
	0123456789ABCDEF0123456789ABCDEF )
$GENERATE 1-20/3 gen$ A 192.0.2.$
$GENERATE 0-3 rev${100,5,d} PTR host${0,3,x}
$GENERATE 250-258/2 ${0,7,n}.ip6 60 IN CNAME n${0,0,X}
$INCLUDE inc/one.zone
$INCLUDE inc/one.zone deeper.example.org.
last A 192.0.2.10`,
	"inc/one.zone": "one A 192.0.2.11\n$ORIGIN in\ntwo A 192.0.2.12\n",
}

// BIND reads the same file and writes it in its plain form: what we read of that
// is what we have read of the file.
func TestAgainstCompile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "inc"), 0o700))
	for name, text := range sink {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cmd := exec.Command("named-compilezone", "-i", "none", "-k", "ignore", "-F", "text", "-s", "full", "-o", "plain", "example.org.", "zone")
	cmd.Dir = dir // BIND takes included files from where it runs
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatalf("%v: make interop installs it", err)
	}
	require.NoError(t, err, string(out))

	ours, err := ReadFile(filepath.Join(dir, "zone"), apex)
	require.NoError(t, err)
	theirs, err := ReadFile(filepath.Join(dir, "plain"), apex)
	require.NoError(t, err)
	for _, change := range zone.Compare(ours.Version, theirs.Version).Changes {
		t.Errorf("ours:\n%stheirs:\n%s", zone.Text(change.Old), zone.Text(change.New))
	}
	require.Greater(t, ours.Version.Records(), 70)
}
