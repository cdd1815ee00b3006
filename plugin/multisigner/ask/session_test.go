package ask_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// primary answers questions on each connection until answer says no.
type primary struct {
	addr        netip.AddrPort
	connections atomic.Int32
}

func speak(t *testing.T, secure *tls.Config, answer func(conn net.Conn, q *dns.Msg) bool) *primary {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &primary{addr: l.Addr().(*net.TCPAddr).AddrPort()}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.connections.Add(1)
			running.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				for {
					var size [2]byte
					if _, err := io.ReadFull(conn, size[:]); err != nil {
						return
					}
					wire := make([]byte, binary.BigEndian.Uint16(size[:]))
					if _, err := io.ReadFull(conn, wire); err != nil {
						return
					}
					q := new(dns.Msg)
					if q.Unpack(wire) != nil || !answer(conn, q) {
						return
					}
				}
			})
		}
	})
	return p
}

// whole answers a SOA, and any transfer with a zone in n messages.
func whole(n int) func(net.Conn, *dns.Msg) bool {
	return func(conn net.Conn, q *dns.Msg) bool {
		if q.Question[0].Qtype == dns.TypeSOA {
			send(conn, pack(good(q)))
			return true
		}
		for _, m := range stream(q, n) {
			send(conn, pack(m))
		}
		return true
	}
}

func drain(messages func(func(*dns.Msg, error) bool)) (records int, err error) {
	for m, e := range messages {
		if e != nil {
			return records, e
		}
		records += len(m.Answer)
	}
	return records, nil
}

var older = rr("example.org. 3600 IN SOA ns.example.org. root.example.org. 5 3600 600 86400 300").(*dns.SOA)

// All that a session asks goes over one connection, and is counted.
func TestSession(t *testing.T) {
	p := speak(t, nil, whole(3))
	s := client().Session(ask.Server{Addr: p.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	soa, err := s.SOA(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint32(7), soa.Serial)
	for range 2 {
		records, err := drain(s.Incremental(t.Context(), older))
		require.NoError(t, err)
		require.Equal(t, 5, records)
		records, err = drain(s.Transfer(t.Context()))
		require.NoError(t, err)
		require.Equal(t, 5, records)
	}
	told := s.Told()
	require.Equal(t, 1, told.Connections)
	require.Equal(t, 13, told.Messages)
	require.Equal(t, 21, told.Records)
	require.Equal(t, netip.MustParseAddr("127.0.0.1"), told.Local.Addr())
	require.Empty(t, told.TLS)
	require.EqualValues(t, 1, p.connections.Load())
}

// A primary may hang up after each answer: that is no failure. One that never answers is,
// and is asked twice.
func TestSessionHungUp(t *testing.T) {
	p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool { whole(2)(conn, q); return false })
	s := client().Session(ask.Server{Addr: p.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	for range 3 {
		_, err := s.SOA(t.Context())
		require.NoError(t, err)
	}
	require.EqualValues(t, 3, p.connections.Load())
	never := speak(t, nil, func(net.Conn, *dns.Msg) bool { return false })
	s = client().Session(ask.Server{Addr: never.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	_, err := s.SOA(t.Context())
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.ErrorContains(t, err, "ask "+never.addr.String()+" for example.org SOA: the connection was closed before an answer")
	require.EqualValues(t, 2, never.connections.Load())
}

// A server that begins anew may reset a connection that its old process took, whether it
// is the first of a session or not: what was asked there is asked again.
func TestSessionReset(t *testing.T) {
	for after := range 3 { // answers before the reset
		var questions atomic.Int32
		p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
			if int(questions.Add(1)) == after+1 {
				conn.(*net.TCPConn).SetLinger(0)
				return false
			}
			return whole(2)(conn, q)
		})
		s := client().Session(ask.Server{Addr: p.addr}, "example.org.", ask.Limit{})
		_, err := s.SOA(t.Context())
		require.NoError(t, err, "after %d answers", after)
		for range 2 {
			records, err := drain(s.Incremental(t.Context(), older))
			require.NoError(t, err, "after %d answers", after)
			require.Equal(t, 4, records)
		}
		require.Equal(t, 2, s.Told().Connections)
		s.Close()
	}
}

// A server that does not know EDNS is asked without, and then always; what else says FORMERR
// has said it.
func TestSessionWithoutEDNS(t *testing.T) {
	var with atomic.Int32
	p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
		if q.IsEdns0() != nil {
			with.Add(1)
			send(conn, pack(new(dns.Msg).SetRcode(q, dns.RcodeFormatError)))
			return true
		}
		return whole(2)(conn, q)
	})
	s := client().Session(ask.Server{Addr: p.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	_, err := s.SOA(t.Context())
	require.NoError(t, err)
	_, err = drain(s.Transfer(t.Context()))
	require.NoError(t, err)
	require.EqualValues(t, 1, with.Load())
	always := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
		send(conn, pack(new(dns.Msg).SetRcode(q, dns.RcodeFormatError)))
		return true
	})
	s = client().Session(ask.Server{Addr: always.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	_, err = s.SOA(t.Context())
	require.ErrorAs(t, err, new(*ask.Refused))
}

// How long the zone may be served is asked, and kept when it is said (RFC 7314).
func TestSessionExpire(t *testing.T) {
	p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
		m := good(q)
		m.SetEdns0(1232, false)
		asked := q.IsEdns0().Option[0].(*dns.EDNS0_EXPIRE)
		if asked.Empty {
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Expire: 4711}}
		}
		send(conn, pack(m))
		return true
	})
	s := client().Session(ask.Server{Addr: p.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	_, err := s.SOA(t.Context())
	require.NoError(t, err)
	require.True(t, s.Told().Expires)
	require.Equal(t, 4711*time.Second, s.Told().Expire)
}

// With a key each answer of a session is verified, from its own question on; where only
// every n-th message is signed, none is given before the signature that covers it.
func TestSessionTSIG(t *testing.T) {
	for _, n := range []int{1, 3, 90} {
		p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
			if q.Question[0].Qtype == dns.TypeSOA {
				wire, _ := signed(good(q), key, macOf(q), false, time.Now())
				send(conn, wire)
				return true
			}
			send(conn, signEvery(stream(q, 100), n, true, key, macOf(q))...)
			return true
		})
		s := client().Session(ask.Server{Addr: p.addr, TSIG: key}, "example.org.", ask.Limit{})
		_, err := s.SOA(t.Context())
		require.NoError(t, err)
		for range 2 {
			records, err := drain(s.Incremental(t.Context(), older))
			require.NoError(t, err)
			require.Equal(t, 102, records)
		}
		s.Close()
		s = client().Session(ask.Server{Addr: p.addr, TSIG: otherKey}, "example.org.", ask.Limit{})
		_, err = s.SOA(t.Context())
		require.ErrorIs(t, err, ask.ErrTSIG)
		records, err := drain(s.Transfer(t.Context()))
		require.ErrorIs(t, err, ask.ErrTSIG)
		require.Zero(t, records)
		s.Close()
	}
}

// An answer for the SOA that says nothing of the zone, or is garbled, is an error; so is a
// transfer with a message that lies about itself. After it the connection is another one.
func TestSessionRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(m *dns.Msg) []byte
		kind   error
		says   string
	}{
		{"SERVFAIL", func(m *dns.Msg) []byte { m.Rcode = dns.RcodeServerFailure; return pack(m) }, nil, "answered SERVFAIL"},
		{"not authoritative", func(m *dns.Msg) []byte { m.Authoritative = false; return pack(m) }, ask.ErrGarbled, "not authoritative"},
		{"nothing", func(m *dns.Msg) []byte { m.Answer = nil; return pack(m) }, ask.ErrGarbled, "has no SOA"},
		{"another's SOA", func(m *dns.Msg) []byte { m.Answer[0].Header().Name = "example.net."; return pack(m) }, ask.ErrGarbled, "does not begin with the zone's SOA"},
		{"two", func(m *dns.Msg) []byte { m.Answer = append(m.Answer, m.Answer[0]); return pack(m) }, ask.ErrGarbled, "after the closing SOA"},
		{"of another class", func(m *dns.Msg) []byte { m.Answer[0].Header().Class = dns.ClassCHAOS; return pack(m) }, ask.ErrGarbled, "of class CH"},
		{"another id", func(m *dns.Msg) []byte { m.Id++; return pack(m) }, ask.ErrGarbled, "another id"},
		{"truncated", func(m *dns.Msg) []byte { m.Truncated = true; return pack(m) }, ask.ErrGarbled, "truncated, although over TCP"},
		{"fewer records than it says", func(m *dns.Msg) []byte { w := pack(m); w[7] = 9; return w }, ask.ErrGarbled, "fewer records than it says"},
		{"an SOA that is cut", func(m *dns.Msg) []byte { w := pack(m); return w[:len(w)-4] }, ask.ErrGarbled, "cannot be read"},
		{"a record that is larger than the message", func(m *dns.Msg) []byte {
			w := pack(m)
			w[len(w)-len("\x02ns\xc0\x0c\x04root\xc0\x0c")-20-2] = 0xff
			return w
		}, ask.ErrGarbled, "cannot be read"},
		{"a question and no answer", func(m *dns.Msg) []byte { m.Response = false; return pack(m) }, ask.ErrGarbled, "no answer, but a message"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
				m := good(q)
				m.Compress = true
				send(conn, tc.change(m))
				return true
			})
			s := client().Session(ask.Server{Addr: p.addr}, "example.org.", ask.Limit{})
			defer s.Close()
			for range 2 {
				_, err := s.SOA(t.Context())
				require.ErrorContains(t, err, tc.says)
				require.ErrorContains(t, err, p.addr.String())
				if tc.kind != nil {
					require.ErrorIs(t, err, tc.kind)
				} else {
					require.ErrorAs(t, err, new(*ask.Refused))
				}
			}
			require.EqualValues(t, map[bool]int{true: 1, false: 2}[tc.kind == nil], p.connections.Load())
		})
	}
}

// Who sends too slowly is given up, and so is who stops; who is told to stop stops.
func TestSessionPace(t *testing.T) {
	trickle := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
		send(conn, pack(stream(q, 2)[0]))
		conn.Write([]byte{0xff, 0xff}) // a message that never ends
		for range 20_000 {
			if _, err := conn.Write([]byte{0}); err != nil {
				return false
			}
			select {
			case <-t.Context().Done():
				return false
			case <-time.After(time.Millisecond):
			}
		}
		return false
	})
	s := client().Session(ask.Server{Addr: trickle.addr}, "example.org.", ask.Limit{Floor: 1 << 30, Each: time.Millisecond, Idle: 10 * time.Second})
	defer s.Close()
	_, err := drain(s.Transfer(t.Context()))
	require.ErrorIs(t, err, ask.ErrLimit)
	require.ErrorContains(t, err, "octets within 1ms")

	silent := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool {
		send(conn, pack(stream(q, 2)[0]))
		conn.Read(make([]byte, 1))
		return false
	})
	s = client().Session(ask.Server{Addr: silent.addr}, "example.org.", ask.Limit{Idle: 50 * time.Millisecond})
	defer s.Close()
	_, err = drain(s.Transfer(t.Context()))
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.ErrorContains(t, err, "after 1 messages, 2 records: no whole message within 50ms")

	s = client().Session(ask.Server{Addr: silent.addr}, "example.org.", ask.Limit{Time: 50 * time.Millisecond})
	defer s.Close()
	_, err = drain(s.Transfer(t.Context()))
	require.ErrorIs(t, err, ask.ErrLimit)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s = client().Session(ask.Server{Addr: silent.addr}, "example.org.", ask.Limit{})
	defer s.Close()
	for _, err = range s.Transfer(ctx) {
		cancel() // in the middle, as a process ends
	}
	require.ErrorIs(t, err, context.Canceled)
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{cert: cert, key: key, file: filepath.Join(t.TempDir(), "root.pem")}
	require.NoError(t, os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return a
}

// issue gives a certificate of name, its files, and the pin of its key.
func (a *authority) issue(t *testing.T, name string, until time.Duration) (c tls.Certificate, certFile, keyFile, pin string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	of := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(until)}
	der, err := x509.CreateCertificate(rand.Reader, of, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	c, err = tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	sum := sha256.Sum256(spki)
	return c, certFile, keyFile, base64.StdEncoding.EncodeToString(sum[:])
}

// Over TLS (RFC 9103) a server is known by its name, its key or both, speaks TLS 1.3 and
// says that it speaks DNS; else nothing is asked, and nothing ever in clear text.
func TestSessionOverTLS(t *testing.T) {
	root := newAuthority(t)
	cert, certFile, keyFile, pin := root.issue(t, "primary.example", time.Hour)
	outdated, _, _, _ := root.issue(t, "primary.example", -time.Hour)
	_, ownCert, ownKey, _ := root.issue(t, "us.example", time.Hour)
	clients := x509.NewCertPool()
	clients.AddCert(root.cert)
	good := func() *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"dot"}}
	}
	with := func(change func(*tls.Config)) *tls.Config {
		c := good()
		change(c)
		return c
	}
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	otherPin := base64.StdEncoding.EncodeToString(make([]byte, 32))
	byName := ask.TLS{Name: "primary.example.", CA: root.file}
	for _, tc := range []struct {
		name   string
		server *tls.Config
		tls    ask.TLS
		says   string // "" is good
	}{
		{"by name", good(), byName, ""},
		{"by pin", good(), ask.TLS{Pins: pin}, ""},
		{"by one of several pins", good(), ask.TLS{Pins: otherPin + " " + pin}, ""},
		{"by both", good(), ask.TLS{Name: "primary.example", CA: root.file, Pins: pin}, ""},
		{"with our own certificate", with(func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, clients }), ask.TLS{Name: "primary.example", CA: root.file, Cert: ownCert, Key: ownKey}, ""},
		{"without our own certificate", with(func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, clients }), byName, "certificate required"},
		{"another name", good(), ask.TLS{Name: "other.example", CA: root.file}, "not other.example"},
		{"another pin", good(), ask.TLS{Pins: otherPin}, "has the pin " + pin + ", which is not allowed"},
		{"the name but another pin", good(), ask.TLS{Name: "primary.example", CA: root.file, Pins: otherPin}, "which is not allowed"},
		{"the pin but another name", good(), ask.TLS{Name: "other.example", CA: root.file, Pins: pin}, "not other.example"},
		{"nobody vouches for it", good(), ask.TLS{Name: "primary.example"}, "unknown authority"},
		{"outdated", with(func(c *tls.Config) { c.Certificates = []tls.Certificate{outdated} }), byName, "expired"},
		{"TLS 1.2", with(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), byName, "version"},
		{"no ALPN", with(func(c *tls.Config) { c.NextProtos = nil }), byName, "must select dot"},
		{"another ALPN", with(func(c *tls.Config) { c.NextProtos = []string{"h2"} }), byName, "no application protocol"},
		{"neither name nor pin", good(), ask.TLS{CA: root.file}, "neither a name nor a pin"},
		{"no pin at all", good(), ask.TLS{Pins: "abc"}, "pin \"abc\" is not the base64 of a SHA-256"},
		{"no such file", good(), ask.TLS{Name: "primary.example", CA: root.file + ".not"}, "no such file"},
		{"an empty file", good(), ask.TLS{Name: "primary.example", CA: empty}, "has no certificate in PEM"},
		{"a certificate without its key", good(), ask.TLS{Name: "primary.example", CA: root.file, Cert: certFile}, "our own certificate"},
		{"another's key", good(), ask.TLS{Name: "primary.example", CA: root.file, Cert: ownCert, Key: keyFile}, "our own certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked atomic.Int32
			p := speak(t, tc.server, func(conn net.Conn, q *dns.Msg) bool { asked.Add(1); return whole(3)(conn, q) })
			c := &ask.Client{Timeout: 5 * time.Second}
			s := c.Session(ask.Server{Addr: p.addr, TLS: tc.tls}, "example.org.", ask.Limit{})
			defer s.Close()
			_, err := s.SOA(t.Context())
			if tc.says != "" {
				require.ErrorIs(t, err, ask.ErrTLS)
				require.ErrorContains(t, err, tc.says)
				require.ErrorContains(t, err, p.addr.String()+" over TLS")
				_, err = c.Exchange(t.Context(), ask.Server{Addr: p.addr, TLS: tc.tls}, ask.Question("example.org.", dns.TypeSOA))
				require.ErrorIs(t, err, ask.ErrTLS)
				require.Zero(t, asked.Load())
				return
			}
			require.NoError(t, err)
			require.NoError(t, tc.tls.Check())
			records, err := drain(s.Incremental(t.Context(), older))
			require.NoError(t, err)
			require.Equal(t, 5, records)
			require.Equal(t, 1, s.Told().Connections)
			require.Contains(t, s.Told().TLS, "TLS 1.3, TLS_")
			r, err := c.Exchange(t.Context(), ask.Server{Addr: p.addr, TLS: tc.tls}, ask.Question("example.org.", dns.TypeSOA))
			require.NoError(t, err)
			require.Len(t, r.Answer, 1)
		})
	}
}

// A server that speaks clear text is asked nothing.
func TestSessionOverNoTLS(t *testing.T) {
	var asked atomic.Int32
	p := speak(t, nil, func(conn net.Conn, q *dns.Msg) bool { asked.Add(1); return whole(3)(conn, q) })
	_, _, _, pin := newAuthority(t).issue(t, "x", time.Hour)
	s := client().Session(ask.Server{Addr: p.addr, TLS: ask.TLS{Pins: pin}}, "example.org.", ask.Limit{})
	defer s.Close()
	_, err := s.SOA(t.Context())
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.ErrorContains(t, err, "no handshake in time")
	require.Zero(t, asked.Load())
}

// Servers are compared by value, with what is known of their TLS.
func TestTLSIsAValue(t *testing.T) {
	a, b := ask.Server{TLS: ask.TLS{Name: "x", Pins: "y"}}, ask.Server{TLS: ask.TLS{Name: "x", Pins: "y"}}
	require.True(t, a == b)
	require.False(t, ask.TLS{}.On())
	require.NoError(t, ask.TLS{}.Check())
}
