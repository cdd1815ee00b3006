package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"net/netip"
	"os"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// On disk a history is a file to which each version appends what is new. It is not
// synced, and believed only as a whole: when all checksums fit, each step begins where
// the one before has ended, and the last ends at the very version of the snapshot, by its
// number. Else it is forgotten.
//
//	head     a line
//	records  each a length of 4 octets, a checksum of 4 (CRC-32C), and
//	  begin  1, a number of 8 octets: the history begins at that version
//	  step   2, two numbers, two serials of 4, and the difference
//	  mark   4, a number, its serial of 4, an address of 16 octets, and a key's name: was sent
//	         that version. Earlier programs wrote marks without a serial, as 3: those are forgotten
//
// with numbers big endian.

const head = "multisigner-history 1\n"

const (
	recordBegin = 1
	recordStep  = 2
	recordOld   = 3
	recordMark  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fileAtMost is how many octets the file may have with so many marks: twice what
// is kept, so that it is written anew only when half of it is of no use any more.
func fileAtMost(v *zone.Version, marks int) int { return 2 * (limitOf(v) + 64*marks) }

// File is where a history and its marks outlive the process.
type File struct {
	Path   string
	Before func() error // is asked before each write; nil: nobody
	After  func()       // is told when what was written is there; nil: nobody
}

// Keep brings the file to where the history is. What fails only costs secondaries a whole
// transfer after the next start: the file is removed then, and tried again with the next
// version.
func (f File) Keep(c *Chronicle, m *Marks) error {
	if c.Chain == nil {
		return nil
	}
	err := f.write(c, m)
	if err != nil {
		c.onDisk = false
		os.Remove(f.Path)
	}
	return err
}

func (f File) write(c *Chronicle, m *Marks) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.onDisk {
		news, ok := c.news(m)
		switch {
		case ok && len(news) == 0:
			return nil
		case ok && c.size+len(news) <= fileAtMost(c.of, m.count()):
			if err := f.append(news, int64(c.size)); !errors.Is(err, errOther) {
				c.size += len(news)
				c.kept(m)
				return err
			}
		}
	} else if len(c.steps) == 0 && len(m.of) == 0 {
		return nil // at a start of many zones there is nothing to keep of any
	}
	text := c.whole(m)
	if err := f.replace(text); err != nil {
		return err
	}
	c.size = len(text)
	c.kept(m)
	return nil
}

// errOther says that the file is not the one that was written.
var errOther = errors.New("the file has changed")

func (f File) before() error {
	if f.Before == nil {
		return nil
	}
	return f.Before()
}

func (f File) after() {
	if f.After != nil {
		f.After()
	}
}

func (f File) append(news []byte, size int64) error {
	if err := f.before(); err != nil {
		return err
	}
	to, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return errOther
	}
	if err != nil {
		return err
	}
	if is, err := to.Stat(); err != nil || is.Size() != size {
		return errors.Join(errOther, err, to.Close())
	}
	_, err = to.Write(news)
	f.after()
	return errors.Join(err, to.Close())
}

func (f File) replace(text []byte) error {
	if err := f.before(); err != nil {
		return err
	}
	if err := os.WriteFile(f.Path+".new", text, 0o600); err != nil {
		return errors.Join(err, os.Remove(f.Path+".new"))
	}
	err := os.Rename(f.Path+".new", f.Path)
	f.after()
	return err
}

// kept notes that the file holds all. The caller holds the marks' lock.
func (c *Chronicle) kept(m *Marks) {
	c.onDisk, c.written = true, c.at
	m.news = nil
}

// news are the records that the file does not hold yet; ok is false when it cannot be
// gone on with.
func (c *Chronicle) news(m *Marks) (text []byte, ok bool) {
	first := len(c.steps)
	for at := c.at; at != c.written; at = c.steps[first].from {
		if first--; first < 0 {
			return nil, false
		}
	}
	for _, s := range c.steps[first:] {
		text = appendStep(text, s)
	}
	for _, n := range m.news {
		text = appendMark(text, n.who, n.is)
	}
	return text, true
}

// whole is the file as it would be written now.
func (c *Chronicle) whole(m *Marks) []byte {
	begin := c.at
	if len(c.steps) > 0 {
		begin = c.steps[0].from
	}
	text := appendRecord([]byte(head), appendLot([]byte{recordBegin}, begin))
	for _, s := range c.steps {
		text = appendStep(text, s)
	}
	for who, sent := range m.of {
		for _, is := range sent {
			text = appendMark(text, who, is)
		}
	}
	return text
}

func appendLot(b []byte, at Lot) []byte { return binary.BigEndian.AppendUint64(b, uint64(at)) }

func appendStep(text []byte, s step) []byte {
	body := appendLot(appendLot([]byte{recordStep}, s.from), s.to)
	body = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(body, s.since), s.until)
	return appendRecord(text, append(body, s.diff...))
}

func appendMark(text []byte, who Asker, is Sent) []byte {
	addr := who.Addr.As16()
	body := binary.BigEndian.AppendUint32(appendLot([]byte{recordMark}, is.At), is.Serial)
	return appendRecord(text, append(append(body, addr[:]...), who.Key...))
}

func appendRecord(text, body []byte) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(body)))
	text = binary.BigEndian.AppendUint32(text, crc32.Checksum(body, castagnoli))
	return append(text, body...)
}

// Recall has c end at v, of which a snapshot says that it has that number, and takes over
// what an earlier process has left if that ends there. The error is why it is forgotten; none
// where there was nothing. Who was sent what is taken over even so.
func (f File) Recall(c *Chronicle, m *Marks, v *zone.Version, at Lot) error {
	c.begin(v, at)
	if at == 0 {
		return nil
	}
	text, err := readAtMost(f.Path, fileAtMost(v, maxNews))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h, sent, err := parse(text)
	if err == nil && (h.at != at || len(h.steps) > 0 && h.steps[len(h.steps)-1].until != v.Serial()) {
		err = errors.New("it ends at another version than the snapshot")
	}
	// Who was sent what holds though the history does not: a serial may be given twice.
	for _, s := range sent {
		m.Put(s.who, s.is)
	}
	if err != nil {
		return err
	}
	c.Chain, c.onDisk, c.written, c.size = h, true, at, len(text)
	m.mu.Lock()
	m.news = nil
	m.mu.Unlock()
	return nil
}

func readAtMost(path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = errors.New("it is too large")
	}
	return text, err
}

var errDamaged = errors.New("it is damaged")

func parse(text []byte) (h *Chain, sent []mark, err error) {
	rest, ok := bytes.CutPrefix(text, []byte(head))
	if !ok {
		return nil, nil, errDamaged
	}
	h = &Chain{}
	for len(rest) > 0 {
		if len(rest) < 8 {
			return nil, nil, errDamaged
		}
		size, sum := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
		rest = rest[8:]
		if uint64(size) > uint64(len(rest)) || crc32.Checksum(rest[:size], castagnoli) != sum || !h.take(rest[:size], &sent) {
			return nil, nil, errDamaged
		}
		rest = rest[size:]
	}
	if h.at == 0 {
		return nil, nil, errDamaged
	}
	return h, sent, nil
}

// take goes on with a record; ok is false when it does not follow on.
func (c *Chain) take(body []byte, sent *[]mark) (ok bool) {
	if len(body) < 9 {
		return false
	}
	kind, at := body[0], Lot(binary.BigEndian.Uint64(body[1:]))
	body = body[9:]
	switch {
	case kind == recordBegin && c.at == 0 && at != 0 && len(body) == 0:
		c.at = at
	case kind == recordStep && at == c.at && at != 0 && len(body) > 16:
		s := step{from: at, to: Lot(binary.BigEndian.Uint64(body)), since: binary.BigEndian.Uint32(body[8:]), until: binary.BigEndian.Uint32(body[12:]), diff: body[16:]}
		if last := len(c.steps) - 1; s.to == 0 || last >= 0 && c.steps[last].until != s.since {
			return false
		}
		c.at, c.octets, c.steps = s.to, c.octets+len(s.diff), append(c.steps, s)
	case kind == recordOld:
	case kind == recordMark && at != 0 && len(body) >= 4+16:
		is := Sent{at, binary.BigEndian.Uint32(body)}
		*sent = append(*sent, mark{Asker{netip.AddrFrom16([16]byte(body[4:])).Unmap(), string(body[20:])}, is})
	default:
		return false
	}
	return true
}
