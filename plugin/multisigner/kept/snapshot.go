package kept

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/history"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A snapshot is the last signed version of a zone and the stamp of the files it
// was made from, so that a restart keeps signatures and need not read a zone
// file that did not change. It is a cache: without it the zone is signed anew
// from its file, with a serial that the record keeps from going back. So it is
// written after the version is shown, and not synced.
//
// The file begins with a line "multisigner-snapshot STAMP NUMBER", STAMP quoted; by its
// number the version is known to its history.

const snapshotHead = "multisigner-snapshot "

// SnapshotEnding is that of the file's name.
const SnapshotEnding = ".snapshot"

// WriteSnapshot puts v in the place of the zone's snapshot, with the stamp of the files that
// it was made from, and its number.
func (d Dir) WriteSnapshot(v *zone.Version, stamp string, at history.Lot) (err error) {
	apex := v.Apex()
	if err := d.pass("snapshot-before"); err != nil {
		return fmt.Errorf("write snapshot of %s: %w", apex, err)
	}
	path := d.File(apex, SnapshotEnding)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write snapshot of %s: %w", apex, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path + ".new")
			err = fmt.Errorf("write snapshot of %s: %w", apex, err)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if _, err := fmt.Fprintf(w, "%s%q %d\n", snapshotHead, stamp, at); err != nil {
		return err
	}
	if err := xfr.Write(w, v); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	d.reach("snapshot-written")
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d.reach("snapshot-after")
	return nil
}

// ReadSnapshot gives the zone's last signed version and the stamp of its files;
// nil without an error when there is none. at is its number, 0 for none.
func (d Dir) ReadSnapshot(apex zone.Name) (v *zone.Version, stamp string, at history.Lot, err error) {
	path := d.File(apex, SnapshotEnding)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", 0, nil
	}
	if err != nil {
		return nil, "", 0, fmt.Errorf("read snapshot of %s: %w", apex, err)
	}
	defer f.Close()
	room := 1 << 16
	if is, err := f.Stat(); err == nil && is.Size() < int64(room) {
		room = int(is.Size()) + 1 // many zones are small, and a start reads all of them
	}
	r := bufio.NewReaderSize(f, room)
	line, err := r.ReadString('\n')
	if err == nil {
		var n int
		if n, err = fmt.Sscanf(strings.TrimPrefix(line, snapshotHead), "%q %d\n", &stamp, &at); n == 1 {
			at, err = 0, nil // an older program has written it
		}
	}
	if err != nil || !strings.HasPrefix(line, snapshotHead) {
		return nil, "", 0, fmt.Errorf("%s: not a snapshot; it will be replaced", path)
	}
	v, err = xfr.Read(r)
	if err != nil {
		return nil, "", 0, fmt.Errorf("%s: %w; it will be replaced", path, err)
	}
	if v.Apex() != apex {
		return nil, "", 0, fmt.Errorf("%s: holds zone %s; it will be replaced", path, v.Apex())
	}
	return v, stamp, at, nil
}
