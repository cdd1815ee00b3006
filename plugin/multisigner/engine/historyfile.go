package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"

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
//	  mark   3, a number, an address of 16 octets, and a key's name: was sent that version
//
// with numbers big endian.

const historyHead = "multisigner-history 1\n"

const (
	recordBegin = 1
	recordStep  = 2
	recordMark  = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// historyFileAtMost is how many octets the file may have with so many marks: twice what
// is kept, so that it is written anew only when half of it is of no use any more.
func historyFileAtMost(v *zone.Version, marks int) int { return 2 * (historyLimit(v) + 64*marks) }

func (e *Engine) historyPath(apex zone.Name) string {
	return strings.TrimSuffix(e.snapshotPath(apex), ".snapshot") + ".history"
}

// keepHistory brings the file to where the history is. What fails only costs secondaries
// a whole transfer after the next start: the file is removed, and tried again with the
// next version.
func (e *Engine) keepHistory(z *Zone) {
	c := &z.work.history
	if c.History == nil {
		return
	}
	if err := e.writeHistory(z); err != nil {
		c.onDisk = false
		os.Remove(e.historyPath(z.apex))
		e.log.Debug("the history was not kept", "zone", z.apex, "error", err)
	}
}

func (e *Engine) writeHistory(z *Zone) error {
	c := &z.work.history
	z.marks.mu.Lock()
	defer z.marks.mu.Unlock()
	if c.onDisk {
		news, ok := c.news(&z.marks)
		switch {
		case ok && len(news) == 0:
			return nil
		case ok && c.size+len(news) <= historyFileAtMost(c.of, z.marks.count()):
			if err := e.appendHistory(z.apex, news, int64(c.size)); !errors.Is(err, errOther) {
				c.size += len(news)
				c.kept(&z.marks)
				return err
			}
		}
	} else if len(c.steps) == 0 && len(z.marks.of) == 0 {
		return nil // at a start of many zones there is nothing to keep of any
	}
	text := c.whole(&z.marks)
	if err := e.replaceHistory(z.apex, text); err != nil {
		return err
	}
	c.size = len(text)
	c.kept(&z.marks)
	return nil
}

// errOther says that the file is not the one that was written.
var errOther = errors.New("the file has changed")

func (e *Engine) appendHistory(apex zone.Name, news []byte, size int64) error {
	if err := e.fail.pass("history-before"); err != nil {
		return err
	}
	f, err := os.OpenFile(e.historyPath(apex), os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return errOther
	}
	if err != nil {
		return err
	}
	if is, err := f.Stat(); err != nil || is.Size() != size {
		return errors.Join(errOther, err, f.Close())
	}
	_, err = f.Write(news)
	e.fail.reach("history-after")
	return errors.Join(err, f.Close())
}

func (e *Engine) replaceHistory(apex zone.Name, text []byte) error {
	if err := e.fail.pass("history-before"); err != nil {
		return err
	}
	path := e.historyPath(apex)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	err := os.Rename(path+".new", path)
	e.fail.reach("history-after")
	return err
}

// kept notes that the file holds all. The caller holds the marks' lock.
func (c *chronicle) kept(m *marks) {
	c.onDisk, c.written = true, c.at
	m.news = nil
}

// news are the records that the file does not hold yet; ok is false when it cannot be
// gone on with.
func (c *chronicle) news(m *marks) (text []byte, ok bool) {
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
		text = appendMark(text, n.who, n.at)
	}
	return text, true
}

// whole is the file as it would be written now.
func (c *chronicle) whole(m *marks) []byte {
	begin := c.at
	if len(c.steps) > 0 {
		begin = c.steps[0].from
	}
	text := appendRecord([]byte(historyHead), appendLot([]byte{recordBegin}, begin))
	for _, s := range c.steps {
		text = appendStep(text, s)
	}
	for who, sent := range m.of {
		for _, at := range sent {
			text = appendMark(text, who, at)
		}
	}
	return text
}

func appendLot(b []byte, at lot) []byte { return binary.BigEndian.AppendUint64(b, uint64(at)) }

func appendStep(text []byte, s step) []byte {
	body := appendLot(appendLot([]byte{recordStep}, s.from), s.to)
	body = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(body, s.since), s.until)
	return appendRecord(text, append(body, s.diff...))
}

func appendMark(text []byte, who asker, at lot) []byte {
	addr := who.addr.As16()
	return appendRecord(text, append(append(appendLot([]byte{recordMark}, at), addr[:]...), who.key...))
}

func appendRecord(text, body []byte) []byte {
	text = binary.BigEndian.AppendUint32(text, uint32(len(body)))
	text = binary.BigEndian.AppendUint32(text, crc32.Checksum(body, castagnoli))
	return append(text, body...)
}

// recallHistory takes over what an earlier process has left, if it ends at v, which the
// snapshot says has that number.
func (e *Engine) recallHistory(z *Zone, v *zone.Version, at lot) {
	c := &z.work.history
	c.begin(v, at)
	text, err := readAtMost(e.historyPath(z.apex), historyFileAtMost(v, maxNews))
	if err != nil || at == 0 {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.log.Debug("the history is forgotten", "zone", z.apex, "error", err)
		}
		return
	}
	h, sent, err := parseHistory(text)
	if err == nil && (h.at != at || len(h.steps) > 0 && h.steps[len(h.steps)-1].until != v.Serial()) {
		err = errors.New("it ends at another version than the snapshot")
	}
	if err != nil {
		e.log.Debug("the history is forgotten", "zone", z.apex, "error", err)
		return
	}
	c.History, c.onDisk, c.written, c.size = h, true, at, len(text)
	for _, m := range sent {
		z.marks.put(m.who, m.at)
	}
	z.marks.mu.Lock()
	z.marks.news = nil
	z.marks.mu.Unlock()
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

var errHistory = errors.New("it is damaged")

func parseHistory(text []byte) (h *History, sent []mark, err error) {
	rest, ok := bytes.CutPrefix(text, []byte(historyHead))
	if !ok {
		return nil, nil, errHistory
	}
	h = &History{}
	for len(rest) > 0 {
		if len(rest) < 8 {
			return nil, nil, errHistory
		}
		size, sum := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
		rest = rest[8:]
		if uint64(size) > uint64(len(rest)) || crc32.Checksum(rest[:size], castagnoli) != sum || !h.take(rest[:size], &sent) {
			return nil, nil, errHistory
		}
		rest = rest[size:]
	}
	if h.at == 0 {
		return nil, nil, errHistory
	}
	return h, sent, nil
}

// take goes on with a record; ok is false when it does not follow on.
func (h *History) take(body []byte, sent *[]mark) (ok bool) {
	if len(body) < 9 {
		return false
	}
	kind, at := body[0], lot(binary.BigEndian.Uint64(body[1:]))
	body = body[9:]
	switch {
	case kind == recordBegin && h.at == 0 && at != 0 && len(body) == 0:
		h.at = at
	case kind == recordStep && at == h.at && at != 0 && len(body) > 16:
		s := step{from: at, to: lot(binary.BigEndian.Uint64(body)), since: binary.BigEndian.Uint32(body[8:]), until: binary.BigEndian.Uint32(body[12:]), diff: body[16:]}
		if last := len(h.steps) - 1; s.to == 0 || last >= 0 && h.steps[last].until != s.since {
			return false
		}
		h.at, h.octets, h.steps = s.to, h.octets+len(s.diff), append(h.steps, s)
	case kind == recordMark && at != 0 && len(body) >= 16:
		*sent = append(*sent, mark{asker{netip.AddrFrom16([16]byte(body)).Unmap(), string(body[16:])}, at})
	default:
		return false
	}
	return true
}
