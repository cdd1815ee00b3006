package multisigner

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
)

const keySecret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="

const guarded = `
.:0 {
	COMMON
	tsig {
		secret xfr-key. ` + keySecret + `
		secret other-key. ` + keySecret + `
	}
	multisigner example.org {
		file db.{zone}
		parent none
		allow-transfer 127.0.0.0/8 key xfr-key.
	}
	multisigner open.example {
		file db.{zone}
		parent none
		allow-transfer 127.0.0.1
	}
}`

// collect transfers a zone as an ordinary secondary does, and gives its records.
func collect(r *running, m *dns.Msg) ([]dns.RR, error) {
	t := new(dns.Transfer)
	if m.IsTsig() != nil { // with secrets, it would take nothing unsigned
		t.TsigSecret = map[string]string{"xfr-key.": keySecret, "other-key.": keySecret}
	}
	envelopes, err := t.In(m, r.tcp())
	if err != nil {
		return nil, err
	}
	var all []dns.RR
	for e := range envelopes {
		if e.Error != nil {
			return nil, e.Error
		}
		all = append(all, e.RR...)
	}
	return all, nil
}

func axfr(zone, key string) *dns.Msg {
	m := new(dns.Msg).SetAxfr(zone)
	if key != "" {
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	return m
}

func ixfr(zone string, serial uint32) *dns.Msg {
	return new(dns.Msg).SetIxfr(zone, serial, "ns."+zone, "hostmaster."+zone)
}

// Who may transfer gets the whole zone, over as many messages as it takes, each
// signed where the request was; nobody else gets a record of it.
func TestTransfer(t *testing.T) {
	h := newHome(t)
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("h%d A 192.0.2.1", i))
	}
	h.zone("example.org", 7, many...)
	h.zone("open.example", 7, "www A 192.0.2.1")
	r := h.start(guarded)

	// A start does not wait for large zones for ever.
	require.Eventually(t, func() bool {
		return r.ask("udp", query4("example.org.", dns.TypeSOA)).Rcode == dns.RcodeSuccess
	}, time.Minute, 50*time.Millisecond)
	all, err := collect(r, axfr("example.org.", "xfr-key."))
	require.NoError(t, err)
	owners := make(map[string]bool)
	for _, rr := range all {
		if rr.Header().Rrtype == dns.TypeA {
			owners[rr.Header().Name] = true
		}
	}
	require.Len(t, owners, 3001)
	require.IsType(t, &dns.SOA{}, all[0])
	require.Equal(t, all[0].String(), all[len(all)-1].String())

	_, err = collect(r, axfr("example.org.", ""))
	require.ErrorContains(t, err, "bad xfr rcode: 5", "no key")
	_, err = collect(r, axfr("example.org.", "other-key."))
	require.ErrorContains(t, err, "bad xfr rcode: 5", "another key, though a good one")
	_, err = collect(r, axfr("www.open.example.", ""))
	require.ErrorContains(t, err, "bad xfr rcode: 9", "not the apex")
	_, err = collect(r, axfr("open.example.", ""))
	require.NoError(t, err, "by address alone, where no key is asked for")

	m := axfr("example.org.", "")
	m.SetEdns0(1232, false)
	code, why := reason(r.ask("tcp", m))
	require.EqualValues(t, dns.ExtendedErrorCodeProhibited, code)
	require.Equal(t, "no transfers to this address and key", why)
	require.Equal(t, dns.RcodeRefused, r.ask("udp", axfr("open.example.", "")).Rcode, "not over UDP")
}

// IXFR costs a single SOA where nothing is newer, and over UDP, which tells the
// secondary to come by TCP; else the whole zone comes.
func TestIXFR(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7)
	h.zone("open.example", 7, "www A 192.0.2.1")
	r := h.start(guarded)
	serial := r.ask("udp", query4("open.example.", dns.TypeSOA)).Answer[0].(*dns.SOA).Serial

	for _, known := range []uint32{serial, serial + 1} {
		got := r.ask("tcp", ixfr("open.example.", known))
		require.Len(t, got.Answer, 1)
		require.Equal(t, serial, got.Answer[0].(*dns.SOA).Serial)
	}
	got := r.ask("udp", ixfr("open.example.", serial-1))
	require.Len(t, got.Answer, 1)
	require.False(t, got.Truncated)

	all, err := collect(r, ixfr("open.example.", serial-1))
	require.NoError(t, err)
	require.Greater(t, len(all), 4)
	require.Equal(t, all[0].String(), all[len(all)-1].String())

	bad := ixfr("open.example.", 1)
	bad.Ns = nil
	require.Equal(t, dns.RcodeFormatError, r.ask("tcp", bad).Rcode)
	require.Equal(t, dns.RcodeRefused, r.ask("udp", ixfr("example.org.", 1)).Rcode, "without the key not even the SOA")
}

// has is what a secondary has: records as text.
type has map[string]bool

func whole(all []dns.RR) has {
	h := has{}
	for _, rr := range all {
		h[rr.String()] = true
	}
	return h
}

// takes does what an IXFR says (RFC 1995 4); false when all is the whole zone instead.
func (h has) takes(t *testing.T, all []dns.RR) (incremental bool) {
	t.Helper()
	if _, ok := all[1].(*dns.SOA); !ok {
		return false
	}
	require.Equal(t, all[0].String(), all[len(all)-1].String())
	adding := true
	for _, rr := range all[1 : len(all)-1] {
		if rr.Header().Rrtype == dns.TypeSOA {
			adding = !adding
		}
		require.Equal(t, !adding, h[rr.String()], "%s", rr)
		if adding {
			h[rr.String()] = true
		} else {
			delete(h, rr.String())
		}
	}
	return true
}

// A secondary that asks for what has changed since the version that it was sent gets
// just that, each message signed as the request was, and has then what an AXFR would
// have brought. Nobody else does: not who asks with that serial by another key, and
// nobody where all signatures are made anew.
func TestIXFROfChanges(t *testing.T) {
	h := newHome(t)
	var lines []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("h%d A 192.0.2.1", i))
	}
	h.zone("example.org", 7, lines...)
	h.zone("open.example", 7)
	r := h.start(strings.Replace(guarded, "key xfr-key.\n", "key xfr-key.\nallow-transfer 127.0.0.0/8 key other-key.\n", 1))
	full := func() ([]dns.RR, uint32) {
		all, err := collect(r, axfr("example.org.", "xfr-key."))
		require.NoError(t, err)
		return all, all[0].(*dns.SOA).Serial
	}
	since := func(serial uint32, key string) []dns.RR {
		m := ixfr("example.org.", serial)
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
		all, err := collect(r, m)
		require.NoError(t, err)
		return all
	}
	becomes := func(serial uint32) {
		require.Eventually(t, func() bool {
			return r.ask("udp", query4("example.org.", dns.TypeSOA)).Answer[0].(*dns.SOA).Serial == serial
		}, time.Minute, 20*time.Millisecond)
	}
	require.Eventually(t, func() bool {
		return r.ask("udp", query4("example.org.", dns.TypeSOA)).Rcode == dns.RcodeSuccess
	}, time.Minute, 20*time.Millisecond)
	all, serial := full()
	copied := whole(all)
	first := serial

	h.zone("example.org", 7, append(lines, "new MX 10 h1")...)
	becomes(serial + 1)
	require.Len(t, r.ask("udp", ixfr("open.example.", 1)).Answer, 1)
	got := since(serial, "xfr-key.")
	require.True(t, copied.takes(t, got))
	require.Less(t, len(got), 20)
	all, serial = full()
	require.Equal(t, whole(all), copied)
	other := since(first, "other-key.")
	require.False(t, has{}.takes(t, other), "it was never sent that version")
	require.Equal(t, copied, whole(other))

	h.zone("example.org", 7, append(lines, "new MX 20 h2", "h7 AAAA 2001:db8::7")...)
	becomes(serial + 1)
	for _, key := range []string{"xfr-key.", "other-key."} {
		mine := maps.Clone(copied)
		require.True(t, mine.takes(t, since(serial, key)), key)
		require.Equal(t, serial+1, since(serial+1, key)[0].(*dns.SOA).Serial)
		require.Len(t, since(serial+1, key), 1, "it has all")
		all, _ := full()
		require.Equal(t, whole(all), mine)
	}
	got = since(first, "xfr-key.")
	require.Equal(t, dns.TypeSOA, got[1].Header().Rrtype, "two differences")

	serial++
	_, err := client.New(h.state()).Do(t.Context(), "example.org.", "resign")
	require.NoError(t, err)
	becomes(serial + 1)
	got = since(serial, "xfr-key.")
	require.False(t, has{}.takes(t, got), "it would be longer than the zone")
	all, _ = full()
	require.Equal(t, whole(all), whole(got))
}

// A secondary that asks how long it may serve what it gets is told the EXPIRE of the
// SOA, with the SOA and with each kind of transfer; nobody is told who does not ask, or
// asks for something else (RFC 7314).
func TestExpire(t *testing.T) {
	h := newHome(t)
	h.zone("open.example", 7, "www A 192.0.2.1")
	h.zone("example.org", 7)
	r := h.start(guarded)
	told := func(network string, m *dns.Msg, ask bool) (expire uint32, ok bool) {
		m.SetEdns0(4096, true)
		if ask {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true})
		}
		got := r.ask(network, m)
		require.Equal(t, dns.RcodeSuccess, got.Rcode)
		require.NotNil(t, got.IsEdns0())
		for _, o := range got.IsEdns0().Option {
			if e, is := o.(*dns.EDNS0_EXPIRE); is {
				require.NotEmpty(t, got.Answer)
				return e.Expire, true
			}
		}
		return 0, false
	}
	serial := r.ask("udp", query4("open.example.", dns.TypeSOA)).Answer[0].(*dns.SOA).Serial
	for _, m := range []*dns.Msg{query4("open.example.", dns.TypeSOA), axfr("open.example.", ""), ixfr("open.example.", serial), ixfr("open.example.", serial-1)} {
		expire, ok := told("tcp", m.Copy(), true)
		require.True(t, ok, "%s", m)
		require.EqualValues(t, 86400, expire)
		_, ok = told("tcp", m.Copy(), false)
		require.False(t, ok, "%s", m)
	}
	expire, ok := told("udp", query4("open.example.", dns.TypeSOA), true)
	require.True(t, ok)
	require.EqualValues(t, 86400, expire)
	for _, m := range []*dns.Msg{query4("open.example.", dns.TypeNS), query4("www.open.example.", dns.TypeSOA)} {
		_, ok = told("udp", m, true)
		require.False(t, ok, "%s", m)
	}
}

// With a transfer block CoreDNS's own list decides, and the zone is whole there too.
func TestTransferPlugin(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	r := h.start(`
		.:0 {
			COMMON
			transfer example.org {
				to *
			}
			multisigner example.org {
				file db.{zone}
				parent none
			}
		}`)
	all, err := collect(r, axfr("example.org.", ""))
	require.NoError(t, err)
	require.Equal(t, all[0].String(), all[len(all)-1].String())
	serial := all[0].(*dns.SOA).Serial
	require.Len(t, r.ask("tcp", ixfr("example.org.", serial)).Answer, 1)
}

// A NOTIFY is for who may send it: it is answered at once, and everybody else
// learns nothing and causes nothing.
func TestNotify(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7)
	h.zone("other.example", 7)
	h.zone("child.example", 7)
	r := h.start(`
		.:0 {
			COMMON
			tsig {
				secret xfr-key. ` + keySecret + `
			}
			multisigner example.org {
				file db.{zone}
				signer a
				parent none
				peer b {
					address 192.0.2.99
					key xfr-key.
				}
			}
			multisigner other.example {
				file db.{zone}
				parent none
			}
			multisigner child.example {
				file db.{zone}
				parent 127.0.0.1:1
			}
		}`)
	signed := func(zone string) *dns.Msg {
		return new(dns.Msg).SetNotify(zone).SetTsig("xfr-key.", dns.HmacSHA256, 300, time.Now().Unix())
	}
	send := func(m *dns.Msg) *dns.Msg {
		client := &dns.Client{TsigSecret: map[string]string{"xfr-key.": keySecret}}
		got, _, err := client.Exchange(m, r.udp())
		if err != nil { // the client's own reading of a signed NOTAUTH
			require.ErrorIs(t, err, dns.ErrAuth)
		}
		return got
	}
	got := send(signed("example.org."))
	require.Equal(t, dns.RcodeSuccess, got.Rcode, "the peer's key")
	require.True(t, got.Authoritative)
	require.Equal(t, dns.OpcodeNotify, got.Opcode)
	require.Equal(t, dns.RcodeNotAuth, send(new(dns.Msg).SetNotify("example.org.")).Rcode, "no key")
	require.Equal(t, dns.RcodeNotAuth, send(signed("www.example.org.")).Rcode, "not the apex")
	require.Equal(t, dns.RcodeNotAuth, send(signed("other.example.")).Rcode, "not this zone's peer")
	cds := new(dns.Msg).SetNotify("child.example.")
	cds.Question[0].Qtype = dns.TypeCDS
	require.Equal(t, dns.RcodeSuccess, send(cds).Rcode, "the parent's address")
}

// listenFor is somebody who only counts the queries that reach him. His address is
// not the one that the test asks from: that would make the test a peer.
func listenFor(t *testing.T) (addr string, count *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.9:0")
	if err != nil {
		t.Skipf("this system has no second loopback address: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	count = new(atomic.Int64)
	go func() {
		for buffer := make([]byte, 4096); ; {
			if _, _, err := conn.ReadFrom(buffer); err != nil {
				return
			}
			count.Add(1)
		}
	}()
	return conn.LocalAddr().String(), count
}

// As long as a signer waits for its peers before its first answer, they get theirs,
// and outsiders an error that says why. A NOTIFY from a peer makes the zone look.
func TestPeersAreHeard(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	peer, asked := listenFor(t)
	corefile := `
		.:0 {
			COMMON
			tsig {
				secret xfr-key. ` + keySecret + `
			}
			multisigner example.org {
				file db.{zone}
				signer a
				parent none
				peer b {
					address ` + peer + `
					key xfr-key.
				}
			}
		}`
	r := h.start(corefile)
	exchange := func(m *dns.Msg) *dns.Msg {
		client := &dns.Client{TsigSecret: map[string]string{"xfr-key.": keySecret}}
		got, _, err := client.Exchange(m, r.udp())
		require.NoError(t, err)
		return got
	}
	sign := func(m *dns.Msg) *dns.Msg { return m.SetTsig("xfr-key.", dns.HmacSHA256, 300, time.Now().Unix()) }

	// A zone that is met for the first time has nothing to show before the first look. So
	// it is started twice.
	signed := func() bool { return len(answers(exchange(sign(query4("www.example.org.", dns.TypeA))))) == 1 }
	require.Eventually(t, signed, 30*time.Second, 20*time.Millisecond)
	r.stop()
	r = h.start(corefile)
	outsider := exchange(query4("www.example.org.", dns.TypeA).SetEdns0(1232, false))
	require.Equal(t, dns.RcodeServerFailure, outsider.Rcode)
	_, why := reason(outsider)
	require.NotEqual(t, "no EDE", why)
	insider := exchange(sign(query4("www.example.org.", dns.TypeA)))
	require.Equal(t, []string{"www.example.org. 300 IN A 192.0.2.1"}, answers(insider))

	answered := func() bool { return r.ask("udp", query4("www.example.org.", dns.TypeA)).Rcode == dns.RcodeSuccess }
	require.Eventually(t, answered, 30*time.Second, 20*time.Millisecond, "the wait is bounded")
	require.NotZero(t, asked.Load())

	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	clog.D.Set()
	defer clog.D.Clear()
	require.Equal(t, dns.RcodeSuccess, exchange(sign(new(dns.Msg).SetNotify("example.org."))).Rcode)
	require.Contains(t, heard.all(), "debug example.org. told of a change: looking")
}

// A wrong TSIG is no TSIG.
func TestWrongSecret(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 7)
	h.zone("open.example", 7)
	r := h.start(guarded)
	conn, err := net.Dial("tcp", r.tcp())
	require.NoError(t, err)
	defer conn.Close()
	c := &dns.Conn{Conn: conn, TsigSecret: map[string]string{"xfr-key.": "d3Jvbmc="}}
	require.NoError(t, c.WriteMsg(axfr("example.org.", "xfr-key.")))
	got, err := c.ReadMsg()
	if err == nil { // the client may refuse to read what is not signed
		require.Equal(t, dns.RcodeNotAuth, got.Rcode)
		require.Empty(t, got.Answer)
	}
}
