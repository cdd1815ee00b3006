// Package keystore creates, opens and retires private keys: files in BIND's
// format, one directory for each zone. Which keys there should be and what they
// sign is decided elsewhere.
package keystore

import (
	"crypto"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Key is a key pair that can sign.
type Key struct {
	Rdata  string // its DNSKEY rdata in wire form
	Signer crypto.Signer
	Base   string // path of its files without .key and .private
	// Token says that the private key is in a device, which signs on its own and can
	// be wrong on its own; false for keys of files.
	Token bool
	// What the private file says of the key's life; zero when it says nothing.
	// Keys that are imported keep what they came with; nothing here acts on it.
	Created, Publish, Activate, Inactive, Delete time.Time
}

// Flags are those of the DNSKEY record.
func (k Key) Flags() uint16 { return uint16(k.Rdata[0])<<8 | uint16(k.Rdata[1]) }

// Algorithm is the DNSSEC algorithm number.
func (k Key) Algorithm() uint8 { return k.Rdata[3] }

// Tag is the key tag (RFC 4034 appendix B).
func (k Key) Tag() uint16 { return keyTag(k.Rdata) }

func keyTag(rdata string) uint16 {
	var sum uint32
	for i := range len(rdata) {
		if i%2 == 0 {
			sum += uint32(rdata[i]) << 8
		} else {
			sum += uint32(rdata[i])
		}
	}
	return uint16(sum + sum>>16)
}

// Dir is a directory of keys. Its methods may be called from any goroutine; that
// no other process writes there is its user's business, by the lock of the state.
type Dir struct {
	// Now dates the keys that Create makes; time.Now when nil. Set it before use.
	Now func() time.Time

	dir   string
	locks [64]sync.Mutex // a zone's is held while its files are made or moved
	seed  maphash.Seed
}

// Open gives the key directory at dir, which it makes (0700) if need be. One that
// everybody may write to is refused.
func Open(dir string) (*Dir, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	at, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open keys: %w", err)
	case !at.IsDir():
		return nil, fmt.Errorf("open keys: %s is not a directory", dir)
	case at.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("open keys: everybody may write to %s: chmod 700 %[1]s, and look at what is in it", dir)
	}
	return &Dir{dir: dir, seed: maphash.MakeSeed()}, nil
}

// List gives the zone's keys, ordered by path, and an error for each one that
// cannot be used, which names the file and the cure. A zone without a directory
// has none. Retired keys are not listed.
func (d *Dir) List(zone string) ([]Key, []error) {
	p, err := d.place(zone)
	if err != nil {
		return nil, []error{err}
	}
	defer d.lock(p)()
	return p.list()
}

// Retired is List for the keys that Destroy has put away.
func (d *Dir) Retired(zone string) ([]Key, []error) {
	p, err := d.place(zone)
	if err != nil {
		return nil, []error{err}
	}
	defer d.lock(p)()
	return p.listRetired()
}

// lock holds the zone's files for one caller; what it returns lets them go.
func (d *Dir) lock(p place) (unlock func()) {
	m := &d.locks[maphash.String(d.seed, p.dir)%uint64(len(d.locks))]
	m.Lock()
	return m.Unlock
}

func (d *Dir) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// place is where a zone's keys are.
type place struct {
	zone    string // wire form, lower case
	dir     string
	retired string
}

func (d *Dir) place(zone string) (place, error) {
	wire, err := wireName(zone)
	if err != nil {
		return place{}, err
	}
	dir := filepath.Join(d.dir, fileName(wire))
	return place{zone: wire, dir: dir, retired: filepath.Join(dir, "retired")}, nil
}

// errNoFile is a file that is not there, where that is no surprise.
var errNoFile = errors.New("no such file")
