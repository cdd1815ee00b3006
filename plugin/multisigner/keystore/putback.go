package keystore

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
)

// Changed is another number whenever a file was made, moved or removed in the zone's directory,
// and whenever a private file was written or its permissions have changed; 0 when there is no
// directory. Whoever holds keys sees by it that it is time to ask PutBack whether they
// are all there, and Exposed whether others may read them.
func (d *Dir) Changed(zone string) uint64 {
	p, err := d.place(zone)
	if err != nil {
		return 0
	}
	at, err := os.Stat(p.dir)
	if err != nil {
		return 0
	}
	all := fnv.New64a()
	fmt.Fprintln(all, at.ModTime().UnixNano())
	entries, _ := os.ReadDir(p.dir) // what cannot be read is noticed when it can be: that changes the sum
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".private" {
			continue
		}
		if at, err := os.Stat(filepath.Join(p.dir, e.Name())); err == nil {
			fmt.Fprintln(all, at.ModTime().UnixNano(), at.Mode())
		}
	}
	return max(all.Sum64(), 1)
}

// Touched is when a file was last made, moved or removed in the zone's directory, as its disk dates that; 0
// when there is no directory. It is one question to the disk, where Changed is half a dozen, and leaves out what
// was written in place, and what comes within a tick of the disk's clock after something else.
func (d *Dir) Touched(zone string) int64 {
	p, err := d.place(zone)
	if err != nil {
		return 0
	}
	at, err := os.Stat(p.dir)
	if err != nil {
		return 0
	}
	return at.ModTime().UnixNano()
}

// PutBack writes those files of a key that are gone, from what the process holds of
// it, and says whether any was. A key that was moved to the retired ones is an error,
// and so is one that is in a device.
func (d *Dir) PutBack(zone string, key Key) (done bool, err error) {
	p, err := d.place(zone)
	if err != nil {
		return false, err
	}
	defer d.lock(p)()
	var gone []string
	for _, ending := range []string{".key", ".private"} { // the private one last: it makes them a key
		if !exists(key.Base + ending) {
			gone = append(gone, ending)
		}
	}
	if len(gone) == 0 {
		return false, nil
	}
	if err := p.putBack(key, gone); err != nil {
		return false, fmt.Errorf("put back key of %s: %w", zone, err)
	}
	return true, nil
}

func (p place) putBack(key Key, gone []string) error {
	if retired := filepath.Join(p.retired, filepath.Base(key.Base)+".private"); exists(retired) {
		return fmt.Errorf("it is in use, and %s is among the retired ones: move it back", retired)
	}
	private, err := formatPrivate(key.Rdata[3], key.Signer, key.Created)
	if err != nil {
		return err
	}
	if err := makeDir(p.dir); err != nil {
		return err
	}
	content := map[string][]byte{".private": private, ".key": formatPublic(p.zone, key.Rdata, key.Created)}
	for _, ending := range gone {
		if err := writeFile(key.Base+ending, content[ending]); err != nil {
			os.Remove(unfinishedName(key.Base + ending)) // or the next try writes over it
			return err
		}
	}
	for _, ending := range gone {
		if err := finish(key.Base + ending); err != nil {
			return err
		}
	}
	return syncDir(p.dir)
}
