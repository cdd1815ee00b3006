package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUndisturbed(t *testing.T) {
	var asked []int
	busy := []float64{0.5, 0.05}
	run := func(try int) (string, float64, error) {
		asked = append(asked, try)
		return "measured", busy[try], nil
	}
	got, rejected, err := undisturbed(t.Context(), options{others: 0.1}, run)
	require.NoError(t, err)
	require.Equal(t, "measured", got)
	require.Equal(t, 1, rejected)
	require.Equal(t, []int{0, 1}, asked, "a disturbed run is made again, and an undisturbed one is not")

	broken := errors.New("no server")
	_, _, err = undisturbed(t.Context(), options{}, func(int) (string, float64, error) { return "", 0, broken })
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, errDisturbed, "a run that fails is not one that others disturb")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = undisturbed(ended, options{}, func(int) (string, float64, error) { return "", 1, nil })
	require.ErrorIs(t, err, context.Canceled)
}
