package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// updates lists what updates have changed beside the file of zones.
func (a *app) updates(ctx context.Context, args []string) int {
	names, err := a.names(ctx, args)
	if err != nil {
		return a.fail(err)
	}
	type made struct {
		Zone    string          `json:"zone"`
		Updates []status.Update `json:"updates"`
	}
	all := []made{}
	for _, name := range names {
		list, err := a.client.Updates(ctx, name)
		if err != nil {
			return a.fail(fmt.Errorf("updates %s: %w", name, err))
		}
		all = append(all, made{name, list})
		if a.json {
			continue
		}
		if len(names) > 1 {
			fmt.Fprintf(a.out, "; %s\n", name)
		}
		writeUpdates(a.out, list)
	}
	if a.json {
		a.print(all)
	}
	return exitOK
}

// writeUpdates is a line for each RRset, and below it why it is not served.
func writeUpdates(w io.Writer, list []status.Update) {
	if len(list) == 0 {
		fmt.Fprintln(w, "updates have changed nothing beside the file")
	}
	for _, u := range list {
		fmt.Fprintf(w, "%s %s:", u.Name, u.Type)
		if n := len(u.Added); n > 0 {
			fmt.Fprintf(w, " %d added,", n)
		}
		if n := len(u.Removed); n > 0 {
			fmt.Fprintf(w, " %d removed,", n)
		}
		if u.TTL != nil {
			fmt.Fprintf(w, " TTL %d,", *u.TTL)
		}
		fmt.Fprintf(w, " by key %s at %s\n", u.By, u.Since.UTC().Format(time.RFC3339))
		if u.NotServed != "" {
			fmt.Fprintf(w, "  not served: %s\n", u.NotServed)
		}
	}
}
