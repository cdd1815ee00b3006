package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// view is one way of showing zones.
type view struct {
	text func(w io.Writer, zones []status.Zone)
	json func(z status.Zone) any
	fail func(z status.Zone) string // not empty: why the exit status is 1
}

// show gets the zones and renders them.
func (a *app) show(ctx context.Context, v view, args []string) int {
	zones, err := a.zones(ctx, args)
	if err != nil {
		return a.fail(err)
	}
	if a.json {
		values := make([]any, len(zones))
		for i, z := range zones {
			values[i] = v.json(z)
		}
		a.print(values)
	} else {
		v.text(a.out, zones)
	}
	code := exitOK
	for _, z := range zones {
		if v.fail == nil {
			break
		}
		if why := v.fail(z); why != "" {
			fmt.Fprintf(a.err, "multisigner: %s %s\n", z.Zone, why)
			code = exitFailure
		}
	}
	return code
}

// clock is the time of who reads.
var clock = time.Now

// zones gets the zones that are named, all if none is. To a person they are of now:
// a zone's last turn, after which nothing has changed, may be ten minutes old, and
// what was seen then is not 0 seconds ago.
func (a *app) zones(ctx context.Context, args []string) ([]status.Zone, error) {
	zones, err := a.named(ctx, args)
	if !a.json {
		for i := range zones {
			if now := clock(); now.After(zones[i].At) {
				zones[i].At = now
			}
		}
	}
	return zones, err
}

func (a *app) named(ctx context.Context, args []string) ([]status.Zone, error) {
	if len(args) == 0 {
		return a.client.Zones(ctx)
	}
	var zones []status.Zone
	for _, name := range args {
		z, err := a.client.Zone(ctx, name)
		if err != nil {
			return nil, err
		}
		zones = append(zones, z)
	}
	return zones, nil
}

func (a *app) print(v any) {
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // nobody reads any more: there is nobody to tell
}

var statusView = view{
	text: func(w io.Writer, zones []status.Zone) {
		if len(zones) == 1 {
			writeZone(w, zones[0])
			return
		}
		writeOverview(w, zones)
	},
	json: func(z status.Zone) any { return z },
}
