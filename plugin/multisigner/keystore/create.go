package keystore

import (
	"crypto"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// How many key pairs Create makes in search of an acceptable tag. Where one tag of
// 256 will do, all of MaxTries are in vain once in 2,500 times. An RSA pair takes a
// tenth of a second and more: where one tag of eight will do, all of MaxTriesRSA are
// in vain once in 600,000 times.
const (
	MaxTries    = 2000
	MaxTriesRSA = 100
)

// Create makes a key pair for zone, a name in presentation form, and writes it.
// accept says whether a tag may be used, nil accepts all; a key whose tag may not
// is forgotten and another is made, at most MaxTries times. RSA keys have 2048
// bits. Create returns when the files are on the disk, were read back, and a
// signature made with what was read has been verified.
func (d *Dir) Create(zone string, algorithm uint8, flags uint16, accept func(tag uint16) bool) (Key, error) {
	p, err := d.place(zone)
	if err != nil {
		return Key{}, err
	}
	a, err := lookup(algorithm)
	if err != nil {
		return Key{}, fmt.Errorf("create key of %s: %w", zone, err)
	}
	defer d.lock(p)()
	tries := MaxTries
	if algorithm == dns.RSASHA256 || algorithm == dns.RSASHA512 {
		tries = MaxTriesRSA
	}
	for range tries {
		signer, err := a.generate()
		if err != nil {
			return Key{}, fmt.Errorf("create key of %s: %w", zone, err)
		}
		rdata, err := dnskey(flags, algorithm, signer.Public())
		if err == nil {
			err = checkDNSKEY(rdata)
		}
		if err != nil {
			return Key{}, fmt.Errorf("create key of %s: %w", zone, err)
		}
		if accept != nil && !accept(keyTag(rdata)) || p.taken(rdata) {
			continue
		}
		key, err := p.write(rdata, signer, d.now())
		if err != nil {
			return Key{}, fmt.Errorf("create key of %s: %w", zone, err)
		}
		return key, nil
	}
	return Key{}, fmt.Errorf("create key of %s: none of %d keys has a tag that may be used: widen the class of tags", zone, tries)
}

// taken reports whether files of a key with this algorithm and tag are there.
func (p place) taken(rdata string) bool {
	name := baseName(p.zone, rdata)
	for _, dir := range []string{p.dir, p.retired} {
		if exists(filepath.Join(dir, name+".key")) || exists(filepath.Join(dir, name+".private")) {
			return true
		}
	}
	return false
}

// write makes the files of a key, and reads them back.
func (p place) write(rdata string, signer crypto.Signer, created time.Time) (Key, error) {
	private, err := formatPrivate(rdata[3], signer, created)
	if err != nil {
		return Key{}, err
	}
	return p.install(rdata, private, formatPublic(p.zone, rdata, created))
}

// install makes files of the given content durable. What is cut off before its
// end, by a crash or an error, leaves nothing that counts.
func (p place) install(rdata string, private, public []byte) (key Key, err error) {
	if err := makeDir(p.dir); err != nil {
		return Key{}, err
	}
	if err := removeUnfinished(p.dir); err != nil {
		return Key{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeUnfinished(p.dir))
		}
	}()
	base := filepath.Join(p.dir, baseName(p.zone, rdata))
	if err := writeFile(base+".private", private); err != nil {
		return Key{}, err
	}
	if err := writeFile(base+".key", public); err != nil {
		return Key{}, err
	}
	if key, err = p.readBack(rdata, base); err != nil {
		return Key{}, err
	}
	// The private file comes last: without it a .key file is no key.
	if err := finish(base + ".key"); err != nil {
		return Key{}, err
	}
	if err := finish(base + ".private"); err != nil {
		return Key{}, err
	}
	return key, syncDir(p.dir)
}

// readBack opens a key that has been written and proves that it signs.
func (p place) readBack(rdata, base string) (Key, error) {
	key, err := readKey(p.zone, unfinishedName(base), unfinishedName(base+".key"))
	if err != nil {
		return Key{}, err
	}
	if key.Rdata != rdata {
		return Key{}, fmt.Errorf("%s.key was read back as another key: is the disk sound?", base)
	}
	if err := prove(key.Rdata, key.Signer); err != nil {
		return Key{}, fmt.Errorf("%s: %w", base, err)
	}
	key.Base = base
	return key, nil
}
