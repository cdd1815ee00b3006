package multisigner

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/keystore"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// heldKey stops at the names that begin with block, after what is signed before a
// zone is shown. It signs ED25519: the message comes to it whole.
type heldKey struct {
	crypto.Signer
	free *atomic.Int64
	gate chan struct{}
}

func (k heldKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.free.Add(-1) < 0 && bytes.Contains(message, []byte("block-")) {
		<-k.gate
	}
	return k.Signer.Sign(r, message, o)
}

// While a zone is being signed it is answered from, and transferred to nobody, by whatever
// way: a secondary would serve it as it is. Who asks for it is told why, and gets it after.
func TestNoTransfersBeforeItIsWhole(t *testing.T) {
	var text strings.Builder
	text.WriteString("$ORIGIN example.org.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n")
	for i := range 2200 {
		fmt.Fprintf(&text, "block-%04d A 192.0.2.1\nhost-%04d A 192.0.2.1\n", i, i)
	}
	file := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o644))
	apex := zone.MustName("example.org.")
	var free atomic.Int64
	free.Store(400)
	gate := make(chan struct{})
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slogger, Key: func(k keystore.Key) keystore.Key {
		k.Signer = heldKey{k.Signer, &free, gate}
		return k
	}})
	require.NoError(t, err)
	defer e.Close()
	goOn := sync.OnceFunc(func() { close(gate) })
	defer goOn() // else a failure would wait for ever
	p, err := e.Prepare(t.Context(), []engine.Config{{
		Apex: apex, File: file, Signer: "a", Split: true, Algorithm: 15, Validity: 14 * 24 * time.Hour, Refresh: 5 * 24 * time.Hour,
		DNSKEYTTL: time.Hour, Margin: time.Hour, LookBusy: time.Minute, LookIdle: time.Minute, AllowTransfer: []engine.Allow{{}},
	}})
	require.NoError(t, err)
	go p.Commit()
	z := func() *engine.Zone { return e.Find(apex) }
	require.Eventually(t, func() bool { return z() != nil && z().Open() != nil }, 10*time.Minute, time.Millisecond)
	require.False(t, z().Open().Whole())

	ask := func(name string, kind uint16) *dns.Msg {
		t.Helper()
		w := dnstest.NewRecorder(&test.ResponseWriter{TCP: true})
		req := new(dns.Msg).SetQuestion(name, kind).SetEdns0(1232, true)
		if kind == dns.TypeIXFR {
			req.Ns = []dns.RR{test.SOA("example.org. 300 IN SOA ns.example.org. hostmaster.example.org. 0 1 1 1 1")}
		}
		q := query{w: w, req: req, name: zone.MustName(name), apex: apex, zone: z(), decorated: true, from: asker{addr: addrPort(w.RemoteAddr())}}
		var err error
		if isTransfer(req) {
			_, err = q.transfer(context.Background())
		} else {
			w2 := dnstest.NewRecorder(&test.ResponseWriter{}) // over UDP, by a plugin that wants to see it
			q.w, w = w2, w2
			_, err = q.answer()
		}
		require.NoError(t, err)
		return w.Msg
	}
	m := ask("host-0007.example.org.", dns.TypeA)
	require.Equal(t, dns.RcodeSuccess, m.Rcode)
	require.Len(t, m.Answer, 2)
	for _, kind := range []uint16{dns.TypeAXFR, dns.TypeIXFR} {
		m := ask("example.org.", kind)
		require.Equal(t, dns.RcodeServerFailure, m.Rcode)
		ede := m.IsEdns0().Option[0].(*dns.EDNS0_EDE)
		require.Equal(t, dns.ExtendedErrorCodeNotReady, ede.InfoCode)
		require.Contains(t, ede.ExtraText, "still being signed")
	}
	goOn()
	require.Eventually(t, func() bool { return z().Open() != nil && z().Open().Whole() }, 10*time.Minute, time.Millisecond)
	for _, kind := range []uint16{dns.TypeAXFR, dns.TypeIXFR} {
		require.Equal(t, dns.RcodeSuccess, ask("example.org.", kind).Rcode)
	}
}
