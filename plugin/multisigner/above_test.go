package multisigner

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
)

// at is the server that listens at host, for Corefiles with several.
func (r *running) at(host string) *running {
	r.t.Helper()
	for i, s := range r.inst.Servers() {
		if a := s.LocalAddr(); a != nil && strings.HasPrefix(a.String(), host+":") {
			return &running{t: r.t, inst: r.inst, index: i}
		}
	}
	require.Fail(r.t, "nothing listens at "+host)
	return nil
}

func generations(h home) {
	h.zone("test", 1, "b NS ns.b", "ns.b A 192.0.2.2", "b DS 1 13 2 "+digest)
	h.zone("b.test", 1, "c NS ns.c", "ns.c A 192.0.2.3", "c DS 2 13 2 "+digest)
	h.zone("c.b.test", 1, "d NS ns.d", "ns.d A 192.0.2.4", "d DS 3 13 2 "+digest, "www A 192.0.2.5")
}

// ours is a server block of its own for one zone.
func ours(zone, listen, more string) string {
	return zone + ":0 {\nroot ROOT\nbind " + listen + "\n" + more + "\nmultisigner {\nfile db.{zone}\nparent none\n}\n}\n"
}

// The DS of a zone is in its parent zone. Whichever server block CoreDNS takes the
// question to, the answer comes from the nearest zone above, signed by it.
func TestDSInServerBlocks(t *testing.T) {
	h := newHome(t)
	generations(h)
	for _, corefile := range []string{
		ours("test", "127.0.0.1", "") + ours("b.test", "127.0.0.1", "") + ours("c.b.test", "127.0.0.1", ""),
		ours("test", "127.0.0.1", "cache") + ours("c.b.test", "127.0.0.1", "cache") + ours("b.test", "127.0.0.1", "cache"),
		ours("test", "127.0.0.2", "") + ours("b.test", "127.0.0.3", "") + ours("c.b.test", "127.0.0.1", ""),
		ours("test", "127.0.0.1", "") + ours("b.test", "127.0.0.3", "") + ours("c.b.test", "127.0.0.2", ""),
		"test:0 {\nbind 127.0.0.1\ncache\nwhoami\n}\ncom:0 {\nbind 127.0.0.1\n}\n" + ours("b.test", "127.0.0.1", "") + ours("c.b.test", "127.0.0.1", ""),
	} {
		r := h.start(strings.ReplaceAll(corefile, "ROOT", h.dir)).at("127.0.0.1")
		for _, tc := range []struct {
			name, signer string
			tag          uint16
		}{{"c.b.test.", "b.test.", 2}, {"C.B.test.", "b.test.", 2}, {"d.c.b.test.", "c.b.test.", 3}} {
			for _, network := range []string{"udp", "tcp"} {
				got := r.askFrom("127.0.0.8", network, query4(tc.name, dns.TypeDS).SetEdns0(1232, true))
				require.Equal(t, dns.RcodeSuccess, got.Rcode)
				require.True(t, got.Authoritative)
				require.Len(t, got.Answer, 2, corefile)
				require.Equal(t, tc.tag, got.Answer[0].(*dns.DS).KeyTag)
				require.Equal(t, tc.signer, got.Answer[1].(*dns.RRSIG).SignerName)
			}
		}
		got := r.askFrom("127.0.0.8", "udp", query4("www.c.b.test.", dns.TypeDS).SetEdns0(1232, true))
		require.Empty(t, got.Answer)
		require.Equal(t, "c.b.test.", got.Ns[0].Header().Name, "no zone begins here")
		r.stop()
	}
}

// A cache in the server block that CoreDNS takes the question to lets it pass by as
// the others do: what it kept would be older than the rest of the zone.
func TestDSPassesTheCache(t *testing.T) {
	h := newHome(t)
	generations(h)
	r := h.start(strings.ReplaceAll("test:0 {\nbind 127.0.0.1\ncache\nwhoami\n}\n"+ours("b.test", "127.0.0.1", "")+ours("c.b.test", "127.0.0.1", ""), "ROOT", h.dir))
	tag := func() uint16 {
		return r.askFrom("127.0.0.8", "udp", query4("c.b.test.", dns.TypeDS)).Answer[0].(*dns.DS).KeyTag
	}
	require.EqualValues(t, 2, tag())
	h.zone("b.test", 2, "c NS ns.c", "ns.c A 192.0.2.3", "c DS 9 13 2 "+digest)
	_, err := client.New(h.state()).Do(t.Context(), "b.test", "reload")
	require.NoError(t, err)
	require.EqualValues(t, 9, tag())
}

// A block without a zone above, and one that has no plugins at all, answer as they
// would without us; and a question comes to nobody whom the parent's own server
// block turns away.
func TestDSOfOthers(t *testing.T) {
	h := newHome(t)
	generations(h)
	r := h.start(strings.ReplaceAll("com:0 {\nbind 127.0.0.1\n}\norg:0 {\nbind 127.0.0.1\nwhoami\n}\n"+ours("test", "127.0.0.1", "")+
		ours("b.test", "127.0.0.1", "acl {\nblock net 127.0.0.8\n}")+ours("c.b.test", "127.0.0.1", ""), "ROOT", h.dir))
	require.Equal(t, dns.RcodeRefused, r.askFrom("127.0.0.8", "udp", query4("example.com.", dns.TypeDS)).Rcode)
	require.NotEmpty(t, r.askFrom("127.0.0.8", "udp", query4("example.org.", dns.TypeDS)).Extra, "whoami answers")
	require.Equal(t, dns.RcodeRefused, r.askFrom("127.0.0.8", "udp", query4("c.b.test.", dns.TypeDS)).Rcode)
	require.Len(t, r.askFrom("127.0.0.9", "udp", query4("c.b.test.", dns.TypeDS)).Answer, 1)
	require.Len(t, r.askFrom("127.0.0.8", "udp", query4("b.test.", dns.TypeDS)).Answer, 1)
	require.Equal(t, dns.RcodeSuccess, r.askFrom("127.0.0.8", "udp", query4("www.c.b.test.", dns.TypeA)).Rcode)
}
