package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// check has the server ask everybody, and prints the matrix.
func (a *app) check(ctx context.Context, args []string) int {
	names, err := a.names(ctx, args)
	if err != nil {
		return a.fail(err)
	}
	type result struct {
		Zone   string        `json:"zone"`
		OK     bool          `json:"ok"`
		Matrix status.Matrix `json:"matrix"`
	}
	results := []result{}
	code := exitOK
	for _, name := range names {
		m, err := a.client.Check(ctx, name)
		if err != nil {
			return a.fail(fmt.Errorf("check %s: %w", name, err))
		}
		if !m.OK() {
			code = exitFailure
		}
		results = append(results, result{name, m.OK(), m})
		if !a.json {
			writeMatrix(a.out, name, m)
		}
	}
	if a.json {
		a.print(results)
	}
	return code
}

// writeMatrix prints a row for each server's answers and a column for each
// server's keys, and below it every fault.
func writeMatrix(w io.Writer, name string, m status.Matrix) {
	m.Servers = slices.Clone(m.Servers)
	slices.SortFunc(m.Servers, func(a, b status.Server) int {
		return cmp.Or(strings.Compare(a.Signer, b.Signer), strings.Compare(a.Address, b.Address))
	})
	fmt.Fprintf(w, "%s\n", name)
	if len(m.DS) == 0 {
		fmt.Fprintln(w, "  no DS at the parent: each DNSKEY RRset is taken as given")
	}
	t := table(w)
	fmt.Fprint(t, "  answers of \\ keys of")
	for _, column := range m.Servers {
		fmt.Fprintf(t, "\t%s", title(column))
	}
	fmt.Fprintln(t)
	for _, row := range m.Servers {
		fmt.Fprintf(t, "  %s", title(row))
		for _, column := range m.Servers {
			fmt.Fprintf(t, "\t%s", mark(m, row, column))
		}
		fmt.Fprintln(t)
	}
	t.Flush()
	writeFaults(w, m)
	verdict := "every answer validates under every signer's keys"
	switch {
	case len(m.Cells) == 0:
		verdict = "nothing could be checked"
	case !m.OK():
		verdict = "a resolver would see bogus or no answers"
	}
	fmt.Fprintf(w, "  %s\n", verdict)
}

func mark(m status.Matrix, row, column status.Server) string {
	cell, ok := m.Cell(row.Address, column.Address)
	switch {
	case !ok:
		return "-"
	case cell.OK():
		return fmt.Sprintf("ok %d", cell.Asked)
	}
	return fmt.Sprintf("FAIL %d/%d", len(cell.Faults), cell.Asked)
}

// maxFaults is how many faults of a cell are printed: the first ones tell as much
// as all of them. --json has them all.
const maxFaults = 3

func writeFaults(w io.Writer, m status.Matrix) {
	for _, s := range m.Servers {
		if s.Fault != "" {
			fmt.Fprintf(w, "  %s: %s\n", title(s), s.Fault)
		}
	}
	for _, c := range m.Cells {
		for i, fault := range c.Faults {
			if i == maxFaults {
				fmt.Fprintf(w, "  %s under keys of %s: and %d more\n", c.Answers, c.Keys, len(c.Faults)-i)
				break
			}
			fmt.Fprintf(w, "  %s under keys of %s: %s\n", c.Answers, c.Keys, fault)
		}
	}
}

func title(s status.Server) string { return strings.TrimSpace(s.Signer + " " + s.Address) }
