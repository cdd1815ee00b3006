// Package keystore creates, opens and retires private keys: files in BIND's
// format, one directory for each zone. Which keys there should be and what they
// sign is decided elsewhere.
package keystore

import (
	"crypto"
	"sync"
	"time"
)

// Key is a key pair that can sign.
type Key struct {
	Rdata  string // its DNSKEY rdata in wire form
	Signer crypto.Signer
	Base   string // path of its files without .key and .private
	// What the private file says of the key's life; zero when it says nothing.
	// Created and imported keys keep what they came with; nothing here acts on it.
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
// one process has it is its user's business, by the lock of the state.
type Dir struct {
	// Now dates the keys that Create makes; time.Now when nil. Set it before use.
	Now func() time.Time

	dir string
	mu  sync.Mutex // held while files are made or moved
}

// Open gives the key directory at dir, which it makes (0700) if need be.
func Open(dir string) (*Dir, error) { return &Dir{dir: dir}, nil }

// List gives the zone's keys, ordered by path, and an error for each one that
// cannot be used, which names the file and the cure. A zone without a directory
// has none. Retired keys are not listed.
func (d *Dir) List(zone string) ([]Key, []error) { return nil, nil }

// Retired is List for the keys that Destroy has put away.
func (d *Dir) Retired(zone string) ([]Key, []error) { return nil, nil }

// Create makes a key pair for zone, a name in presentation form, and writes it.
// accept says whether a tag may be used, nil accepts all; a key whose tag may not
// is forgotten and another is made, at most MaxTries times. It returns when the
// files are on the disk, were read back, and a signature made with what was read
// has been verified.
func (d *Dir) Create(zone string, algorithm uint8, flags uint16, accept func(tag uint16) bool) (Key, error) {
	panic("not yet")
}

// Destroy takes a key out of use: its files move to the directory retired beside
// them, from where Restore brings them back. A key that is not there is no error.
func (d *Dir) Destroy(zone string, rdata string) error { panic("not yet") }

// Restore brings a retired key back into use.
func (d *Dir) Restore(zone string, rdata string) (Key, error) { panic("not yet") }

// Purge removes a retired key for ever. A key in use is an error, one that is not
// there is none.
func (d *Dir) Purge(zone string, rdata string) error { panic("not yet") }

// Import copies a key into the zone's directory. path is a key's .private or .key
// file of BIND's format, or both without their ending; or a PKCS#8 PEM file, as
// Knot keeps them, with a .key file of the same base beside it.
func (d *Dir) Import(zone, path string) (Key, error) { panic("not yet") }

// ImportPEM copies a key from a PKCS#8 PEM file, which says neither its
// algorithm nor its flags.
func (d *Dir) ImportPEM(zone, path string, algorithm uint8, flags uint16) (Key, error) {
	panic("not yet")
}
