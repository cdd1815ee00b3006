package ask

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// TSIG is a key that both sides of an exchange sign with (RFC 8945).
type TSIG struct {
	Name      string // with the final dot, lower case
	Algorithm string // as dns.HmacSHA256 has it
	Secret    string // base64
}

// fudge is how far clocks may be apart, in seconds (RFC 8945 10: 300 is recommended).
const fudge = 300

// sign packs m with a TSIG by k, and gives the MAC, which the answer's continues.
// Without a key it only packs.
func (k *TSIG) sign(m *dns.Msg) (wire, mac []byte, err error) {
	if k == nil {
		wire, err = m.Pack()
		return wire, nil, err
	}
	m.SetTsig(k.Name, k.Algorithm, fudge, time.Now().Unix())
	wire, text, err := dns.TsigGenerate(m, k.Secret, "", false)
	if err != nil {
		return nil, nil, failed(ErrTSIG, "sign with key %s: %v", k.Name, err)
	}
	mac, err = hex.DecodeString(text)
	return wire, mac, err
}

// chain verifies the answers to one request. Each signature continues the one
// before, and covers the messages between that had none (RFC 8945 5.3.1).
type chain struct {
	key     *TSIG
	mac     []byte   // the last: of the request at first
	between [][]byte // unsigned messages since
	started bool     // an answer was verified
}

// verify judges the next message. covered says that it and all before it are
// verified; else it has no signature of its own, and those after it must decide.
func (c *chain) verify(m *dns.Msg, wire []byte) (covered bool, err error) {
	if c.key == nil {
		return true, nil
	}
	t := m.IsTsig()
	if t == nil {
		if !c.started {
			return false, failed(ErrTSIG, "the answer (%s) is not signed with key %s", Rcode(m.Rcode), c.key.Name)
		}
		c.between = append(c.between, wire)
		return false, nil
	}
	if err := c.mistaken(t); err != nil {
		return false, err
	}
	body, ok := beforeTSIG(wire)
	if !ok {
		return false, failed(ErrGarbled, "the TSIG is not where it should be")
	}
	sum, err := c.sum(body, t)
	if err != nil {
		return false, err
	}
	mac, _ := hex.DecodeString(t.MAC)
	if !hmac.Equal(sum, mac) {
		return false, failed(ErrTSIG, "the answer's signature with key %s is wrong", c.key.Name)
	}
	// The time is looked at only now that it is known to be the server's.
	if off := time.Since(time.Unix(int64(t.TimeSigned), 0)); off.Abs() > time.Duration(t.Fudge)*time.Second {
		return false, failed(ErrTSIG, "the answer was signed %s from now by our clock", off.Abs().Round(time.Second))
	}
	c.mac, c.between, c.started = mac, nil, true
	return true, nil
}

// mistaken says what is wrong when the other side does not agree with us about the
// key. Nobody signed that for BADKEY and BADSIG, so it is a hint at best.
func (c *chain) mistaken(t *dns.TSIG) error {
	switch t.Error {
	case dns.RcodeSuccess:
	case dns.RcodeBadKey:
		return failed(ErrTSIG, "the server does not know key %s (BADKEY)", c.key.Name)
	case dns.RcodeBadSig:
		return failed(ErrTSIG, "the server has another secret for key %s (BADSIG)", c.key.Name)
	case dns.RcodeBadTime:
		return failed(ErrTSIG, "the server's clock is too far from ours (BADTIME)")
	default:
		return failed(ErrTSIG, "the server answered with TSIG error %s", Rcode(int(t.Error)))
	}
	if !sameName(t.Hdr.Name, c.key.Name) {
		return failed(ErrTSIG, "the answer is signed with key %q, not %s", t.Hdr.Name, c.key.Name)
	}
	if !strings.EqualFold(t.Algorithm, c.key.Algorithm) {
		return failed(ErrTSIG, "the answer is signed by algorithm %q, not %s", t.Algorithm, c.key.Algorithm)
	}
	return nil
}

// sum computes what t's MAC must be (RFC 8945 4.3, 5.3.1). body is the message
// without t, and is changed.
func (c *chain) sum(body []byte, t *dns.TSIG) ([]byte, error) {
	secret, err := base64.StdEncoding.DecodeString(c.key.Secret)
	if err != nil {
		return nil, failed(ErrTSIG, "the secret of key %s is not base64", c.key.Name)
	}
	newHash, ok := hashes[strings.ToLower(c.key.Algorithm)]
	if !ok {
		return nil, failed(ErrTSIG, "algorithm %s of key %s is not known", c.key.Algorithm, c.key.Name)
	}
	h := hmac.New(newHash, secret)
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(c.mac))))
	h.Write(c.mac)
	for _, wire := range c.between {
		h.Write(wire)
	}
	binary.BigEndian.PutUint16(body, t.OrigId)
	binary.BigEndian.PutUint16(body[10:], binary.BigEndian.Uint16(body[10:])-1)
	h.Write(body)
	timers := binary.BigEndian.AppendUint16(nil, uint16(t.TimeSigned>>32))
	timers = binary.BigEndian.AppendUint32(timers, uint32(t.TimeSigned))
	timers = binary.BigEndian.AppendUint16(timers, t.Fudge)
	if c.started {
		h.Write(timers)
		return h.Sum(nil), nil
	}
	variables, err := nameWire(t.Hdr.Name)
	if err != nil {
		return nil, err
	}
	variables = append(variables, 0, dns.ClassANY, 0, 0, 0, 0) // class, TTL
	algorithm, err := nameWire(t.Algorithm)
	if err != nil {
		return nil, err
	}
	other, _ := hex.DecodeString(t.OtherData)
	variables = append(append(variables, algorithm...), timers...)
	variables = binary.BigEndian.AppendUint16(variables, t.Error)
	variables = binary.BigEndian.AppendUint16(variables, uint16(len(other)))
	h.Write(append(variables, other...))
	return h.Sum(nil), nil
}

var hashes = map[string]func() hash.Hash{
	dns.HmacSHA1: sha1.New, dns.HmacSHA224: sha256.New224, dns.HmacSHA256: sha256.New,
	dns.HmacSHA384: sha512.New384, dns.HmacSHA512: sha512.New,
}

// nameWire is the canonical wire form of a name.
func nameWire(name string) ([]byte, error) {
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire, 0, nil, false)
	if err != nil {
		return nil, failed(ErrGarbled, "%q: %v", name, err)
	}
	return wire[:n], nil
}

// beforeTSIG gives a copy of a message up to its last record, if that is the only TSIG.
func beforeTSIG(wire []byte) (body []byte, ok bool) {
	if len(wire) < 12 {
		return nil, false
	}
	at := 12
	for range binary.BigEndian.Uint16(wire[4:]) {
		if at, ok = afterName(wire, at); !ok || at+4 > len(wire) {
			return nil, false
		}
		at += 4
	}
	records := 0
	for i := 6; i < 12; i += 2 {
		records += int(binary.BigEndian.Uint16(wire[i:]))
	}
	for i := range records {
		start := at
		if at, ok = afterName(wire, at); !ok || at+10 > len(wire) {
			return nil, false
		}
		last, tsig := i == records-1, binary.BigEndian.Uint16(wire[at:]) == dns.TypeTSIG
		if last != tsig {
			return nil, false
		}
		at += 10 + int(binary.BigEndian.Uint16(wire[at+8:]))
		if last && at == len(wire) {
			return append([]byte(nil), wire[:start]...), true
		}
	}
	return nil, false
}

// afterName gives where the name at at ends, without following pointers.
func afterName(wire []byte, at int) (end int, ok bool) {
	for at < len(wire) {
		switch c := int(wire[at]); {
		case c == 0:
			return at + 1, true
		case c >= 0xc0:
			return at + 2, at+2 <= len(wire)
		default:
			at += 1 + c
		}
	}
	return 0, false
}
