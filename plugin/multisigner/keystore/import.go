package keystore

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Import copies a key into the zone's directory. path is a key's .private or .key
// file of BIND's format, or both without their ending; or a PKCS#8 PEM file, as
// Knot keeps them, with a .key file of the same base beside it. The files stay
// where they are, and are copied as they are, so that what they say of the key's
// life is kept. A key that is there already is given as it is, a retired one
// restored.
func (d *Dir) Import(zone, path string) (Key, error) {
	p, err := d.place(zone)
	if err != nil {
		return Key{}, err
	}
	key, err := d.importFiles(p, path)
	if err != nil {
		return Key{}, fmt.Errorf("import key of %s: %w", zone, err)
	}
	return key, nil
}

func (d *Dir) importFiles(p place, path string) (Key, error) {
	base, secret := path, ".private"
	for _, ending := range []string{".private", ".key", ".pem"} {
		if trimmed, ok := strings.CutSuffix(path, ending); ok {
			base = trimmed
			if ending == ".pem" {
				secret = ending
			}
			break
		}
	}
	public, err := readPublic(base + ".key")
	if errors.Is(err, errNoFile) && secret == ".pem" {
		return Key{}, fmt.Errorf("%s says neither its algorithm nor its flags: put a .key file beside it, or name them", path)
	}
	if err != nil {
		return Key{}, err
	}
	rdata, err := parsePublic(public, base+".key", p.zone)
	if err != nil {
		return Key{}, err
	}
	if secret == ".pem" {
		return d.importPEM(p, path, rdata[3], uint16(rdata[0])<<8|uint16(rdata[1]), rdata)
	}
	private, err := readPrivate(base + secret)
	if err != nil {
		return Key{}, err
	}
	if _, err := readPair(base+secret, rdata, private); err != nil {
		return Key{}, err
	}
	defer d.lock(p)()
	return p.add(rdata, private, public)
}

// ImportPEM copies a key from a PKCS#8 PEM file, which says neither its algorithm
// nor its flags.
func (d *Dir) ImportPEM(zone, path string, algorithm uint8, flags uint16) (Key, error) {
	p, err := d.place(zone)
	if err != nil {
		return Key{}, err
	}
	key, err := d.importPEM(p, path, algorithm, flags, "")
	if err != nil {
		return Key{}, fmt.Errorf("import key of %s: %w", zone, err)
	}
	return key, nil
}

// importPEM adds the key in a PEM file; rdata is what it must be, unless empty.
func (d *Dir) importPEM(p place, path string, algorithm uint8, flags uint16, rdata string) (Key, error) {
	signer, err := readPEM(path)
	if err != nil {
		return Key{}, err
	}
	made, err := dnskey(flags, algorithm, signer.Public())
	if err == nil {
		err = checkDNSKEY(made)
	}
	if err == nil && rdata != "" {
		err = matches(rdata, signer)
		made = rdata
	}
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	private, err := formatPrivate(algorithm, signer, time.Time{})
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	defer d.lock(p)()
	return p.add(made, private, formatPublic(p.zone, made, time.Time{}))
}

func readPEM(path string) (crypto.Signer, error) {
	content, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(bytes.TrimSpace(content))
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s is no PKCS#8 PEM file: openssl pkcs8 -topk8 -nocrypt makes one of other forms", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		if err := checkRSA(key); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s has a key that does not sign", path)
	}
	return signer, nil
}

// add installs an imported key, unless it is there already.
func (p place) add(rdata string, private, public []byte) (Key, error) {
	if err := p.move(rdata, p.retired, p.dir); err != nil {
		return Key{}, err
	}
	name, err := p.find(rdata, p.dir, p.retired)
	switch {
	case err != nil:
		return Key{}, err
	case name != "":
		return p.open(rdata)
	case p.taken(rdata):
		return Key{}, fmt.Errorf("another key of algorithm %d with tag %d is there: one of the two must be replaced", rdata[3], keyTag(rdata))
	}
	return p.install(rdata, private, public)
}
