package multisigner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	_ "github.com/coredns/coredns/plugin/acl"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/multisocket"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/root"
	_ "github.com/coredns/coredns/plugin/timeouts"
	_ "github.com/coredns/coredns/plugin/tls"
	_ "github.com/coredns/coredns/plugin/transfer"
	_ "github.com/coredns/coredns/plugin/tsig"
	_ "github.com/coredns/coredns/plugin/view"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/multisigner/multisigner/test/loopback"
)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	clog.Discard()
	directives := slices.Clone(dnsserver.Directives)
	directives = slices.Insert(directives, slices.Index(directives, "transfer")+1, name)
	directives = append(directives, "failing")
	if err := dnsserver.SetDirectives(directives); err != nil {
		panic(err)
	}
	// Plugins of these names that do nothing: it is by their names that they are
	// refused, and the real ones would bring half the world with them.
	for _, p := range []string{"any", "autopath", "dns64", "dnssec", "header", "minimal", "rewrite", "siit", "template"} {
		plugin.Register(p, func(c *caddy.Controller) error {
			dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler { return bystander{p, next} })
			return nil
		})
	}
	// And one that looks around in OnStartup, after ours has started, and fails.
	plugin.Register("failing", func(c *caddy.Controller) error {
		c.OnStartup(func() error {
			if beforeFailing != nil {
				beforeFailing()
			}
			return errors.New("failing as told")
		})
		return nil
	})
	os.Exit(m.Run())
}

// beforeFailing is what a test wants to see in the middle of a load that fails.
var beforeFailing func()

// bystander passes every query on.
type bystander struct {
	name string
	next plugin.Handler
}

func (b bystander) Name() string { return b.name }

func (b bystander) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return plugin.NextOrFailure(b.name, b.next, ctx, w, r)
}

// home is a directory of zone files and a state directory, short enough for a socket.
type home struct {
	t   testing.TB
	dir string
}

func newHome(t testing.TB) home {
	t.Helper()
	dir, err := os.MkdirTemp("", "ms")
	require.NoError(t, err)
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return home{t, dir}
}

// zone writes a zone file db.NAME: a SOA, a nameserver, and the lines given.
func (h home) zone(name string, serial int, lines ...string) {
	h.t.Helper()
	text := fmt.Sprintf("$ORIGIN %s.\n$TTL 300\n@ SOA ns hostmaster %d 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n%s\n",
		name, serial, strings.Join(lines, "\n"))
	require.NoError(h.t, os.WriteFile(filepath.Join(h.dir, "db."+name), []byte(text), 0o644))
}

// running is a server of this process.
type running struct {
	t     testing.TB
	inst  *caddy.Instance
	index int // of the server that is asked
}

// corefile puts what is common around blocks: loopback, any free port, and root.
func (h home) corefile(text string) caddy.Input {
	text = strings.ReplaceAll(text, "COMMON", "bind 127.0.0.1\nroot "+h.dir)
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(text), ServerTypeName: "dns"}
}

func (h home) start(corefile string) *running {
	h.t.Helper()
	r := h.startTLS(corefile)
	r.up()
	return r
}

// startTLS is start for servers that do not listen in the clear.
func (h home) startTLS(corefile string) *running {
	h.t.Helper()
	inst, err := caddy.Start(h.corefile(corefile))
	require.NoError(h.t, err)
	r := &running{t: h.t, inst: inst, index: 1} // the first only sets limits
	h.t.Cleanup(func() { r.stop() })
	return r
}

func (h home) startError(corefile string) error {
	h.t.Helper()
	inst, err := caddy.Start(h.corefile(corefile))
	if err == nil {
		inst.ShutdownCallbacks()
		inst.Stop()
	}
	return err
}

// restart is what SIGUSR1 and the reload plugin do.
func (r *running) restart(in caddy.Input) error {
	inst, err := r.inst.Restart(in)
	r.inst = inst
	r.up()
	return err
}

// up waits until the listeners answer. A server that is stopped before it has
// begun to listen is not stopped at all, and would answer in place of the next.
func (r *running) up() {
	r.t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		r.ask(network, query4(".", dns.TypeNone))
	}
}

func (r *running) stop() {
	if r.inst == nil {
		return
	}
	for _, err := range r.inst.ShutdownCallbacks() {
		require.NoError(r.t, err)
	}
	require.NoError(r.t, r.inst.Stop())
	r.inst = nil
}

func (r *running) udp() string { return r.inst.Servers()[r.index].LocalAddr().String() }
func (r *running) tcp() string { return r.inst.Servers()[r.index].Addr().String() }

// ask sends m over network, udp or tcp.
func (r *running) ask(network string, m *dns.Msg) *dns.Msg {
	r.t.Helper()
	to := r.udp()
	if network == "tcp" {
		to = r.tcp()
	}
	client := &dns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: 4096}
	answer, _, err := client.Exchange(m, to)
	require.NoError(r.t, err)
	return answer
}

func query4(name string, qtype uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, qtype) }

// answers lists the records of the answer section that are not signatures.
func answers(m *dns.Msg) []string {
	var lines []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			lines = append(lines, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return lines
}

// reason is the text of the extended error in a response.
func reason(m *dns.Msg) (code uint16, text string) {
	opt := m.IsEdns0()
	if opt == nil {
		return 0, "no OPT"
	}
	for _, o := range opt.Option {
		if ede, ok := o.(*dns.EDNS0_EDE); ok {
			return ede.InfoCode, ede.ExtraText
		}
	}
	return 0, "no EDE"
}

func freePort(t *testing.T) (port int, busy net.Listener) {
	t.Helper()
	at := loopback.Address(t)
	l, err := net.Listen("tcp", at.String())
	require.NoError(t, err)
	return int(at.Port()), l
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/NAME.golden.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		writeFile(t, path, string(got))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "if this is how it shall be: go test ./plugin/multisigner -update")
}
