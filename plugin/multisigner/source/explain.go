package source

import (
	"regexp"
	"strconv"
	"strings"
)

// place is how the library ends its messages.
var place = regexp.MustCompile(`^(?:dns: )?(.*?)(?:: ("(?:[^"\\]|\\.)*"))? at line: (\d+):\d+$`)

// explain puts the parser's message into words that say what to do, and gives the
// line that it names, counted from the parser's first; 0 when it names none.
func explain(err error) (text string, line int) {
	m := place.FindStringSubmatch(err.Error())
	if m == nil {
		return shorten(err.Error()), 0
	}
	what, token := strings.TrimPrefix(m[1], "dns: "), requote(m[2])
	line, _ = strconv.Atoi(m[3])
	switch what {
	case "unexpected newline":
		return "the record ends before its data", line
	case "garbage after rdata":
		return "there is more than the record's data: " + token + " is too much; if it is part of a name or text, quote or escape it", line
	case "not a TTL", "expecting RR type, TTL or class, not this...", "expecting RR type or class, not this...",
		"expecting RR type or TTL, not this...", "unknown RR type":
		switch {
		case token == lineEnd:
			return "the record has no type", line
		case len(token) > 2 && isDigit(token[1]) && strings.Trim(token, `"0123456789`) == "":
			return errTTL.Error(), line
		}
		return token + ` is neither a TTL, a class nor a type that is known: types of other numbers are written TYPE65280 \# LENGTH HEX (RFC 3597)`, line
	case "bad owner name":
		return token + " is no name: labels have 1 to 63 octets, a name 255", line
	}
	if field, ok := strings.CutPrefix(what, "bad "); ok {
		kind, field, _ := strings.Cut(field, " ")
		if token == lineEnd {
			return "the " + kind + " record ends before its data does: " + field + " is missing", line
		}
		return "the data of the " + kind + " record is wrong at " + token, line
	}
	if strings.TrimSpace(strings.Trim(token, `"`)) == "" {
		return what, line
	}
	return what + ": " + token, line
}

// lineEnd is how the parser names the end of a line.
const lineEnd = `"\n"`

// requote writes a token as it stands in the file, where that can be read.
func requote(token string) string {
	if raw, err := strconv.Unquote(token); err == nil && raw != "\n" && strconv.CanBackquote(raw) {
		return `"` + shorten(raw) + `"`
	}
	return shorten(token)
}

// longest is how much of a file's text stands in a message.
const longest = 80

// shorten keeps a message readable, and what a file holds that is no zone file
// mostly out of the log.
func shorten(s string) string {
	if len(s) > longest {
		return s[:longest] + "..."
	}
	return s
}
