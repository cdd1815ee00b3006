package engine_test

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A foreign signer that signs what it transfers gets, with the content, what `keys` would have
// somebody carry there: our keys, never its own, through a rollover and over a restart. What
// it gets has a new serial when it is another, and the same when it is the same.
func TestSupply(t *testing.T) {
	t.Parallel()
	var file string
	key := &ask.TSIG{Name: "supply.", Algorithm: dns.HmacSHA256, Secret: groupKey.Secret}
	var mu sync.Mutex
	var told uint32
	at := listen(t, dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if q.Opcode == dns.OpcodeNotify && q.IsTsig() != nil && w.TsigStatus() == nil {
			told = q.Answer[0].(*dns.SOA).Serial
		}
		m := new(dns.Msg).SetReply(q)
		m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
		w.WriteMsg(m)
	}), key)
	g := newGroup(t, "a b", func(cfg *engine.Config) {
		for i := range cfg.Peers {
			cfg.Peers[i].Foreign = true // b takes our keys by itself all the same
		}
		file = cfg.File
		if cfg.Signer == "a" {
			cfg.Contents = []engine.Content{
				{TSIG: key, Told: []netip.AddrPort{at}, For: "b"},
				{TSIG: &ask.TSIG{Name: "content.", Algorithm: dns.HmacSHA256, Secret: "AAAA"}},
			}
		}
	})
	for _, m := range g.signers {
		m.start()
	}
	g.settle()
	a := g.signers[0]
	see := func() status.Zone {
		s, _ := a.e.Load().Status(apex)
		return s
	}
	given := func(key string) *zone.Version {
		z := a.e.Load().Find(apex)
		v, is := z.Serving().Unsigned(z.Config(), key)
		require.True(t, is)
		return v
	}
	// handed is true when the key records in v are those that are to be carried there.
	handed := func(v *zone.Version) bool {
		peers := see().Peers
		if v == nil || len(peers) == 0 || peers[0].Hand == nil {
			return false
		}
		h := peers[0].Hand
		var is []status.Record
		for _, typ := range []zone.Type{zone.TypeDNSKEY, zone.TypeCDS, zone.TypeCDNSKEY} {
			s, _ := v.RRset(apex, typ)
			for rdata := range s.Rdata.All() {
				is = append(is, status.Record{Type: typ.String(), Rdata: zone.RdataText(typ, rdata)})
			}
		}
		for _, r := range h.Records {
			if !slices.Contains(is, r) {
				return false
			}
		}
		return len(is) == len(h.Records) && len(is) > 0
	}
	atRest := func() bool { return len(see().Waits) == 0 && handed(given("supply.")) }
	g.until("both to be at rest", atRest)
	cds, _ := given("supply.").RRset(apex, zone.TypeCDS)
	require.Equal(t, 1, cds.Rdata.Len())
	first, serial := given("supply."), given("supply.").Serial()
	keys, _ := first.RRset(apex, zone.TypeDNSKEY)
	require.Equal(t, 2, keys.Rdata.Len())
	ns, _ := a.version().RRset(apex, zone.TypeNS)
	gives, _ := first.RRset(apex, zone.TypeNS)
	require.Equal(t, ns.Rdata, gives.Rdata)
	for n := range first.All() {
		for s := range n.All() {
			require.Empty(t, s.Sigs)
			require.NotEqual(t, zone.TypeNSEC, s.Type)
		}
	}
	plain, is := given("content.").RRset(apex, zone.TypeDNSKEY)
	require.False(t, is && plain.Exists())
	require.EqualValues(t, 1, given("content.").Serial())

	a.do("roll", "zsk")
	most := 0
	g.until("the ZSK to be rolled", func() bool {
		now := given("supply.")
		s, _ := now.RRset(apex, zone.TypeDNSKEY)
		most = max(most, s.Rdata.Len())
		require.Equal(t, now == first, now.Serial() == serial, "another serial with each change")
		require.False(t, zone.SerialAfter(serial, now.Serial()))
		first, serial = now, now.Serial()
		return most == 3 && s.Rdata.Len() == 2 && atRest()
	})
	after, _ := first.RRset(apex, zone.TypeDNSKEY)
	require.NotEqual(t, keys.Rdata, after.Rdata)
	require.EqualValues(t, 1, given("content.").Serial(), "no key is in that")

	a.stop()
	a.start()
	g.until("it to be given again", func() bool { return given("supply.") != nil })
	g.until("both to be at rest", atRest)
	require.Equal(t, serial, given("supply.").Serial())
	require.Empty(t, zone.Compare(first, given("supply.")).Changes)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "hostmaster 1 ", "hostmaster 2 ", 1)+"new A 192.0.2.81\n"), 0o644))
	a.do("reload")
	g.until("the change to be given", func() bool {
		v := given("supply.")
		return v.Get(zone.MustName("new.example.org.")) != nil && handed(v)
	})
	before := serial
	serial = given("supply.").Serial()
	require.True(t, zone.SerialAfter(serial, before))
	require.EqualValues(t, 2, given("content.").Serial())
	eventually(t, "the change is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return told == serial
	})
}
