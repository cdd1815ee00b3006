package validate

import (
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// nsec3 is an NSEC3 record of a zone.
type nsec3 struct {
	owner, next string // hashes
	optOut      bool
	types       bitmap
}

// circle is what the NSEC3 records of one chain have in common.
type circle struct {
	iterations int
	salt       string
}

// maxIterations is the most that is computed: our choice; validators take more for
// insecure, some any at all (RFC 9276 3.2).
const maxIterations = 50

// base32hex is RFC 4648's, in lower case as all names are here.
var base32hex = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// nameHash is the NSEC3 hash of a name.
type nameHash [sha1.Size]byte

// readHash reads the first label of an NSEC3 owner.
func readHash(label string) (d nameHash, ok bool) {
	if len(label) != len(d)*8/5 {
		return d, false
	}
	got, bits := uint(0), 0
	at := 0
	for i := range len(label) {
		c := uint(label[i])
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'v':
			c -= 'a' - 10
		default:
			return d, false
		}
		got, bits = got<<5|c, bits+5
		if bits >= 8 {
			bits -= 8
			d[at] = byte(got >> bits)
			at++
		}
	}
	return d, true
}

// hashOf is the hash of a name without iterations and salt.
func hashOf(n zone.Name) nameHash {
	var wire [zone.MaxName]byte
	return sha1.Sum(wire[:copy(wire[:], n)])
}

func readNSEC3(owner, apex zone.Name, rdata string) (n nsec3, c circle, err error) {
	broken := errors.New("its rdata is broken")
	if owner.Parent() != apex || owner == apex {
		return n, c, errors.New("its owner is not a hash below the apex")
	}
	hash, ok := readHash(owner.Label())
	if !ok {
		return n, c, errors.New("its owner is not a hash")
	}
	if len(rdata) < 5 || len(rdata) < 5+int(rdata[4])+1+sha1.Size {
		return n, c, broken
	}
	switch {
	case rdata[0] != 1:
		return n, c, fmt.Errorf("its hash algorithm is %d", rdata[0])
	case rdata[1] > 1:
		return n, c, fmt.Errorf("its flags are %d", rdata[1]) // RFC 5155 8.2
	}
	c = circle{iterations: int(rdata[2])<<8 | int(rdata[3]), salt: rdata[5 : 5+int(rdata[4])]}
	if c.iterations > maxIterations {
		return n, c, fmt.Errorf("it has %d iterations", c.iterations)
	}
	rest := rdata[5+len(c.salt):]
	if rest[0] != sha1.Size {
		return n, c, broken
	}
	n = nsec3{owner: string(hash[:]), next: rest[1 : 1+sha1.Size], optOut: rdata[1] == 1}
	n.types, err = readBitmap(rest[1+sha1.Size:])
	return n, c, err
}

// hash is RFC 5155 5.
func (c circle) hash(n zone.Name) string {
	sum := sha1.Sum([]byte(string(n) + c.salt))
	for range c.iterations {
		sum = sha1.Sum(append(sum[:], c.salt...))
	}
	return string(sum[:])
}

// matching gives the record of n; nil when there is none.
func (p *proof) matching(n zone.Name) *nsec3 {
	h := p.circle.hash(n)
	for i := range p.hashed {
		if p.hashed[i].owner == h {
			return &p.hashed[i]
		}
	}
	return nil
}

// covering3 gives the record that denies n.
func (p *proof) covering3(n zone.Name) (*nsec3, error) {
	h := p.circle.hash(n)
	for i := range p.hashed {
		r := &p.hashed[i]
		switch {
		case r.owner < r.next && r.owner < h && h < r.next,
			r.owner >= r.next && h != r.owner && (r.owner < h || h < r.next): // the last
			return r, nil
		}
	}
	return nil, errors.New("no NSEC3 record covers " + n.String())
}

// closest is the closest encloser proof (RFC 5155 8.3): the closest encloser of n
// that a record matches, and the record that covers the next closer name.
func (p *proof) closest(n zone.Name) (encloser zone.Name, cover *nsec3, err error) {
	for next := n; next != p.apex; next = encloser {
		encloser = next.Parent()
		r := p.matching(encloser)
		if r == nil {
			continue
		}
		if r.types.hidesBelow() {
			return "", nil, fmt.Errorf("the closest encloser %s delegates, or has a DNAME", encloser)
		}
		cover, err = p.covering3(next)
		return encloser, cover, err
	}
	return "", nil, errors.New("no NSEC3 record matches an encloser of " + n.String())
}

// nameError3 is RFC 5155 8.4.
func (p *proof) nameError3(n zone.Name) error {
	if p.matching(n) != nil {
		return errors.New("the proof shows that the name exists")
	}
	encloser, _, err := p.closest(n)
	if err != nil {
		return err
	}
	if wildcard, ok := encloser.Wildcard(); ok {
		_, err = p.covering3(wildcard)
	}
	return err
}

// noData3 is RFC 5155 8.5 to 8.7: n shown without the type; for DS, n in a span
// that opts out; or the wildcard that would answer for n shown without the type.
func (p *proof) noData3(n zone.Name, t zone.Type) error {
	if r := p.matching(n); r != nil {
		return p.lacks(r.types, t)
	}
	if n == p.apex {
		return errors.New("no NSEC3 record matches the apex")
	}
	encloser, cover, err := p.closest(n)
	if err != nil {
		return err
	}
	if t == zone.TypeDS && cover.optOut {
		return nil
	}
	if wildcard, ok := encloser.Wildcard(); ok {
		if r := p.matching(wildcard); r != nil {
			return p.lacks(r.types, t)
		}
	}
	return errors.New("no NSEC3 record matches the name or its wildcard")
}

// noCloser3 is RFC 5155 8.8.
func (p *proof) noCloser3(n, encloser zone.Name) error {
	_, err := p.covering3(n.Ancestor(encloser.Labels() + 1))
	return err
}
