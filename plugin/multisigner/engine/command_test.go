package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// Every order that is offered is one that the engine knows, and it takes no other:
// operators and engine have one table.
func TestOrdersAreTheTables(t *testing.T) {
	t.Parallel()
	e := serve(t, t.TempDir(), alone(t, write(t, content)))
	defer e.Close()
	served(t, e)
	for _, name := range commands.Names(commands.Order, commands.List, commands.Part) {
		args := map[string][]string{"roll": {"zsk"}}[name]
		if _, err := e.Do(t.Context(), apex, engine.Command{Kind: name, Args: args}); err != nil {
			require.NotContains(t, err.Error(), "is not known", name)
		}
	}
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "status"})
	require.EqualError(t, err, `command "status" is not known`)
}
