package ask_test

import (
	"net"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// A marked question is known when it arrives, over UDP and over TCP, whatever is between.
// Nobody else's is: not one without the number or with a number of his own, not the
// same one once more, not another one with its number, and none when the answer has come.
func TestMarks(t *testing.T) {
	var marks, others ask.Marks
	var seen []*dns.Msg
	known := func(q *dns.Msg) {
		seen = append(seen, q)
		other := q.Copy()
		other.Question[0].Qtype = dns.TypeSOA
		require.False(t, marks.Own(other), "another question")
		require.False(t, others.Own(q), "of another process")
		require.True(t, marks.Own(q))
		require.False(t, marks.Own(q), "once more")
	}
	s := serve(t, func(q *dns.Msg, _ []byte) [][]byte {
		known(q)
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		return [][]byte{pack(m)}
	}, func(conn net.Conn, q *dns.Msg, _ []byte) {
		known(q)
		send(conn, pack(new(dns.Msg).SetReply(q)))
	})
	mark := marks.New()
	question := ask.Question("Example.org.", dns.TypeDNSKEY)
	_, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr, Mark: mark}, question)
	require.NoError(t, err)
	require.True(t, mark.Arrived())
	require.Len(t, seen, 2)
	number := seen[0].IsEdns0().Option[0].(*dns.EDNS0_LOCAL)
	require.NotEqual(t, number, seen[1].IsEdns0().Option[0])
	require.Empty(t, question.IsEdns0().Option, "the caller's stays as it is")
	require.False(t, marks.Own(question))
	forged := question.Copy()
	forged.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: number.Code, Data: make([]byte, 16)}}
	require.False(t, marks.Own(forged))
	require.False(t, marks.New().Arrived())
	require.False(t, (*ask.Mark)(nil).Arrived())
}

// What was never answered is over, too: who has kept a question cannot ask it later. And
// without a mark nothing is added to what others are asked.
func TestMarksEnd(t *testing.T) {
	var marks ask.Marks
	kept := make(chan *dns.Msg, 10)
	s := serve(t, func(q *dns.Msg, _ []byte) [][]byte { kept <- q; return nil }, nil)
	_, err := client().Exchange(t.Context(), ask.Server{Addr: s.addr, Mark: marks.New()}, ask.Question("example.org.", dns.TypeDNSKEY))
	require.ErrorIs(t, err, ask.ErrUnreachable)
	q := <-kept
	require.Len(t, q.IsEdns0().Option, 1)
	require.False(t, marks.Own(q))

	s = serve(t, func(q *dns.Msg, _ []byte) [][]byte { kept <- q; return [][]byte{pack(good(q))} }, nil)
	for len(kept) > 0 {
		<-kept
	}
	_, err = client().Exchange(t.Context(), ask.Server{Addr: s.addr}, ask.Question("example.org.", dns.TypeSOA))
	require.NoError(t, err)
	require.Empty(t, (<-kept).IsEdns0().Option)
}
