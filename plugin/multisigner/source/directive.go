package source

import (
	"errors"
	"fmt"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// directive carries out a line that begins with a dollar sign.
func (f *feed) directive(e *entry) {
	var err error
	if f.words, err = appendWords(f.words[:0], e.text); err == nil {
		err = f.carryOut(f.words, e)
	}
	if err != nil {
		f.fault(e.line, err.Error())
	}
}

func (f *feed) carryOut(words []rdata.Word, e *entry) (err error) {
	switch name, args := strings.ToUpper(string(words[0].Text)), words[1:]; name {
	case "$ORIGIN":
		return f.setOrigin(args)
	case "$TTL":
		return f.setTTL(args, e.line)
	case "$INCLUDE":
		return f.include(args, e.line)
	case "$GENERATE":
		f.making, err = newGenerator(e.text, e.line)
		return err
	}
	return fmt.Errorf("%s is no directive that is known: $ORIGIN, $TTL, $INCLUDE and $GENERATE are", shorten(string(words[0].Text)))
}

func (f *feed) setOrigin(args []rdata.Word) error {
	if len(args) != 1 {
		return errors.New("$ORIGIN takes one name")
	}
	origin, err := f.name(args[0])
	if err != nil {
		return fmt.Errorf("$ORIGIN: %w", err)
	}
	f.scope.origin = origin
	return nil
}

func (f *feed) setTTL(args []rdata.Word, line int) error {
	if len(args) != 1 {
		return errors.New("$TTL takes one number of seconds, or a time like 1h30m")
	}
	ttl, over, err := parseTTL(string(args[0].Text))
	if err != nil {
		return fmt.Errorf("$TTL: %w", err)
	}
	if over {
		f.l.within.warn(position{f.path, line}, zone.Name(f.scope.origin), "$TTL: "+countsAsNone)
	}
	f.scope.ttl, f.scope.hasTTL, f.scope.fixed = ttl, true, true
	return nil
}

func (f *feed) include(args []rdata.Word, line int) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("$INCLUDE takes a file, and perhaps an origin")
	}
	s := f.scope
	s.owner = ""
	if len(args) == 2 {
		origin, err := f.name(args[1])
		if err != nil {
			return fmt.Errorf("$INCLUDE: %w", err)
		}
		s.origin = origin
	}
	// Its $TTL holds for all that comes after (RFC 2308 4); its origin ends with it.
	after := f.l.include(string(args[0].Text), s, f.path, line)
	f.scope.ttl, f.scope.hasTTL, f.scope.fixed = after.ttl, after.hasTTL, after.fixed
	return nil
}
