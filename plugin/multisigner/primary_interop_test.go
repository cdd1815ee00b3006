//go:build interop

package multisigner

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

const primarySecret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="

// hiddenPrimary is a server of another make that has the unsigned zone.
type hiddenPrimary struct {
	program string
	args    []string // with {dir}
	config  string   // with {dir}, {port}, {us}

	dir string
	cmd *exec.Cmd
}

var hiddenPrimaries = []hiddenPrimary{
	{program: "nsd", args: []string{"-d", "-c", "{dir}/config"}, config: `
server:
	ip-address: 127.0.0.1@{port}
	username: ""
	chroot: ""
	zonesdir: "{dir}"
	database: ""
	pidfile: "{dir}/nsd.pid"
	xfrdfile: "{dir}/xfrd.state"
	xfrdir: "{dir}"
	zonelistfile: "{dir}/zone.list"
	server-count: 1
remote-control:
	control-enable: no
key:
	name: "primary-key."
	algorithm: hmac-sha256
	secret: "` + primarySecret + `"
zone:
	name: "example.org"
	zonefile: "{dir}/zone"
	provide-xfr: 127.0.0.1 primary-key.
	notify: 127.0.0.1@{us} primary-key.
	store-ixfr: yes
	create-ixfr: yes
`},
	{program: "knotd", args: []string{"-c", "{dir}/config"}, config: `
server:
    rundir: "{dir}"
    listen: 127.0.0.1@{port}
database:
    storage: "{dir}"
key:
  - id: primary-key.
    algorithm: hmac-sha256
    secret: ` + primarySecret + `
remote:
  - id: signer
    address: 127.0.0.1@{us}
    key: primary-key.
acl:
  - id: signer
    key: primary-key.
    action: transfer
zone:
  - domain: example.org
    storage: "{dir}"
    file: zone
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    notify: signer
    acl: signer
`},
	{program: "named", args: []string{"-g", "-c", "{dir}/config"}, config: `
options {
	directory "{dir}";
	listen-on port {port} { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	recursion no;
	dnssec-validation no;
};
controls { };
key "primary-key." { algorithm hmac-sha256; secret "` + primarySecret + `"; };
zone "example.org" {
	type primary;
	file "{dir}/zone";
	ixfr-from-differences yes;
	allow-transfer { key "primary-key."; };
	notify explicit;
	also-notify { 127.0.0.1 port {us} key "primary-key."; };
};
`},
}

func (p *hiddenPrimary) start(t *testing.T, port, us int) {
	t.Helper()
	fill := strings.NewReplacer("{dir}", p.dir, "{port}", fmt.Sprint(port), "{us}", fmt.Sprint(us))
	writeFile(t, filepath.Join(p.dir, "config"), fill.Replace(p.config))
	var args []string
	for _, a := range p.args {
		args = append(args, fill.Replace(a))
	}
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	p.cmd = exec.Command(p.program, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
}

func (p *hiddenPrimary) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Wait()
}

func (p *hiddenPrimary) zone(t *testing.T, serial int) {
	t.Helper()
	text := fmt.Sprintf("$ORIGIN example.org.\n$TTL 5\n@ SOA ns hostmaster %d 3600 60 86400 5\n@ NS ns\nns A 127.0.0.1\n*.wild TXT made\nsub NS ns.sub\n"+
		"sub DS 1 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766\nns.sub A 127.0.0.9\nWWW A 192.0.2.1\nwww A 192.0.2.2\nat TXT \"serial %d\"\n", serial, serial)
	for i := range 50 {
		text += fmt.Sprintf("n%d A 192.0.2.%d\n", i, i)
	}
	writeFile(t, filepath.Join(p.dir, "zone"), text)
}

// contentOf transfers a zone and gives what is neither its SOA nor made by a signer. nil
// while there is none.
func contentOf(addr, key string) (lines []string) {
	m := new(dns.Msg).SetAxfr("example.org.")
	x := new(dns.Transfer)
	if key != "" {
		x.TsigSecret = map[string]string{key: primarySecret}
		m.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	in, err := x.In(m, addr)
	if err != nil {
		return nil
	}
	for e := range in {
		if e.Error != nil {
			return nil
		}
		for _, rr := range e.RR {
			switch rr.Header().Rrtype {
			case dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY:
			default:
				lines = append(lines, strings.ToLower(rr.String()))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// NSD, Knot and BIND as hidden primaries: each change of theirs is served signed,
// by NOTIFY or refresh, as changes where they have them; what we serve is their content,
// and validates. A primary that is killed and comes back goes on as before, and so do we.
func TestHiddenPrimaries(t *testing.T) {
	for _, each := range hiddenPrimaries {
		t.Run(each.program, func(t *testing.T) {
			p := &each
			p.dir = t.TempDir()
			port, busy := freePort(t)
			busy.Close()
			us, busy := freePort(t)
			busy.Close()
			p.zone(t, 1)
			p.start(t, port, us)
			tsig := "tsig {\nsecret primary-key. " + primarySecret + "\n}\n"
			h := newLoadHome(t)
			text := fmt.Sprintf("example.org:%d {\nroot %s\nbind 127.0.0.1\n%smultisigner {\nprimary 127.0.0.1:%d key primary-key.\nprimary-refresh 1s 2s\nparent none\nallow-transfer 127.0.0.1\n}\n}\n", us, h.dir, tsig, port)
			r := h.start(text)
			theirs := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
			is := func(serial int) status.Zone {
				t.Helper()
				want := fmt.Sprintf("serial %d", serial)
				require.Eventually(t, func() bool {
					m := r.ask("udp", query4("at.example.org.", dns.TypeTXT))
					return len(m.Answer) == 1 && m.Answer[0].(*dns.TXT).Txt[0] == want
				}, time.Minute, 50*time.Millisecond, want)
				require.Eventually(t, func() bool { // a change may be under way at either side
					ours, other := contentOf(r.tcp(), ""), contentOf(theirs, "primary-key.")
					return len(ours) > 50 && slices.Equal(ours, other)
				}, time.Minute, 50*time.Millisecond, "the content is theirs: %v %v", contentOf(r.tcp(), ""), contentOf(theirs, "primary-key."))
				h.validates(t, r)
				s, err := client.New(h.state()).Zone(t.Context(), "example.org")
				require.NoError(t, err)
				require.EqualValues(t, serial, s.Source.Serial)
				return s
			}
			is(1)
			for serial := 2; serial <= 4; serial++ {
				p.zone(t, serial)
				require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
				require.Equal(t, "IXFR", is(serial).Source.Method)
			}
			p.kill()
			require.Eventually(t, func() bool {
				s, err := client.New(h.state()).Zone(t.Context(), "example.org")
				return err == nil && s.Source.Why != ""
			}, time.Minute, 50*time.Millisecond, "it is told that the primary is away")
			require.Len(t, r.ask("udp", query4("at.example.org.", dns.TypeTXT)).Answer, 1)
			p.zone(t, 5)
			_ = os.Remove(filepath.Join(p.dir, "zone.jnl")) // BIND, killed, would hold its journal against the file
			p.start(t, port, us)
			is(5)
		})
	}
}

// validates has ldns-verify-zone judge all that is transferred from us.
func (h home) validates(t *testing.T, r *running) {
	t.Helper()
	var text bytes.Buffer
	in, err := new(dns.Transfer).In(axfr("example.org.", ""), r.tcp())
	require.NoError(t, err)
	first := true
	for e := range in {
		require.NoError(t, e.Error)
		for _, rr := range e.RR {
			if soa := rr.Header().Rrtype == dns.TypeSOA; soa && !first {
				continue
			}
			first = false
			fmt.Fprintln(&text, rr)
		}
	}
	path := filepath.Join(t.TempDir(), "signed")
	writeFile(t, path, text.String())
	out, err := exec.Command("ldns-verify-zone", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
