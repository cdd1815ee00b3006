package source

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// directive carries out a line that begins with a dollar sign.
func (f *feed) directive(e *entry) {
	words, err := split(e.text)
	if err != nil {
		f.fault(e.line, err.Error())
		return
	}
	switch name, args := strings.ToUpper(words[0]), words[1:]; name {
	case "$ORIGIN":
		err = f.setOrigin(args)
	case "$TTL":
		err = f.setTTL(args)
	case "$INCLUDE":
		err = f.include(args, e.line)
	case "$GENERATE":
		f.making, err = newGenerator(e.text, e.line)
	default:
		err = fmt.Errorf("%s is no directive that is known: $ORIGIN, $TTL, $INCLUDE and $GENERATE are", shorten(words[0]))
	}
	if err != nil {
		f.fault(e.line, err.Error())
	}
}

func (f *feed) setOrigin(args []string) error {
	if len(args) != 1 {
		return errors.New("$ORIGIN takes one name")
	}
	origin, err := absolute(args[0], f.scope.origin)
	if err != nil {
		return fmt.Errorf("$ORIGIN: %w", err)
	}
	f.scope.origin = origin
	f.prefix = "$ORIGIN " + origin + "\n"
	return nil
}

func (f *feed) setTTL(args []string) error {
	if len(args) != 1 {
		return errors.New("$TTL takes one number of seconds, or a time like 1h30m")
	}
	ttl, err := parseTTL(args[0])
	if err != nil {
		return fmt.Errorf("$TTL: %w", err)
	}
	f.scope.ttl, f.scope.hasTTL, f.scope.fixed = ttl, true, true
	return nil
}

func (f *feed) include(args []string, line int) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("$INCLUDE takes a file, and perhaps an origin")
	}
	s := f.scope
	s.owner = ""
	if len(args) == 2 {
		origin, err := absolute(args[1], f.scope.origin)
		if err != nil {
			return fmt.Errorf("$INCLUDE: %w", err)
		}
		s.origin = origin
	}
	f.l.include(args[0], s, f.path, line)
	return nil
}

// absolute gives a name that is written relative to origin.
func absolute(name, origin string) (string, error) {
	switch {
	case name == "@":
		return origin, nil
	case dns.IsFqdn(name):
	case origin == ".":
		name += "."
	default:
		name += "." + origin
	}
	_, err := zone.ParseName(name)
	return name, err
}

// split gives the words of a line. A word may be quoted, for file names with blanks.
func split(text []byte) (words []string, err error) {
	for rest := bytes.Trim(text, " \t\n"); len(rest) > 0; rest = bytes.TrimLeft(rest, " \t\n") {
		var word []byte
		if rest[0] == '"' {
			end := bytes.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, errors.New("the string has no closing quote on its line")
			}
			word, rest = rest[1:1+end], rest[2+end:]
		} else if end := bytes.IndexAny(rest, " \t\n"); end >= 0 {
			word, rest = rest[:end], rest[end:]
		} else {
			word, rest = rest, nil
		}
		words = append(words, string(word))
	}
	return words, nil
}
