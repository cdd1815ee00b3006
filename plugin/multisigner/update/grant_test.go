package update_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

func grant(t *testing.T, key, names string, types ...zone.Type) update.Grant {
	t.Helper()
	patterns, err := update.ParsePatterns(strings.Fields(names), apex)
	require.NoError(t, err)
	return update.Grant{Key: key, Algorithm: dns.HmacSHA256, Names: patterns, Types: types}
}

// A key changes what its grants name, and nothing else: every record of a message must be
// covered, by whichever of its grants.
func TestPermit(t *testing.T) {
	had := content(t, "h.example. 60 A 192.0.2.1\nh.example. 60 TXT x\n")
	all := []update.Grant{
		grant(t, "all.", ""),
		grant(t, "acme.", "*.acme _acme-challenge", zone.TypeTXT),
		grant(t, "host.example.", "self", zone.TypeA, zone.TypeAAAA),
		grant(t, "sub.", "sub dyn @", zone.TypeA),
		grant(t, "sub.", "h", zone.TypeTXT),
		grant(t, "apex.", "@", zone.TypeSOA, zone.TypeNS),
		grant(t, "wild.", `\*.acme`, zone.TypeTXT),
	}
	for _, tc := range []struct{ key, update, why string }{
		{"all.", "add a.example. 60 A 192.0.2.1\ndelete h.example.\nadd s.example. 60 NS ns.example.", ""},
		{"all.", "delete example.", ""}, // SOA and NS stay
		{"all.", "add example. 60 NS b.example.", "no grant for example. NS"},
		{"all.", "add example. 60 SOA b.example. root.example. 99 1 2 3 4", "no grant for example. SOA"},
		{"apex.", "add example. 60 NS b.example.\nadd example. 60 SOA b.example. root.example. 99 1 2 3 4", ""},
		{"apex.", "add a.example. 60 NS b.example.", "no grant for a.example. NS"},
		{"acme.", "add x.acme.example. 60 TXT x\ndelete x.acme.example. TXT\nadd _acme-challenge.example. 60 TXT x", ""},
		{"acme.", "delete x.acme.example. TXT x", ""},
		{"acme.", "add x.y.acme.example. 60 TXT x", "no grant for x.y.acme.example. TXT"},
		{"acme.", "add acme.example. 60 TXT x", "no grant for acme.example. TXT"},
		{"acme.", "add *.acme.example. 60 TXT x", "no grant for *.acme.example. TXT"}, // it would answer at any depth
		{"wild.", "add *.acme.example. 60 TXT x", ""},
		{"wild.", "add x.acme.example. 60 TXT x", "no grant for x.acme.example. TXT"},
		{"acme.", "add x.acme.example. 60 A 192.0.2.1", "no grant for x.acme.example. A"},
		{"acme.", "add x.acme.example. 60 TXT x\nadd h.example. 60 TXT x", "no grant for h.example. TXT"},
		{"host.example.", "add host.example. 60 A 192.0.2.1", ""},
		{"host.example.", "add h.example. 60 A 192.0.2.1", "no grant for h.example. A"},
		{"sub.", "add dyn.example. 60 A 192.0.2.1\nadd a.b.dyn.example. 60 A 192.0.2.1\nadd example. 60 A 192.0.2.1", ""},
		{"sub.", "add xdyn.example. 60 A 192.0.2.1", "no grant for xdyn.example. A"},
		{"sub.", "delete h.example.", "no grant for h.example. A"},      // every type that is there
		{"sub.", "delete z.example.", "no grant for z.example. record"}, // and none is no leave to ask
		{"other.", "add a.example. 60 A 192.0.2.1", "must name it"},
		{"acme.", "prereq nxrrset x.acme.example. A\nprereq yxdomain _acme-challenge.example.\nadd x.acme.example. 60 TXT x", ""},
		{"acme.", "prereq yxrrset example. SOA\nadd x.acme.example. 60 TXT x", ""},
		{"acme.", "prereq yxdomain h.example.\nadd x.acme.example. 60 TXT x", "no grant for h.example., and may not ask about it"},
		{"acme.", "prereq yxrrset example. NS", "no grant for example., and may not ask about it"},
		{"acme.", "prereq yxdomain example.", "no grant for example., and may not ask about it"},
		{"other.", "prereq yxdomain a.example.", "must name it"}, // nobody probes a zone
		{"", "", "with a TSIG key only"},
	} {
		t.Run(tc.key+" "+tc.update, func(t *testing.T) {
			bad := read(t, tc.update).Permit(had, all, tc.key, dns.HmacSHA256)
			if tc.why == "" {
				require.Nil(t, bad)
				return
			}
			require.NotNil(t, bad)
			require.Equal(t, dns.RcodeRefused, bad.Rcode)
			require.Equal(t, dns.ExtendedErrorCodeProhibited, bad.Code)
			require.Contains(t, bad.Text, tc.why)
		})
	}
	require.Nil(t, read(t, "delete h.example.").Permit(nil, all, "sub.", dns.HmacSHA256), "what is there is not known")
	require.NotNil(t, read(t, "delete a.example. A").Permit(nil, all, "sub.", dns.HmacSHA256))
	bad := read(t, "").Permit(had, all, "all.", dns.HmacSHA512)
	require.NotNil(t, bad)
	require.Equal(t, "key all. is of hmac-sha256, and the message was signed with hmac-sha512", bad.Text)
}

// A pattern or a type that means nothing is refused, with what to write.
func TestParseGrants(t *testing.T) {
	for _, tc := range []struct{ names, why string }{
		{"sub", "without a name"}, {"a..b", "write @, a NAME"}, {"a.other.", "is not in example."}, {"*.a.other.", "is not in example."},
	} {
		_, err := update.ParsePatterns(strings.Fields(tc.names), apex)
		require.ErrorContains(t, err, tc.why)
	}
	for word, want := range map[string]zone.Type{"TXT": zone.TypeTXT, "aaaa": zone.TypeAAAA, "TYPE65280": 65280} {
		is, err := update.ParseType(word)
		require.NoError(t, err)
		require.Equal(t, want, is)
	}
	for word, why := range map[string]string{"DNSKEY": "the signer makes", "ANY": "no record is of that type", "FOO": "is no type", "TYPE65536": "is no type"} {
		_, err := update.ParseType(word)
		require.ErrorContains(t, err, why)
	}
}
