package ask_test

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/test/loopback"
)

// updating is an UPDATE of the zone test. that is larger than a UDP query may be if so told.
func updating(large bool) *dns.Msg {
	m := new(dns.Msg).SetUpdate("test.")
	m.Insert([]dns.RR{rr("example.test. 60 IN A 192.0.2.1")})
	for range 60 {
		if large {
			m.Insert([]dns.RR{rr("example.test. 60 IN TXT 0123456789")})
		}
	}
	return m
}

// An UPDATE counts as answered only by an answer that is signed as it was; NOERROR
// is the only good one, whether or not it repeats the zone (RFC 2136 3.8).
func TestUpdate(t *testing.T) {
	answer := func(rcode int, key *ask.TSIG, change func(m *dns.Msg)) func(*dns.Msg) []byte {
		return func(q *dns.Msg) []byte {
			m := new(dns.Msg).SetRcode(q, rcode)
			if change != nil {
				change(m)
			}
			if key == nil {
				return pack(m)
			}
			wire, _ := signed(m, key, macOf(q), false, time.Now())
			return wire
		}
	}
	for _, tc := range []struct {
		name  string
		reply func(*dns.Msg) []byte
		kind  error
		says  string // "": it succeeds
	}{
		{"taken", answer(dns.RcodeSuccess, key, nil), nil, ""},
		{"taken, without the zone", answer(dns.RcodeSuccess, key, func(m *dns.Msg) { m.Question = nil }), nil, ""},
		{"not changed as wished", answer(dns.RcodeNXRrset, key, nil), nil, "answered NXRRSET"},
		{"not allowed", answer(dns.RcodeRefused, key, nil), nil, "answered REFUSED"},
		{"not its zone", answer(dns.RcodeNotAuth, key, nil), nil, "answered NOTAUTH"},
		{"not signed", answer(dns.RcodeSuccess, nil, nil), ask.ErrTSIG, "is not signed with key group-key."},
		{"refused, not signed", answer(dns.RcodeRefused, nil, nil), ask.ErrTSIG, "the answer (REFUSED) is not signed"},
		{"signed by another", answer(dns.RcodeSuccess, otherKey, nil), ask.ErrTSIG, "signature with key group-key. is wrong"},
		{"of another zone", answer(dns.RcodeSuccess, key, func(m *dns.Msg) { m.Question[0].Name = "net." }), ask.ErrGarbled, "an answer to another question"},
	} {
		for _, large := range []bool{false, true} {
			t.Run(tc.name, func(t *testing.T) {
				s := serve(t,
					func(q *dns.Msg, _ []byte) [][]byte { return [][]byte{tc.reply(q)} },
					func(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, tc.reply(q)) })
				err := client().Update(t.Context(), ask.Server{Addr: s.addr, TSIG: key}, updating(large))
				if udp, _ := s.asked(); large {
					require.Zero(t, udp, "what is longer than 512 octets goes over TCP at once")
				}
				if tc.says == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, tc.says)
				require.ErrorContains(t, err, "update zone test at "+s.addr.String()+": ")
				if tc.kind != nil {
					require.ErrorIs(t, err, tc.kind)
				} else {
					require.ErrorAs(t, err, new(*ask.Refused))
				}
			})
		}
	}
}

// An answer that comes from another address than was asked is none.
func TestAnswerFromElsewhere(t *testing.T) {
	elsewhere, err := net.ListenPacket("udp", "127.0.0.2:0")
	require.NoError(t, err)
	t.Cleanup(func() { elsewhere.Close() })
	relay, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { relay.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := relay.ReadFrom(buf)
			q := new(dns.Msg)
			if err != nil || q.Unpack(buf[:n]) != nil {
				return
			}
			wire, _ := signed(new(dns.Msg).SetReply(q), key, macOf(q), false, time.Now())
			elsewhere.WriteTo(wire, from)
		}
	}()
	to := ask.Server{Addr: relay.LocalAddr().(*net.UDPAddr).AddrPort(), TSIG: key}
	require.ErrorIs(t, client().Update(t.Context(), to, updating(false)), ask.ErrUnreachable)
	require.ErrorIs(t, client().Notify(t.Context(), to, "example.test.", dns.TypeCDS, nil), ask.ErrUnreachable)
}

// What is passed on goes over a connection and once, whatever comes of it; and it is known
// whether it can have been taken.
func TestForward(t *testing.T) {
	refuse := func(q *dns.Msg) []byte {
		wire, _ := signed(new(dns.Msg).SetRcode(q, dns.RcodeRefused), key, macOf(q), false, time.Now())
		return wire
	}
	s := serve(t,
		func(q *dns.Msg, _ []byte) [][]byte { return [][]byte{refuse(q)} },
		func(conn net.Conn, q *dns.Msg, _ []byte) { send(conn, refuse(q)) })
	r, sent, err := client().Forward(t.Context(), ask.Server{Addr: s.addr, TSIG: key}, updating(false), time.Minute)
	require.NoError(t, err)
	require.True(t, sent)
	require.Equal(t, dns.RcodeRefused, r.Rcode, "an answer is no error")
	overUDP, overTCP := s.asked()
	require.Equal(t, []int{0, 1}, []int{overUDP, overTCP})

	silent := serve(t, func(*dns.Msg, []byte) [][]byte { return nil }, func(conn net.Conn, _ *dns.Msg, _ []byte) { conn.Close() })
	_, sent, err = client().Forward(t.Context(), ask.Server{Addr: silent.addr, TSIG: key}, updating(false), time.Minute)
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.True(t, sent)
	_, overTCP = silent.asked()
	require.Equal(t, 1, overTCP)

	_, sent, err = client().Forward(t.Context(), ask.Server{Addr: loopback.Address(t), TSIG: key}, updating(false), time.Minute)
	require.ErrorIs(t, err, ask.ErrUnreachable)
	require.False(t, sent)
	_, _, err = client().Forward(t.Context(), ask.Server{Addr: s.addr, TSIG: otherKey}, updating(false), time.Minute)
	require.ErrorIs(t, err, ask.ErrTSIG)
}
