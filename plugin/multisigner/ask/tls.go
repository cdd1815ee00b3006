package ask

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
)

// PortTLS is where servers speak DNS over TLS (RFC 7858 3.1, RFC 9103 7.2).
const PortTLS = 853

// TLS is how a server that is asked over TLS proves who it is (RFC 9103 7.3.1: strict,
// always), and how we prove it to the server. The zero value means clear text, and
// any other never falls back to that. Name or Pins must be there; with both, both must
// be right. Files are read for each connection: they may be renewed. Values are
// compared with ==.
type TLS struct {
	Name string // that its certificate must be for, in presentation form
	CA   string // file of the certificates, in PEM, that may vouch for Name; "": the system's
	Pins string // SHA-256 of the public keys it may have (SPKI), in base64, separated by blanks
	Cert string // file of our own certificate, in PEM; "": none
	Key  string // file of its private key
}

// On reports whether TLS is wanted at all.
func (t TLS) On() bool { return t != TLS{} }

// Check says what is wrong with t, without a server; nil when nothing is. Files are read.
func (t TLS) Check() error {
	if !t.On() {
		return nil
	}
	_, err := t.config()
	return err
}

// config is what t means to crypto/tls.
func (t TLS) config() (*tls.Config, error) {
	pins, err := t.pins()
	if err != nil {
		return nil, err
	}
	// Version and name of the protocol: RFC 9103 7.1. Early data is never sent by this library.
	c := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"dot"}, ServerName: strings.TrimSuffix(t.Name, ".")}
	switch {
	case t.Name == "" && len(pins) == 0:
		return nil, failed(ErrTLS, "neither a name nor a pin of the server is given: nobody could tell who it is")
	case t.CA != "":
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, failed(ErrTLS, "%v", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, failed(ErrTLS, "%s has no certificate in PEM", t.CA)
		}
	}
	if t.Name == "" {
		c.InsecureSkipVerify = true // a pin is as good as a name (RFC 8310 6.6): pinned looks
	}
	c.VerifyConnection = func(s tls.ConnectionState) error { return pinned(s, pins) }
	if t.Cert != "" || t.Key != "" {
		own, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, failed(ErrTLS, "our own certificate: %v", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

func (t TLS) pins() ([]string, error) {
	var pins []string
	for _, text := range strings.Fields(t.Pins) {
		pin, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(pin) != sha256.Size {
			return nil, failed(ErrTLS, "pin %q is not the base64 of a SHA-256, which has 44 characters", text)
		}
		pins = append(pins, string(pin))
	}
	return pins, nil
}

// pinned judges the server's key, if any is pinned. That of its own certificate counts,
// and none of those above it.
func pinned(s tls.ConnectionState, pins []string) error {
	if len(pins) == 0 {
		return nil
	}
	is := sha256.Sum256(s.PeerCertificates[0].RawSubjectPublicKeyInfo)
	if !slices.Contains(pins, string(is[:])) {
		return failed(ErrTLS, "the server's key has the pin %s, which is not allowed", base64.StdEncoding.EncodeToString(is[:]))
	}
	return nil
}

// secure speaks TLS over conn, as s wants it.
func secure(ctx context.Context, conn net.Conn, s Server) (net.Conn, error) {
	config, err := s.TLS.config()
	if err != nil {
		return nil, err
	}
	over := tls.Client(conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, refusedTLS(err)
	}
	// The library goes on when the server selects none; other servers on that port might be anything.
	if got := over.ConnectionState().NegotiatedProtocol; got != "dot" {
		return nil, failed(ErrTLS, "the server does not say by ALPN that it speaks DNS over TLS (it must select dot, RFC 9103 7.1)")
	}
	return over, nil
}

// refusedTLS puts a handshake's error into words.
func refusedTLS(err error) error {
	if errors.Is(err, ErrTLS) {
		return err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return failed(ErrUnreachable, "TLS: no handshake in time")
	}
	if err := alerted(err); err != nil {
		return err
	}
	if reset(err) {
		return failed(errHungUp, "TLS: the connection was closed in the handshake")
	}
	return failed(ErrTLS, "TLS: %v", strings.TrimPrefix(err.Error(), "tls: "))
}

// alerted gives the error for an alert of the other side; nil when err is none. One that
// wants a certificate of us may come after the handshake (RFC 8446 4.4.2.4).
func alerted(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return failed(ErrTLS, "the server ended TLS: %s", strings.TrimPrefix(op.Err.Error(), "tls: "))
	}
	return nil
}

// describe is what a log line says of how conn is protected; "" for clear text.
func describe(conn net.Conn) string {
	c, ok := conn.(*tls.Conn)
	if !ok {
		return ""
	}
	s := c.ConnectionState()
	return fmt.Sprintf("%s, %s", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite))
}
