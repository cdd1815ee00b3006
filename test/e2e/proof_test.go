package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// figures are what the tests of this run have seen. Those of a test that failed do
// not count.
type figures struct {
	mu                      sync.Mutex
	rolls                   map[string]int // of one signer's keys, by kind
	outages                 int            // in which a signer was killed and came back
	queries                 int64          // to resolvers, while keys rolled
	bogus, insecure, silent int64          // answers among them
	rounds, verified        int            // of the matrix; answers under DNSKEY RRsets
}

var seen = figures{rolls: map[string]int{}}

// The block of docs/PROOF.md that is ours.
const blockBegins, blockEnds = "<!-- e2e -->\n", "<!-- /e2e -->\n"

// record writes the figures into the file that PROOF names, from the root of the
// project; without PROOF, or without a rollover, nothing is written.
func (f *figures) record() error {
	path := os.Getenv("PROOF")
	if path == "" || len(f.rolls) == 0 {
		return nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join("..", "..", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, err := replaceBlock(string(text), f.text())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(out), 0o644)
}

func replaceBlock(text, block string) (string, error) {
	before, rest, begins := strings.Cut(text, blockBegins)
	_, after, ends := strings.Cut(rest, blockEnds)
	if !begins || !ends {
		return "", errors.New("the lines <!-- e2e --> and <!-- /e2e --> are not there")
	}
	return before + blockBegins + block + blockEnds + after, nil
}

func (f *figures) text() string {
	var b strings.Builder
	all := 0
	b.WriteString("\n| rollovers | times |\n| --- | ---: |\n")
	for _, kind := range slices.Sorted(maps.Keys(f.rolls)) {
		fmt.Fprintf(&b, "| %s | %d |\n", kind, f.rolls[kind])
		all += f.rolls[kind]
	}
	fmt.Fprintf(&b, "| **all** | **%d** |\n\n", all)
	fmt.Fprintf(&b, "| seen meanwhile | times |\n| --- | ---: |\n")
	for _, row := range []struct {
		what string
		n    int64
	}{
		{"signers killed in the middle, and back an hour later", int64(f.outages)},
		{"questions to validating resolvers", f.queries}, {"answers SERVFAIL", f.bogus}, {"answers that were not secure", f.insecure},
		{"no answer", f.silent}, {"rounds of the matrix", int64(f.rounds)}, {"answers verified under a DNSKEY RRset of their time", int64(f.verified)},
	} {
		fmt.Fprintf(&b, "| %s | %d |\n", row.what, row.n)
	}
	return b.String() + "\n"
}

// What others have written into the file stays as it is.
func TestProofBlock(t *testing.T) {
	f := figures{rolls: map[string]int{"ZSK": 3, "KSK": 2}, queries: 1000}
	got, err := replaceBlock("# Proof\n<!-- e2e -->\nold\n<!-- /e2e -->\nrest\n", f.text())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got, "# Proof\n<!-- e2e -->\n\n| rollovers | times |\n| --- | ---: |\n| KSK | 2 |\n| ZSK | 3 |\n| **all** | **5** |\n"), got)
	require.Contains(t, got, "| questions to validating resolvers | 1000 |\n| answers SERVFAIL | 0 |\n")
	require.True(t, strings.HasSuffix(got, "\n<!-- /e2e -->\nrest\n"), got)
	again, err := replaceBlock(got, f.text())
	require.NoError(t, err)
	require.Equal(t, got, again)
	for _, text := range []string{"", "<!-- e2e -->\n", "<!-- /e2e -->\n<!-- e2e -->\n"} {
		_, err := replaceBlock(text, "x")
		require.ErrorContains(t, err, "not there")
	}
}
