package ask_test

import (
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
)

// A signer that is asked for the serial of its content tells it beside the answer; what is
// no serial, and the answer of somebody who does not know the option, tell none.
func TestContentOption(t *testing.T) {
	sent := func(m *dns.Msg) *dns.Msg {
		wire, err := m.Pack()
		require.NoError(t, err)
		got := new(dns.Msg)
		require.NoError(t, got.Unpack(wire))
		return got
	}
	q := sent(ask.ContentQuestion("example.org."))
	require.True(t, ask.AsksContent(q))
	require.False(t, ask.AsksContent(ask.Question("example.org.", dns.TypeSOA)))
	require.False(t, ask.AsksContent(new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)))
	told := func(options ...dns.EDNS0) (uint32, bool) {
		m := new(dns.Msg).SetReply(q).SetEdns0(1232, true)
		bare := m.Len()
		m.IsEdns0().Option = options
		if len(options) > 0 {
			require.LessOrEqual(t, m.Len()-bare, ask.ContentOptionSize)
		}
		return ask.ContentTold(sent(m))
	}
	for _, serial := range []uint32{0, 7, 1<<32 - 1} {
		got, ok := told(ask.ContentOption(serial))
		require.True(t, ok)
		require.Equal(t, serial, got)
	}
	_, ok := told()
	require.False(t, ok)
	_, ok = told(q.IsEdns0().Option...) // it comes back as it was sent
	require.False(t, ok)
}
