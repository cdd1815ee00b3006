package engine_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var primaryKey = &ask.TSIG{Name: "primary-key.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// forwarding is a zone behind primaries to which it passes on what the key k. may, and
// the key txt. may of TXT records.
func forwarding(t *testing.T, primaries ...*scripted) engine.Config {
	cfg := behind(t, primaries...)
	cfg.Forward = true
	cfg.Updates = []update.Grant{{Key: "k.", Algorithm: dns.HmacSHA256}, {Key: "txt.", Algorithm: dns.HmacSHA256, Types: []zone.Type{zone.TypeTXT}}}
	return cfg
}

// An update is judged by the grants here, and passed on signed with our key; the answer is
// the primary's, and what it has changed is served soon.
func TestForward(t *testing.T) {
	t.Parallel()
	p := newScripted(t, primaryKey, text("7", ""))
	var mu sync.Mutex
	var got []string
	p.updated = func(m *dns.Msg) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		for _, rr := range append(m.Answer, m.Ns...) {
			got = append(got, strings.Join(strings.Fields(rr.String()), " "))
		}
		if m.IsTsig() == nil || m.IsTsig().Hdr.Name != "primary-key." || m.Question[0].Name != "example.org." {
			return dns.RcodeNotAuth, "not from the signer"
		}
		if strings.Contains(m.Ns[0].String(), "forbidden") {
			return dns.RcodeRefused, "that name is\n\x1bsomebody else's"
		}
		p.set(text("8", "new.example.org. 60 A 192.0.2.81"))
		return dns.RcodeSuccess, ""
	}
	e := serve(t, t.TempDir(), forwarding(t, p))
	defer e.Close()
	serves(t, e, "www.example.org.")
	passed := func() []string {
		mu.Lock()
		defer mu.Unlock()
		was := got
		got = nil
		return was
	}

	require.Nil(t, send(t, e, "new 60 A 192.0.2.81", "-www 300 A 192.0.2.80"))
	require.Equal(t, []string{"new.example.org. 60 IN A 192.0.2.81", "www.example.org. 0 NONE A 192.0.2.80"}, passed())
	eventually(t, "what was changed is served", func() bool { return answersFor(t, e, "new") })

	bad := send(t, e, "forbidden 60 A 192.0.2.81")
	require.Equal(t, dns.RcodeRefused, bad.Rcode)
	require.Equal(t, dns.ExtendedErrorCodeProhibited, bad.Code)
	require.Equal(t, "the primary "+p.addr.String()+" answered REFUSED: that name is  somebody else's", bad.Text, "in one line")
	passed()

	z := e.Find(apex)
	m := new(dns.Msg).SetUpdate(apex.String())
	m.NameUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: "absent.example.org."}}})
	m.RRsetUsed([]dns.RR{&dns.MX{Hdr: dns.RR_Header{Name: "absent.example.org.", Rrtype: dns.TypeMX}}})
	m.RemoveName([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: "absent.example.org."}}})
	m.RemoveRRset([]dns.RR{&dns.SRV{Hdr: dns.RR_Header{Name: "absent.example.org.", Rrtype: dns.TypeTXT}}})
	_, bad = z.Update(context.Background(), asWire(t, m), "txt.", dns.HmacSHA256)
	require.Nil(t, bad)
	require.Equal(t, []string{"absent.example.org. 0 CLASS255 ANY", "absent.example.org. 0 CLASS255 MX 0", "absent.example.org. 0 CLASS255 TXT", "absent.example.org. 0 CLASS255 TXT"}, passed(),
		"what the key may not is not removed with the name, whatever the primary has by now")

	for what, lines := range map[string][]string{"no grant": {"new 60 A 192.0.2.82"}, "made here": {"x 60 TXT x", "x 60 NSEC y.example.org. A"}} {
		key := map[string]string{"no grant": "txt.", "made here": "k."}[what]
		_, bad := z.Update(context.Background(), asUpdate(t, lines...), key, dns.HmacSHA256)
		require.NotNil(t, bad)
		require.Equal(t, what, bad.Reason)
	}
	_, err := e.Do(context.Background(), apex, engine.Command{Kind: "hold-updates"})
	require.NoError(t, err)
	require.Equal(t, "held", send(t, e, "new 60 A 192.0.2.83").Reason)
	require.Empty(t, passed())
}

func asWire(t *testing.T, m *dns.Msg) *dns.Msg {
	t.Helper()
	wire, err := m.Pack()
	require.NoError(t, err)
	require.NoError(t, m.Unpack(wire))
	return m
}

// A primary that cannot be reached leaves the update to the next; one that was, and has not
// answered, does not: an update must not be taken twice. The client is told which it was.
func TestForwardUnanswered(t *testing.T) {
	t.Parallel()
	gone, good := newScripted(t, primaryKey, text("7", "")), newScripted(t, primaryKey, text("7", ""))
	taken := 0
	good.updated = func(*dns.Msg) (int, string) { taken++; return dns.RcodeSuccess, "" }
	cfg := forwarding(t, gone, good)
	cfg.Primaries[0].Addr = netip.MustParseAddrPort("127.0.0.1:1")
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	serves(t, e, "www.example.org.")
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81"))
	require.Equal(t, 1, taken)
	reconfigure := func(cfg engine.Config) {
		p, err := e.Prepare(context.Background(), []engine.Config{cfg})
		require.NoError(t, err)
		p.Commit()
	}

	gone.answers(0, true)
	reconfigure(forwarding(t, gone, good))
	bad := send(t, e, "new 60 A 192.0.2.82")
	require.NotNil(t, bad)
	require.Equal(t, dns.RcodeServerFailure, bad.Rcode)
	require.Equal(t, dns.ExtendedErrorCodeNoReachableAuthority, bad.Code)
	require.Contains(t, bad.Text, "whether it took the update is not known")
	require.Equal(t, 1, taken)

	cfg.Primaries = cfg.Primaries[:1]
	reconfigure(cfg)
	require.Contains(t, send(t, e, "new 60 A 192.0.2.83").Text, "cannot be reached, and nothing was changed")

	other := forwarding(t, good)
	other.ForwardKey = &ask.TSIG{Name: "primary-key.", Algorithm: dns.HmacSHA256, Secret: "AAAA"}
	reconfigure(other)
	bad = send(t, e, "new 60 A 192.0.2.84")
	require.Equal(t, dns.RcodeServerFailure, bad.Rcode)
	require.Contains(t, bad.Text, "do not agree about the key primary-key.")
}
