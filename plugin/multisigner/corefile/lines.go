package corefile

import (
	"fmt"

	"github.com/coredns/caddy/caddyfile"
)

// line is one line of a Corefile: a directive, its arguments and, where it opens
// a brace, the lines up to the closing one.
type line struct {
	name  string
	args  []string
	where string // file:line
	block bool   // it opens a brace
	lines []line
}

// readLines reads up to the closing brace of the block that the caller is in, or
// to the end. The Dispenser's own way with blocks takes what follows a directive
// without a brace for its block; reading line by line, we can tell.
func readLines(d *caddyfile.Dispenser) []line {
	var lines []line
	for d.Next() {
		if d.Val() == "}" {
			return lines
		}
		l, closes := readLine(d)
		lines = append(lines, l)
		if closes {
			return lines
		}
	}
	return lines
}

// readLine reads the line whose first token was just taken. closes tells that the
// line ended with the brace that closes the block it stands in.
func readLine(d *caddyfile.Dispenser) (l line, closes bool) {
	l = line{name: d.Val(), where: fmt.Sprintf("%s:%d", d.File(), d.Line())}
	if l.name == "{" {
		l.lines = readLines(d)
		return l, false
	}
	for d.NextArg() {
		switch d.Val() {
		case "{":
			l.block = true
			l.lines = readLines(d)
			return l, false
		case "}":
			return l, true
		}
		l.args = append(l.args, d.Val())
	}
	return l, false
}
