package multisigner

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// messages asks for a transfer, and gives its messages as they came, each verified.
func messages(t *testing.T, at string, m *dns.Msg) (all []*dns.Msg, sizes []int) {
	t.Helper()
	conn, err := net.Dial("tcp", at)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	last := ""
	var wire []byte
	if m.IsTsig() != nil {
		wire, last, err = dns.TsigGenerate(m, keySecret, "", false)
	} else {
		wire, err = m.Pack()
	}
	require.NoError(t, err)
	over := &dns.Conn{Conn: conn}
	_, err = over.Write(wire)
	require.NoError(t, err)
	for soas := 0; soas < 2; {
		wire, err := over.ReadMsgHeader(nil)
		require.NoError(t, err)
		var got dns.Msg
		require.NoError(t, got.Unpack(wire))
		// The library reads on when the counts promise more than there is; others do not.
		require.EqualValues(t, len(got.Extra), binary.BigEndian.Uint16(wire[10:]), "message %d", len(all))
		require.EqualValues(t, len(got.Answer), binary.BigEndian.Uint16(wire[6:]))
		if last != "" {
			require.NoError(t, dns.TsigVerify(append([]byte(nil), wire...), keySecret, last, len(all) > 0))
			last = got.IsTsig().MAC
		}
		for _, rr := range got.Answer {
			if rr.Header().Rrtype == dns.TypeSOA {
				soas++
			}
		}
		all, sizes = append(all, &got), append(sizes, len(wire))
	}
	return all, sizes
}

func sum(sizes []int) (all int) {
	for _, n := range sizes {
		all += n
	}
	return all
}

func records(all []*dns.Msg) (lines []string) {
	for _, m := range all {
		for _, rr := range m.Answer {
			lines = append(lines, rr.String())
		}
	}
	return lines
}

// A transfer is packed here where no other plugin has to see it: the same records in the same
// order with the same capitals, in messages that a compressed name reaches all of, each signed
// and with an OPT where the request is; and it takes fewer octets.
func TestTransferIsPacked(t *testing.T) {
	h := newHome(t)
	lines := []string{"Printer TXT Capital", "sub NS Ns.Sub", "Ns.Sub A 192.0.2.9", `big TXT ` + strings.Repeat(`"`+strings.Repeat("x", 255)+`" `, 80)}
	for i := range 2000 {
		lines = append(lines, fmt.Sprintf("host%d A 192.0.2.1\nhost%d MX 10 host%d", i, i, i+1))
	}
	h.zone("example.org", 7, lines...)
	ports := freePorts(t, 2)
	block := `example.org:%d {
	COMMON
	%s
	tsig {
		secret xfr-key. ` + keySecret + `
	}
	multisigner {
		file db.{zone}
		parent none
		keys csk
		allow-transfer 127.0.0.1 key xfr-key.
		allow-transfer 127.0.0.1
	}
}
`
	h.startTLS(fmt.Sprintf(block, ports[0], "") + fmt.Sprintf(block, ports[1], "log . {\nclass error\n}"))
	for _, port := range ports {
		require.Eventually(t, answersAt(port, "host1.example.org."), 30*time.Second, 20*time.Millisecond)
	}
	packed, seen := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	for _, key := range []string{"", "xfr-key."} {
		for _, edns := range []bool{false, true} {
			ask := func() *dns.Msg {
				m := axfr("Example.ORG.", "")
				m.RecursionDesired = true
				if edns {
					m.SetEdns0(4096, true)
					m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true}}
				}
				if key != "" {
					m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
				}
				return m
			}
			request := ask()
			got, sizes := messages(t, packed, request)
			want, before := messages(t, seen, ask())
			require.Equal(t, records(want), records(got))
			require.Less(t, sum(sizes), sum(before)*9/10)
			require.Contains(t, strings.Join(records(got), "\n"), "Printer.example.org.\t300\tIN\tTXT\t\"Capital\"")
			for i, m := range got {
				require.Equal(t, request.Id, m.Id)
				require.True(t, m.Authoritative && m.RecursionDesired)
				if m.Question != nil {
					require.Equal(t, "Example.ORG.", m.Question[0].Name)
				}
				require.Equal(t, i == 0, len(m.Question) == 1)
				require.Equal(t, key != "", m.IsTsig() != nil)
				if opt := m.IsEdns0(); edns {
					require.NotNil(t, opt)
					require.True(t, opt.Do())
					require.Equal(t, i == 0, len(opt.Option) == 1)
				} else {
					require.Nil(t, opt)
				}
				require.True(t, len(m.Answer) == 1 || sizes[i] <= 16_384, "%d", sizes[i])
			}
		}
	}
	// An IXFR for a version that nobody was sent is answered with the whole zone, and says so.
	m := ixfr("example.org.", 1)
	got, _ := messages(t, packed, m)
	require.Equal(t, dns.TypeIXFR, got[0].Question[0].Qtype)
}
