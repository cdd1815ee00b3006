package engine_test

import (
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

const elsewhere = "ns.elsewhere.example."

// Resolvers ask every nameserver. One whose address nobody here can find may serve
// whatever it likes, so no key signs before it was seen to have it; a person is told
// what to do, and when it is gone from the zone the rollover goes on.
func TestNameserverWithoutAddress(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	g.begin()
	a := g.signers[0]
	g.serveFrom("@ NS " + elsewhere + "\n")
	g.until("the new nameserver is noticed", func() bool { return g.unfound() != "" })
	require.Contains(t, g.unfound(), "there is no resolver to ask")
	a.do("roll", "zsk")
	before := a.signers(t)
	for range 12 {
		g.round()
	}
	require.Equal(t, before, a.signers(t), "a key signs that was not seen everywhere")
	s := statusOf(t, a.e.Load())
	require.True(t, slices.ContainsFunc(s.Waits, func(w status.Wait) bool {
		return slices.Contains(w.Holding, "nameserver "+elsewhere+" (address not known)")
	}), "%+v", s.Waits)
	require.True(t, slices.ContainsFunc(s.Self, func(at status.Address) bool {
		return at.Address == elsewhere && at.State == "address not known" && at.Host == elsewhere
	}), "%+v", s.Self)

	g.serveFrom("")
	g.until("the zone is signed by the next key", func() bool { return !slices.Equal(before, a.signers(t)) && g.calm() })
}

// A nameserver that has the name of a signer is at the addresses of that signer.
func TestNameserverOfSignersName(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a.example.net b.example.net", nil)
	g.begin()
	g.serveFrom("@ NS a.example.net.\n@ NS B.example.net.\n")
	a := g.signers[0]
	a.do("roll", "zsk")
	before := a.signers(t)
	g.until("the zone is signed by the next key", func() bool { return !slices.Equal(before, a.signers(t)) && g.calm() })
}

// A resolver that does not answer, or knows no address, leaves the address unknown,
// whatever it said before; when it answers again, waits go on where they were.
func TestNameserverThatIsNotFound(t *testing.T) {
	t.Parallel()
	r := &directory{}
	addr := listen(t, r, nil)
	g := newGroup(t, "a b", func(cfg *engine.Config) { cfg.Parent.Resolver = addr })
	g.begin()
	g.serveFrom("@ NS " + elsewhere + "\n")
	for range 3 {
		g.round()
		require.Empty(t, g.unfound())
	}
	a := g.signers[0]
	before := a.signers(t)
	for rcode, says := range map[int]string{dns.RcodeServerFailure: "SERVFAIL", dns.RcodeNameError: "it has none"} {
		r.rcode.Store(int32(rcode))
		g.until("it is not found", func() bool { return g.unfound() != "" })
		require.Contains(t, g.unfound(), says)
		a.do("roll", "zsk")
		for range 8 {
			g.round()
		}
		require.Equal(t, before, a.signers(t), "a key signs that was not seen everywhere")
		r.rcode.Store(dns.RcodeSuccess)
		g.until("the zone is signed by the next key", func() bool { return !slices.Equal(before, a.signers(t)) && g.calm() })
		before = a.signers(t)
	}
}

// directory is a resolver that has every host at 127.0.0.1.
type directory struct{ rcode atomic.Int32 }

func (r *directory) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	reply := new(dns.Msg).SetRcode(q, int(r.rcode.Load()))
	if reply.Rcode == dns.RcodeSuccess && q.Question[0].Qtype == dns.TypeA {
		reply.Answer = []dns.RR{record(q.Question[0].Name + " 60 A 127.0.0.1")}
	}
	w.WriteMsg(reply)
}

// serveFrom puts other lines behind the zone's own, at every signer.
func (g *group) serveFrom(lines string) {
	g.Helper()
	file := g.signers[0].cfg.File
	text, err := os.ReadFile(file)
	require.NoError(g, err)
	own, _, _ := strings.Cut(string(text), "; more\n")
	require.NoError(g, os.WriteFile(file, []byte(own+"; more\n"+lines), 0o644))
	for _, m := range g.signers {
		m.do("reload")
	}
	g.settle()
}

// unfound is what the first signer's alarms say of a nameserver without address.
func (g *group) unfound() string {
	s, _ := g.signers[0].e.Load().Status(apex)
	for _, a := range s.Alarms {
		if strings.HasPrefix(a.What, "the address of nameserver "+elsewhere+" is not known") && strings.Contains(a.Cure, "`resolver`") {
			return a.What
		}
	}
	return ""
}

// signers are the tags of the keys that sign m's data.
func (m *member) signers(t *testing.T) (tags []uint16) {
	t.Helper()
	for sig := range m.version().SOA().Sigs.All() {
		tags = append(tags, zone.RRSIG(sig).KeyTag())
	}
	slices.Sort(tags)
	return tags
}
