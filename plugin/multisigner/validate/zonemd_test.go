package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// digested is the zone of RFC 8976 A.1.
const digested = `
example.      86400 SOA    ns1.example. admin.example. 2018031900 1800 900 604800 86400
example.      86400 NS     ns1.example.
example.      86400 NS     ns2.example.
example.      86400 ZONEMD 2018031900 1 1 c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c
ns1.example.  3600  A      203.0.113.63
ns2.example.  3600  AAAA   2001:db8::63
`

// A zone is what its ZONEMD says, whatever else stands beside that one; one octet more
// or less, and it is not.
func TestZONEMD(t *testing.T) {
	const digest = "c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c"
	with := func(zonemd ...string) string {
		text := strings.Replace(digested, "example.      86400 ZONEMD 2018031900 1 1 "+digest+"\n", "", 1)
		for _, z := range zonemd {
			text += "example. 86400 ZONEMD " + z + "\n"
		}
		return text
	}
	wrong := strings.Repeat("00", 48)
	for _, tc := range []struct {
		name, zone string
		want       validate.Digest
		says       string
	}{
		{"the RFC's", digested, validate.Matches, ""},
		{"none", with(), validate.NoDigest, ""},
		{"a TTL changed", strings.Replace(digested, "3600  A ", "3601  A ", 1), 0, "does not match its ZONEMD"},
		{"a record removed", strings.Replace(digested, "example.      86400 NS     ns2.example.\n", "", 1), 0, "does not match"},
		{"a record added below a cut", digested + "x.y.example. 60 NS ns1.example.\nz.x.y.example. 60 TXT \"\"\n", 0, "does not match"},
		{"a signature added", digested + "ns1.example. 3600 RRSIG TYPE1000 13 2 60 20300101000000 20200101000000 1 example. AAAA\n", 0, "does not match"},
		{"a hashed name added", digested + "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 4 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n", 0, "does not match"},
		{"a signature over the ZONEMD", digested + "example. 86400 RRSIG ZONEMD 13 1 86400 20300101000000 20200101000000 1 example. AAAA\n", validate.Matches, ""},
		{"another serial", with("2018031899 1 1 " + digest), 0, "is of serial 2018031899, the zone of 2018031900"},
		{"an unknown scheme", with("2018031900 2 1 " + digest), validate.Unreadable, ""},
		{"an unknown algorithm", with("2018031900 1 240 " + digest), validate.Unreadable, ""},
		{"an unknown one beside a right one", with("2018031900 1 240 "+digest, "2018031900 1 1 "+digest), validate.Matches, ""},
		{"an unknown one beside a wrong one", with("2018031900 1 240 "+digest, "2018031900 1 1 "+wrong), 0, "does not match"},
		{"a wrong one beside a right one", with("2018031900 1 2 "+wrong+"00000000000000000000000000000000", "2018031900 1 1 "+digest), validate.Matches, ""},
		{"two of a kind", with("2018031900 1 1 "+wrong, "2018031900 1 1 "+digest), 0, "several ZONEMD records"},
		{"too short a digest", with("2018031900 1 1 " + digest[:24]), 0, "has 12 octets, not 48"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := validate.ZONEMD(zone.MustVersion(tc.zone))
			if tc.says != "" {
				require.ErrorContains(t, err, tc.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}
