package engine_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// mortal is the way to a primary that dies while it sends: in the midst of a frame, which is
// a message, or a record of TLS. It answers nobody until it is revived.
type mortal struct {
	header int // octets before a frame, the last two of which have its length

	mu     sync.Mutex
	frames int // that came since it was revived
	at     int // the frame that is not sent as a whole; -1: it lives
	part   int // how much of that is sent: see parts
	how    error
	died   bool
}

// parts are where a frame is cut: before it, within its header, after that, within it, and
// before its last octet.
func (m *mortal) parts(frame []byte) []byte {
	return frame[:[]int{0, 1, m.header, (m.header + len(frame)) / 2, len(frame) - 1}[m.part]]
}

const parts = 5

// dies has it die at the next visit: as a process that is killed, a machine that is switched
// off, or a way on which nothing comes any more.
func (m *mortal) dies(at, part int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frames, m.at, m.part, m.died = 0, at, part, false
	m.how = []error{io.EOF, syscall.ECONNRESET, os.ErrDeadlineExceeded}[(at+part+1)%3]
}

func (m *mortal) revive() { m.dies(-1, 0) }

func (m *mortal) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.died
}

func (m *mortal) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if m.dead() {
		return nil, syscall.ECONNREFUSED
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || network != "tcp" {
		return conn, err
	}
	return &dying{Conn: conn, m: m, in: bufio.NewReader(conn)}, nil
}

// pass gives what of a frame is sent, and how the connection ends then, if it does.
func (m *mortal) pass(frame []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frames++
	switch {
	case m.died:
		return nil, m.how
	case m.frames-1 != m.at:
		return frame, nil
	}
	m.died = true
	return m.parts(frame), m.how
}

// dying is a connection of a mortal.
type dying struct {
	net.Conn
	m    *mortal
	in   *bufio.Reader
	left []byte // of the frame that was passed
	end  error
}

func (d *dying) Read(b []byte) (int, error) {
	if len(d.left) == 0 && d.end == nil {
		header, err := d.in.Peek(d.m.header)
		if err != nil {
			return 0, err
		}
		frame := make([]byte, d.m.header+int(binary.BigEndian.Uint16(header[d.m.header-2:])))
		if _, err := io.ReadFull(d.in, frame); err != nil {
			return 0, err
		}
		d.left, d.end = d.m.pass(frame)
	}
	if len(d.left) == 0 {
		return 0, d.end
	}
	n := copy(b, d.left)
	d.left = d.left[n:]
	return n, nil
}

// secured serves p over TLS too, and gives how it is asked so.
func (p *scripted) secured(t *testing.T) ask.Server {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, public, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pin := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"dot"}, MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	started := make(chan struct{})
	s := &dns.Server{Listener: l, Handler: p, NotifyStartedFunc: func() { close(started) }}
	go s.ActivateAndServe()
	<-started
	t.Cleanup(func() { s.Shutdown() })
	return ask.Server{Addr: l.Addr().(*net.TCPAddr).AddrPort(), TLS: ask.TLS{Pins: base64.StdEncoding.EncodeToString(pin[:])}}
}

// Wherever a primary dies while it gives a zone, at each message and in each part of it, we
// have nothing of what it was giving: what we had is served on, by a restart, too, and lasts
// no longer than before. When the clock says so it is asked again, and gives all.
func TestPrimaryDiesAnywhere(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"clear", "TSIG", "TLS"} {
		for _, how := range []string{"IXFR", "AXFR"} {
			t.Run(over+"/"+how, func(t *testing.T) {
				t.Parallel()
				var key *ask.TSIG
				if over == "TSIG" {
					key = groupKey
				}
				p := newScripted(t, key, text("10", numbered(10)))
				p.size, p.whole = 150, how == "AXFR"
				cfg, m := behind(t, p), &mortal{header: 2}
				if over == "TLS" {
					cfg.Primaries, m.header = []ask.Server{p.secured(t)}, 5
				}
				outliveDeaths(t, p, m, cfg, how)
			})
		}
	}
}

// numbered are some records that are others at each serial.
func numbered(serial uint32) string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "n%d.example.org. 300 A 192.0.2.%d\n", i, serial)
	}
	return b.String()
}

func outliveDeaths(t *testing.T, p *scripted, m *mortal, cfg engine.Config, how string) {
	clock, dir := newManual(moment), t.TempDir()
	var e *engine.Engine
	open := func() {
		t.Helper()
		var err error
		e, err = engine.Open(dir, engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock, Dial: m.dial})
		require.NoError(t, err)
		prepared, err := e.Prepare(t.Context(), []engine.Config{cfg})
		require.NoError(t, err)
		prepared.Commit()
	}
	defer func() { e.Close() }()
	// visit lets the time pass after which a primary is asked again.
	visit := func() (died bool) {
		t.Helper()
		clock.step(3 * time.Hour)
		eventually(t, "it has died, or given the zone", func() bool {
			return (m.dead() || source(e).Serial == p.had[len(p.had)-1].Serial()) && source(e).Busy == "" && e.Idle()
		})
		return m.dead()
	}

	// Nothing is served before all of the first zone has come.
	m.dies(0, 0)
	open()
	rests(t, e)
	require.True(t, m.dead())
	deaths := 0
	for at := 0; at <= deaths/parts; at++ {
		for part := range parts {
			m.dies(at, part)
			if !visit() {
				break
			}
			deaths++
			require.Nil(t, e.Find(apex).Open(), "frame %d, part %d", at, part)
			require.NotEmpty(t, source(e).Why)
		}
	}
	require.Greater(t, deaths, 3*parts)
	p.questions()

	deaths = 0
	for at := 0; at <= deaths/parts; at++ {
		for part := range parts {
			was, before := unsignedText(serves(t, e, "www.example.org.")), source(e)
			serial := before.Serial + 1
			p.set(text(fmt.Sprint(serial), numbered(serial)))
			m.dies(at, part)
			died := visit()
			if died {
				deaths++
				if part == 3 {
					require.NoError(t, e.Close())
					open()
					rests(t, e)
				}
				require.Equal(t, was, unsignedText(e.Find(apex).Open()), "frame %d, part %d", at, part)
				is := source(e)
				require.NotEmpty(t, is.Why)
				require.Equal(t, before.Serial, is.Serial)
				require.Equal(t, before.Expires, is.Expires)
				m.revive()
				require.False(t, visit())
			}
			require.Equal(t, unsignedText(p.had[len(p.had)-1]), unsignedText(e.Find(apex).Open()), "frame %d, part %d", at, part)
			require.Equal(t, clock.Now(), source(e).Refreshed)
			if !died {
				asked := p.questions()
				require.Equal(t, how, asked[len(asked)-1])
				break
			}
		}
	}
	require.Greater(t, deaths, 3*parts)
}
