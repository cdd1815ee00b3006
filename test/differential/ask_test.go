//go:build interop

package differential

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/answer"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// serve answers on loopback from the versions until the test ends.
func serve(t *testing.T, address string, zones []signedZone) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(free(t, address)))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var r answer.Response
		query, wire := make([]byte, dns.MaxMsgSize), make([]byte, 0, dns.MaxMsgSize)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(query)
			if err != nil {
				return
			}
			if wire = reply(wire[:0], &r, zones, query[:n]); len(wire) > 0 {
				_, _ = conn.WriteToUDPAddrPort(wire, from)
			}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// reply is what a server does around package answer, in little.
func reply(dst []byte, r *answer.Response, zones []signedZone, query []byte) []byte {
	var m dns.Msg
	if m.Unpack(query) != nil || len(m.Question) != 1 {
		return nil
	}
	name, end, err := zone.NameFromWire(query[12:])
	if err != nil {
		return nil
	}
	request := answer.Request{ID: m.Id, RD: m.RecursionDesired, Name: query[12 : 12+end], Class: m.Question[0].Qclass}
	do, opt := false, m.IsEdns0()
	if opt != nil {
		request.Limit, request.Payload, do = int(opt.UDPSize()), 4096, opt.Do()
	}
	for _, z := range zones {
		if name.Under(z.version.Apex()) {
			r.Plan(z.version, answer.Question{Name: name, Type: zone.Type(m.Question[0].Qtype), DO: do})
			return r.AppendWire(dst, &request)
		}
	}
	return nil
}

// question is one query, with the place of its answers.
type question struct {
	zone *signedZone
	name string
	kind uint16
	do   bool
	size uint16 // 0: without EDNS
}

func (q question) message(id int) *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.kind)
	m.Id, m.RecursionDesired = uint16(id), false
	if q.size > 0 {
		m.SetEdns0(q.size, q.do)
	}
	return m
}

// accepts has a validator look at an answer that has to be secure. That of the DS
// of the apex is not: it counts only from the zone above (RFC 4035 5.2). Nor is a
// chain whole that has come to its bound.
func (q question) accepts(m *dns.Msg, now time.Time) error {
	apex := q.zone.version.Apex()
	if !q.do || m.Truncated || q.kind == dns.TypeDS && strings.EqualFold(q.name, q.zone.apex) || aliases(hear(m).answer) >= 9 {
		return nil
	}
	keys, _ := q.zone.version.RRset(apex, zone.TypeDNSKEY)
	return validate.Response(m, m.Question[0], apex, keys, now)
}

func (q question) String() string {
	s := q.name + " " + dns.Type(q.kind).String()
	if q.do {
		s += " do"
	}
	return s
}

// heard is an answer as it came.
type heard struct {
	*dns.Msg // nil: none
	octets   int
}

// askAll asks one server everything over a few sockets, each with one question
// under way, three times where there is no answer.
func askAll(t *testing.T, at netip.AddrPort, questions []question) []heard {
	t.Helper()
	const askers = 4
	answers := make([]heard, len(questions))
	var group sync.WaitGroup
	for first := range askers {
		conn, err := net.Dial("udp", at.String())
		require.NoError(t, err)
		group.Go(func() {
			defer conn.Close()
			buffer := make([]byte, dns.MaxMsgSize)
			for i := first; i < len(questions); i += askers {
				for try := 0; try < 3 && answers[i].Msg == nil; try++ {
					answers[i] = exchange(conn, questions[i].message(i), buffer)
				}
			}
		})
	}
	group.Wait()
	return answers
}

func exchange(conn net.Conn, query *dns.Msg, buffer []byte) heard {
	wire, err := query.Pack()
	if err != nil {
		return heard{}
	}
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write(wire); err != nil {
		return heard{}
	}
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return heard{}
		}
		m := new(dns.Msg)
		if m.Unpack(buffer[:n]) == nil && m.Id == query.Id && len(m.Question) == 1 && m.Question[0] == query.Question[0] {
			return heard{m, n}
		}
	}
}
