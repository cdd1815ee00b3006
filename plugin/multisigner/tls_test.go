package multisigner

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// certificate writes cert.pem and key.pem for 127.0.0.1.
func (h home) certificate() {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(h.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ns.example.org"}, DNSNames: []string{"ns.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(h.t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(h.t, err)
	writeFile(h.t, filepath.Join(h.dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(h.t, filepath.Join(h.dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}

// Secondaries that transfer over TLS insist on the ALPN token dot (RFC 9103 7.1),
// which CoreDNS alone does not offer.
func TestTransferOverTLS(t *testing.T) {
	h := newHome(t)
	h.zone("open.example", 7, "www A 192.0.2.1")
	h.certificate()
	r := h.startTLS("tls://.:0 {\nCOMMON\ntls cert.pem key.pem\nmultisigner open.example {\nfile db.{zone}\nparent none\nallow-transfer 127.0.0.1\n}\n}")
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"dot"}}
	conn, err := tls.Dial("tcp", r.tcp(), config)
	require.NoError(t, err)
	require.Equal(t, "dot", conn.ConnectionState().NegotiatedProtocol)
	envelopes, err := (&dns.Transfer{Conn: &dns.Conn{Conn: conn}}).In(axfr("open.example.", ""), "")
	require.NoError(t, err)
	records := 0
	for e := range envelopes {
		require.NoError(t, e.Error)
		records += len(e.RR)
	}
	require.Greater(t, records, 10)
}

// secured is a Corefile with a zone that may be transferred with a key and over TLS alone.
func secured(clear, secure int) string {
	block := `COMMON
		tsig {
			secret xfr-key. ` + keySecret + `
		}
		multisigner {
			file db.{zone}
			parent none
			allow-transfer 127.0.0.1 key xfr-key. tls
		}`
	return fmt.Sprintf("example.org:%d {\n%s\n}\ntls://example.org:%d {\ntls cert.pem key.pem\n%s\n}\n", clear, block, secure, block)
}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		port, busy := freePort(t)
		defer busy.Close()
		ports = append(ports, port)
	}
	return ports
}

// answersAt asks the server at a port of this machine for the address of name.
func answersAt(port int, name string) func() bool {
	return func() bool {
		got, _, err := new(dns.Client).Exchange(query4(name, dns.TypeA), fmt.Sprintf("127.0.0.1:%d", port))
		return err == nil && got.Rcode == dns.RcodeSuccess && len(got.Answer) > 0
	}
}

// Who may transfer over TLS alone gets nothing in the clear, nor from a connection whose
// client has not said that it speaks DNS (RFC 9103 7.1); another server of ours, which insists
// on the same, follows the zone.
func TestTransfersOverTLSAlone(t *testing.T) {
	h, below := newHome(t), newHome(t)
	h.zone("example.org", 7, "www A 192.0.2.1")
	h.certificate()
	ports := freePorts(t, 3)
	clear, secure, lower := ports[0], ports[1], ports[2]
	r := h.startTLS(secured(clear, secure))
	require.Eventually(t, answersAt(clear, "www.example.org."), 20*time.Second, 10*time.Millisecond)
	at := fmt.Sprintf("127.0.0.1:%d", secure)
	transfer := func(config *tls.Config, key string) error {
		var conn net.Conn
		var err error
		if config == nil {
			conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", clear))
		} else {
			conn, err = tls.Dial("tcp", at, config)
		}
		require.NoError(t, err)
		defer conn.Close()
		secrets := map[string]string{"xfr-key.": keySecret}
		if key == "" {
			secrets = nil
		}
		envelopes, err := (&dns.Transfer{Conn: &dns.Conn{Conn: conn}, TsigSecret: secrets}).In(axfr("example.org.", key), "")
		require.NoError(t, err)
		for e := range envelopes {
			if e.Error != nil {
				err = e.Error
			}
		}
		return err
	}
	dot := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"dot"}}
	require.NoError(t, transfer(dot, "xfr-key."))
	require.ErrorContains(t, transfer(dot, ""), "bad xfr rcode: 5", "TLS stands for no key")
	require.ErrorContains(t, transfer(nil, "xfr-key."), "bad xfr rcode: 5")
	require.ErrorContains(t, transfer(&tls.Config{InsecureSkipVerify: true}, "xfr-key."), "bad xfr rcode: 5")
	old := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"dot"}, MaxVersion: tls.VersionTLS12}
	if conn, err := tls.Dial("tcp", at, old); err == nil { // the tls plugin takes it
		conn.Close()
		require.ErrorContains(t, transfer(old, "xfr-key."), "bad xfr rcode: 5")
	}

	fetches := below.startTLS(fmt.Sprintf(`example.org:%d {
		COMMON
		tsig {
			secret xfr-key. %s
		}
		multisigner {
			primary %s key xfr-key. tls ns.example.org ca %s/cert.pem
			primary-refresh 1s 1s
			parent none
		}
	}`, lower, keySecret, at, h.dir))
	require.Eventually(t, answersAt(lower, "www.example.org."), 20*time.Second, 10*time.Millisecond)
	h.zone("example.org", 8, "www A 192.0.2.1", "new A 192.0.2.2")
	require.Eventually(t, answersAt(lower, "new.example.org."), 30*time.Second, 10*time.Millisecond)
	fetches.stop()
	r.stop()
}
