// Command multisigner shows what a running signer does and tells it what to do.
// It speaks to the control socket in the signer's state directory; `multisigner
// lab` starts a parent and signers to try it on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/test/lab"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // something could not be done, or a check failed
	exitUsage   = 2
)

// run is the command without the process around it.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "lab":
			return lab.Run(args[1:], stdout, stderr)
		case "lab-parent":
			return lab.RunParent(args[1:], stdout, stderr)
		}
	}
	a := &app{out: stdout, err: stderr}
	rest, err := a.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, commands.Usage())
		return exitOK
	}
	if err != nil {
		return a.misused(err.Error())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a.client = client.New(a.state)
	return a.dispatch(ctx, rest[0], rest[1:])
}

// app is one run of the command.
type app struct {
	out, err io.Writer
	state    string
	json     bool
	all      bool

	handFor     string // how a foreign signer is told, of keys
	records     bool   // of keys
	compromised string // a key's tag, of roll
	yes, now    bool
	client      *client.Client
}

// parse takes flags wherever they stand, and gives the command and its arguments.
func (a *app) parse(args []string) ([]string, error) {
	state := os.Getenv("MULTISIGNER_STATE")
	if state == "" {
		state = "multisigner-state"
	}
	flags := flag.NewFlagSet("multisigner", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&a.state, "state", state, "")
	flags.BoolVar(&a.json, "json", false, "")
	flags.BoolVar(&a.all, "all", false, "")
	flags.StringVar(&a.handFor, "for", "", "")
	flags.BoolVar(&a.records, "records", false, "")
	flags.StringVar(&a.compromised, "compromised", "", "")
	flags.BoolVar(&a.yes, "yes", false, "")
	flags.BoolVar(&a.now, "now", false, "")
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			break
		}
		rest = append(rest, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(rest) == 0 {
		return nil, errors.New("which command?")
	}
	return rest, nil
}

func (a *app) dispatch(ctx context.Context, command string, args []string) int {
	switch {
	case command == "status":
		code := a.show(ctx, statusView, args)
		if len(args) == 0 && !a.json && code == exitOK {
			a.alarmsOfCatalogs(ctx)
		}
		return code
	case command == "keys":
		return a.keys(ctx, args)
	case command == "ds":
		return a.show(ctx, dsView, args)
	case command == "check":
		return a.check(ctx, args)
	case command == "plan":
		return a.plan(ctx, args)
	case command == "export":
		return a.export(ctx, args)
	case command == "updates":
		return a.updates(ctx, args)
	case command == "roll":
		return a.roll(ctx, args)
	case command == "catalog":
		return a.catalog(ctx, args)
	case command == "trust":
		if len(args) != 3 {
			return a.misused("trust which key of which peer? Say trust ZONE PEER TAG")
		}
		return a.order(ctx, command, args[1:], args[:1])
	case command == "review":
		if len(args) != 2 {
			return a.misused("review what? Say review ZONE pass, or review ZONE drop")
		}
		return a.order(ctx, command, args[1:], args[:1])
	case command == "drop":
		if len(args) != 3 {
			return a.misused("drop what? Say drop ZONE NAME TYPE")
		}
		return a.order(ctx, command, args[1:], args[:1])
	case commands.Is(command, commands.List):
		return a.list(ctx, command, args)
	case commands.Is(command, commands.Order):
		return a.order(ctx, command, nil, args)
	case command == "check-config":
		return a.checkConfig(args)
	case command == "check-zone":
		return a.checkZone(args)
	case command == "version":
		if a.json {
			a.print(commands.Version())
			return exitOK
		}
		fmt.Fprintln(a.out, commands.Version())
		return exitOK
	case command == "help":
		fmt.Fprint(a.out, commands.Usage())
		return exitOK
	}
	return a.unknown(command)
}

// unknown says which command was meant, if one is near.
func (a *app) unknown(command string) int {
	names := commands.Names(commands.View, commands.List, commands.Order, commands.Local)
	if near := commands.Nearest(command, names); near != "" {
		return a.misused(fmt.Sprintf("no command %q: do you mean %s?", command, near))
	}
	return a.misused(fmt.Sprintf("no command %q: these are there: %s", command, strings.Join(names, ", ")))
}

// misused says how to ask before what was wrong: the last line is the one that is read.
func (a *app) misused(why string) int {
	fmt.Fprintf(a.err, "usage: multisigner [--state DIR] [--json] COMMAND [ARGUMENT...]\nmultisigner help lists the commands\nmultisigner: %s\n", why)
	return exitUsage
}

func (a *app) fail(err error) int {
	fmt.Fprintf(a.err, "multisigner: %v\n", err)
	return exitFailure
}

// names gives the zones that are meant: those named, else all.
func (a *app) names(ctx context.Context, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	zones, err := a.client.Zones(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(zones))
	for i, z := range zones {
		names[i] = z.Zone
	}
	return names, nil
}

// list prints what the server says of zones.
func (a *app) list(ctx context.Context, command string, zones []string) int {
	zones, err := a.names(ctx, zones)
	if err != nil {
		return a.fail(err)
	}
	type said struct {
		Zone string `json:"zone"`
		Text string `json:"text"`
	}
	all, code := []said{}, exitOK
	for _, name := range zones {
		text, err := a.client.Do(ctx, name, command)
		if err == nil {
			all = append(all, said{name, text})
		}
		switch {
		case err != nil:
			code = a.fail(fmt.Errorf("%s %s: %w", command, name, err))
		case a.json:
		case len(zones) > 1:
			fmt.Fprintf(a.out, "; %s\n%s\n", name, text)
		default:
			fmt.Fprintln(a.out, text)
		}
	}
	if a.json {
		a.print(all)
	}
	return code
}

// order tells the server to do something. Which zones must be said, unless there
// is only one: a slip should not roll the keys of a thousand.
func (a *app) order(ctx context.Context, command string, args, zones []string) int {
	if len(zones) == 0 {
		names, err := a.names(ctx, nil)
		if err != nil {
			return a.fail(err)
		}
		if len(names) != 1 && !a.all {
			return a.misused(fmt.Sprintf("%s which zone? There are %d; --all means all of them", command, len(names)))
		}
		zones = names
	}
	type result struct {
		Zone  string `json:"zone"`
		Done  string `json:"done,omitempty"`
		Error string `json:"error,omitempty"`
	}
	results := []result{}
	code := exitOK
	for _, name := range zones {
		done, err := a.client.Do(ctx, name, command, args...)
		r := result{Zone: name, Done: done}
		if err != nil {
			r.Error = err.Error()
			code = exitFailure
		}
		results = append(results, r)
		switch {
		case a.json:
		case err != nil:
			fmt.Fprintf(a.err, "multisigner: %s %s: %v\n", strings.Join(append([]string{command}, args...), " "), name, err)
		default:
			fmt.Fprintf(a.out, "%s: %s\n", name, done)
		}
	}
	if a.json {
		a.print(results)
	}
	return code
}
