package ask

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Stream signs the messages of an answer, one after the other, each of which continues the
// signature before (RFC 8945 5.3.1). It works on packed messages, of which a transfer has
// many: whoever asks has been verified already.
type Stream struct {
	key       *TSIG
	secret    []byte
	owner     []byte // names in wire form
	algorithm []byte
	id        uint16
	mac       []byte // the last: of the request at first
	begun     bool
}

// Stream begins with the TSIG of the request.
func (k *TSIG) Stream(request *dns.TSIG) (*Stream, error) {
	s := &Stream{key: &TSIG{Name: k.Name, Algorithm: strings.ToLower(dns.Fqdn(k.Algorithm)), Secret: k.Secret}, id: request.OrigId}
	var err error
	if s.secret, err = base64.StdEncoding.DecodeString(k.Secret); err != nil {
		return nil, failed(ErrTSIG, "the secret of key %s is not base64", k.Name)
	}
	if hashes[s.key.Algorithm] == nil {
		return nil, failed(ErrTSIG, "algorithm %s of key %s is not known", k.Algorithm, k.Name)
	}
	if s.mac, err = hex.DecodeString(request.MAC); err != nil {
		return nil, failed(ErrTSIG, "the MAC of the request cannot be read")
	}
	if s.owner, err = nameWire(k.Name); err != nil {
		return nil, err
	}
	s.algorithm, err = nameWire(s.key.Algorithm)
	return s, err
}

// Size is how many octets Sign adds.
func (s *Stream) Size() int {
	return len(s.owner) + 10 + len(s.algorithm) + 16 + hashes[s.key.Algorithm]().Size()
}

// Sign appends the TSIG record to a packed message, which has none.
func (s *Stream) Sign(wire []byte, now time.Time) []byte {
	h := hmac.New(hashes[s.key.Algorithm], s.secret)
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s.mac))))
	h.Write(s.mac)
	id := binary.BigEndian.Uint16(wire)
	binary.BigEndian.PutUint16(wire, s.id)
	h.Write(wire)
	binary.BigEndian.PutUint16(wire, id)
	timers := binary.BigEndian.AppendUint16(nil, uint16(now.Unix()>>32))
	timers = binary.BigEndian.AppendUint32(timers, uint32(now.Unix()))
	timers = binary.BigEndian.AppendUint16(timers, fudge)
	if s.begun {
		h.Write(timers)
	} else {
		h.Write(s.owner)
		h.Write([]byte{0, dns.ClassANY, 0, 0, 0, 0}) // class, TTL
		h.Write(s.algorithm)
		h.Write(timers)
		h.Write([]byte{0, 0, 0, 0}) // no error, no other data
	}
	s.mac, s.begun = h.Sum(nil), true

	wire = append(wire, s.owner...)
	wire = append(wire, 0, byte(dns.TypeTSIG), 0, dns.ClassANY, 0, 0, 0, 0)
	wire = binary.BigEndian.AppendUint16(wire, uint16(len(s.algorithm)+16+len(s.mac)))
	wire = append(append(wire, s.algorithm...), timers...)
	wire = binary.BigEndian.AppendUint16(wire, uint16(len(s.mac)))
	wire = binary.BigEndian.AppendUint16(append(wire, s.mac...), s.id)
	wire = append(wire, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(wire[10:], binary.BigEndian.Uint16(wire[10:])+1)
	return wire
}
