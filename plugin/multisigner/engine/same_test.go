package engine

import (
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/matrix"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Answers and records say whether a peer has our content, and where there are none its
// serial does. It is told since when that is so.
func TestWhichContent(t *testing.T) {
	t.Parallel()
	number := func(n uint32) *uint32 { return &n }
	ours := zone.MustVersion("example. 60 SOA ns. h. 7 1 1 1 1\nexample. 60 NS ns.\nwww.example. 60 A 192.0.2.1\n")
	other := zone.MustVersion("example. 60 SOA ns. h. 7 1 1 1 1\nexample. 60 NS ns.\nwww.example. 60 A 192.0.2.2\n")
	renumbered := zone.MustVersion("example. 60 SOA ns. h. 9 1 1 1 1\nexample. 60 NS ns.\nwww.example. 60 A 192.0.2.1\n")
	asked := dns.Question{Name: "www.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}
	before, now := time.Unix(1000, 0), time.Unix(2000, 0)
	for name, tc := range map[string]struct {
		serial      *uint32
		transferred *zone.Version
		differing   []matrix.Difference
		was         string // a State
		state, why  string
		since       time.Time
	}{
		"nothing is known":      {state: status.ContentUnknown, since: now},
		"the serial is ours":    {serial: number(7), state: status.ContentSame, why: "the serial", since: now},
		"and was":               {serial: number(7), was: status.ContentSame, state: status.ContentSame, why: "the serial", since: before},
		"the serial is another": {serial: number(0), was: status.ContentSame, state: status.ContentDiffers, why: "the serial", since: now},
		"and was another":       {serial: number(8), was: status.ContentDiffers, state: status.ContentDiffers, why: "the serial", since: before},
		"records are the same, whatever the serial": {serial: number(8), transferred: renumbered, state: status.ContentSame, why: "its zone was transferred", since: now},
		"records are others":                        {serial: number(7), transferred: other, state: status.ContentDiffers, why: "its zone was transferred, and has other records", since: now},
		"answers are others": {serial: number(7), transferred: ours, differing: []matrix.Difference{{Question: asked, Signers: [2]string{"b", "a"}, Rounds: differsFor}},
			state: status.ContentDiffers, why: "www.example. A is answered differently", since: now},
		"others' answers are":        {serial: number(7), differing: []matrix.Difference{{Question: asked, Signers: [2]string{"b", "c"}, Rounds: differsFor}}, state: status.ContentSame, why: "the serial", since: now},
		"a change may be on its way": {serial: number(7), differing: []matrix.Difference{{Question: asked, Signers: [2]string{"a", "b"}, Rounds: 1}}, state: status.ContentSame, why: "the serial", since: now},
	} {
		t.Run(name, func(t *testing.T) {
			s := whose{at: now, signer: "a", peers: []string{"b"}, content: number(7)}
			if tc.was != "" {
				s.before = []status.Content{{Signer: "b", State: tc.was, Since: before}}
			}
			if tc.transferred != nil {
				s.digests = s.digests.after(map[string]peer.Report{"b": {Digest: peer.Sum(tc.transferred)}}, ours)
			}
			o := matrix.Outcome{Differed: tc.differing, Contents: map[string]uint32{}}
			if tc.serial != nil {
				o.Contents["b"] = *tc.serial
			}
			got := s.contents(o)
			require.Equal(t, []status.Content{
				{Signer: "a", Serial: number(7), State: status.ContentOurs},
				{Signer: "b", Serial: tc.serial, State: tc.state, Why: tc.why, Since: tc.since},
			}, got)
		})
	}
}

// A zone is transferred when its serial moves; until then it is as it was. When the next
// transfer does not come, nobody knows what it is now.
func TestDigestsLast(t *testing.T) {
	t.Parallel()
	ours := zone.MustVersion("example. 60 SOA ns. h. 7 1 1 1 1\nexample. 60 NS ns.\n")
	next := zone.MustVersion("example. 60 SOA ns. h. 8 1 1 1 1\nexample. 60 NS ns.\nwww.example. 60 A 192.0.2.2\n")
	known := func(d digests) bool { _, known := d.same("b"); return known }
	d := digests{}.after(map[string]peer.Report{"b": {Digest: peer.Sum(ours)}}, ours)
	same, _ := d.same("b")
	require.True(t, same)
	sees := func(s peer.Status) map[string]peer.Report {
		return map[string]peer.Report{"b": {Addresses: []peer.Address{{Status: peer.Unreachable}, {Status: s}}}}
	}
	d = d.after(sees(peer.Good), next)
	same, _ = d.same("b")
	require.True(t, known(d) && !same, "what we serve is another")
	silent := d.after(sees(peer.Unreachable), next)
	require.False(t, known(silent), "nobody knows what it has now")
	require.False(t, known(silent.after(sees(peer.NotAuthoritative), next)))
	require.True(t, known(silent.after(sees(peer.Good), next)), "its serial is what it was, and it is not transferred again")
	require.False(t, known(d.after(map[string]peer.Report{"b": {TransferErr: "timeout"}}, next)))
	require.False(t, known(d.after(nil, next)), "it is no peer any more")
	require.False(t, known(d.after(sees(peer.Good), nil)), "there is nothing of ours")
}
