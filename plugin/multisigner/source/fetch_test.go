package source_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var origin = zone.MustName("example.org.")

// script is a primary on loopback that answers as it is told, by type of question: each
// text is a message, whose lines are its answer section, in zone file format without the
// apex's name; "rcode NAME" alone is an error, "close" hangs up, "wait" says nothing more.
type script map[uint16][]string

// scripted is the script at work.
type scripted struct {
	addr netip.AddrPort

	mu          sync.Mutex
	asked       []string // types of the questions, with the serial of an IXFR's
	connections int
	options     [][]dns.EDNS0
}

func (s script) serve(t *testing.T) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	is := &scripted{addr: l.Addr().(*net.TCPAddr).AddrPort()}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			is.mu.Lock()
			is.connections++
			is.mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				for is.answer(conn, s) {
				}
			})
		}
	})
	return is
}

// answer takes one question; false when the connection is to be closed.
func (is *scripted) answer(conn net.Conn, s script) bool {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return false
	}
	wire := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, wire); err != nil {
		return false
	}
	q := new(dns.Msg)
	if err := q.Unpack(wire); err != nil {
		return false
	}
	asked := dns.Type(q.Question[0].Qtype).String()
	if len(q.Ns) == 1 {
		asked += fmt.Sprint(" ", q.Ns[0].(*dns.SOA).Serial)
	}
	is.mu.Lock()
	is.asked = append(is.asked, asked)
	if opt := q.IsEdns0(); opt != nil {
		is.options = append(is.options, opt.Option)
	}
	is.mu.Unlock()
	for _, text := range s[q.Question[0].Qtype] {
		switch text {
		case "close":
			return false
		case "wait":
			conn.Read(size[:1])
			return false
		}
		m := new(dns.Msg).SetReply(q)
		m.Authoritative = true
		if name, is := strings.CutPrefix(text, "rcode "); is {
			m.Rcode = dns.StringToRcode[name]
		} else {
			m.Answer = records(text)
		}
		wire, err := m.Pack()
		if err != nil {
			panic(err)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
			return false
		}
	}
	return true
}

func (is *scripted) seen() (asked []string, connections int) {
	is.mu.Lock()
	defer is.mu.Unlock()
	return slices.Clone(is.asked), is.connections
}

// records reads lines; soa N stands for the zone's SOA of that serial.
func records(text string) []dns.RR {
	var all []dns.RR
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if serial, is := strings.CutPrefix(line, "soa "); is {
			line = "@ 3600 IN SOA ns.example.org. root.example.org. " + serial + " 7200 600 864000 300"
		}
		rr, err := dns.NewRR("$ORIGIN example.org.\n" + line)
		if err != nil {
			panic(err)
		}
		all = append(all, rr)
	}
	return all
}

// content is a version of these lines.
func content(text string) *zone.Version {
	b := zone.NewBuilder(origin)
	sets, err := zone.FromRRs(records(text))
	if err != nil {
		panic(err)
	}
	for _, s := range sets {
		b.Put(s)
	}
	return b.Version()
}

const (
	apexNS = "@ 3600 NS ns\nns 3600 A 192.0.2.1\n"
	seven  = "soa 7\n" + apexNS + "a 300 A 192.0.2.7\nb 300 A 192.0.2.8\n"
	nine   = "soa 9\n" + apexNS + "a 300 A 192.0.2.9\nb 300 A 192.0.2.8\nc 300 A 192.0.2.3\n"
	// toNine are the differences from seven, in two steps.
	toNine = "soa 9\nsoa 7\na 300 A 192.0.2.7\nsoa 8\na 300 A 192.0.2.9\nsoa 8\nsoa 9\nc 300 A 192.0.2.3\nsoa 9\n"
	all    = nine + "soa 9\n"
)

// impatient waits little for what does not come.
func impatient() *ask.Client { return &ask.Client{Timeout: 200 * time.Millisecond} }

// fetch visits a scripted primary with seven at hand.
func fetch(t *testing.T, s *scripted, have source.Taken, plan primary.Fetch) source.Fetched {
	t.Helper()
	if have.Came != nil {
		plan.Have, plan.Serial = true, have.Came.Serial()
	}
	// Each message is to come within a second: what is never sent is not waited for long.
	return source.Fetch(t.Context(), impatient(), source.Primary{Apex: origin, Server: ask.Server{Addr: s.addr}, Limit: ask.Limit{Idle: time.Second}}, have, plan)
}

// Every first message that an IXFR may be answered with (RFC 1995 4), and what follows
// it: the zone that we have afterwards is the primary's, or the one before.
func TestFetchIncremental(t *testing.T) {
	soa9, soa7 := []string{"soa 9\n"}, []string{"soa 7\n"}
	both := []string{"SOA", "IXFR 7", "AXFR"}
	first := []string{"SOA", "IXFR 7"}
	for _, tc := range []struct {
		name    string
		script  script
		want    primary.Outcome
		has     string
		method  string
		without string // why not IXFR
		asked   []string
		conns   int
	}{
		{"the SOA is ours", script{dns.TypeSOA: soa7}, primary.Same, seven, "SOA", "", first[:1], 1},
		{"the SOA is older", script{dns.TypeSOA: {"soa 6\n"}}, primary.Older, seven, "SOA", "", first[:1], 1},
		{"differences", script{dns.TypeSOA: soa9, dns.TypeIXFR: {toNine}}, primary.Took, nine, "IXFR", "", first, 1},
		{"differences, record by record", script{dns.TypeSOA: soa9, dns.TypeIXFR: strings.SplitAfter(strings.TrimSuffix(toNine, "\n"), "\n")}, primary.Took, nine, "IXFR", "", first, 1},
		{"differences, padded", script{dns.TypeSOA: soa9, dns.TypeIXFR: append([]string{"soa 9\n", "", ""}, strings.SplitAfter(strings.TrimPrefix(toNine, "soa 9\n"), "8\n")...)}, primary.Took, nine, "IXFR", "", first, 1},
		{"refused", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"rcode REFUSED"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "answered REFUSED", both, 1},
		{"not implemented", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"rcode NOTIMP"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "answered NOTIMP", []string{"SOA", "IXFR 7", "IXFR 7", "AXFR"}, 1},
		{"nothing in it", script{dns.TypeSOA: soa9, dns.TypeIXFR: {""}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "the answer has no records", both, 2},
		{"one SOA, ours", script{dns.TypeSOA: soa9, dns.TypeIXFR: soa7}, primary.Same, seven, "IXFR", "", first, 1},
		{"one SOA, older", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 5\n"}}, primary.Older, seven, "IXFR", "", first, 1},
		{"one SOA, newer, and the end", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\n", "close"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "one newer SOA, and nothing after it", both, 2},
		{"one SOA, newer, and silence", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\n", "wait"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "one newer SOA, and nothing after it", both, 2},
		{"out of sequence at first", script{dns.TypeSOA: soa9, dns.TypeIXFR: {strings.Replace(toNine, "soa 7", "soa 6", 1)}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "out of sequence: the differences begin at serial 6, and we have 7", both, 2},
		{"out of sequence later", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\nsoa 8\nsoa 6\nsoa 9\nsoa 9\n"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "a difference ends at serial 8, and the next begins at 6", both, 2},
		{"it goes on after its end", script{dns.TypeSOA: soa9, dns.TypeIXFR: {toNine + "soa 9\n"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "there are records after the closing SOA", both, 2},
		{"a difference that leads back", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\nsoa 6\nsoa 6\nsoa 9\nsoa 9\n"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "leads from serial 7 to 6", both, 1},
		{"it removes what is not there", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\nx 300 A 192.0.2.7\nsoa 9\nsoa 9\n"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "remove a record x.example.org. A that is not there at serial 7", both, 1},
		{"it adds what is there", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\nsoa 9\na 300 A 192.0.2.7\nsoa 9\n"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "add a record a.example.org. A that is there already", both, 1},
		{"from another SOA of our serial", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\n@ 3600 SOA other. root.example.org. 7 7200 600 864000 300\nsoa 9\nsoa 9\n"}, dns.TypeAXFR: {all}}, primary.Took, nine, "AXFR", "begin at another SOA of serial 7", both, 1},
		{"a whole zone", script{dns.TypeSOA: soa9, dns.TypeIXFR: {all}}, primary.Took, nine, "IXFR", "", first, 1},
		{"a whole zone, in pieces", script{dns.TypeSOA: soa9, dns.TypeIXFR: strings.SplitAfter(strings.TrimSuffix(all, "\n"), "\n")}, primary.Took, nine, "IXFR", "", first, 1},
		{"a whole zone of our serial", script{dns.TypeSOA: soa9, dns.TypeIXFR: {seven + "soa 7\n"}}, primary.Same, seven, "IXFR", "", first, 1},
		{"cut in the middle", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\n", "close"}, dns.TypeAXFR: {all}}, primary.Failed, seven, "IXFR", "", first, 1},
		{"silent in the middle", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\n", "wait"}, dns.TypeAXFR: {all}}, primary.Failed, seven, "IXFR", "", first, 1},
		{"hung up on IXFR", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"close"}, dns.TypeAXFR: {all}}, primary.Failed, seven, "IXFR", "", []string{"SOA", "IXFR 7", "IXFR 7"}, 2},
		{"the SOA is refused", script{dns.TypeSOA: {"rcode REFUSED"}}, primary.Failed, seven, "SOA", "", first[:1], 1},
		{"the SOA is SERVFAIL", script{dns.TypeSOA: {"rcode SERVFAIL"}}, primary.Failed, seven, "SOA", "", first[:1], 1},
		{"the full transfer is refused as well", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"rcode REFUSED"}, dns.TypeAXFR: {"rcode REFUSED"}}, primary.Failed, seven, "AXFR", "answered REFUSED", both, 1},
		{"the full transfer is cut", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"rcode REFUSED"}, dns.TypeAXFR: {nine, "close"}}, primary.Failed, seven, "AXFR", "answered REFUSED", both, 1},
		{"another SOA in the middle of a full transfer", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"rcode REFUSED"}, dns.TypeAXFR: {nine, "soa 8\n", "z 300 A 192.0.2.1\nsoa 9\n"}}, primary.Failed, seven, "AXFR", "answered REFUSED", both, 1},
		{"a full transfer that is older", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"rcode REFUSED"}, dns.TypeAXFR: {"soa 6\n" + apexNS + "soa 6\n"}}, primary.Older, seven, "AXFR", "answered REFUSED", both, 1},
		{"a zone that cannot be served", script{dns.TypeSOA: soa9, dns.TypeIXFR: {"soa 9\nsoa 7\nsoa 9\na 300 CNAME b\nsoa 9\n"}}, primary.Rejected, seven, "IXFR", "", first, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.script.serve(t)
			have := source.Take(content(seven))
			got := fetch(t, s, have, primary.Fetch{})
			require.Equal(t, tc.want, got.Result.Outcome, got.String())
			if tc.want == primary.Rejected {
				require.NotEqual(t, have, got.Taken)
				require.Contains(t, got.Result.Why, "a CNAME stands beside")
			} else {
				require.Empty(t, zone.Compare(content(tc.has), got.Taken.Came).Changes)
				require.Equal(t, got.Taken.Came, got.Taken.Content)
			}
			require.Equal(t, tc.method, got.Method)
			if tc.without != "" {
				require.ErrorContains(t, got.Without, tc.without)
				require.ErrorContains(t, got.Without, s.addr.String())
			} else {
				require.NoError(t, got.Without)
			}
			asked, connections := s.seen()
			require.Equal(t, tc.asked, asked)
			require.Equal(t, tc.conns, connections)
			require.Equal(t, tc.want == primary.Failed, got.Err != nil)
			require.Equal(t, tc.want == primary.Failed && len(tc.asked) > 1, got.Result.Broken, "next time all is asked for")
			if got.Err != nil {
				require.ErrorContains(t, got.Err, s.addr.String())
			}
			if len(got.Diffs) > 0 {
				at := have
				for _, d := range got.Diffs {
					var err error
					at, err = at.Apply(d)
					require.NoError(t, err)
				}
				require.Empty(t, zone.Compare(at.Content, got.Taken.Content).Changes)
			}
		})
	}
}
