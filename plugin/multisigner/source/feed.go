package source

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// feed hands a file's entries to the library's parser, one at a time: so each
// record is known by its line, a mistake costs one entry and not the rest of the
// file, and the parser never reads the end of one record in the next, as it is
// prone to. Directives are carried out here, for it would give records of a
// $GENERATE a TTL of its own.
type feed struct {
	l       *loader
	path    string
	entries *entries
	scope   scope

	parser *dns.ZoneParser // nil: to be made for the next entry
	prefix string          // what it is to read before the next entry
	buf    []byte          // what it is still to read
	entry  *entry          // what it reads, or has read last
	given  int             // line ends that it was given before this entry
	lines  int             // and in this entry
	taken  bool            // it has given the entry's record
	// emptied says that it got the empty line after the entry.
	emptied bool
	making  *generator // where entries come from while it is not nil
	ended   bool
}

func newFeed(l *loader, path string, from io.Reader, s scope) *feed {
	return &feed{l: l, path: path, entries: newEntries(from, &l.left), scope: s}
}

// run reads the file to its end, or to where it makes no sense to go on.
func (f *feed) run() {
	for !f.ended && f.l.syntax.more[1] < MaxProblems {
		if f.parser == nil && !f.advance() {
			return
		}
		rr, ok := f.parser.Next()
		switch {
		case ok:
			f.taken = true
			f.record(rr)
		case !f.taken:
			f.refused(f.parser.Err())
			fallthrough
		default: // the parser has met an end: the next entry gets a new one
			f.parser = nil
		}
	}
}

// ReadByte is how the parser reads. At the end of an entry it gets the next if it
// has given a record for this one; else an empty line, without which it takes a
// record without data for one of an UPDATE, and an end.
func (f *feed) ReadByte() (byte, error) {
	if len(f.buf) == 0 {
		switch {
		case f.taken && f.advance():
		case !f.taken && !f.emptied:
			f.emptied = true
			return '\n', nil
		default:
			return 0, io.EOF
		}
	}
	c := f.buf[0]
	f.buf = f.buf[1:]
	return c, nil
}

// Read is not used: the parser reads by ReadByte where it can.
func (f *feed) Read([]byte) (int, error) { return 0, errors.New("not used") }

// advance makes the next record's entry the one to be read.
func (f *feed) advance() bool {
	for f.l.syntax.more[1] < MaxProblems {
		if f.making != nil && f.making.next(&f.entries.entry) {
			f.give(&f.entries.entry)
			return true
		}
		f.making = nil
		e, line, err := f.entries.next()
		switch {
		case err == io.EOF:
			f.ended = true
			return false
		case err != nil:
			f.fault(line, err.Error())
			if f.ended = errors.As(err, &errAfter{}); f.ended {
				return false
			}
			f.scope.owner = "" // it stood on the line that was not understood
		case e.text[0] == '$':
			f.directive(e)
		case isBlank(e.text[0]) && f.scope.owner == "":
			if f.l.syntax.more[1] == 0 { // else the name may have been on a faulty line
				f.fault(line, "the line begins with a blank, which repeats the name before, and there is none")
			}
		default:
			f.give(e)
			return true
		}
	}
	f.ended = true
	return false
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// give makes e what the parser reads. A new one is told the owner that it cannot
// know, and that a TTL which is not said is noTTL, whatever records before said.
func (f *feed) give(e *entry) {
	prefix := f.prefix
	if f.parser == nil {
		f.parser = dns.NewZoneParser(f, f.scope.origin, "")
		f.given, f.lines = 0, 0
		prefix = "$TTL " + strconv.Itoa(noTTL) + "\n"
		if isBlank(e.text[0]) {
			prefix += f.scope.owner
		}
	}
	f.given += f.lines + strings.Count(prefix, "\n")
	f.lines, f.entry, f.prefix, f.buf = e.lines, e, "", e.text
	f.taken, f.emptied = false, false
	if prefix != "" {
		f.buf = append([]byte(prefix), e.text...)
	}
}

// record takes a record that the parser has given.
func (f *feed) record(rr dns.RR) {
	h := rr.Header()
	f.scope.owner = h.Name
	if err := f.setTTLOf(h); err != nil {
		f.fault(f.entry.line, err.Error())
	} else if err := f.l.within.add(rr, f.entry, position{f.path, f.entry.line}); err != nil {
		f.fault(f.entry.line, err.Error())
	} else {
		return
	}
	f.endMaking()
}

// fault tells of something that keeps the zone from being served.
func (f *feed) fault(line int, text string) {
	f.l.syntax.add(Problem{File: f.path, Line: line, Text: text, Fatal: true})
}

// refused tells of an entry for which the parser gave no record, with its reason.
func (f *feed) refused(err error) {
	text, line := "the line has a name and no record", 0
	switch words := len(bytes.Fields(f.entry.text)); {
	case err == nil && len(bytes.Trim(f.entry.text, " \t\n()")) == 0:
		return // nothing but brackets
	case words == 1: // which the parser may take for a TTL
	case err == nil:
		text = "this is no record"
	default:
		text, line = explain(err)
	}
	f.endMaking()
	f.fault(f.entry.line+min(max(line-1-f.given, 0), f.entry.lines-1), text)
	if !isBlank(f.entry.text[0]) {
		f.scope.owner = f.owner()
	}
}

// endMaking ends a $GENERATE: one message for all its records is enough.
func (f *feed) endMaking() {
	if f.making != nil {
		f.making.end()
	}
}

// owner is the name that a faulty entry begins with, for the lines that repeat
// it; "" when it cannot be told.
func (f *feed) owner() string {
	token, _, _ := bytes.Cut(bytes.ReplaceAll(f.entry.text, []byte("\t"), []byte(" ")), []byte(" "))
	name, err := absolute(string(token), f.scope.origin)
	if err != nil {
		return ""
	}
	return name
}
