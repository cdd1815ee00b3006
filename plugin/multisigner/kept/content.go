package kept

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// What a primary gave is kept in zones/ZONE.content, as it came: a restart serves at
// once, and asks for what has changed since. It is synced before it is shown, because
// what outsiders have seen must not be older after a crash. The file is
//
//	multisigner-content NUMBER   and the zone, as xfr.Write has it, and any number of
//	multisigner-changes NUMBER   and a difference, as xfr.WriteDiff has it
//
// NUMBER counts what has come; the last one in the file is of the whole. A difference
// that is cut short was never shown. All is written anew when the differences have
// grown to half of the zone.
const (
	contentHead = "multisigner-content "
	changesHead = "multisigner-changes "

	// fewOctets of differences are never worth writing a zone for: our choice.
	fewOctets = 64 << 10
)

// Content is what the file holds, or is to hold. The zero value is that of no file.
type Content struct {
	Number uint64
	whole  int64 // octets of the zone, as it was written last; 0: there is no file that can be added to
	since  int64 // octets of the differences behind it
}

// ContentEnding is that of the file's name.
const ContentEnding = ".content"

// KeepContent makes came durable under a number, of which diffs lead there from what is in the
// file, which k says and will say.
func (d Dir) KeepContent(k *Content, came *zone.Version, diffs []zone.Diff, number uint64) (err error) {
	apex := came.Apex()
	defer func() {
		if err != nil {
			k.whole = 0 // what is in the file now, nobody knows
			err = fmt.Errorf("keep the content of %s: %w", apex, err)
		}
	}()
	if err := d.pass("content-before"); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, diff := range diffs {
		fmt.Fprintf(&b, "%s%d\n", changesHead, number)
		if err := xfr.WriteDiff(&b, diff); err != nil {
			return err
		}
	}
	if size := int64(b.Len()); k.whole > 0 && size > 0 && k.since+size <= max(k.whole/2, fewOctets) {
		if err := d.appendContent(apex, b.Bytes()); err != nil {
			return err
		}
		k.Number, k.since = number, k.since+size
		d.reach("content-after")
		return nil
	}
	size, err := d.writeContent(apex, came, number)
	if err != nil {
		return err
	}
	k.Number, k.whole, k.since = number, size, 0
	d.reach("content-after")
	return nil
}

// appendContent adds to the file.
func (d Dir) appendContent(apex zone.Name, more []byte) error {
	f, err := os.OpenFile(d.File(apex, ContentEnding), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if cut := d.pass("content-half"); cut != nil {
		more = more[:len(more)/2]
		_, err = f.Write(more)
		return errors.Join(cut, err, f.Close())
	}
	_, err = f.Write(more)
	return errors.Join(err, f.Sync(), f.Close())
}

// writeContent puts a new file in the place of the one that is there.
func (d Dir) writeContent(apex zone.Name, came *zone.Version, number uint64) (size int64, err error) {
	path := d.File(apex, ContentEnding)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path + ".new")
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if _, err := fmt.Fprintf(w, "%s%d\n", contentHead, number); err != nil {
		return 0, err
	}
	if err := xfr.Write(w, came); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	at, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	d.reach("content-written")
	return at.Size(), os.Rename(path+".new", path)
}

// ReadContent reads what was kept; nil without an error when nothing was. Differences
// behind the first that is damaged are left out: they come again.
func (d Dir) ReadContent(apex zone.Name) (came *zone.Version, k Content, err error) {
	path := d.File(apex, ContentEnding)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Content{}, nil
	}
	if err != nil {
		return nil, Content{}, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	if k.Number, err = numberIn(r, contentHead); err != nil {
		return nil, Content{}, fmt.Errorf("%s: %w", path, err)
	}
	if came, err = xfr.Read(r); err != nil {
		return nil, Content{}, fmt.Errorf("%s: %w", path, err)
	}
	if came.Apex() != apex {
		return nil, Content{}, fmt.Errorf("%s: holds zone %s", path, came.Apex())
	}
	for {
		number, err := numberIn(r, changesHead)
		if err == io.EOF {
			break
		}
		if err != nil {
			return came, Content{Number: k.Number}, nil
		}
		diff, err := xfr.ReadDiff(r)
		if err != nil {
			return came, Content{Number: k.Number}, nil
		}
		next, err := came.Apply(diff)
		if err != nil {
			return came, Content{Number: k.Number}, nil
		}
		came, k.Number = next, number
	}
	at, err := f.Stat()
	if err != nil {
		return nil, Content{}, err
	}
	k.whole = at.Size() // the differences count as of the zone: they are no more than half of it
	return came, k, nil
}

// numberIn reads a line that begins with head. io.EOF, bare, means that there is nothing.
func numberIn(r *bufio.Reader, head string) (n uint64, err error) {
	line, err := r.ReadString('\n')
	if err == io.EOF && line == "" {
		return 0, io.EOF
	}
	if err == nil {
		_, err = fmt.Sscanf(strings.TrimPrefix(line, head), "%d\n", &n)
	}
	if err != nil || !strings.HasPrefix(line, head) {
		return 0, fmt.Errorf("no line %q stands where it should", strings.TrimSpace(head))
	}
	return n, nil
}
