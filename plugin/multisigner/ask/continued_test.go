package ask_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/miekg/dns"
)

// continued signs a message together with the unsigned ones before it.
type continued struct {
	secret, mac string
	between     []byte
}

func (c continued) Generate(msg []byte, _ *dns.TSIG) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(c.secret)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, secret)
	afterMAC := 2 + len(c.mac)/2
	h.Write(msg[:afterMAC])
	h.Write(c.between)
	h.Write(msg[afterMAC:])
	return h.Sum(nil), nil
}

func (c continued) Verify([]byte, *dns.TSIG) error { panic("tests only sign") }
