package registry

import (
	"crypto"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

const childName = "example.test."

// now is when every signature of these tests is looked at.
var now = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// key is a DNSKEY with its private half.
type key struct {
	*dns.DNSKEY
	private crypto.Signer
}

func newKey(t *testing.T, flags uint16, algorithm uint8) key {
	k := &dns.DNSKEY{Hdr: header(dns.TypeDNSKEY), Flags: flags, Protocol: 3, Algorithm: algorithm}
	private, err := k.Generate(map[uint8]int{dns.ECDSAP256SHA256: 256, dns.ED25519: 256}[algorithm])
	require.NoError(t, err)
	return key{k, private.(crypto.Signer)}
}

func header(t uint16) dns.RR_Header {
	return dns.RR_Header{Name: childName, Rrtype: t, Class: dns.ClassINET, Ttl: 30}
}

func (k key) cds(digest uint8) dns.RR {
	cds := k.ToDS(digest).ToCDS()
	cds.Hdr = header(dns.TypeCDS)
	return cds
}

func (k key) cdnskey() dns.RR {
	c := k.ToCDNSKEY()
	c.Hdr = header(dns.TypeCDNSKEY)
	return c
}

// server is one signer's nameserver: it answers exactly what a test tells it to.
type server struct {
	ksk, zsk key
	at       time.Time // of its signatures
	addr     string

	mu      sync.Mutex
	sets    map[uint16][]dns.RR
	rcode   int
	lame    bool // answers without authority
	empty   bool // NODATA without the SOA that makes it one
	shorten bool // says TC over UDP, whatever the size
	mute    bool // answers nothing at all
}

func (s *server) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := new(dns.Msg).SetRcode(req, s.rcode)
	resp.Authoritative = !s.lame
	_, udp := w.LocalAddr().(*net.UDPAddr)
	switch {
	case s.mute:
		return
	case udp && s.shorten:
		resp.Truncated = true
	case len(s.sets[req.Question[0].Qtype]) > 0:
		resp.Answer = s.sets[req.Question[0].Qtype]
	case !s.empty:
		resp.Ns = []dns.RR{soa()}
	}
	_ = w.WriteMsg(resp) // a lost answer is the asker's to notice
}

// be changes how s behaves from now on.
func (s *server) be(change func(s *server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// group is the signers of the child, each with a KSK and a ZSK of its own.
type group []*server

func newGroup(t *testing.T, n int) group { return newGroupAt(t, n, now) }

func newGroupAt(t *testing.T, n int, at time.Time) group {
	var g group
	for range n {
		s := &server{at: at, ksk: newKey(t, 257, dns.ECDSAP256SHA256), zsk: newKey(t, 256, dns.ECDSAP256SHA256), sets: map[uint16][]dns.RR{}}
		listen(t, s)
		g = append(g, s)
	}
	for _, s := range g {
		s.publish(t, g.dnskeys(s), s.ksk)
		s.ask(t, g.cds(dns.SHA256), g.cdnskey(), s.ksk, s.zsk)
		s.put(t, dns.TypeSOA, []dns.RR{soa()}, s.zsk)
	}
	return g
}

func soa() dns.RR {
	return &dns.SOA{Hdr: header(dns.TypeSOA), Ns: childName, Mbox: childName, Serial: 1}
}

// listen serves s on one port over UDP and TCP. A port that is free for one may
// be taken for the other: then it is the next one's turn.
func listen(t *testing.T, s *server) {
	var udp net.PacketConn
	var tcp net.Listener
	for range 50 {
		var err error
		udp, err = net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		s.addr = udp.LocalAddr().String()
		if tcp, err = net.Listen("tcp", s.addr); err == nil {
			break
		}
		udp.Close()
	}
	require.NotNil(t, tcp, "no port is free for both UDP and TCP")
	for _, d := range []*dns.Server{{PacketConn: udp, Handler: s}, {Listener: tcp, Handler: s}} {
		go d.ActivateAndServe()
		t.Cleanup(func() { d.Shutdown() })
	}
}

// dnskeys are the keys that s publishes: its own, and every data-signing key.
func (g group) dnskeys(s *server) []dns.RR {
	set := []dns.RR{s.ksk.DNSKEY}
	for _, each := range g {
		set = append(set, each.zsk.DNSKEY)
	}
	return set
}

func (g group) cds(digests ...uint8) []dns.RR {
	var set []dns.RR
	for _, s := range g {
		for _, d := range digests {
			set = append(set, s.ksk.cds(d))
		}
	}
	return set
}

func (g group) cdnskey() []dns.RR {
	var set []dns.RR
	for _, s := range g {
		set = append(set, s.ksk.cdnskey())
	}
	return set
}

func (g group) ds() []*dns.DS {
	var set []*dns.DS
	for _, s := range g {
		set = append(set, s.ksk.ToDS(dns.SHA256))
	}
	return set
}

func (g group) nameservers() map[string][]string {
	hosts := make(map[string][]string)
	for i, s := range g {
		host := string(rune('a'+i)) + ".example.test."
		hosts[host] = append(hosts[host], s.addr)
	}
	return hosts
}

// everyone has each server do the same.
func (g group) everyone(do func(s *server)) {
	for _, s := range g {
		do(s)
	}
}

// publish sets the DNSKEY RRset, ask what the child wants of its parent.
func (s *server) publish(t *testing.T, set []dns.RR, by ...key) { s.put(t, dns.TypeDNSKEY, set, by...) }

func (s *server) ask(t *testing.T, cds, cdnskey []dns.RR, by ...key) {
	s.put(t, dns.TypeCDS, cds, by...)
	s.put(t, dns.TypeCDNSKEY, cdnskey, by...)
}

func (s *server) put(t *testing.T, rrtype uint16, set []dns.RR, by ...key) {
	s.putAt(t, s.at, rrtype, set, by...)
}

// putAt signs a set from an hour before at to a day after it.
func (s *server) putAt(t *testing.T, at time.Time, rrtype uint16, set []dns.RR, by ...key) {
	signed := slices.Clone(set)
	for _, k := range by {
		sig := &dns.RRSIG{
			Hdr: header(dns.TypeRRSIG), Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: childName,
			Inception: uint32(at.Add(-time.Hour).Unix()), Expiration: uint32(at.Add(24 * time.Hour).Unix()),
		}
		if len(set) > 0 {
			require.NoError(t, sig.Sign(k.private, set))
			signed = append(signed, sig)
		}
	}
	s.be(func(s *server) { s.sets[rrtype] = signed })
}
