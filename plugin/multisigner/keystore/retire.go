package keystore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Destroy takes a key out of use: its files move to the directory retired beside
// them, from where Restore brings them back. A key that is not there is no error,
// and doing it again finishes what a crash has cut off.
func (d *Dir) Destroy(zone string, rdata string) error {
	p, err := d.place(zone)
	if err != nil {
		return err
	}
	defer d.lock(p)()
	if err := p.move(rdata, p.dir, p.retired); err != nil {
		return fmt.Errorf("retire key of %s: %w", zone, err)
	}
	return nil
}

// Restore brings a retired key back into use. One that is in use already is no
// error, one that is not there is.
func (d *Dir) Restore(zone string, rdata string) (Key, error) {
	p, err := d.place(zone)
	if err != nil {
		return Key{}, err
	}
	defer d.lock(p)()
	if err := p.move(rdata, p.retired, p.dir); err != nil {
		return Key{}, fmt.Errorf("restore key of %s: %w", zone, err)
	}
	return p.open(rdata)
}

// open reads a key that is in use.
func (p place) open(rdata string) (Key, error) {
	name, err := p.find(rdata, p.dir, p.retired)
	if err != nil {
		return Key{}, err
	}
	if name == "" {
		return Key{}, fmt.Errorf("there is no key of %s with tag %d", textName(p.zone), keyTag(rdata))
	}
	return readKey(p.zone, filepath.Join(p.dir, name), publicOf(name, p.dir, p.retired))
}

// move moves the files of rdata's key, the private one first: it is where the key is.
func (p place) move(rdata, from, to string) error {
	name, err := p.find(rdata, from, to)
	if err != nil {
		return err
	}
	if name == "" { // not here: moved before, perhaps not all of it
		if name, err = p.find(rdata, to, from); err != nil || name == "" {
			return err
		}
	}
	if err := makeDir(to); err != nil {
		return err
	}
	for _, ending := range []string{".private", ".key"} {
		file := name + ending
		if !exists(filepath.Join(from, file)) {
			continue
		}
		if err := rename(filepath.Join(from, file), filepath.Join(to, file)); err != nil {
			return err
		}
	}
	// Also when there was nothing to move: a crash may have come before this.
	err = syncDir(to)
	if exists(from) {
		err = errors.Join(err, syncDir(from))
	}
	return err
}

// Purge removes a retired key for ever. A key in use is an error, one that is not
// there is none.
func (d *Dir) Purge(zone string, rdata string) error {
	p, err := d.place(zone)
	if err != nil {
		return err
	}
	defer d.lock(p)()
	inUse, err := p.find(rdata, p.dir, p.retired)
	if err != nil {
		return fmt.Errorf("purge key of %s: %w", zone, err)
	}
	if inUse != "" {
		return fmt.Errorf("purge key of %s: %s is in use: only retired keys are removed", zone, filepath.Join(p.dir, inUse))
	}
	name, err := p.find(rdata, p.retired, p.dir)
	if err != nil || name == "" {
		return err
	}
	public := publicOf(name, p.retired, p.dir)
	// The public file goes last: as long as it is there, Purge finds the key again.
	for _, file := range []string{filepath.Join(p.retired, name+".private"), public} {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("purge key of %s: %w", zone, err)
		}
	}
	return errors.Join(syncDir(p.retired), syncDir(filepath.Dir(public)))
}
