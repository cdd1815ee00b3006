package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// catalog shows the catalogs, or one of them with its members, or gives it a command.
func (a *app) catalog(ctx context.Context, args []string) int {
	switch {
	case len(args) == 0:
		all, err := a.client.Catalogs(ctx)
		if err != nil {
			return a.fail(err)
		}
		if a.json {
			a.print(map[string]any{"catalogs": all})
			return exitOK
		}
		writeCatalogs(a.out, all)
		return exitOK
	case len(args) == 2 && (args[0] == "accept" || args[0] == "retransfer"):
		done, err := a.client.DoCatalog(ctx, args[1], args[0])
		if err != nil {
			return a.fail(err)
		}
		if a.json {
			a.print(map[string]string{"catalog": args[1], "done": done})
			return exitOK
		}
		fmt.Fprintf(a.out, "%s: %s\n", args[1], done)
		return exitOK
	case len(args) == 1:
		c, err := a.client.Catalog(ctx, args[0])
		if err != nil {
			return a.fail(err)
		}
		if a.json {
			a.print(c)
			return exitOK
		}
		if now := clock(); now.After(c.At) {
			c.At = now
		}
		writeCatalog(a.out, c)
		return exitOK
	}
	return a.misused("say catalog, catalog NAME, catalog accept NAME, or catalog retransfer NAME")
}

// writeCatalogs is one line for each catalog, and below them what needs a person.
func writeCatalogs(w io.Writer, all []status.Catalog) {
	t := table(w)
	fmt.Fprintln(t, "CATALOG\tROLE\tSERIAL\tMEMBERS\tSERVED\tHELD\tWAITING\tALARMS")
	for _, c := range all {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\n", c.Catalog, c.Role, c.Serial, c.Named, c.Served, c.Held, c.Waiting, len(c.Alarms))
	}
	t.Flush()
	writeAlarmsOf(w, all)
}

func writeAlarmsOf(w io.Writer, all []status.Catalog) {
	for _, c := range all {
		for _, a := range c.Alarms {
			fmt.Fprintf(w, "%s %s %s: %s\n", c.Catalog, loud(a), a.Name, a.What)
		}
	}
}

// alarmsOfCatalogs tells of the alarms of catalogs beside those of zones. A server that knows of none
// has said all.
func (a *app) alarmsOfCatalogs(ctx context.Context) {
	if all, err := a.client.Catalogs(ctx); err == nil {
		writeAlarmsOf(a.out, all)
	}
}

// writeCatalog is all of one catalog.
func writeCatalog(w io.Writer, c status.Catalog) {
	t := table(w)
	fmt.Fprintf(t, "catalog\t%s, %s\n", c.Catalog, c.Role)
	fmt.Fprintf(t, "serial\t%d\n", c.Serial)
	if c.Primary != "" {
		fmt.Fprintf(t, "from\t%s, current as of %s\n", c.Primary, moment(c.Refreshed, c.At))
	}
	if c.Why != "" {
		fmt.Fprintf(t, "not fetched\t%s\n", c.Why)
	}
	if !c.Next.IsZero() {
		fmt.Fprintf(t, "asked for\t%s\n", moment(c.Next, c.At))
	}
	fmt.Fprintf(t, "members\t%d named, %d served, %d held, %d waiting\n", c.Named, c.Served, c.Held, c.Waiting)
	t.Flush()
	writeAlarms(w, status.Zone{At: c.At, Alarms: c.Alarms})
	if len(c.Members) == 0 {
		return
	}
	fmt.Fprintln(w)
	t = table(w)
	fmt.Fprintln(t, "ZONE\tSTATE\tGROUP\tGROUPS THERE\tID\tSINCE\tWHY")
	for _, m := range c.Members {
		since := "-"
		if !m.Since.IsZero() {
			since = m.Since.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Zone, m.State, dash(m.Group), dash(quoted(m.Groups)), m.ID, since, dash(m.Why))
	}
	t.Flush()
}

// quoted are texts that somebody else has written, divided by spaces: none of them reaches a terminal as
// anything but letters.
func quoted(texts []string) string {
	var all []string
	for _, text := range texts {
		if q := strconv.Quote(text); q != `"`+text+`"` || text == "" || strings.Contains(text, " ") {
			text = q
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
