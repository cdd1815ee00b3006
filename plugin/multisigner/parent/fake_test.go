package parent_test

import (
	"crypto"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// Here is a small DNS of hand-written answers: zones signed by the library alone,
// servers that are authoritative for one, and a resolver that has the answers of all.

var now = time.Now().Truncate(time.Second)

// signedZone is a zone with one key that does everything.
type signedZone struct {
	name    string
	key     *dns.DNSKEY
	private crypto.Signer
}

func newZone(name string) signedZone {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	private, err := k.Generate(256)
	if err != nil {
		panic(err)
	}
	return signedZone{name, k, private.(crypto.Signer)}
}

func (z signedZone) ds() *dns.DS { return z.key.ToDS(dns.SHA256) }

// sign gives RRsets with their signatures, valid from an hour before at to a day after.
func (z signedZone) sign(at time.Time, sets ...[]dns.RR) []dns.RR {
	var all []dns.RR
	for _, set := range sets {
		sig := &dns.RRSIG{
			KeyTag: z.key.KeyTag(), SignerName: z.name, Algorithm: z.key.Algorithm,
			Inception: uint32(at.Add(-time.Hour).Unix()), Expiration: uint32(at.Add(24 * time.Hour).Unix()),
		}
		if err := sig.Sign(z.private, set); err != nil {
			panic(err)
		}
		all = append(append(all, set...), sig)
	}
	return all
}

func (z signedZone) soa() dns.RR {
	return rr("%s 300 SOA ns.%s . 1 2 3 4 300", z.name, strings.TrimPrefix(z.name, "."))
}

// dnskey is the signed DNSKEY RRset.
func (z signedZone) dnskey() []dns.RR { return z.sign(now, []dns.RR{dns.Copy(z.key)}) }

// denial is an authority section: SOA, and an NSEC from owner to next with types.
func (z signedZone) denial(owner, next, types string) []dns.RR {
	return z.sign(now, []dns.RR{z.soa()}, []dns.RR{rr("%s 300 NSEC %s %s", owner, next, types)})
}

func rr(format string, args ...any) dns.RR {
	rr, err := dns.NewRR(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err)
	}
	return rr
}

// server answers by name and type; what it does not know is REFUSED.
type server struct {
	addr netip.AddrPort

	mu      sync.Mutex
	answers map[string]*dns.Msg // "name type", or with " CD" for who disables checking
}

func serve(t *testing.T, answers map[string]*dns.Msg) *server {
	s := &server{answers: answers}
	conn, listener := listen(t)
	s.addr = netip.MustParseAddrPort(conn.LocalAddr().String())
	activate(t, s, conn, listener)
	return s
}

func listen(t *testing.T) (conn net.PacketConn, listener net.Listener) {
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
	return conn, listener
}

func activate(t *testing.T, h dns.Handler, conn net.PacketConn, listener net.Listener) {
	for _, d := range []*dns.Server{{PacketConn: conn}, {Listener: listener}} {
		d.Handler = h
		d.TsigSecret = map[string]string{tsig.Name: tsig.Secret}
		d.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		started := make(chan struct{})
		d.NotifyStartedFunc = func() { close(started) }
		go d.ActivateAndServe()
		<-started
		t.Cleanup(func() { d.Shutdown() })
	}
}

func (s *server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	key := strings.ToLower(q.Question[0].Name) + " " + dns.Type(q.Question[0].Qtype).String()
	known, ok := s.answers[key]
	if raw, has := s.answers[key+" CD"]; has && q.CheckingDisabled {
		known, ok = raw, true
	}
	m := new(dns.Msg)
	switch {
	case !ok:
		m.SetRcode(q, dns.RcodeRefused)
	case known == nil:
		s.mu.Unlock()
		return
	default:
		known = known.Copy()
		m.SetRcode(q, known.Rcode)
		m.Authoritative, m.AuthenticatedData = known.Authoritative, known.AuthenticatedData
		m.Answer, m.Ns, m.Extra = known.Answer, known.Ns, known.Extra
		if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
			m.Truncate(1232)
		}
	}
	s.mu.Unlock()
	w.WriteMsg(m)
}

// authoritative, referral, vouched and plain are answers as different servers give them.
func authoritative(answer []dns.RR, authority ...dns.RR) *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Authoritative: true}, Answer: answer, Ns: authority}
}

func referral(authority []dns.RR, glue ...dns.RR) *dns.Msg {
	return &dns.Msg{Ns: authority, Extra: glue}
}

func vouched(answer []dns.RR) *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{AuthenticatedData: true}, Answer: answer}
}

func plain(answer []dns.RR, authority ...dns.RR) *dns.Msg {
	return &dns.Msg{Answer: answer, Ns: authority}
}

// failing is SERVFAIL with the reason that resolvers give (RFC 8914).
func failing(reason uint16) *dns.Msg {
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 1232}}
	opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: reason})
	return &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeServerFailure}, Extra: []dns.RR{opt}}
}
