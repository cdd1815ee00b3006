package multisigner

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/fastpath"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// awkward writes the zone that has every kind of answer in it, as db.example.
func (h home) awkward() {
	h.t.Helper()
	text, err := os.ReadFile("answer/testdata/example.zone")
	require.NoError(h.t, err)
	writeFile(h.t, h.dir+"/db.example", string(text))
}

// both is a Corefile with the zone at two addresses: at fast with the plugins given,
// and at slow with one more that keeps CoreDNS in between.
func both(fast, slow int, denial, more string) string {
	block := "multisigner example {\nfile db.{zone}\nparent none\ndenial " + denial + "\nkeys csk\n}\n"
	return fmt.Sprintf("example:%d {\nCOMMON\n%s\n%s}\nexample:%d {\nCOMMON\n%s\nautopath\n%s}\n", fast, more, block, slow, more, block)
}

// wires is a client that compares octets.
type wires struct {
	t    *testing.T
	conn net.Conn
}

func dialUDP(t *testing.T, at string) wires { return dial(t, "udp", at) }

func dial(t *testing.T, network, at string) wires {
	conn, err := net.Dial(network, at)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return wires{t, conn}
}

// ask gives the answer to a packet; nil when there is none within the time.
func (w wires) ask(packet []byte, within time.Duration) []byte {
	w.t.Helper()
	_, stream := w.conn.(*net.TCPConn)
	out, read := packet, w.conn.Read
	if stream {
		out, read = framed(packet), (&dns.Conn{Conn: w.conn}).Read
	}
	_, err := w.conn.Write(out)
	require.NoError(w.t, err)
	require.NoError(w.t, w.conn.SetReadDeadline(time.Now().Add(within)))
	reply := make([]byte, dns.MaxMsgSize)
	for {
		n, err := read(reply)
		if err != nil {
			return nil
		}
		if n >= 2 && string(reply[:2]) == string(packet[:2]) {
			return reply[:n]
		}
	}
}

func packed(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	wire, err := m.Pack()
	require.NoError(t, err)
	return wire
}

// front waits for the fast path at a port.
func (r *running) front(port int) *fastpath.Front {
	r.t.Helper()
	var front *fastpath.Front
	require.Eventually(r.t, func() bool {
		front = process.fronts.all()[fmt.Sprintf("dns://127.0.0.1:%d", port)]
		return front != nil
	}, 5*time.Second, time.Millisecond)
	return front
}

// upAt waits until the server answers at the ports, signed, and says how many
// queries that took.
func upAt(t *testing.T, ports ...int) (asked float64) {
	t.Helper()
	for _, port := range ports {
		client := dialUDP(t, fmt.Sprintf("127.0.0.1:%d", port))
		require.Eventually(t, func() bool {
			var m dns.Msg
			asked++
			reply := client.ask(packed(t, query4("example.", dns.TypeSOA).SetEdns0(1232, true)), time.Second)
			return reply != nil && m.Unpack(reply) == nil && len(m.Answer) == 2
		}, 10*time.Second, 20*time.Millisecond)
	}
	return asked
}

func twoPorts(t *testing.T) (fast, slow int) {
	fast, one := freePort(t)
	slow, two := freePort(t)
	require.NoError(t, one.Close())
	require.NoError(t, two.Close())
	return fast, slow
}

// Whichever way a question goes, the answer is the same to the last octet: it is
// planned and packed in one place. Both ways are really gone, and what CoreDNS's
// metrics say of them is the same too.
func TestFastEqualsCoreDNS(t *testing.T) {
	for _, tc := range [][2]string{{"nsec", "udp"}, {"nsec3", "udp"}, {"nsec", "tcp"}, {"nsec3", "tcp"}} {
		denial, network := tc[0], tc[1]
		h := newHome(t)
		h.awkward()
		fastPort, slowPort := twoPorts(t)
		r := h.startTLS(both(fastPort, slowPort, denial, "prometheus 127.0.0.1:0"))
		first := upAt(t, fastPort, slowPort)
		front := r.front(fastPort)
		require.Nil(t, process.fronts.all()[fmt.Sprintf("dns://127.0.0.1:%d", slowPort)])
		fast, slow := dial(t, network, local(fastPort)), dial(t, network, local(slowPort))

		before, _, _ := front.Stats()
		beforeTCP, _ := front.StreamStats()
		countedBefore := countedOf(t, first, fastPort, slowPort)
		asked := uint64(0)
		version := r.version("example.")
		for n := range version.All() {
			own := n.Name().String()
			for _, name := range []string{own, "x." + own, `\000.` + own, "X.y." + strings.ToUpper(own)} {
				if _, ok := dns.IsDomainName(name); !ok {
					continue
				}
				for _, kind := range []uint16{dns.TypeA, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeDS, dns.TypeHTTPS, dns.TypeRRSIG, dns.TypeANY, 200, 4711} {
					for i, size := range []uint16{0, 512, 4096} {
						if kind == dns.TypeDS && strings.EqualFold(name, "example.") {
							continue // CoreDNS's on either way
						}
						m := query4(name, kind)
						m.Id, m.RecursionDesired = uint16(asked), asked%2 == 0
						if i > 0 {
							m.SetEdns0(size, asked%3 != 0)
						}
						packet := packed(t, m)
						got, want := fast.ask(packet, 5*time.Second), slow.ask(packet, 5*time.Second)
						require.NotNil(t, got, "%s", m)
						require.Equal(t, want, got, "%s", m)
						require.NoError(t, new(dns.Msg).Unpack(got))
						asked++
					}
				}
			}
		}
		after, handed, lost := front.Stats()
		afterTCP, handedTCP := front.StreamStats()
		if network == "tcp" {
			after, before = afterTCP, beforeTCP
			require.Zero(t, handedTCP)
		}
		require.Equal(t, asked, after-before, "answered by the fast path")
		require.LessOrEqual(t, handed, uint64(200), "while the zone was being loaded")
		require.Zero(t, lost)
		now := countedOf(t, first+2*float64(asked), fastPort, slowPort)
		require.Equal(t, difference(now[1], countedBefore[1]), difference(now[0], countedBefore[0]))
		require.Greater(t, len(now[0]), 20)
		r.stop()
	}
}

// version is what the process serves for a zone.
func (r *running) version(apex string) *zone.Version {
	r.t.Helper()
	return process.engines()[0].Find(zone.MustName(apex)).Serving().Version
}

// counted gives the samples of CoreDNS's metrics for the servers at these ports,
// without durations, and how long the packets are together.
func counted(t *testing.T, ports ...int) []map[string]float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	all := make([]map[string]float64, len(ports))
	for i, port := range ports {
		all[i] = make(map[string]float64)
		for _, f := range families {
			if !strings.HasPrefix(f.GetName(), "coredns_dns_") {
				continue
			}
			for _, m := range f.GetMetric() {
				key, ours := f.GetName(), false
				for _, l := range m.GetLabel() {
					if l.GetName() == "server" {
						ours = l.GetValue() == fmt.Sprintf("dns://127.0.0.1:%d", port)
					} else {
						key += fmt.Sprintf(" %s=%q", l.GetName(), l.GetValue())
					}
				}
				if !ours {
					continue
				}
				all[i][key] += m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
				if !strings.Contains(key, "duration") {
					all[i][key+" sum"] = m.GetHistogram().GetSampleSum()
				}
			}
		}
	}
	return all
}

// countedOf waits until so many responses are counted: that comes after the answer,
// and after all else that is counted of it.
// A metric may have been read before the last response and the next one after it: all
// are read once more.
func countedOf(t *testing.T, responses float64, ports ...int) []map[string]float64 {
	t.Helper()
	require.Eventually(t, func() bool {
		sum := 0.0
		for _, values := range counted(t, ports...) {
			for key, value := range values {
				if strings.HasPrefix(key, "coredns_dns_responses_total") && !strings.HasSuffix(key, " sum") {
					sum += value
				}
			}
		}
		return sum == responses
	}, 5*time.Second, 10*time.Millisecond)
	return counted(t, ports...)
}

func difference(after, before map[string]float64) map[string]float64 {
	d := make(map[string]float64)
	for key, value := range after {
		if value != before[key] {
			d[key] = value - before[key]
		}
	}
	return d
}

// What is no ordinary question gets the answer that CoreDNS gives to it, through the
// fast path's socket.
func TestOddPackets(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) { oddPackets(t, network) })
	}
}

func oddPackets(t *testing.T, network string) {
	h := newHome(t)
	h.awkward()
	fastPort, slowPort := twoPorts(t)
	r := h.startTLS(both(fastPort, slowPort, "nsec", "nsid here"))
	upAt(t, fastPort, slowPort)
	fast, slow := dial(t, network, local(fastPort)), dial(t, network, local(slowPort))
	stats := func() (answered, handed, lost uint64) {
		if network == "tcp" {
			answered, handed = r.front(fastPort).StreamStats()
			return answered, handed, 0
		}
		return r.front(fastPort).Stats()
	}
	plain := func() *dns.Msg { m := query4("a.example.", dns.TypeA); m.Id = 4711; return m }
	with := func(change func(m *dns.Msg)) []byte { m := plain(); change(m); return packed(t, m) }
	option := func(o dns.EDNS0) []byte {
		return with(func(m *dns.Msg) { m.SetEdns0(1232, true); m.IsEdns0().Option = []dns.EDNS0{o} })
	}
	raw := func(change func(p []byte) []byte) []byte { return change(packed(t, plain())) }
	silent := map[string][]byte{
		"a response":    with(func(m *dns.Msg) { m.Response = true }),
		"eleven octets": packed(t, plain())[:11],
		"two octets":    packed(t, plain())[:2],
	}
	for name, packet := range silent {
		require.Nil(t, fast.ask(packet, 50*time.Millisecond), name)
	}
	before, handedBefore, _ := stats()
	odd := map[string][]byte{
		"outside":         with(func(m *dns.Msg) { m.Question[0].Name = "a.example.org." }),
		"root":            with(func(m *dns.Msg) { m.Question[0].Name = "." }),
		"DS of the apex":  with(func(m *dns.Msg) { m.Question[0] = dns.Question{Name: "example.", Qtype: dns.TypeDS, Qclass: 1} }),
		"class CH":        with(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		"class ANY":       with(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY }),
		"AXFR":            with(func(m *dns.Msg) { m.SetAxfr("example."); m.Id = 4711 }),
		"IXFR":            with(func(m *dns.Msg) { m.SetIxfr("example.", 1, "ns.", "root."); m.Id = 4711 }),
		"NOTIFY":          with(func(m *dns.Msg) { m.SetNotify("example."); m.Id = 4711 }),
		"EDNS 1":          with(func(m *dns.Msg) { m.SetEdns0(1232, false); m.IsEdns0().SetVersion(1) }),
		"two OPT":         with(func(m *dns.Msg) { m.SetEdns0(1232, false); m.Extra = append(m.Extra, m.Extra[0]) }),
		"OPT with a name": with(func(m *dns.Msg) { m.SetEdns0(1232, false); m.Extra[0].Header().Name = "x." }),
		"NSID":            option(&dns.EDNS0_NSID{Code: dns.EDNS0NSID}),
		"client subnet":   option(&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 8, Address: net.IP{10, 0, 0, 0}}),
		"unknown option":  option(&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")}),
		"answer in a query": with(func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.", Rrtype: 1, Class: 1}, A: net.IP{1, 2, 3, 4}}}
		}),
		"A in additional": with(func(m *dns.Msg) {
			m.Extra = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.", Rrtype: 1, Class: 1}, A: net.IP{1, 2, 3, 4}}}
		}),
		"Z set":             with(func(m *dns.Msg) { m.Zero = true }),
		"TC set":            with(func(m *dns.Msg) { m.Truncated = true }),
		"two questions":     with(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
		"no question":       with(func(m *dns.Msg) { m.Question = nil }),
		"octets behind":     raw(func(p []byte) []byte { return append(p, 0) }),
		"cut short":         raw(func(p []byte) []byte { return p[:len(p)-1] }),
		"cut in the name":   raw(func(p []byte) []byte { return p[:15] }),
		"pointer to itself": raw(func(p []byte) []byte { return append(append(p[:12:12], 0xc0, 12), 0, 1, 0, 1) }),
		"pointer to header": raw(func(p []byte) []byte { return append(append(p[:12:12], 0xc0, 2), 0, 1, 0, 1) }),
		"label of 64":       raw(func(p []byte) []byte { return append(append(p[:12:12], 0x40), make([]byte, 80)...) }),
		"name of 256": raw(func(p []byte) []byte {
			return append(append(p[:12:12], strings.Repeat("\x3f"+strings.Repeat("a", 63), 4)...), 0, 0, 1, 0, 1)
		}),
		"count without OPT": raw(func(p []byte) []byte { p[11] = 1; return p }),
	}
	for name, packet := range odd {
		want := slow.ask(packet, time.Second)
		got := fast.ask(packet, time.Second)
		require.Equal(t, want, got, name)
		if name != "cut short" && name != "no question" {
			require.NotNil(t, got, name)
		}
	}
	// CoreDNS itself says NOTIMP to an opcode, and has room to repeat the question.
	for _, opcode := range []int{1, 2, dns.OpcodeUpdate, 6, 15} {
		got := fast.ask(with(func(m *dns.Msg) { m.Opcode = opcode }), time.Second)
		require.NotNil(t, got)
		require.EqualValues(t, dns.RcodeNotImplemented, got[3]&15)
		require.EqualValues(t, opcode, got[2]>>3&15)
	}
	// A query of more than 512 octets is read to its end here.
	long := option(&dns.EDNS0_PADDING{Padding: make([]byte, 600)})
	require.EqualValues(t, dns.RcodeSuccess, fast.ask(long, time.Second)[3]&15)
	// What changes nothing for us is no reason to ask CoreDNS.
	cookie := option(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})
	require.Equal(t, slow.ask(cookie, time.Second), fast.ask(cookie, time.Second))

	after, handed, lost := stats()
	require.EqualValues(t, 2, after-before)
	require.EqualValues(t, len(odd)+5, handed-handedBefore)
	require.Zero(t, lost)
}

// Who asks for the version of a zone is told its serial by the fast path, and through it by
// CoreDNS, where other options are asked for too; of what is not ours nothing is said.
func TestZoneVersion(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) { zoneVersion(t, network) })
	}
}

func zoneVersion(t *testing.T, network string) {
	h := newHome(t)
	h.awkward()
	fastPort, slowPort := twoPorts(t)
	r := h.startTLS(both(fastPort, slowPort, "nsec", "nsid here"))
	upAt(t, fastPort, slowPort)
	fast := dial(t, network, local(fastPort))
	var soa dns.Msg
	require.NoError(t, soa.Unpack(fast.ask(packed(t, query4("example.", dns.TypeSOA)), time.Second)))
	serial := soa.Answer[0].(*dns.SOA).Serial
	ask := func(name string, size uint16, more ...dns.EDNS0) *dns.Msg {
		m := query4(name, dns.TypeTXT)
		m.SetEdns0(size, true)
		m.IsEdns0().Option = append(more, &dns.EDNS0_LOCAL{Code: dns.EDNS0ZONEVERSION})
		var got dns.Msg
		wire := fast.ask(packed(t, m), time.Second)
		require.NoError(t, got.Unpack(wire))
		if network == "udp" {
			require.LessOrEqual(t, len(wire), int(size))
		}
		return &got
	}
	is := func(m *dns.Msg) (versions []string) {
		for _, o := range m.IsEdns0().Option {
			if v, ok := o.(*dns.EDNS0_ZONEVERSION); ok {
				versions = append(versions, fmt.Sprint(v.LabelCount, v.Type, binary.BigEndian.Uint32([]byte(v.Version))))
			}
		}
		return versions
	}
	want := []string{fmt.Sprint(1, 0, serial)}
	stats := func() uint64 {
		answered, _, _ := r.front(fastPort).Stats()
		streams, _ := r.front(fastPort).StreamStats()
		return answered + streams
	}
	answered := stats()
	for _, name := range []string{"example.", "big.example.", "none.example.", "a.example."} {
		require.Equal(t, want, is(ask(name, 1232)), name)
	}
	require.EqualValues(t, 4, stats()-answered)
	nsid := &dns.EDNS0_NSID{Code: dns.EDNS0NSID}
	for _, name := range []string{"example.", "big.example.", "none.example."} {
		for _, size := range []uint16{512, 600, 1232} {
			require.Equal(t, want, is(ask(name, size, nsid)), name)
		}
	}
	require.Empty(t, is(ask("example.org.", 1232)))

	m := query4("example.", dns.TypeTXT)
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_ZONEVERSION{Code: dns.EDNS0ZONEVERSION, Version: "\x00\x00\x00\x07"}}
	wire := fast.ask(packed(t, m), time.Second)
	require.EqualValues(t, dns.RcodeFormatError, wire[3]&15)
}

// TSIG works through the fast path's socket: good signatures are answered with
// signatures, bad ones and unknown keys are refused, and so is who has no right.
func TestFastTSIG(t *testing.T) {
	h := newHome(t)
	h.awkward()
	fastPort, slowPort := twoPorts(t)
	const secret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
	h.startTLS(both(fastPort, slowPort, "nsec", "tsig {\nsecret k. "+secret+"\n}"))
	upAt(t, fastPort, slowPort)
	for name, tc := range map[string]struct {
		key, secret string
		rcode       int
		signed      bool
	}{
		"good":        {"k.", secret, dns.RcodeSuccess, true},
		"bad secret":  {"k.", "AAAAJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=", dns.RcodeNotAuth, false},
		"unknown key": {"other.", secret, dns.RcodeNotAuth, false},
	} {
		for _, network := range []string{"udp", "tcp"} {
			client := &dns.Client{Net: network, TsigSecret: map[string]string{tc.key: tc.secret}}
			m := query4("a.example.", dns.TypeA).SetTsig(tc.key, dns.HmacSHA256, 300, time.Now().Unix())
			reply, _, err := client.Exchange(m, local(fastPort))
			require.NotNil(t, reply, "%s: %v", name, err)
			require.Equal(t, tc.rcode, reply.Rcode, name)
			if tc.signed {
				require.NoError(t, err, name)
				require.NotNil(t, reply.IsTsig(), name)
			}
		}
	}
}

// Answers leave from the address that was asked, be it one of many; over IPv4 and
// IPv6. A client that is connected would not see others.
func TestWildcardAddress(t *testing.T) {
	h := newHome(t)
	h.awkward()
	port, _ := twoPorts(t)
	h.startTLS(fmt.Sprintf("example:%d {\nroot %s\nmultisigner {\nfile db.{zone}\nparent none\n}\n}", port, h.dir))
	upAt(t, port)
	front := process.fronts.all()[fmt.Sprintf("dns://:%d", port)]
	before, handed, _ := front.Stats()
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "127.4.7.11", "::1"} {
		client := dialUDP(t, net.JoinHostPort(host, fmt.Sprint(port)))
		require.NotNil(t, client.ask(packed(t, query4("a.example.", dns.TypeA)), time.Second), host)
		require.NotNil(t, client.ask(packed(t, query4("a.outside.", dns.TypeA)), time.Second), "%s, through CoreDNS", host)
	}
	after, handedAfter, _ := front.Stats()
	require.EqualValues(t, 4, after-before)
	require.EqualValues(t, 4, handedAfter-handed)
}

// flood asks one question after the other from several sockets, until stop, and
// counts what got no answer or a wrong one.
type flood struct {
	t           *testing.T
	stop        chan struct{}
	group       sync.WaitGroup
	mu          sync.Mutex
	asked, lost int
}

func startFlood(t *testing.T, port int) *flood {
	f := &flood{t: t, stop: make(chan struct{})}
	for range 4 {
		client := dialUDP(t, fmt.Sprintf("127.0.0.1:%d", port))
		f.group.Go(func() {
			packet := packed(t, query4("a.example.", dns.TypeA).SetEdns0(1232, true))
			for id := uint16(1); ; id++ {
				select {
				case <-f.stop:
					return
				default:
				}
				binary.BigEndian.PutUint16(packet, id)
				reply := client.ask(packet, 3*time.Second)
				f.mu.Lock()
				f.asked++
				if len(reply) < 100 || reply[3]&15 != 0 {
					f.lost++
				}
				f.mu.Unlock()
			}
		})
	}
	return f
}

func (f *flood) end() {
	f.t.Helper()
	close(f.stop)
	f.group.Wait()
	require.Zero(f.t, f.lost, "of %d", f.asked)
	require.Greater(f.t, f.asked, 50)
}

// A reload loses no query: one that changes nothing for the fast path, one that
// turns it off, one that turns it on again, and one that fails.
func TestReloadUnderLoad(t *testing.T) {
	h := newHome(t)
	h.awkward()
	port, _ := twoPorts(t)
	at := fmt.Sprintf("dns://127.0.0.1:%d", port)
	corefile := func(more string) string {
		return fmt.Sprintf("example:%d {\nCOMMON\n%s\nmultisigner {\nfile db.{zone}\nparent none\n}\n}", port, more)
	}
	r := h.startTLS(corefile(""))
	upAt(t, port)
	opened := r.front(port)
	restart := func(more string) error {
		inst, err := r.inst.Restart(h.corefile(corefile(more)))
		r.inst = inst
		return err
	}
	load := startFlood(t, port)
	for range 3 {
		require.NoError(t, restart("nsid x"))
		require.NoError(t, restart(""))
		require.Error(t, restart("failing"))
	}
	require.Same(t, opened, r.front(port), "the sockets are the process's")
	for range 3 {
		require.NoError(t, restart("autopath"))
		require.Nil(t, process.fronts.all()[at])
		require.NoError(t, restart(""))
		require.NotSame(t, opened, r.front(port))
	}
	require.Eventually(t, func() bool { answered, _, _ := r.front(port).Stats(); return answered > 0 }, 5*time.Second, time.Millisecond)
	load.end()
	_, _, lost := r.front(port).Stats()
	require.Zero(t, lost)
	r.stop()
	require.Empty(t, process.fronts.all())
}

// Plugins that would have to see each query keep a block off the fast path, and the
// log says which; those that do nothing to ordinary queries do not.
func TestTransparency(t *testing.T) {
	port, _ := twoPorts(t)
	at := fmt.Sprintf("dns://127.0.0.1:%d", port)
	const secret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
	for more, why := range map[string]string{
		"":                                    "",
		"errors":                              "",
		"nsid x":                              "",
		"cache":                               "",
		"prometheus 127.0.0.1:0":              "",
		"transfer example.com {\nto *\n}":     "",
		"whoami":                              "", // it stands behind us
		"tsig {\nsecret k. " + secret + "\n}": "",
		"tsig {\nsecret k. " + secret + "\nrequire AXFR IXFR\n}": "",
		"tsig {\nsecret k. " + secret + "\nrequire A\n}":         "plugin tsig requires signatures of ordinary queries",
		"tsig {\nsecret k. " + secret + "\nrequire all\n}":       "plugin tsig requires signatures of ordinary queries",
		"log":     "plugin log has to see every query",
		"rewrite": "plugin rewrite has to see every query",
		"header":  "plugin header has to see every query",
	} {
		t.Run(more, func(t *testing.T) {
			h, heard := newLoadHome(t), &listener{}
			require.NoError(t, clog.RegisterListener(heard))
			defer clog.DeregisterListener(heard)
			r := h.startTLS(fmt.Sprintf(".:%d {\nCOMMON\n%s\nmultisigner example.org {\nfile db.{zone}\nparent none\n}\n}", port, more))
			defer r.stop()
			require.Eventually(t, func() bool { return strings.Contains(heard.all(), at+": queries over UDP ") }, 5*time.Second, time.Millisecond)
			if why == "" {
				require.NotNil(t, process.fronts.all()[at], heard.all())
				require.Contains(t, heard.all(), "take the fast path")
			} else {
				require.Nil(t, process.fronts.all()[at])
				require.Contains(t, heard.all(), "go through CoreDNS: "+why)
			}
		})
	}
}

// Server blocks share an address: each zone is answered by its own, whichever way
// its queries go.
func TestBlocksOfOneAddress(t *testing.T) {
	h := newHome(t)
	h.zone("example.org", 1, "txt TXT org", "txt.sub TXT wrong", "txt.logged TXT wrong", "in DS 1 13 2 "+strings.Repeat("ab", 32), "in NS ns")
	h.zone("sub.example.org", 1, "txt TXT sub")
	h.zone("logged.example.org", 1, "txt TXT logged")
	port, _ := twoPorts(t)
	block := func(zone, more string) string {
		return fmt.Sprintf("%s:%d {\nCOMMON\n%s\nmultisigner {\nfile db.{zone}\nparent none\n}\n}\n", zone, port, more)
	}
	r := h.startTLS(block("example.org", "") + block("sub.example.org", "") + block("logged.example.org", "autopath") +
		fmt.Sprintf("other.example.org:%d {\nbind 127.0.0.1\nwhoami\n}\n", port))
	front := r.front(port)
	client := &dns.Client{Timeout: time.Second}
	ask := func(name string, kind uint16) *dns.Msg {
		reply, _, err := client.Exchange(query4(name, kind), fmt.Sprintf("127.0.0.1:%d", port))
		require.NoError(t, err)
		return reply
	}
	for name, fast := range map[string]bool{"example.org.": true, "sub.example.org.": true, "logged.example.org.": false} {
		require.Eventually(t, func() bool { return len(ask("txt."+name, dns.TypeTXT).Answer) == 1 }, 5*time.Second, 10*time.Millisecond)
		before, handed, _ := front.Stats()
		text := ask("txt."+name, dns.TypeTXT).Answer[0].(*dns.TXT).Txt[0]
		require.Equal(t, strings.Split(name, ".")[0], strings.Replace(text, "org", "example", 1))
		require.Eventually(t, func() bool { // what is answered is counted a moment later
			after, handedAfter, _ := front.Stats()
			return fast == (after > before) && fast == (handedAfter == handed)
		}, 5*time.Second, 10*time.Millisecond, name)
	}
	_, handed, _ := front.Stats()
	require.Len(t, ask("x.other.example.org.", dns.TypeA).Extra, 2, "whoami's")
	require.Empty(t, ask("sub.example.org.", dns.TypeDS).Answer)
	require.NotEmpty(t, ask("in.example.org.", dns.TypeDS).Answer)
	_, handedAfter, _ := front.Stats()
	require.EqualValues(t, 2, handedAfter-handed, "the DS of an apex is CoreDNS's, that of a delegation is not")
}
