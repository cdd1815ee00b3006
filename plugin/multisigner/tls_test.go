package multisigner

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
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
