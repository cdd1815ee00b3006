package source

import (
	"errors"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
)

// appendWords parts an entry into words: at blanks, brackets and line ends, and at the
// quotes of strings.
func appendWords(words []rdata.Word, text []byte) ([]rdata.Word, error) {
	line := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '\n':
			line++
			i++
			continue
		case ' ', '\t', '\r', '(', ')':
			i++
			continue
		}
		w := rdata.Word{Line: line, Joined: i > 0 && !parts(text[i-1])}
		start := i
		if w.Quoted = text[i] == '"'; w.Quoted {
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if i >= len(text) {
				return nil, errors.New("the string has no closing quote on its line")
			}
			w.Text = text[start+1 : i]
			i++
		} else {
			for i < len(text) && !parts(text[i]) && text[i] != '"' {
				if text[i] == '\\' {
					i++
				}
				i++
			}
			i = min(i, len(text))
			w.Text = text[start:i]
		}
		words = append(words, w)
	}
	return words, nil
}

// parts reports whether c stands between words.
func parts(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '(' || c == ')'
}
