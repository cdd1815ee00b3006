package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Limits of what is read. They are far above what zones need, and keep a mistake
// from eating the machine.
const (
	MaxDepth = 8        // files within files
	MaxFiles = 10_000   // files of a zone, each counted as often as it is included
	MaxSize  = 16 << 30 // octets of all files
	MaxEntry = 1 << 20  // octets of a record or directive with the lines it is spread over
)

// ReadFile reads the zone file at path and what it includes, as the zone apex.
// Relative names are below the apex until the file says otherwise, and a file's
// name in $INCLUDE is relative to the file that it stands in. The error is always
// an *Error; Content then has all but the version.
func ReadFile(path string, apex zone.Name) (Content, error) {
	return read(path, apex, openRegular)
}

// opener opens a file and says what it was when it was opened.
type opener func(path string) (io.ReadCloser, fs.FileInfo, error)

// openRegular opens files only: a pipe might never end, nor even open.
func openRegular(path string) (io.ReadCloser, fs.FileInfo, error) {
	at, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !at.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if at, err = f.Stat(); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, at, nil
}

func read(path string, apex zone.Name, open opener) (Content, error) {
	l := &loader{open: open, within: newCollector(path, apex), left: MaxSize}
	l.file(path, scope{origin: string(apex)}, "", 0)
	c := Content{Files: l.names(), Stamp: l.stamp(), Torn: l.torn, Dropped: l.within.dropped}
	v := l.within.finish(len(l.syntax.problems) > 0)
	problems := slices.Concat(l.syntax.problems, l.within.problems)
	fatal := slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return !p.Fatal })
	c.Problems = most(inOrder(problems, c.Files))
	if len(fatal) > 0 {
		return c, &Error{Zone: apex, Problems: most(inOrder(fatal, c.Files))}
	}
	c.Version = v
	return c, nil
}

// loader reads a zone's files one after the other into the collector.
type loader struct {
	open   opener
	within *collector
	files  []opened
	stack  []string // the files that are being read
	left   int64    // octets that may still be read
	torn   bool     // one was written to meanwhile
	syntax tally
}

// opened is a file as it was when it was opened.
type opened struct {
	path string
	at   fs.FileInfo
	err  error
}

// scope is what a line means that does not say all. It goes down into included
// files; but for the TTL it does not come back out of them (RFC 1035 5.1).
type scope struct {
	origin string // in wire form
	owner  string // in wire form; "" when there is none to repeat
	ttl    uint32 // where a record says none
	hasTTL bool
	fixed  bool // ttl is that of a $TTL, which a record's own does not change (RFC 2308 4)
}

// file reads one file, and gives the scope at its end. from and line are where it is
// included, "" for the first.
func (l *loader) file(path string, s scope, from string, line int) (after scope) {
	if why := l.refuses(path); why != "" {
		l.syntax.add(Problem{File: from, Line: line, Text: why, Fatal: true})
		return s
	}
	f, at, err := l.open(path)
	l.files = append(l.files, opened{path, at, err})
	if err != nil {
		p := Problem{File: from, Line: line, Text: fmt.Sprintf("$INCLUDE %s: %v", path, cause(err)), Fatal: true}
		if from == "" {
			p = Problem{File: path, Text: "cannot be read: " + cause(err).Error(), Fatal: true}
		}
		l.syntax.add(p)
		return s
	}
	defer f.Close()
	l.stack = append(l.stack, path)
	defer func() { l.stack = l.stack[:len(l.stack)-1] }()
	reading := newFeed(l, path, f, s)
	reading.run()
	if f, ok := f.(*os.File); ok {
		is, err := f.Stat()
		l.torn = l.torn || err != nil || !is.ModTime().Equal(at.ModTime()) || is.Size() != at.Size()
	}
	return reading.scope
}

// cause is err without the path, which is told already.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// refuses says why a file is not opened at all.
func (l *loader) refuses(path string) string {
	switch {
	case slices.Contains(l.stack, path):
		return fmt.Sprintf("$INCLUDE %s: the file would include itself", path)
	case len(l.stack) >= MaxDepth:
		return fmt.Sprintf("$INCLUDE %s: files are included more than %d deep", path, MaxDepth)
	case len(l.files) >= MaxFiles:
		return fmt.Sprintf("$INCLUDE %s: more than %d files are included", path, MaxFiles)
	}
	return ""
}

// include reads a file that is named in another.
func (l *loader) include(name string, s scope, from string, line int) (after scope) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(from), name)
	}
	return l.file(name, s, from, line)
}

// names lists the files once each.
func (l *loader) names() []string {
	var names []string
	seen := map[string]bool{}
	for _, f := range l.files {
		if !seen[f.path] {
			seen[f.path] = true
			names = append(names, f.path)
		}
	}
	return names
}

// stamp is the stamp of names as the files were when each was first opened.
func (l *loader) stamp() Stamp {
	s := newStamper()
	seen := map[string]bool{}
	for _, f := range l.files {
		if !seen[f.path] {
			seen[f.path] = true
			s.add(f.path, f.at, f.err)
		}
	}
	return s.sum()
}
