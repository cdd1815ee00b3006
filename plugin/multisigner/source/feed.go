package source

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// feed reads a file's entries one by one: each record is known by its line, and a
// mistake costs one entry and not the rest of the file.
type feed struct {
	l       *loader
	path    string
	entries *entries
	scope   scope
	words   []rdata.Word
	making  *generator // where entries come from while it is not nil
}

func newFeed(l *loader, path string, from io.Reader, s scope) *feed {
	return &feed{l: l, path: path, entries: newEntries(from, &l.left), scope: s}
}

// run reads the file to its end, or to where it makes no sense to go on.
func (f *feed) run() {
	for f.l.syntax.more[1] < MaxProblems {
		if f.making != nil && f.making.next(&f.entries.entry) {
			f.record(&f.entries.entry)
			continue
		}
		f.making = nil
		e, line, err := f.entries.next()
		switch {
		case err == io.EOF:
			return
		case err != nil:
			f.fault(line, err.Error())
			if errors.As(err, &errAfter{}) {
				return
			}
			f.scope.owner = "" // it stood on the line that was not understood
		case e.text[0] == '$':
			f.directive(e)
		default:
			f.record(e)
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// record reads an entry that is no directive.
func (f *feed) record(e *entry) {
	line, err := f.read(e)
	if err == nil {
		return
	}
	if f.making != nil {
		f.making.end() // one message for all its records is enough
	}
	f.fault(e.line+min(line, e.lines-1), err.Error())
}

// read takes an entry's record in. With an error it says on which of the entry's
// lines it is.
func (f *feed) read(e *entry) (line int, err error) {
	if f.words, err = appendWords(f.words[:0], e.text); err != nil {
		return 0, err
	}
	words := f.words
	switch {
	case len(words) == 0:
		return 0, nil // nothing but brackets
	case isBlank(e.text[0]) && f.scope.owner == "":
		if f.l.syntax.more[1] > 0 {
			return 0, nil // the name may have been on a faulty line
		}
		return 0, errors.New("the line begins with a blank, which repeats the name before, and there is none")
	case !isBlank(e.text[0]):
		if f.scope.owner, err = f.name(words[0]); err != nil {
			return words[0].Line, err
		}
		if words = words[1:]; len(words) == 0 {
			return 0, errors.New("the line has a name and no record")
		}
	}
	h, words, err := f.head(words)
	if err != nil {
		return h.line, err
	}
	data, err := rdata.Parse(uint16(h.t), words, []byte(f.scope.origin))
	if err != nil {
		var at *rdata.Error
		errors.As(err, &at)
		return max(at.Line, h.line), fmt.Errorf("%s: %w", h.typ, err)
	}
	r, err := zone.NewRecord([]byte(f.scope.owner), h.t, f.ttl(h), data)
	if err != nil {
		return h.line, fmt.Errorf("%s: %w", h.typ, err)
	}
	if h.over {
		f.l.within.warn(position{f.path, e.line}, r.Name, countsAsNone)
	}
	f.l.within.add(r, e, position{f.path, e.line})
	return 0, nil
}

// head is what stands between a record's owner and its data.
type head struct {
	t      zone.Type
	typ    string // as it is written
	ttl    uint32
	hasTTL bool
	over   bool // ttl is 0 because it is written too large
	line   int  // of the word that was looked at last
}

// head reads TTL and class, in either order, and the type; rest is the data.
func (f *feed) head(words []rdata.Word) (h head, rest []rdata.Word, err error) {
	for classed := false; len(words) > 0; words = words[1:] {
		w := words[0]
		h.line = w.Line
		text := string(w.Text)
		if class, ok := class(text); ok && !classed && !w.Quoted {
			if classed = true; class != "IN" {
				return h, nil, fmt.Errorf("the class is %s: zones here are of class IN", class)
			}
			continue
		}
		if !h.hasTTL && text != "" && isDigit(text[0]) && !w.Quoted {
			if h.ttl, h.over, err = parseTTL(text); err == nil {
				h.hasTTL = true
				continue
			} else if errors.Is(err, errTTL) {
				return h, nil, err
			}
		}
		t, known := rdata.Type(text)
		switch {
		case !known || w.Quoted:
			return h, nil, fmt.Errorf(`%s is neither a TTL, a class nor a type that is known: types of other numbers are written TYPE65280 \# LENGTH HEX (RFC 3597)`, w)
		case isMeta(zone.Type(t)):
			return h, nil, fmt.Errorf("%s is a type of questions and messages, not of zones", zone.Type(t))
		}
		h.t, h.typ = zone.Type(t), strings.ToUpper(text)
		return h, words[1:], nil
	}
	return h, nil, errors.New("the record has no type")
}

// class reads the mnemonic or number of a class.
func class(text string) (mnemonic string, ok bool) {
	upper := strings.ToUpper(text)
	switch upper {
	case "IN", "CH", "HS", "CS":
		return upper, true
	}
	digits, ok := strings.CutPrefix(upper, "CLASS")
	n, err := strconv.ParseUint(digits, 10, 16)
	if ok && err == nil && n == 1 {
		return "IN", true
	}
	return upper, ok && err == nil
}

// fault tells of something that keeps the zone from being served.
func (f *feed) fault(line int, text string) {
	f.l.syntax.add(Problem{File: f.path, Line: line, Text: text, Fatal: true})
}

// name gives the wire form of a name that may be relative to the origin.
func (f *feed) name(w rdata.Word) (string, error) {
	if w.Quoted {
		return "", fmt.Errorf("%s is no name: it stands in quotes", w)
	}
	wire, err := rdata.AppendName(nil, w.Text, []byte(f.scope.origin))
	if err != nil {
		return "", fmt.Errorf("%s is no name: %w", w, err)
	}
	return string(wire), nil
}
