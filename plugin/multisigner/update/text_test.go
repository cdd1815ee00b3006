package update_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// message reads lines as nsupdate has them: prereq nxdomain|yxdomain NAME, prereq
// nxrrset|yxrrset NAME TYPE [DATA], add NAME TTL TYPE DATA, delete NAME [TYPE [DATA]]. It goes
// over the wire once, as a real one does.
func message(t testing.TB, text string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetUpdate("example.")
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		section := &m.Ns
		if f[0] == "prereq" {
			f, section = f[1:], &m.Answer
		}
		*section = append(*section, record(t, f))
	}
	wire, err := m.Pack()
	require.NoError(t, err)
	m = new(dns.Msg)
	require.NoError(t, m.Unpack(wire))
	return m
}

func record(t testing.TB, f []string) dns.RR {
	t.Helper()
	var rr dns.RR
	class := map[string]uint16{"nxdomain": dns.ClassNONE, "nxrrset": dns.ClassNONE, "yxdomain": dns.ClassANY, "yxrrset": dns.ClassANY, "add": dns.ClassINET, "delete": dns.ClassANY}[f[0]]
	require.NotZero(t, class, "%q", f)
	kind, data := "ANY", []string(nil)
	ttl := "0"
	if f[0] == "add" {
		ttl, f = f[2], append(f[:2:2], f[3:]...)
	}
	if len(f) > 2 {
		kind, data = f[2], f[3:]
	}
	if len(data) == 0 {
		return &dns.ANY{Hdr: dns.RR_Header{Name: f[1], Rrtype: dns.StringToType[kind], Class: class}}
	}
	rr, err := dns.NewRR(fmt.Sprintf("%s %s IN %s %s", f[1], ttl, kind, strings.Join(data, " ")))
	require.NoError(t, err)
	switch f[0] {
	case "delete":
		rr.Header().Class = dns.ClassNONE
	case "yxrrset":
		rr.Header().Class = dns.ClassINET
	}
	return rr
}

// content gives a zone of which the SOA and the NS are the usual ones.
func content(t testing.TB, text string) *zone.Version {
	t.Helper()
	v, err := zone.ParseText(apexText + text)
	require.NoError(t, err)
	return v
}

const apexText = `
example. 3600 SOA ns.example. root.example. 7 3600 600 86400 300
example. 3600 NS  ns.example.
`

// show lists the records but for the usual SOA and NS, in canonical order.
func show(v *zone.Version) string {
	var b strings.Builder
	for n := range v.All() {
		for s := range n.All() {
			for _, rr := range s.RRs() {
				text := strings.Join(strings.Fields(rr.String()), " ")
				if text == "example. 3600 IN SOA ns.example. root.example. 7 3600 600 86400 300" || text == "example. 3600 IN NS ns.example." {
					continue
				}
				b.WriteString(strings.Replace(text, " IN ", " ", 1) + "\n")
			}
		}
	}
	return b.String()
}

func read(t testing.TB, text string) *update.Message {
	t.Helper()
	m, bad := update.Read(message(t, text), "\x07example\x00")
	require.Nil(t, bad)
	return m
}
