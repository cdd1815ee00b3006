package source

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
)

// MaxGenerate is how many records one $GENERATE makes at most: an IPv6 /112, or
// what a directive can be meant to save. Our choice.
const MaxGenerate = 1 << 16

// generator writes the lines of a $GENERATE, which is BIND's: a range
// START-STOP[/STEP], and a record in which $ stands for the number, ${OFFSET,
// WIDTH,BASE} for the number written otherwise, and \$ or $$ for a dollar sign.
type generator struct {
	parts    []part
	at, stop int64
	step     int64
	line     int
	text     []byte
}

// part is text, or a number in its place.
type part struct {
	text   string
	number bool
	offset int64
	width  int
	base   byte // d, o, x, X, or n and N for nibbles in the order of ip6.arpa
}

func newGenerator(text []byte, line int) (*generator, error) {
	text = bytes.TrimSpace(text[len("$GENERATE"):])
	span, record, ok := bytes.Cut(bytes.ReplaceAll(text, []byte("\t"), []byte(" ")), []byte(" "))
	record = bytes.TrimSpace(record)
	if !ok || len(record) == 0 {
		return nil, errors.New("$GENERATE takes a range like 1-100 and a record with $ in it")
	}
	g := &generator{line: line}
	if text, quoted := rightSide(record); quoted {
		record = text
	}
	var err error
	if g.at, g.stop, g.step, err = parseRange(string(span)); err != nil {
		return nil, err
	}
	if g.parts, err = parseParts(string(record)); err != nil {
		return nil, err
	}
	for _, p := range g.parts {
		switch {
		case p.number && g.stop+p.offset > math.MaxInt32:
			return nil, fmt.Errorf("$GENERATE: the offset %d leads above 2147483647", p.offset)
		case p.number && g.at+p.offset < 0 && p.base != 'd':
			return nil, fmt.Errorf("$GENERATE: the offset %d leads below 0, and such a number is written with the base d alone", p.offset)
		}
	}
	return g, nil
}

// rightSide takes the quotes from data that is one string: as in BIND they are there to
// hold words together, and are no part of the data. In them \" stands for a quote.
func rightSide(record []byte) (text []byte, quoted bool) {
	words, err := appendWords(nil, record)
	if err != nil || len(words) < 3 || !words[len(words)-1].Quoted {
		return nil, false
	}
	for i, w := range words[1:] {
		word := string(w.Text)
		if _, known := rdata.Type(word); !known || w.Quoted {
			continue // a TTL or class
		}
		if i+3 != len(words) {
			break
		}
		last := words[len(words)-1].Text
		head := record[:len(record)-len(last)-2]
		return append(bytes.Clone(head), bytes.ReplaceAll(last, []byte(`\"`), []byte(`"`))...), true
	}
	return nil, false
}

func parseRange(s string) (start, stop, step int64, err error) {
	span, by, stepped := strings.Cut(s, "/")
	from, to, ok := strings.Cut(span, "-")
	numbers := []string{from, to, "1"}
	if stepped {
		numbers[2] = by
	}
	var n [3]int64
	for i, digits := range numbers {
		u, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			ok = false
		}
		n[i] = int64(u)
	}
	switch {
	case !ok || n[2] == 0:
		err = fmt.Errorf("$GENERATE: %q is no range: write START-STOP or START-STOP/STEP", shorten(s))
	case n[1] < n[0]:
		err = fmt.Errorf("$GENERATE: the range %s ends before it begins", s)
	case (n[1]-n[0])/n[2] >= MaxGenerate:
		err = fmt.Errorf("$GENERATE: the range %s has more than %d numbers: split it", s, MaxGenerate)
	}
	return n[0], n[1], n[2], err
}

func parseParts(s string) (parts []part, err error) {
	var text []byte
	for i := 0; i < len(s); i++ {
		switch next := s[min(i+1, len(s)-1)]; {
		case s[i] == '\\' && next == '$' && i+1 < len(s), s[i] == '$' && next == '$' && i+1 < len(s):
			text = append(text, '$')
			i++
		case s[i] == '\\' && i+1 < len(s):
			text = append(text, s[i], next)
			i++
		case s[i] == '$':
			p, width, err := parseNumber(s[i+1:])
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{text: string(text)}, p)
			text, i = text[:0], i+width
		default:
			text = append(text, s[i])
		}
	}
	return append(parts, part{text: string(text)}), nil
}

// parseNumber reads what follows a $, and says how many octets that is.
func parseNumber(s string) (p part, width int, err error) {
	p = part{number: true, base: 'd'}
	if s == "" || s[0] != '{' {
		return p, 0, nil
	}
	inside, _, ok := strings.Cut(s[1:], "}")
	fields := strings.Split(inside, ",")
	bad := fmt.Errorf("$GENERATE: ${%s} is not of the form ${OFFSET,WIDTH,BASE} with the base d, o, x, X, n or N", shorten(inside))
	if !ok || len(fields) > 3 {
		return p, 0, bad
	}
	if p.offset, err = strconv.ParseInt(fields[0], 10, 32); err != nil {
		return p, 0, bad
	}
	if len(fields) > 1 {
		if p.width, err = strconv.Atoi(fields[1]); err != nil || p.width < 0 || p.width > 255 {
			return p, 0, bad
		}
	}
	if len(fields) > 2 {
		if len(fields[2]) != 1 || !strings.Contains("doxXnN", fields[2]) {
			return p, 0, bad
		}
		p.base = fields[2][0]
	}
	return p, len(inside) + 2, nil
}

// next writes the next line into e, false when there is none.
func (g *generator) next(e *entry) bool {
	if g.at > g.stop {
		return false
	}
	g.text = g.text[:0]
	for _, p := range g.parts {
		g.text = append(g.text, p.text...)
		if p.number {
			g.text = p.append(g.text, g.at+p.offset)
		}
	}
	g.text = append(g.text, '\n')
	*e = entry{text: g.text, line: g.line, lines: 1}
	g.at += g.step
	return true
}

// end makes this line the last.
func (g *generator) end() { g.at = math.MaxInt64 }

func (p part) append(dst []byte, n int64) []byte {
	switch p.base {
	case 'o':
		return fmt.Appendf(dst, "%0*o", p.width, n)
	case 'x':
		return fmt.Appendf(dst, "%0*x", p.width, n)
	case 'X':
		return fmt.Appendf(dst, "%0*X", p.width, n)
	case 'n', 'N':
		return p.appendNibbles(dst, n)
	}
	return fmt.Appendf(dst, "%0*d", p.width, n)
}

// appendNibbles writes hexadecimal digits, the lowest first, with dots between
// them; the width counts the dots.
func (p part) appendNibbles(dst []byte, n int64) []byte {
	digits := "0123456789abcdef"
	if p.base == 'N' {
		digits = "0123456789ABCDEF"
	}
	for written := 0; ; {
		dst = append(dst, digits[n&15])
		n, written = n>>4&math.MaxInt32, written+1
		if n == 0 && written >= p.width {
			return dst
		}
		dst = append(dst, '.')
		written++
		if n == 0 && written >= p.width {
			return dst
		}
	}
}
