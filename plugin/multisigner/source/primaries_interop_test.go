//go:build interop

package source_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
	"github.com/multisigner/multisigner/test/loopback"
)

var transferKey = &ask.TSIG{Name: "transfer-key.", Algorithm: dns.HmacSHA256, Secret: "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="}

// maker is a nameserver of another make, as the primary of example.org in the file zone
// of its directory. It makes differences of what it reads anew at a SIGHUP.
type maker struct {
	name   string
	args   func(dir string) []string
	config func(dir string, at, secure netip.AddrPort) string
	tsig   bool // it demands the key
	ixfr   bool // it has differences to give
	tls    bool
	first  [][]string // commands before it is started
	load   []string   // the command that has it read the zone anew; a SIGHUP if there is none
}

var makers = []maker{
	{name: "bind", ixfr: true, tsig: true, tls: true,
		args: func(dir string) []string { return []string{"named", "-g", "-n", "1", "-c", dir + "/config"} },
		config: func(dir string, at, secure netip.AddrPort) string {
			return fmt.Sprintf(`options { directory %q; pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no;
	listen-on port %d { 127.0.0.1; }; listen-on port %d tls xot { 127.0.0.1; }; listen-on-v6 { none; };
	ixfr-from-differences yes; max-journal-size 100m; };
controls { };
tls xot { cert-file "cert"; key-file "key"; };
key "transfer-key." { algorithm hmac-sha256; secret %q; };
zone "example.org" { type primary; file "zone"; allow-transfer { key transfer-key.; }; };
`, dir, at.Port(), secure.Port(), transferKey.Secret)
		}},
	{name: "knot", ixfr: true, tsig: true,
		args: func(dir string) []string { return []string{"knotd", "-c", dir + "/config"} },
		config: func(dir string, at, _ netip.AddrPort) string {
			return fmt.Sprintf(`server:
    rundir: %q
    listen: %s@%d
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: %[1]q
key:
  - id: transfer-key.
    algorithm: hmac-sha256
    secret: %[4]s
acl:
  - id: out
    key: transfer-key.
    action: transfer
template:
  - id: default
    storage: %[1]q
    zonefile-load: difference
    zonefile-sync: -1
    journal-content: changes
    semantic-checks: off
    acl: out
zone:
  - domain: example.org
    file: zone
`, dir, at.Addr(), at.Port(), transferKey.Secret)
		}},
	{name: "nsd", ixfr: true, tsig: true, tls: true,
		args: func(dir string) []string { return []string{"nsd", "-d", "-c", dir + "/config"} },
		config: func(dir string, at, secure netip.AddrPort) string {
			return fmt.Sprintf(`server:
	ip-address: %s@%d
	ip-address: %[1]s@%[3]d
	tls-port: %[3]d
	tls-service-key: "%[4]s/key"
	tls-service-pem: "%[4]s/cert"
	zonesdir: %[4]q
	database: ""
	pidfile: "%[4]s/nsd.pid"
	zonelistfile: "%[4]s/zone.list"
	xfrdfile: "%[4]s/xfrd.state"
	xfrdir: %[4]q
	username: ""
	server-count: 1
	rrl-ratelimit: 0
remote-control:
	control-enable: no
key:
	name: transfer-key.
	algorithm: hmac-sha256
	secret: %[5]q
zone:
	name: example.org
	zonefile: zone
	store-ixfr: yes
	create-ixfr: yes
	provide-xfr: 127.0.0.1 transfer-key.
`, at.Addr(), at.Port(), secure.Port(), dir, transferKey.Secret)
		}},
	{name: "powerdns", tsig: true,
		args: func(dir string) []string { return []string{"pdns_server", "--config-dir=" + dir} },
		config: func(dir string, at, _ netip.AddrPort) string {
			return fmt.Sprintf("launch=gsqlite3\ngsqlite3-database=%s/db\nlocal-address=%s\nlocal-port=%d\nsocket-dir=%[1]s\nprimary=yes\nallow-axfr-ips=\n"+
				"query-cache-ttl=0\ncache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\nconsistent-backends=yes\nguardian=no\ndaemon=no\ndisable-syslog=yes\n",
				dir, at.Addr(), at.Port())
		},
		first: [][]string{
			{"sqlite3", "db", ".read /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"},
			{"pdnsutil", "--config-dir=.", "load-zone", "example.org", "zone"},
			{"pdnsutil", "--config-dir=.", "import-tsig-key", "transfer-key", "hmac-sha256", transferKey.Secret},
			{"pdnsutil", "--config-dir=.", "activate-tsig-key", "example.org", "transfer-key", "primary"},
		},
		load: []string{"pdnsutil", "--config-dir=.", "load-zone", "example.org", "zone"}},
}

// running is one at work.
type running struct {
	maker
	t          *testing.T
	dir        string
	at, secure netip.AddrPort
	cmd        *exec.Cmd
	exited     chan struct{}
	log        *lockedBuffer
	writes     int
	anchors    string // file of the certificate that vouches for it
	pin        string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs it with this zone, until the test ends.
func (m maker) start(t *testing.T, text string) *running {
	t.Helper()
	r := &running{maker: m, t: t, dir: t.TempDir(), at: loopback.Address(t), secure: loopback.Address(t)}
	r.certify()
	r.write(text)
	config := "config"
	if m.name == "powerdns" {
		config = "pdns.conf"
	}
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, config), []byte(m.config(r.dir, r.at, r.secure)), 0o600))
	for _, command := range m.first {
		r.do(command)
	}
	r.run()
	t.Cleanup(r.kill)
	return r
}

// do runs a command in its directory.
func (r *running) do(command []string) {
	r.t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	require.NoError(r.t, err, "%s: %s", command, out)
}

func (r *running) run() {
	r.t.Helper()
	args := r.args(r.dir)
	program, err := exec.LookPath(args[0])
	if err != nil {
		program = "/usr/sbin/" + args[0]
	}
	r.cmd, r.log, r.exited = exec.Command(program, args[1:]...), new(lockedBuffer), make(chan struct{})
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = r.dir, r.log, r.log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	require.NoError(r.t, r.cmd.Start(), "make interop installs it")
	go func(cmd *exec.Cmd, exited chan struct{}) { cmd.Wait(); close(exited) }(r.cmd, r.exited)
}

func (r *running) kill() {
	syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	<-r.exited
}

// write puts the zone into its file, which is newer than before whatever the clock's grain.
func (r *running) write(text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, "zone")
	require.NoError(r.t, os.WriteFile(file+".new", []byte(text), 0o600))
	r.writes++
	at := time.Now().Add(time.Duration(r.writes) * 2 * time.Second)
	require.NoError(r.t, os.Chtimes(file+".new", at, at))
	require.NoError(r.t, os.Rename(file+".new", file))
}

// serves waits until it answers with that serial.
func (r *running) serves(serial uint32) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	client := dns.Client{Timeout: time.Second}
	for {
		reply, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA), r.at.String())
		if err == nil && len(reply.Answer) > 0 && reply.Answer[0].(*dns.SOA).Serial == serial {
			return
		}
		select {
		case <-r.exited:
			require.FailNow(r.t, r.name+" ended", "%s", r.log)
		case <-ctx.Done():
			require.FailNow(r.t, r.name+" does not serve the zone", "%s", r.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// change has it serve another zone, and waits until nothing of it serves the one before:
// NSD begins new processes, and its old ones still take connections for a moment.
func (r *running) change(text string, serial uint32) {
	r.t.Helper()
	r.write(text)
	before := len(r.children())
	if r.load != nil {
		r.do(r.load)
	} else {
		require.NoError(r.t, r.cmd.Process.Signal(syscall.SIGHUP))
	}
	r.serves(serial)
	require.Eventually(r.t, func() bool { return len(r.children()) <= before }, time.Minute, 5*time.Millisecond,
		"%s keeps old processes\n%s", r.name, r.log)
}

// children are the processes that it has begun: those of its group but itself.
func (r *running) children() (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(r.t, err)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var pid, parent, group int
		var state string
		before, after, _ := strings.Cut(string(text), "(")
		after = after[strings.LastIndex(after, ")")+1:]
		_, err = fmt.Sscan(before+after, &pid, &state, &parent, &group)
		require.NoError(r.t, err)
		if group == r.cmd.Process.Pid && pid != group && state != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (r *running) server() ask.Server {
	s := ask.Server{Addr: r.at}
	if r.tsig {
		s.TSIG = transferKey
	}
	return s
}

// certify makes a certificate of primary.example, and one that vouches for it.
func (r *running) certify() {
	root, rootKey := certificate(r.t, "root", nil, nil)
	cert, key := certificate(r.t, "primary.example", root, rootKey)
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(r.dir, name)
		require.NoError(r.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	r.anchors = write("root", "CERTIFICATE", root.Raw)
	write("cert", "CERTIFICATE", cert.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(r.t, err)
	write("key", "PRIVATE KEY", der)
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	r.pin = base64.StdEncoding.EncodeToString(sum[:])
}

func certificate(t *testing.T, name string, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	of := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: by == nil, BasicConstraintsValid: true}
	if by == nil {
		by, byKey = of, key
	}
	der, err := x509.CreateCertificate(rand.Reader, of, by, &key.PublicKey, byKey)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return cert, key
}

// editor writes one version of a zone after another.
type editor struct {
	rng     *mathrand.Rand
	serial  uint32
	records map[string]bool
}

func newEditor(names int) *editor {
	e := &editor{rng: mathrand.New(mathrand.NewPCG(1, 2)), serial: 4294967290, records: map[string]bool{}}
	for i := range names {
		e.records[fmt.Sprintf("n%d 300 A 192.0.2.%d", i, i%250+1)] = true
	}
	for _, line := range []string{"@ 3600 NS ns", "ns 3600 A 192.0.2.1", "Mixed 300 TXT \"CaSe\"", "*.w 60 MX 10 MaiL", "sub 60 NS ns.sub", "ns.sub 60 AAAA 2001:db8::1", "odd 60 TYPE65280 \\# 3 010203"} {
		e.records[line] = true
	}
	return e
}

// edit changes some records, adds some and removes some.
func (e *editor) edit(many int) {
	e.serial++
	for range many {
		name := fmt.Sprintf("e%d", e.rng.IntN(30))
		switch e.rng.IntN(4) {
		case 0, 1:
			e.records[fmt.Sprintf("%s 300 A 198.51.100.%d", name, e.rng.IntN(4))] = true
		case 2:
			for line := range e.records {
				if strings.HasPrefix(line, name+" ") {
					delete(e.records, line)
				}
			}
		case 3: // another type
			for line := range e.records {
				if address, is := strings.CutPrefix(line, name+" 300 A "); is {
					delete(e.records, line)
					e.records[fmt.Sprintf("%s 300 TXT %q", name, address)] = true
				}
			}
		}
	}
	ttl := 100 + e.serial%100
	for line := range e.records {
		if strings.HasPrefix(line, "ttl ") {
			delete(e.records, line)
		}
	}
	e.records[fmt.Sprintf("ttl %d A 192.0.2.1", ttl)] = true
	e.records[fmt.Sprintf("ttl %d A 192.0.2.2", ttl)] = true
}

func (e *editor) lines() string {
	var lines []string
	for line := range e.records {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return fmt.Sprintf("soa %d\n%s\n", e.serial, strings.Join(lines, "\n"))
}

// file is the zone as a zone file.
func (e *editor) file() string {
	lines := strings.SplitN(e.lines(), "\n", 2)
	return fmt.Sprintf("$ORIGIN example.org.\n@ 3600 IN SOA ns.example.org. root.example.org. %d 7200 600 864000 300\n%s", e.serial, lines[1])
}

var patient = &ask.Client{Timeout: 10 * time.Second}

func visitOf(t *testing.T, client *ask.Client, s ask.Server, have source.Taken) source.Fetched {
	plan := primary.Fetch{}
	if have.Came != nil {
		plan.Have, plan.Serial = true, have.Came.Serial()
	}
	return source.Fetch(t.Context(), client, source.Primary{Apex: origin, Server: s}, have, plan)
}

// The zone of each make of primary is ours after each change of it, by differences where
// it has them; and it is whole or as before when the primary dies in the middle.
func TestPrimaries(t *testing.T) {
	for _, m := range makers {
		t.Run(m.name, func(t *testing.T) {
			e := newEditor(200)
			e.edit(20)
			r := m.start(t, e.file())
			r.serves(e.serial)
			got := visitOf(t, patient, r.server(), source.Taken{})
			require.Equal(t, primary.Took, got.Result.Outcome, "%s\n%s", got.String(), r.log)
			require.Empty(t, unlike(content(e.lines()), got.Taken.Came))
			for step := range 12 {
				for range 1 + step%3 {
					e.edit(1 + step*2)
					r.change(e.file(), e.serial)
				}
				before := got.Taken
				got = visitOf(t, patient, r.server(), before)
				require.Equal(t, primary.Took, got.Result.Outcome, "step %d: %s\n%s", step, got.String(), r.log)
				require.Empty(t, unlike(content(e.lines()), got.Taken.Came), "step %d", step)
				require.Equal(t, e.serial, got.Result.Serial)
				require.Equal(t, got.Taken.Came, got.Taken.Content)
				if m.ixfr {
					require.NoError(t, got.Without, "step %d", step)
					require.NotEmpty(t, got.Diffs, "step %d: %s", step, got.String())
				}
				same := visitOf(t, patient, r.server(), got.Taken)
				require.Equal(t, primary.Same, same.Result.Outcome, same.String())
				t.Log(got.String())
			}
			if m.tsig {
				for _, s := range []ask.Server{{Addr: r.at}, {Addr: r.at, TSIG: &ask.TSIG{Name: transferKey.Name, Algorithm: transferKey.Algorithm, Secret: "bm90IHRoZSBzYW1lIHNlY3JldCBhcyBiZWZvcmUgISE="}}} {
					e.edit(1)
					r.change(e.file(), e.serial)
					refused := visitOf(t, patient, s, got.Taken)
					require.Equal(t, primary.Failed, refused.Result.Outcome, refused.String())
					require.Equal(t, got.Taken, refused.Taken)
				}
			}
			dies(t, r, e)
		})
	}
}

// unlike gives what two versions differ in beside the case of letters, which some lower.
func unlike(want, got *zone.Version) []zone.Change {
	return slices.DeleteFunc(zone.Compare(want, got).Changes, func(c zone.Change) bool {
		c.Old.Spelling, c.New.Spelling = "", ""
		return c.Old == c.New
	})
}

// dies kills the primary before each message of what it sends, or every few of them: of a
// large zone, and of a large difference where it has those. What we have then is whole: the
// zone, or the one before.
func dies(t *testing.T, r *running, e *editor) {
	for i := range 20_000 {
		e.records[fmt.Sprintf("n%d 300 TXT \"%060d\"", i, i)] = true
	}
	e.edit(1)
	r.change(e.file(), e.serial)
	before := visitOf(t, patient, r.server(), source.Taken{}).Taken
	for i := range 4000 { // more than half of the records would be a whole zone
		delete(e.records, fmt.Sprintf("n%d 300 TXT \"%060d\"", i, i))
		e.records[fmt.Sprintf("n%d 300 TXT \"%060d\"", i, i+1)] = true
	}
	e.edit(1)
	r.change(e.file(), e.serial)
	for i, have := range []source.Taken{source.Take(content("soa 1\n" + apexNS)), before} {
		whole := visitOf(t, patient, r.server(), have)
		require.Equal(t, primary.Took, whole.Result.Outcome, whole.String())
		require.Equal(t, r.ixfr && i == 1, len(whole.Diffs) > 0, whole.String())
		cut, places := 0, min(whole.Told.Messages, 10)
		for k := range places {
			at := k * whole.Told.Messages / places
			client := &ask.Client{Timeout: 10 * time.Second, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := narrow.DialContext(ctx, network, address)
				return &deadly{Conn: conn, in: bufio.NewReader(conn), left: &at, kill: r.kill}, err
			}}
			got := visitOf(t, client, r.server(), have)
			if got.Result.Outcome == primary.Took { // all was on its way already
				require.Empty(t, unlike(content(e.lines()), got.Taken.Came))
			} else {
				cut++
				require.Equal(t, primary.Failed, got.Result.Outcome, got.String())
				require.Equal(t, have, got.Taken)
			}
			r.run()
			r.serves(e.serial)
		}
		t.Logf("%d of %d messages cut: %s", cut, whole.Told.Messages, whole.String())
		require.Greater(t, cut, 2)
		got := visitOf(t, patient, r.server(), have)
		require.Equal(t, primary.Took, got.Result.Outcome, got.String())
		require.Empty(t, unlike(content(e.lines()), got.Taken.Came))
	}
}

// narrow has the other side wait for us: little of what it sends is on its way.
var narrow = net.Dialer{Control: func(network, _ string, c syscall.RawConn) error {
	if network == "udp4" {
		return nil
	}
	return c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1000)
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	})
}}

// deadly kills the other side when so many messages were read.
type deadly struct {
	net.Conn
	in   *bufio.Reader
	left *int // over all connections
	kill func()
	of   int // octets of this message that have not been read
}

func (d *deadly) Read(b []byte) (int, error) {
	if d.of == 0 {
		if *d.left--; *d.left == -1 {
			d.kill()
		}
		size, err := d.in.Peek(2)
		if err != nil {
			return 0, err
		}
		d.of = 2 + int(binary.BigEndian.Uint16(size))
	}
	n, err := d.in.Read(b[:min(len(b), d.of)])
	d.of -= n
	return n, err
}

// Over TLS a primary is who it should be, by name or by pin, or nothing is asked of it.
func TestPrimariesOverTLS(t *testing.T) {
	for _, m := range makers {
		if !m.tls {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			e := newEditor(50)
			r := m.start(t, e.file())
			r.serves(e.serial)
			ours := r.server()
			ours.Addr = r.secure
			named, pinned := ours, ours
			named.TLS = ask.TLS{Name: "primary.example", CA: r.anchors}
			pinned.TLS = ask.TLS{Pins: base64.StdEncoding.EncodeToString(make([]byte, 32)) + " " + r.pin}
			if !selects(t, r) {
				// NSD says it since 4.9; before, whatever is at that port might be anything.
				got := visitOf(t, patient, named, source.Taken{})
				require.ErrorIs(t, got.Err, ask.ErrTLS)
				require.ErrorContains(t, got.Err, "ALPN")
				return
			}
			got := visitOf(t, patient, named, source.Taken{})
			require.Equal(t, primary.Took, got.Result.Outcome, "%s\n%s", got.String(), r.log)
			require.Contains(t, got.String(), "TLS 1.3")
			for range 3 {
				e.edit(5)
				r.change(e.file(), e.serial)
				got = visitOf(t, patient, pinned, got.Taken)
				require.Equal(t, primary.Took, got.Result.Outcome, "%s\n%s", got.String(), r.log)
				require.NotEmpty(t, got.Diffs)
				require.Empty(t, unlike(content(e.lines()), got.Taken.Came))
				require.Equal(t, 1, got.Told.Connections)
			}
			for _, wrong := range []ask.TLS{
				{Name: "other.example", CA: r.anchors}, {Name: "primary.example"},
				{Pins: base64.StdEncoding.EncodeToString(make([]byte, 32))},
				{Name: "primary.example", CA: r.anchors, Pins: base64.StdEncoding.EncodeToString(make([]byte, 32))},
			} {
				s := ours
				s.TLS = wrong
				refused := visitOf(t, patient, s, source.Taken{})
				require.ErrorIs(t, refused.Err, ask.ErrTLS, "%+v", wrong)
				require.Zero(t, refused.Told.Messages)
			}
		})
	}
}

// selects reports whether the server says that it speaks DNS over TLS.
func selects(t *testing.T, r *running) bool {
	conn, err := tls.Dial("tcp", r.secure.String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"dot"}})
	require.NoError(t, err, "%s", r.log)
	defer conn.Close()
	return conn.ConnectionState().NegotiatedProtocol == "dot"
}
