package peer_test

import (
	"crypto"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// This is a signer that shares no code with ours: it signs by the library, and
// says whatever a test wants it to.

const apex = "example.org."

var now = time.Now().Truncate(time.Second)

// key is a DNSKEY with its private part.
type key struct {
	*dns.DNSKEY
	private crypto.Signer
}

func newKey(flags uint16, algorithm uint8) key {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: flags, Protocol: 3, Algorithm: algorithm}
	private, err := k.Generate(256)
	if err != nil {
		panic(err)
	}
	return key{k, private.(crypto.Signer)}
}

func newKSK() key { return newKey(257, dns.ECDSAP256SHA256) }
func newZSK() key { return newKey(256, dns.ECDSAP256SHA256) }

// rdata is the key as our rooms know it.
func (k key) rdata() zone.DNSKEY {
	_, _, _, rdata, err := zone.FromRR(dns.Copy(k.DNSKEY))
	if err != nil {
		panic(err)
	}
	return zone.DNSKEY(rdata)
}

func (k key) ds() zone.RRset {
	sets, err := zone.FromRRs([]dns.RR{k.ToDS(dns.SHA256)})
	if err != nil {
		panic(err)
	}
	return sets[0]
}

// content is what a signer serves at the apex, and how it is signed.
type content struct {
	serial              uint32
	keys                []key // published
	byKeys, byCDS, data []key // who signs DNSKEY, CDS and CDNSKEY, everything else
	cds                 []key
	at                  time.Time // of signing: valid from an hour before to a week after
	more                string    // of the zone, unsigned
}

// usual is a signer with a KSK and a ZSK as ours are: CDS is signed by both.
func usual(ksk, zsk key) content {
	both := []key{ksk, zsk}
	return content{serial: 1, keys: both, byKeys: []key{ksk}, byCDS: both, data: []key{zsk}, cds: []key{ksk}, at: now}
}

func rr(format string, args ...any) dns.RR {
	rr, err := dns.NewRR(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err)
	}
	return rr
}

// sign gives an RRset with its signatures.
func (c content) sign(by []key, rrs ...dns.RR) []dns.RR {
	signed := rrs
	for _, k := range by {
		sig := &dns.RRSIG{
			KeyTag: k.KeyTag(), SignerName: apex, Algorithm: k.Algorithm,
			Inception: uint32(c.at.Add(-time.Hour).Unix()), Expiration: uint32(c.at.Add(7 * 24 * time.Hour).Unix()),
		}
		if err := sig.Sign(k.private, rrs); err != nil {
			panic(err)
		}
		signed = append(signed[:len(signed):len(signed)], sig)
	}
	return signed
}

// sets gives the signed RRsets at the apex.
func (c content) sets() map[uint16][]dns.RR {
	sets := map[uint16][]dns.RR{
		dns.TypeSOA: {rr("%s 3600 SOA ns.%s root.%s %d 3600 600 86400 300", apex, apex, apex, c.serial)},
		dns.TypeNS:  {rr("%s 3600 NS ns.%s", apex, apex)},
	}
	for _, k := range c.keys {
		sets[dns.TypeDNSKEY] = append(sets[dns.TypeDNSKEY], dns.Copy(k.DNSKEY))
	}
	for _, k := range c.cds {
		sets[dns.TypeCDS] = append(sets[dns.TypeCDS], k.ToDS(dns.SHA256).ToCDS())
		sets[dns.TypeCDNSKEY] = append(sets[dns.TypeCDNSKEY], k.ToCDNSKEY())
	}
	bitmap := []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC}
	for _, t := range []uint16{dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY} {
		if len(sets[t]) > 0 {
			bitmap = append(bitmap, t)
		}
	}
	sets[dns.TypeNSEC] = []dns.RR{&dns.NSEC{Hdr: dns.RR_Header{Name: apex, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300}, NextDomain: apex, TypeBitMap: bitmap}}
	for t, rrs := range sets {
		by := c.data
		switch t {
		case dns.TypeDNSKEY:
			by = c.byKeys
		case dns.TypeCDS, dns.TypeCDNSKEY:
			by = c.byCDS
		}
		sets[t] = c.sign(by, rrs...)
	}
	return sets
}

// fake is one address of a signer.
type fake struct {
	ask.Server

	mu       sync.Mutex
	sets     map[uint16][]dns.RR
	change   func(q, m *dns.Msg) *dns.Msg // what it says instead; nil: nothing at all
	transfer []dns.RR                     // its zone, by AXFR
	chunk    int                          // records in each of its messages; 0: all in one
	asked    map[uint16]int
}

var tsig = &ask.TSIG{Name: "group-key.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// serve starts an address that serves c.
func serve(t *testing.T, c content) *fake {
	f := &fake{asked: map[uint16]int{}}
	f.set(c)
	var conn net.PacketConn
	var listener net.Listener
	var err error
	for range 20 { // the port that UDP was given may be taken for TCP
		conn, err = net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		if listener, err = net.Listen("tcp", conn.LocalAddr().String()); err == nil {
			break
		}
		conn.Close()
	}
	require.NoError(t, err)
	f.Addr = netip.MustParseAddrPort(conn.LocalAddr().String())
	secrets := map[string]string{tsig.Name: tsig.Secret}
	for _, s := range []*dns.Server{{PacketConn: conn}, {Listener: listener}} {
		s.Handler, s.TsigSecret = f, secrets
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return f
}

// set replaces what it serves.
func (f *fake) set(c content) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = c.sets()
	all := append([]dns.RR(nil), f.sets[dns.TypeSOA]...)
	for t, rrs := range f.sets {
		if t != dns.TypeSOA {
			all = append(all, rrs...)
		}
	}
	parser := dns.NewZoneParser(stringReader(c.more), apex, "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		all = append(all, rr)
	}
	f.transfer = append(all, all[0])
}

// says changes every answer.
func (f *fake) says(change func(q, m *dns.Msg) *dns.Msg) *fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change = change
	return f
}

// keyed is the address with the group's TSIG key.
func (f *fake) keyed() ask.Server { return ask.Server{Addr: f.Addr, TSIG: tsig} }

func (f *fake) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	f.mu.Lock()
	qtype := q.Question[0].Qtype
	f.asked[qtype]++
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	switch {
	case qtype == dns.TypeAXFR:
		m.Answer = f.transfer
	case len(f.sets[qtype]) > 0:
		m.Answer = f.sets[qtype]
	default:
		m.Ns = append(append(m.Ns, f.sets[dns.TypeSOA]...), f.sets[dns.TypeNSEC]...)
	}
	if f.change != nil {
		m = f.change(q, m)
	}
	if m != nil {
		m = m.Copy() // packing writes into records, and these are sent more than once
	}
	f.mu.Unlock()
	if m == nil {
		return
	}
	if qtype == dns.TypeAXFR && f.chunk > 0 {
		f.sendChunks(w, q, m)
		return
	}
	if m.Len() > dns.MaxMsgSize || m.Len() > 1232 && w.RemoteAddr().Network() == "udp" {
		m.Truncated, m.Answer, m.Ns = true, nil, nil
	}
	if key := q.IsTsig(); key != nil {
		m.SetTsig(key.Hdr.Name, key.Algorithm, 300, time.Now().Unix())
	}
	w.WriteMsg(m)
}

// sendChunks sends a transfer in many messages, each signed.
func (f *fake) sendChunks(w dns.ResponseWriter, q, m *dns.Msg) {
	w.TsigTimersOnly(false)
	for part := range slices.Chunk(m.Answer, f.chunk) {
		each := m.Copy()
		each.Answer = part
		if key := q.IsTsig(); key != nil {
			each.SetTsig(key.Hdr.Name, key.Algorithm, 300, time.Now().Unix())
		}
		if w.WriteMsg(each) != nil {
			return
		}
		w.TsigTimersOnly(true)
	}
}

func (f *fake) count(t uint16) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[t]
}
