package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// entry is a record or directive with all the lines that it is spread over,
// without comments, and with the line end.
type entry struct {
	text  []byte // valid until the next
	line  int    // where it begins
	lines int    // how many it has
	cut   bool   // a comment begins right after a word
}

// entries splits a file. It follows RFC 1035 5.1: a line end inside brackets is
// blank, a semicolon outside quotes begins a comment. Different from there, a
// string ends on the line that it begins on, as everywhere else in the world.
type entries struct {
	from  *bufio.Reader
	line  int // number of the line read last
	entry entry
	limit *int64 // octets that may still be read
}

// errAfter ends the reading of a file: what follows cannot be split.
type errAfter struct{ error }

// bom is the mark that some editors put before UTF-8.
var bom = []byte("\xef\xbb\xbf")

func newEntries(from io.Reader, limit *int64) *entries {
	return &entries{from: bufio.NewReaderSize(from, 16<<10), limit: limit}
}

// next gives the next entry that is not blank, io.EOF after the last. With
// another error the entry is to be passed over; it says on which line that is.
func (e *entries) next() (*entry, int, error) {
	for {
		e.entry = entry{text: e.entry.text[:0]}
		depth, opened := 0, 0 // brackets open, and where the first is
		for first := true; first || depth > 0; first = false {
			line, err := e.readLine()
			if err == io.EOF && depth > 0 {
				return nil, opened, errAfter{errors.New("the bracket that is opened here is never closed")}
			}
			if err != nil {
				return nil, e.line, err
			}
			if first {
				e.entry.line = e.line
			}
			was := depth
			if depth, err = e.add(line, depth); err != nil {
				return nil, e.line, err
			}
			if was == 0 && depth > 0 {
				opened = e.line
			}
			if len(e.entry.text) > MaxEntry {
				return nil, e.entry.line, errAfter{fmt.Errorf("the record has more than %d octets: is a bracket not closed?", MaxEntry)}
			}
		}
		if len(bytes.TrimSpace(e.entry.text)) > 0 {
			return &e.entry, e.entry.line, nil
		}
	}
}

// readLine gives a line without its end.
func (e *entries) readLine() ([]byte, error) {
	line, err := e.from.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line, err = e.readLong(line)
	}
	if *e.limit -= int64(len(line)); *e.limit < 0 {
		return nil, errAfter{fmt.Errorf("the zone's files have more than %d octets", int64(MaxSize))}
	}
	if err != nil && err != io.EOF {
		return nil, errAfter{err}
	}
	if len(line) == 0 {
		return nil, io.EOF
	}
	e.line++
	if e.line == 1 {
		line = bytes.TrimPrefix(line, bom)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// readLong reads on where a line is longer than the reader's room.
func (e *entries) readLong(start []byte) ([]byte, error) {
	line := bytes.Clone(start)
	for {
		more, err := e.from.ReadSlice('\n')
		if line = append(line, more...); err != bufio.ErrBufferFull {
			return line, err
		}
		if len(line) > MaxEntry {
			return nil, fmt.Errorf("line %d has more than %d octets: is this a zone file?", e.line+1, MaxEntry)
		}
	}
}

// add appends a line to the entry, and counts the brackets that are open after it.
// A line with an error is read to its end, so that the next one begins anew.
func (e *entries) add(line []byte, depth int) (int, error) {
	e.entry.lines++
	if !bytes.ContainsAny(line, `"();\`) {
		e.entry.text = append(append(e.entry.text, line...), '\n')
		return depth, nil
	}
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			width, err := escape(line[i+1:])
			if err != nil {
				return 0, err
			}
			i += width
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			e.entry.cut = e.entry.cut || i > 0 && !isBlank(line[i-1]) && line[i-1] != '"' && line[i-1] != ')'
			line = line[:i]
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return 0, errors.New("a bracket is closed that was not opened")
			}
		}
	}
	if quoted {
		return 0, errors.New("the string has no closing quote on its line")
	}
	e.entry.text = append(append(e.entry.text, line...), '\n')
	return depth, nil
}

// escape says how many octets belong to a backslash before rest (RFC 1035 5.1).
func escape(rest []byte) (int, error) {
	switch {
	case len(rest) == 0:
		return 0, errors.New("a backslash stands at the end of the line: nothing follows that it could escape")
	case rest[0] < '0' || rest[0] > '9':
		return 1, nil
	case len(rest) < 3 || !isDigit(rest[1]) || !isDigit(rest[2]) ||
		int(rest[0]-'0')*100+int(rest[1]-'0')*10+int(rest[2]-'0') > 255:
		return 0, fmt.Errorf(`the escape \%s is none: three digits up to 255 stand for an octet`, rest[:min(3, len(rest))])
	}
	return 3, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
