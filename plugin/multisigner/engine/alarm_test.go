package engine_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Every name that an alarm may have has its place among the others, and its line in the
// manual, and the manual speaks of no other.
func TestAlarmNames(t *testing.T) {
	t.Parallel()
	var inCode []string
	for _, file := range []string{"../roll/alarm.go", "../status/alarm.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, decl := range parsed.Decls {
			list, ok := decl.(*ast.GenDecl)
			if !ok || list.Tok != token.CONST {
				continue
			}
			for _, each := range list.Specs {
				spec := each.(*ast.ValueSpec)
				typed, ok := spec.Type.(*ast.Ident)
				require.True(t, ok && typed.Name == "AlarmName" && len(spec.Values) == 1, "%s: a name without its type", file)
				name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				require.Regexp(t, "^[a-z]+(-[a-z]+)*$", name)
				inCode = append(inCode, name)
			}
		}
	}
	manual, err := os.ReadFile("../../../docs/ALARMS.md")
	require.NoError(t, err)
	var inManual []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(manual, -1) {
		inManual = append(inManual, string(m[1]))
	}
	ordered := engine.AlarmNames()
	require.Equal(t, ordered, inManual, "the manual has them in the order in which they are told")
	slices.Sort(inCode)
	slices.Sort(ordered)
	require.Equal(t, inCode, ordered)
	require.Equal(t, inCode, slices.Compact(slices.Clone(inCode)), "no name stands twice")
}

// logged is a log that a test reads while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// lines are those that have all of some words.
func (l *logged) lines(words ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// logs has a member log to what is given back.
func (m *member) logs() *logged {
	text := &logged{}
	m.options = func(o *engine.Options) { o.Logger = slog.New(slog.NewTextHandler(text, nil)) }
	return text
}

// raised gives the alarms of a name at a member.
func (m *member) raised(name string) (found []status.Alarm) {
	s, _ := m.e.Load().Status(apex)
	for _, a := range s.Alarms {
		if string(a.Name) == name {
			found = append(found, a)
		}
	}
	return found
}

// The log has one line when an alarm begins and one when it ends, with all that a person
// needs who reads nothing else. What waits for a silent peer stands below it, and while a
// group begins there is nothing but who has not started yet.
func TestAlarmsInTheLog(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a b", nil)
	a, b := g.signers[0], g.signers[1]
	text := a.logs()
	g.begin()
	for _, line := range text.lines("alarm begins") { // b starts later than a
		require.Contains(t, line, "alarm=peer-not-serving about=b")
	}

	a.stop()
	a.cfg.AlarmAfter = time.Minute
	a.start()
	g.until("all is well", g.calm)

	b.quiet.Store(true)
	began := g.clock.Now()
	a.do("roll", "zsk")
	g.until("the wait is an alarm", func() bool { return len(a.raised("wait-too-long")) > 0 })
	silent, wait := a.raised("peer-silent"), a.raised("wait-too-long")
	require.Len(t, silent, 1)
	require.WithinDuration(t, began, silent[0].Since, groupTTL)
	require.Empty(t, silent[0].Under)
	require.Equal(t, status.AlarmName("peer-silent"), wait[0].Under)
	s := statusOf(t, a.e.Load())
	require.Equal(t, silent[0], s.Alarms[0], "the cause first")
	lines := text.lines("alarm begins", "alarm=peer-silent")
	require.Len(t, lines, 1, "once, however long it lasts")
	for _, part := range []string{"level=WARN", "zone=example.org.", "about=b", `what="peer b does not answer`, "since=", `do="see that it runs`, `breaks="no rollover goes on"`} {
		require.Contains(t, lines[0], part)
	}
	require.Empty(t, text.lines("alarm ends", "alarm=peer-silent"))

	b.quiet.Store(false)
	g.until("all is well", g.calm)
	require.Len(t, text.lines("alarm ends", "alarm=peer-silent", "about=b", "lasted="), 1)
	require.Len(t, text.lines("alarm begins"), len(text.lines("alarm ends")))
}

// That outsiders get no answers is a line in the log, with the reason, and so is that
// they do again; the first moments of every start are not.
func TestRefusalInTheLog(t *testing.T) {
	t.Parallel()
	cfg := alone(t, write(t, "@ SOA\n"))
	text := &logged{}
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil))})
	require.NoError(t, err)
	defer e.Close()
	p, err := e.Prepare(t.Context(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	for range 3 {
		_, err = e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
		require.NoError(t, err)
	}
	require.Len(t, text.lines("the zone refuses", "zone=example.org.", `why="the zone has no content that can be served"`), 1)
	require.NoError(t, os.WriteFile(cfg.File, []byte(content), 0o644))
	_, err = e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	require.Len(t, text.lines("the zone answers everybody again"), 1)
	require.Len(t, text.lines("the zone refuses"), 1)
}

// A first start whose parent is looked at before there are keys says nothing of refusing.
func TestFirstLookInTheLog(t *testing.T) {
	t.Parallel()
	cfg := delegated(t, register(t))
	text := &logged{}
	e, err := engine.Open(t.TempDir(), engine.Options{Logger: slog.New(slog.NewTextHandler(text, nil))})
	require.NoError(t, err)
	defer e.Close()
	p, err := e.Prepare(t.Context(), []engine.Config{cfg})
	require.NoError(t, err)
	p.Commit()
	require.Eventually(t, func() bool { return statusOf(t, e).Serving }, 20*time.Second, time.Millisecond)
	require.Empty(t, text.lines("the zone refuses"))
	require.Empty(t, text.lines("the zone answers everybody again"))
}
