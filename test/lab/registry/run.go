// Package registry is the lab's parent: a small registry that serves a signed
// zone with one delegation, and changes that delegation's DS RRset only when
// every address of every nameserver of the child asks for it (RFC 7344, RFC
// 8078, cds-consistency). It is strict on purpose and shares no validating code
// with the signers it judges: a mistake there must not be repeated here.
package registry

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"
)

// Run serves the parent zone that the file given by -config describes, until it
// is told to stop. The result is the exit status.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("lab-parent", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "", "file that describes the parent, as the lab writes it")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	config, err := ReadConfig(*path)
	if err == nil {
		err = serve(ctx, config, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "lab-parent:", err)
		return 1
	}
	return 0
}

// AnchorsFile is the file in Config.Dir that holds the zone's DS records, one a
// line, from the moment the registry has its key.
const AnchorsFile = "anchors"
