package main

import "context"

// export prints a zone as a zone file, as it comes.
func (a *app) export(ctx context.Context, args []string) int {
	switch {
	case a.json:
		return a.misused("export prints a zone file: --json does not go with it")
	case len(args) == 1:
		args = append(args, "signed")
	case len(args) != 2:
		return a.misused("export which zone? Say export ZONE [signed|content]")
	}
	if err := a.client.Export(ctx, args[0], args[1], a.out); err != nil {
		return a.fail(err)
	}
	return exitOK
}
