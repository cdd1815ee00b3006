package commands_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
)

// The manual shows what the command says of itself: a command that is offered and not
// in the manual, or the other way round, would be found by accident.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(manual), "\n## The command\n")
	require.True(t, found)
	_, block, found := strings.Cut(after, "\n~~~ txt\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "~~~\n")
	require.Equal(t, commands.Usage(), block, "put what multisigner help prints into the manual")
}

// Each row can be read: it has a text, no line of it is wide, and no form stands there twice.
func TestRows(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range commands.All {
		require.NotEmpty(t, c.What, c.Name)
		require.False(t, seen[c.Name+c.Form], c.Name)
		seen[c.Name+c.Form] = true
	}
	for line := range strings.SplitSeq(commands.Usage(), "\n") {
		require.LessOrEqual(t, len(line), 100, line)
	}
	require.True(t, commands.Is("roll", commands.View, commands.Order))
	require.False(t, commands.Is("roll", commands.View))
	require.NotContains(t, commands.Usage(), "cost TAG")
}
