package ask_test

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// stream is a transfer of n messages with one name each.
func stream(q *dns.Msg, n int) []*dns.Msg {
	messages := make([]*dns.Msg, n)
	for i := range messages {
		m := new(dns.Msg).SetReply(q)
		if i > 0 {
			m.Question = nil
		}
		m.Answer = []dns.RR{rr(fmt.Sprintf("n%d.example.org. 3600 IN A 192.0.2.1", i))}
		messages[i] = m
	}
	messages[0].Answer = append([]dns.RR{rr(soa)}, messages[0].Answer...)
	last := messages[n-1]
	last.Answer = append(last.Answer, rr(soa))
	return messages
}

// padded puts n messages without records after the first.
func padded(messages []*dns.Msg, n int) []*dns.Msg {
	empty := messages[1].Copy()
	empty.Answer = nil
	return slices.Insert(messages, 1, slices.Repeat([]*dns.Msg{empty}, n)...)
}

// signEvery signs the first message, every n-th after it and, if so told, the last
// one, as RFC 8945 5.3.1 lets servers do.
func signEvery(messages []*dns.Msg, n int, last bool, k *ask.TSIG, mac string) [][]byte {
	var wires [][]byte
	var between []byte
	for i, m := range messages {
		if i%n != 0 && !(last && i == len(messages)-1) {
			wire := pack(m)
			between = append(between, wire...)
			wires = append(wires, wire)
			continue
		}
		m.SetTsig(k.Name, k.Algorithm, 300, time.Now().Unix())
		// The library's buffer is MAC, message, timers: those between go after the MAC.
		wire, next, err := dns.TsigGenerateWithProvider(m, continued{secret: k.Secret, between: between, mac: mac}, mac, i > 0)
		if err != nil {
			panic(err)
		}
		wires, between, mac = append(wires, wire), nil, next
	}
	return wires
}

func collect(c *ask.Client, t *testing.T, s ask.Server, limit ask.Limit) (records int, err error) {
	for m, e := range c.Transfer(t.Context(), s, "example.org.", limit) {
		if e != nil {
			require.NoError(t, err, "an error is the last element")
			err = e
			continue
		}
		records += len(m.Answer)
	}
	return records, err
}

// A transfer of which only every n-th message is signed is verified whole: NSD
// signs so, and libraries that want every message signed cannot read it.
func TestTransferSignedNowAndThen(t *testing.T) {
	for _, n := range []int{1, 2, 7, 96} {
		s := serve(t, nil, func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, signEvery(stream(q, 200), n, true, key, macOf(q))...)
		})
		records, err := collect(client(), t, ask.Server{Addr: s.addr, TSIG: key}, ask.Limit{})
		require.NoError(t, err, "every %d", n)
		require.Equal(t, 202, records)
	}
}

// Without a key the messages come as they are.
func TestTransferUnsigned(t *testing.T) {
	s := serve(t, nil, func(conn net.Conn, q *dns.Msg, _ []byte) {
		for _, m := range stream(q, 3) {
			send(conn, pack(m))
		}
	})
	records, err := collect(client(), t, ask.Server{Addr: s.addr}, ask.Limit{})
	require.NoError(t, err)
	require.Equal(t, 5, records)
}

// Messages without records pad a stream, and change nothing of it.
func TestTransferPadded(t *testing.T) {
	s := serve(t, nil, func(conn net.Conn, q *dns.Msg, _ []byte) {
		for _, m := range padded(stream(q, 3), 100) {
			send(conn, pack(m))
		}
	})
	records, err := collect(client(), t, ask.Server{Addr: s.addr}, ask.Limit{})
	require.NoError(t, err)
	require.Equal(t, 5, records)
}

// What must be refused, and what the operator is told. At an error, nothing that
// was not verified has been handed out.
func TestTransferRefused(t *testing.T) {
	plainly := func(change func([]*dns.Msg) []*dns.Msg) func(net.Conn, *dns.Msg, []byte) {
		return func(conn net.Conn, q *dns.Msg, _ []byte) {
			for _, m := range change(stream(q, 10)) {
				send(conn, pack(m))
			}
		}
	}
	signing := func(change func(wires [][]byte, q *dns.Msg) [][]byte) func(net.Conn, *dns.Msg, []byte) {
		return func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, change(signEvery(stream(q, 10), 4, true, key, macOf(q)), q)...)
		}
	}
	endless := func(conn net.Conn, q *dns.Msg, _ []byte) {
		m := stream(q, 2)[0]
		send(conn, pack(m))
		m.Answer = m.Answer[1:]
		wire := pack(m)
		for {
			if _, err := conn.Write(append([]byte{byte(len(wire) >> 8), byte(len(wire))}, wire...)); err != nil {
				return
			}
		}
	}
	for _, tc := range []struct {
		name    string
		serve   func(net.Conn, *dns.Msg, []byte)
		key     *ask.TSIG
		limit   ask.Limit
		kind    error
		says    string
		records int
	}{
		{"refused", func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, pack(new(dns.Msg).SetRcode(q, dns.RcodeRefused)))
		}, nil, ask.Limit{}, nil, ": answered REFUSED", 0},
		{"no question first", plainly(func(m []*dns.Msg) []*dns.Msg { return m[1:2] }), nil, ask.Limit{}, ask.ErrGarbled, "another question", 0},
		{"does not begin with SOA", plainly(func(m []*dns.Msg) []*dns.Msg { m[0].Answer = m[0].Answer[1:]; return m }), nil, ask.Limit{}, ask.ErrGarbled, "does not begin with the zone's SOA", 0},
		{"cut short", plainly(func(m []*dns.Msg) []*dns.Msg { return m[:9] }), nil, ask.Limit{}, ask.ErrUnreachable, "after 9 messages, 10 records: the connection was closed", 10},
		{"records after the end", plainly(func(m []*dns.Msg) []*dns.Msg {
			m[9].Answer = append(m[9].Answer, rr("z.example.org. 1 IN A 192.0.2.1"))
			return m
		}), nil, ask.Limit{}, ask.ErrGarbled, "records after the closing SOA", 10},
		{"another id in the middle", plainly(func(m []*dns.Msg) []*dns.Msg { m[5].Id++; return m }), nil, ask.Limit{}, ask.ErrGarbled, "another id", 6},
		{"begins with an empty message", plainly(func(m []*dns.Msg) []*dns.Msg { m[0].Answer = nil; return m }), nil, ask.Limit{}, ask.ErrGarbled, "the answer has no records", 0},
		{"empty messages without end", plainly(func(m []*dns.Msg) []*dns.Msg { return padded(m, 101) }), nil, ask.Limit{}, ask.ErrLimit, "101 messages in a row without records", 2},
		{"never ends: messages", endless, nil, ask.Limit{Messages: 50}, ask.ErrLimit, "more than the 50 messages allowed", -1},
		{"of another class", plainly(func(m []*dns.Msg) []*dns.Msg { m[5].Answer[0].Header().Class = dns.ClassCHAOS; return m }), nil, ask.Limit{}, ask.ErrGarbled, "a record of class CH", 6},
		{"never ends: octets", endless, nil, ask.Limit{Octets: 100_000}, ask.ErrLimit, "more than the 100000 octets allowed", -1},
		{"never ends: records", endless, nil, ask.Limit{Records: 50}, ask.ErrLimit, "more than the 50 records allowed", -1},
		{"never ends: time", endless, nil, ask.Limit{Time: 50 * time.Millisecond}, ask.ErrLimit, "not ended within 50ms", -1},
		{"stops without closing", func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, pack(stream(q, 2)[0]))
			conn.Read(make([]byte, 1))
		}, nil, ask.Limit{}, ask.ErrUnreachable, "after 1 messages, 2 records: no whole message within", 2},
		{"not signed", plainly(func(m []*dns.Msg) []*dns.Msg { return m }), key, ask.Limit{}, ask.ErrTSIG, "is not signed", 0},
		{"last message not signed", func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, signEvery(stream(q, 10), 4, false, key, macOf(q))...)
		}, key, ask.Limit{}, ask.ErrTSIG, "the last message is not signed", 10},
		{"a hundred in a row not signed", func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, signEvery(stream(q, 150), 120, true, key, macOf(q))...)
		}, key, ask.Limit{}, ask.ErrTSIG, "100 messages in a row are not signed", 2},
		{"an unsigned message changed on the way", signing(func(w [][]byte, _ *dns.Msg) [][]byte {
			w[2][len(w[2])-1]++ // the address
			return w
		}), key, ask.Limit{}, ask.ErrTSIG, "signature with key group-key. is wrong", 2},
		{"a message taken out", signing(func(w [][]byte, _ *dns.Msg) [][]byte {
			return append(w[:2:2], w[3:]...)
		}), key, ask.Limit{}, ask.ErrTSIG, "is wrong", 2},
		{"signed with another secret", func(conn net.Conn, q *dns.Msg, _ []byte) {
			send(conn, signEvery(stream(q, 10), 4, true, otherKey, macOf(q))...)
		}, key, ask.Limit{}, ask.ErrTSIG, "is wrong", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, nil, tc.serve)
			records, err := collect(client(), t, ask.Server{Addr: s.addr, TSIG: tc.key}, tc.limit)
			if tc.kind != nil {
				require.ErrorIs(t, err, tc.kind)
			} else {
				require.ErrorAs(t, err, new(*ask.Refused))
			}
			require.ErrorContains(t, err, tc.says)
			require.ErrorContains(t, err, "transfer example.org from "+s.addr.String()+": ")
			if tc.records >= 0 {
				require.Equal(t, tc.records, records)
			}
		})
	}
}

// Who has read enough stops, and the server is not read any further.
func TestTransferStopsEarly(t *testing.T) {
	s := serve(t, nil, func(conn net.Conn, q *dns.Msg, _ []byte) {
		send(conn, pack(stream(q, 2)[0]))
		conn.Read(make([]byte, 1)) // until the other side hangs up
	})
	for m, err := range client().Transfer(t.Context(), ask.Server{Addr: s.addr}, "example.org.", ask.Limit{}) {
		require.NoError(t, err)
		require.Len(t, m.Answer, 2)
		break
	}
}
