package ask_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/test/loopback"
)

// A truncated answer is asked for again over TCP, and only the whole one is given:
// a DNSKEY RRset that lacks keys must never be taken for the RRset.
func TestTruncatedAnswerComesOverTCP(t *testing.T) {
	s := serve(t, func(q *dns.Msg, _ []byte) [][]byte {
		m := good(q)
		m.Truncated, m.Answer = true, nil
		return [][]byte{pack(m)}
	}, tcpGood)
	r, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr}, ask.Question("example.org.", dns.TypeSOA))
	require.NoError(t, err)
	require.Len(t, r.Answer, 1)
	overUDP, overTCP := s.asked()
	require.Equal(t, [2]int{1, 1}, [2]int{overUDP, overTCP})
}

// A stranger's guesses are passed over, and the answer that belongs to the
// question is found among them.
func TestOthersAnswersArePassedOver(t *testing.T) {
	s := serve(t, func(q *dns.Msg, _ []byte) [][]byte {
		wrongID := good(q)
		wrongID.Id++
		otherQuestion := good(q)
		otherQuestion.Question[0].Name = "example.net."
		notAnAnswer := good(q)
		notAnAnswer.Response = false
		noise := append([]byte{byte(^q.Id >> 8), byte(^q.Id)}, "no DNS message, and of another id"...)
		return [][]byte{{1, 2, 3}, noise, pack(wrongID), pack(otherQuestion), pack(notAnAnswer), pack(good(q))}
	}, nil)
	r, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr}, ask.Question("example.org.", dns.TypeSOA))
	require.NoError(t, err)
	require.Len(t, r.Answer, 1)
	overUDP, overTCP := s.asked()
	require.Equal(t, [2]int{1, 0}, [2]int{overUDP, overTCP})
}

// Each way to fail is an error of its own kind: an operator must see whether a
// server is down, speaks nonsense, or has another key.
func TestWhatIsNoAnswer(t *testing.T) {
	wrongID := func(q *dns.Msg) *dns.Msg { m := good(q); m.Id++; return m }
	otherQuestion := func(q *dns.Msg) *dns.Msg { m := good(q); m.Question[0].Qtype = dns.TypeA; return m }
	both := func(change func(*dns.Msg) *dns.Msg) func(*testing.T) *server {
		return func(t *testing.T) *server {
			return serve(t,
				func(q *dns.Msg, _ []byte) [][]byte { return [][]byte{pack(change(q))} },
				func(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, pack(change(q))) })
		}
	}
	sign := func(k *ask.TSIG, at time.Time) func(t *testing.T) *server {
		wire := func(q *dns.Msg) []byte {
			wire, _ := signed(good(q), k, macOf(q), false, at)
			return wire
		}
		return func(t *testing.T) *server {
			return serve(t,
				func(q *dns.Msg, _ []byte) [][]byte { return [][]byte{wire(q)} },
				func(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, wire(q)) })
		}
	}
	for _, tc := range []struct {
		name   string
		server func(*testing.T) *server
		key    *ask.TSIG
		kind   error
		says   string
	}{
		{"silent", func(t *testing.T) *server { return serve(t, nil, nil) }, nil, ask.ErrUnreachable, "over TCP: the connection was closed before an answer"},
		{"another id", both(wrongID), nil, ask.ErrGarbled, "an answer with another id"},
		{"another question", both(otherQuestion), nil, ask.ErrGarbled, "an answer to another question"},
		{"noise", func(t *testing.T) *server {
			noise := func(wire []byte) []byte {
				return append(append([]byte(nil), wire[:2]...), "not a DNS message at all"...)
			}
			return serve(t,
				func(_ *dns.Msg, wire []byte) [][]byte { return [][]byte{noise(wire)} },
				func(conn net.Conn, _ *dns.Msg, wire []byte) { send(conn, noise(wire)) })
		}, nil, ask.ErrGarbled, "cannot be read"},
		{"half a message", func(t *testing.T) *server {
			return serve(t, nil, func(conn net.Conn, _ *dns.Msg, _ []byte) { conn.Write([]byte{0, 100, 1, 2, 3}) })
		}, nil, ask.ErrGarbled, "closed in the middle of a message"},
		{"truncated over TCP", both(func(q *dns.Msg) *dns.Msg { m := good(q); m.Truncated = true; return m }), nil, ask.ErrGarbled, "truncated, although over TCP"},
		{"not signed", both(good), key, ask.ErrTSIG, "the answer (NOERROR) is not signed with key group-key."},
		{"signed with another secret", sign(otherKey, time.Now()), key, ask.ErrTSIG, "signature with key group-key. is wrong"},
		{"signed with another key", sign(&ask.TSIG{Name: "x.", Algorithm: key.Algorithm, Secret: key.Secret}, time.Now()), key, ask.ErrTSIG, `is signed with key "x.", not group-key.`},
		{"signed by another algorithm", sign(&ask.TSIG{Name: key.Name, Algorithm: dns.HmacSHA1, Secret: key.Secret}, time.Now()), key, ask.ErrTSIG, `by algorithm "hmac-sha1.", not hmac-sha256.`},
		{"signed an hour ago", sign(key, time.Now().Add(-time.Hour)), key, ask.ErrTSIG, "from now by our clock"},
		{"does not know the key", both(func(q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetRcode(q, dns.RcodeNotAuth)
			m.SetTsig(key.Name, key.Algorithm, 300, time.Now().Unix())
			m.IsTsig().Error = dns.RcodeBadKey
			return m
		}), key, ask.ErrTSIG, "does not know key group-key. (BADKEY)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.server(t)
			_, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr, TSIG: tc.key}, ask.Question("example.org.", dns.TypeSOA))
			require.ErrorIs(t, err, tc.kind)
			require.ErrorContains(t, err, tc.says)
			require.ErrorContains(t, err, "ask "+s.addr.String()+" for example.org SOA: ")
		})
	}
}

// Nothing listens there: that is known at once, and without waiting.
func TestNobodyThere(t *testing.T) {
	_, err := (&ask.Client{}).Exchange(t.Context(), ask.Server{Addr: loopback.Address(t)}, ask.Question("example.org.", dns.TypeSOA))
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.ErrorContains(t, err, "connection refused")
}

// An answer signed by the key is accepted over both transports, also one whose
// rcode is NOTAUTH, which a NOTIFY for a zone that is not there gets.
func TestSignedAnswer(t *testing.T) {
	for _, rcode := range []int{dns.RcodeSuccess, dns.RcodeNotAuth} {
		for _, algorithm := range []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512} {
			k := &ask.TSIG{Name: "k.", Algorithm: algorithm, Secret: key.Secret}
			answer := func(q *dns.Msg, raw []byte) []byte {
				require.NoError(t, dns.TsigVerify(raw, k.Secret, "", false))
				m := good(q)
				m.Rcode = rcode
				wire, _ := signed(m, k, macOf(q), false, time.Now())
				return wire
			}
			s := serve(t, func(q *dns.Msg, raw []byte) [][]byte {
				m := good(q)
				m.Truncated = true
				wire, _ := signed(m, k, macOf(q), false, time.Now())
				return [][]byte{wire}
			}, func(conn net.Conn, q *dns.Msg, raw []byte) { send(conn, answer(q, raw)) })
			r, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr, TSIG: k}, ask.Question("example.org.", dns.TypeSOA))
			require.NoError(t, err)
			require.Equal(t, rcode, r.Rcode)
		}
	}
}

// Where UDP is lost on the way, the last try still gets through.
func TestLastTryIsOverTCP(t *testing.T) {
	s := serve(t, nil, tcpGood)
	r, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr}, ask.Question("example.org.", dns.TypeSOA))
	require.NoError(t, err)
	require.Len(t, r.Answer, 1)
}

// An answer over UDP whose signature is wrong may be a stranger's: over TCP the
// server can still be heard.
func TestForgedOverUDP(t *testing.T) {
	s := serve(t, func(q *dns.Msg, _ []byte) [][]byte {
		wire, _ := signed(good(q), otherKey, macOf(q), false, time.Now())
		return [][]byte{wire}
	}, func(conn net.Conn, q *dns.Msg, _ []byte) {
		wire, _ := signed(good(q), key, macOf(q), false, time.Now())
		send(conn, wire)
	})
	_, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr, TSIG: key}, ask.Question("example.org.", dns.TypeSOA))
	require.NoError(t, err)
}

// A caller that stops waiting is let go at once, whatever the server does.
func TestCancelledWhileWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(*dns.Msg, []byte) [][]byte { cancel(); return nil }, nil)
	began := time.Now()
	_, err := (&ask.Client{Timeout: time.Minute}).Exchange(ctx, ask.Server{Addr: s.addr}, ask.Question("example.org.", dns.TypeSOA))
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(began), 10*time.Second)
}

// A query that is too long for old servers' UDP goes over TCP: a NOTIFY with a
// long name, an SOA and a TSIG is one.
func TestLongQueryGoesOverTCP(t *testing.T) {
	s := serve(t, udpGood, func(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, pack(new(dns.Msg).SetReply(q))) })
	m := ask.Question("example.org.", dns.TypeSOA)
	for len(pack(m)) <= 512 {
		m.Answer = append(m.Answer, rr(soa))
	}
	_, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr}, m)
	require.NoError(t, err)
	overUDP, overTCP := s.asked()
	require.Equal(t, [2]int{0, 1}, [2]int{overUDP, overTCP})
}

// A NOTIFY is sent again until it is answered, and an rcode is not taken for consent.
func TestNotify(t *testing.T) {
	for _, tc := range []struct {
		rcode int
		says  string
	}{
		{dns.RcodeSuccess, ""},
		{dns.RcodeRefused, ": answered REFUSED"},
	} {
		count := 0
		s := serve(t, func(q *dns.Msg, raw []byte) [][]byte {
			if count++; count == 1 {
				return nil // lost
			}
			require.NoError(t, dns.TsigVerify(raw, key.Secret, "", false))
			require.Equal(t, dns.OpcodeNotify, q.Opcode)
			require.True(t, q.Authoritative)
			require.Equal(t, rr(soa).String(), q.Answer[0].String())
			wire, _ := signed(new(dns.Msg).SetRcode(q, tc.rcode), key, macOf(q), false, time.Now())
			return [][]byte{wire}
		}, nil)
		err := client().Notify(t.Context(), ask.Server{Addr: s.addr, TSIG: key}, "example.org.", dns.TypeSOA, rr(soa))
		if tc.says == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, "notify "+s.addr.String()+" of example.org SOA"+tc.says)
	}
}

// Every address of a set is asked at once: one that is silent holds up none of the others.
func TestAll(t *testing.T) {
	silent, fine := serve(t, nil, nil), serve(t, udpGood, nil)
	servers := []ask.Server{{Addr: silent.addr}, {Addr: fine.addr}, {Addr: loopback.Address(t)}}
	results := ask.All(servers, func(s ask.Server) bool {
		_, err := client().Exchange(t.Context(), s, ask.Question("example.org.", dns.TypeSOA))
		return err == nil
	})
	require.Equal(t, []bool{false, true, false}, results)
}

// A name may be escaped in more than one way, and its letters may come back in another
// case: it is the same name, so that names of DNS-SD instances can be asked for, and
// zones of such names transferred.
func TestEscapedNames(t *testing.T) {
	for _, tc := range []struct{ asked, soa string }{
		{`my\032printer.example.org.`, `My\ Printer.example.org.`},
		{`it\039s.example.org.`, `it\'s.example.org.`},
		{`a\064b\059\040.example.org.`, `a\@b\;\(.example.org.`},
		{`\255\000.example.org.`, `\255\000.example.org.`},
	} {
		t.Run(tc.asked, func(t *testing.T) {
			record := rr(`example.org. 3600 IN SOA ns.example.org. root.example.org. 7 3600 600 86400 300`)
			record.Header().Name = tc.soa
			answer := func(q *dns.Msg) []byte {
				m := new(dns.Msg).SetReply(q)
				m.Authoritative, m.Answer = true, []dns.RR{record}
				if q.Question[0].Qtype == dns.TypeAXFR {
					m.Answer = append(m.Answer, record)
				}
				return pack(m)
			}
			s := serve(t,
				func(q *dns.Msg, _ []byte) [][]byte { return [][]byte{answer(q)} },
				func(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, answer(q)) })
			_, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr}, ask.Question(tc.asked, dns.TypeSOA))
			require.NoError(t, err)
			records := 0
			for m, err := range client().Transfer(t.Context(), ask.Server{Addr: s.addr}, tc.asked, ask.Limit{}) {
				require.NoError(t, err)
				records += len(m.Answer)
			}
			require.Equal(t, 2, records)
		})
	}
}
