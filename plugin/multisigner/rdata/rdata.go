// Package rdata reads the data of records: from the presentation form that each type
// of the registry has, and from the form of unknown types (RFC 3597 5), into wire form;
// and judges whether wire form is that of its type. Names are uncompressed and keep
// their letters. It knows nothing of zones.
package rdata

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Max is how many octets the data of a record can have (RFC 1035 3.2.1).
const Max = 1<<16 - 1

// Word is a piece of presentation form: a string in quotes, without them, or what
// stands between blanks. Escapes are as they were written.
type Word struct {
	Text   []byte
	Quoted bool
	Joined bool // nothing stands between this and the word before
	Line   int  // on which line of the record it stands, counted from 0
}

// Error says what is wrong with data, and on which line of the record.
type Error struct {
	Line int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Parse reads the words after the type of a record, and gives wire form. Origin is the
// wire form of the name that relative names are below. The error says in words what
// is wrong with the data; it is an *Error.
func Parse(t uint16, words []Word, origin []byte) ([]byte, error) {
	r := &reader{words: words, origin: origin}
	data, err := r.parse(t)
	if err != nil {
		return nil, &Error{r.line, err}
	}
	return data, nil
}

func (r *reader) parse(t uint16) ([]byte, error) {
	words := r.words
	if len(words) > 0 && !words[0].Quoted && string(words[0].Text) == `\#` {
		if err := r.unknown(); err != nil {
			return nil, err
		}
		return r.out, Check(t, r.out)
	}
	form, known := forms[t]
	if !known {
		return nil, errors.New(`data of this type is written as \# LENGTH HEX (RFC 3597 5)`)
	}
	if len(words) == 0 && !form.empty {
		return nil, errors.New("the record ends before its data")
	}
	for _, f := range form.fields {
		if err := f.kind.read(r); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	switch {
	case len(r.words) > 0:
		r.line = r.words[0].Line
		return nil, fmt.Errorf("there is more than the record's data: %s is too much; if it is part of a name or text, quote or escape it", r.words[0])
	case len(r.out) > Max:
		return nil, fmt.Errorf("the data has %d octets, and can have no more than %d", len(r.out), Max)
	}
	// What is written right may still be no data of its type.
	return r.out, Check(t, r.out)
}

// Check says what is wrong with data in wire form; nil for what its type can have, and
// for types that are not known.
func Check(t uint16, data []byte) error {
	form, known := forms[t]
	if !known || form.raw || form.empty && len(data) == 0 {
		return nil
	}
	rest := data
	for _, f := range form.fields {
		size, err := f.kind.size(rest)
		switch {
		case err == nil && (size < 0 || size > len(rest)):
			err = errShort
			fallthrough
		case err != nil:
			return fmt.Errorf("%s: %w", f.name, err)
		}
		rest = rest[size:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("there are %d octets more than the type's data", len(rest))
	}
	if form.whole != nil {
		return form.whole(data)
	}
	return nil
}

var errShort = errors.New("the data ends before it does")

// reader takes words and appends wire form.
type reader struct {
	words  []Word
	origin []byte
	out    []byte
	line   int // of the word that was taken last
}

// next takes a word.
func (r *reader) next() (Word, error) {
	if len(r.words) == 0 {
		return Word{}, errors.New("is missing: the record ends before it")
	}
	w := r.words[0]
	r.words, r.line = r.words[1:], w.Line
	return w, nil
}

// String gives the word for a message.
func (w Word) String() string {
	const longest = 80
	text := w.Text
	more := ""
	if len(text) > longest {
		text, more = text[:longest], "..."
	}
	return `"` + string(text) + more + `"`
}

// unknown reads \# LENGTH HEX (RFC 3597 5).
func (r *reader) unknown() error {
	r.words = r.words[1:]
	w, err := r.next()
	if err != nil {
		return fmt.Errorf(`the length after \# %w`, err)
	}
	size, err := strconv.ParseUint(string(w.Text), 10, 16)
	if err != nil || w.Quoted {
		return fmt.Errorf(`%s after \# is no length of data, from 0 to 65535`, w)
	}
	if r.out, err = hexOf(r.rest()); err != nil {
		return err
	}
	if len(r.out) != int(size) {
		return fmt.Errorf(`the data has %d octets, and %d are said before it`, len(r.out), size)
	}
	return nil
}

// rest takes all words that are left, as one.
func (r *reader) rest() []byte {
	var all []byte
	for _, w := range r.words {
		all, r.line = append(all, w.Text...), w.Line
	}
	r.words = nil
	return all
}

func hexOf(text []byte) ([]byte, error) {
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err != nil {
		if errors.Is(err, hex.ErrLength) {
			return nil, fmt.Errorf("%d hexadecimal digits are no whole octets", len(text))
		}
		return nil, fmt.Errorf("%s is not hexadecimal", Word{Text: text})
	}
	return out, nil
}

// Known reports whether the type has a presentation form of its own here.
func Known(t uint16) bool {
	_, known := forms[t]
	return known
}

// form is how a type's data is laid out.
type form struct {
	fields []field
	whole  func(data []byte) error // what concerns more than one field
	empty  bool                    // there may be no data at all
	raw    bool                    // the wire form may be anything
}

type field struct {
	name string
	kind kind
}

// kind is a field's form. read takes it from words; size says how many octets of
// what data begins with are the field, and what is wrong with them.
type kind struct {
	read func(*reader) error
	size func(data []byte) (int, error)
}

// of puts names and kinds together.
func of(pairs ...any) form {
	var f form
	for pair := range slices.Chunk(pairs, 2) {
		f.fields = append(f.fields, field{pair[0].(string), pair[1].(kind)})
	}
	return f
}
