package multisigner

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A secondary that was set up wrongly is found in the log: who asked, with which
// key, and which rule would have let it; each cause once, however often it comes.
func TestRefusalsAreLogged(t *testing.T) {
	h := newHome(t)
	h.zone("logged.example", 7)
	r := h.start(`
		.:0 {
			COMMON
			tsig {
				secret xfr-key. ` + keySecret + `
				secret other-key. ` + keySecret + `
			}
			multisigner logged.example {
				file db.{zone}
				parent none
				allow-transfer 127.0.0.9 key xfr-key.
			}
		}`)
	heard := &listener{}
	require.NoError(t, clog.RegisterListener(heard))
	defer clog.DeregisterListener(heard)
	sign := func(m *dns.Msg, key, secret string, at time.Time) []byte {
		wire, _, err := dns.TsigGenerate(m.SetTsig(key, dns.HmacSHA256, 300, at.Unix()), secret, "", false)
		require.NoError(t, err)
		return wire
	}
	const wrong = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
	now := time.Now()
	for range 3 {
		r.askFrom("127.0.0.8", "tcp", axfr("logged.example.", ""))
		r.askFrom("127.0.0.7", "tcp", axfr("logged.example.", ""))
		r.askFrom("127.0.0.8", "udp", ixfr("logged.example.", 1))
		r.askFrom("127.0.0.9", "tcp", axfr("logged.example.", ""))
		r.exchangeFrom("127.0.0.9", "tcp", sign(axfr("logged.example.", ""), "other-key.", keySecret, now))
		r.exchangeFrom("127.0.0.7", "tcp", sign(axfr("logged.example.", ""), "xfr-key.", keySecret, now))
		r.exchangeFrom("127.0.0.9", "tcp", sign(axfr("logged.example.", ""), "xfr-key.", wrong, now))
		r.exchangeFrom("127.0.0.9", "tcp", sign(axfr("logged.example.", ""), "xfr-key.", keySecret, now.Add(-time.Hour)))
		r.exchangeFrom("127.0.0.9", "tcp", sign(axfr("logged.example.", ""), "no-key.", keySecret, now))
		r.askFrom("127.0.0.8", "tcp", axfr("www.logged.example.", ""))
		r.askFrom("127.0.0.8", "udp", new(dns.Msg).SetNotify("logged.example."))
		r.exchangeFrom("127.0.0.9", "udp", sign(query4("logged.example.", dns.TypeSOA), "no-key.", keySecret, now))
	}
	all := regexp.MustCompile(`:\d+ key`).ReplaceAllString(heard.all(), ":PORT key")
	require.Equal(t, `warning logged.example. refused a transfer address=127.0.0.8:PORT key=none why="no peer, secondary or allow-transfer has this address or key"
warning logged.example. refused a transfer address=127.0.0.9:PORT key=none why="allow-transfer 127.0.0.9/32 must sign with key xfr-key."
warning logged.example. refused a transfer address=127.0.0.7:PORT key=xfr-key. why="allow-transfer key xfr-key. is for 127.0.0.9/32"
warning logged.example. refused a transfer address=127.0.0.9:PORT key=xfr-key. why="the TSIG is wrong: the secrets differ"
warning logged.example. refused a transfer address=127.0.0.9:PORT key=xfr-key. why="the TSIG is of another time: the clocks differ"
warning logged.example. refused a transfer address=127.0.0.9:PORT key=no-key. why="no such key or algorithm here"
warning logged.example. refused a transfer address=127.0.0.8:PORT key=none why="this is not the apex of a zone"
warning logged.example. refused a NOTIFY address=127.0.0.8:PORT key=none why="no primary, peer, secondary or server of the parent has this address or key"`, all)
}

// A cause is said again after a minute, with how often it has come, and there is no
// end of causes neither in the log nor in memory.
func TestRefusalsAreFew(t *testing.T) {
	r := refusals{causes: make(map[cause]said)}
	at := time.Unix(1e9, 0)
	c := cause{"refused a transfer", "no reason", zone.MustName("example.org.")}
	for second := range 130 {
		more, due := r.due(c, at.Add(time.Duration(second)*time.Second))
		require.Equal(t, second%60 == 0, due, second)
		require.Equal(t, due && second > 0, more == 59)
	}
	count := 0
	for i := range 3 * maxCauses {
		if _, due := r.due(cause{why: fmt.Sprint(i)}, at); due {
			count++
		}
	}
	require.Equal(t, maxCauses-1, count)
	_, due := r.due(cause{why: "later"}, at.Add(time.Hour))
	require.True(t, due, "what is old makes room")
	require.Len(t, r.causes, 1)
}
