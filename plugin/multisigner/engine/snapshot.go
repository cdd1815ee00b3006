package engine

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

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

// A large zone is written seldom, since a change of one name writes all of it:
// our choice, half a second of writing every ten minutes at most.
const (
	smallZone     = 20_000 // records
	snapshotEvery = 10 * time.Minute
	// keptSnapshotEvery is for zones whose content a start has anyway.
	keptSnapshotEvery = 5 * time.Second
)

// keepSnapshot writes the snapshot if it is due.
func (e *Engine) keepSnapshot(z *Zone, now time.Time) error {
	w := &z.work
	if len(z.Config().Updates) > 0 && w.base.version != nil && now.Before(w.snapshotAt.Add(keptSnapshotEvery)) {
		return nil // a burst of updates would write all of the zone for each
	}
	if !w.stale || w.signed == nil || w.proving.withdrawn || w.signed.Records() > smallZone && now.Before(w.snapshotAt.Add(snapshotEvery)) {
		return nil
	}
	if err := e.writeSnapshot(z.apex, w.signed, w.signedOf, w.history.lotOf(w.signed)); err != nil {
		return err
	}
	w.stale, w.snapshotAt = false, now
	return nil
}

// flushers is how many zones are flushed at once: our choice, so that saves share
// a sync, and ten thousand zones end in seconds.
const flushers = 256

// flush writes what is not yet, when no turn is taken any more: how far the time
// has come, and snapshots.
func (e *Engine) flush() {
	zones := make(chan *Zone)
	var all sync.WaitGroup
	for range min(flushers, len(e.list())) {
		all.Go(func() {
			for z := range zones {
				e.flushZone(z)
			}
		})
	}
	for _, z := range e.list() {
		zones <- z
	}
	close(zones)
	all.Wait()
}

func (e *Engine) flushZone(z *Zone) {
	if err := e.saveTimes(z); err != nil {
		e.log.Warn("the time was not saved; a restart takes it for earlier", "zone", z.apex, "error", err)
	}
	defer e.keepHistory(z)
	if !z.work.stale || z.work.proving.withdrawn {
		return
	}
	if err := e.writeSnapshot(z.apex, z.work.signed, z.work.signedOf, z.work.history.lotOf(z.work.signed)); err != nil {
		e.log.Warn("the last version was not kept; a restart signs anew", "zone", z.apex, "error", err)
	}
}

func (e *Engine) snapshotPath(apex zone.Name) string {
	return filepath.Join(e.dir, "zones", FileName(apex)+".snapshot")
}

// writeSnapshot replaces the zone's snapshot.
func (e *Engine) writeSnapshot(apex zone.Name, v *zone.Version, stamp string, at lot) (err error) {
	if err := e.fail.pass("snapshot-before"); err != nil {
		return fmt.Errorf("write snapshot of %s: %w", apex, err)
	}
	path := e.snapshotPath(apex)
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
	e.fail.reach("snapshot-written")
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	e.fail.reach("snapshot-after")
	return nil
}

// readSnapshot gives the zone's last signed version and the stamp of its files;
// nil without an error when there is none. at is its number, 0 for none.
func (e *Engine) readSnapshot(apex zone.Name) (v *zone.Version, stamp string, at lot, err error) {
	path := e.snapshotPath(apex)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", 0, nil
	}
	if err != nil {
		return nil, "", 0, fmt.Errorf("read snapshot of %s: %w", apex, err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
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

// FileName is the name of apex as a part of a path: lower case, without the
// final dot, octets outside a-z0-9._- as %XX, and the root as "%2E".
func FileName(apex zone.Name) string {
	if apex == zone.Root {
		return "%2E"
	}
	var b strings.Builder
	for n := apex; n != zone.Root; n = n.Parent() {
		if n != apex {
			b.WriteByte('.')
		}
		for _, c := range []byte(n.Label()) {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
				b.WriteByte(c)
			default: // a dot inside a label too: it is not the dot between labels
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	return b.String()
}
