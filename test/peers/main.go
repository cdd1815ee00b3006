// Command peers measures how fast multisigner answers beside NSD, Knot, BIND and
// CoreDNS's own file plugin, and writes the table of docs/PERFORMANCE.md. All serve
// the same zone, signed by us, one after the other, pinned to one core, with
// dnsperf on another. Linux only; make bench-peers installs what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// options are what may be chosen.
type options struct {
	zones, loads, servers string
	binary                string
	seconds               float64
	rounds                int
	others                float64
	serverCore, loadCore  int
	document              string
	profile               string
	crowds                string
	starts                int
	signing, meanwhile    bool
	changes               bool
}

func main() {
	var o options
	flag.StringVar(&o.zones, "zones", "hosting-1000,hosting-100000,hosting-100000-nsec3,tld-100000", "`zones` to measure")
	flag.StringVar(&o.loads, "loads", "", "`loads` to measure; all of a zone when empty")
	flag.StringVar(&o.servers, "servers", "knot,nsd,bind,file,ours,ours-coredns", "`servers` to measure")
	flag.StringVar(&o.binary, "coredns", "bin/coredns", "our `program`")
	flag.Float64Var(&o.seconds, "seconds", 5, "length of a run")
	flag.IntVar(&o.rounds, "rounds", 5, "runs of each, in turn")
	flag.Float64Var(&o.others, "others", 0.1, "reject a run in which other processes used more `cores` than this")
	flag.IntVar(&o.serverCore, "server-core", 0, "`core` of the server")
	flag.IntVar(&o.loadCore, "load-core", 1, "`core` of dnsperf")
	flag.StringVar(&o.document, "document", "", "`file` whose table to replace; standard output when empty")
	flag.StringVar(&o.profile, "profile", "", "write our processor profile of each run into this `folder`")
	flag.StringVar(&o.crowds, "crowds", "", "measure what questions over UDP wait beside these `crowds`: transfers,slow,unread")
	flag.IntVar(&o.starts, "starts", 0, "measure the first and second start with so many small `zones`; knot and ours")
	flag.BoolVar(&o.signing, "signing", false, "measure how fast zones are signed, beside kzonesign and dnssec-signzone, and print it")
	flag.BoolVar(&o.meanwhile, "meanwhile", false, "measure how long questions wait while another zone is signed, beside Knot, and print it")
	flag.BoolVar(&o.changes, "changes", false, "measure changes of a signed zone, by UPDATE and from a primary; knot, bind and ours")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := measure
	switch {
	case o.signing:
		run = measureSigning
	case o.meanwhile:
		run = measureMeanwhile
	case o.changes:
		run = measureChanges
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// measure goes through the zones and writes the table.
func measure(ctx context.Context, o options) error {
	var err error
	if o.binary, err = filepath.Abs(o.binary); err != nil { // servers run in folders of their own
		return err
	}
	if o.starts > 0 {
		return measureStarts(ctx, o)
	}
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var rows []row
	var failed error // what was measured before is worth the table all the same
	for _, name := range strings.Split(o.zones, ",") {
		some, err := measureZone(ctx, o, dir, name)
		rows = append(rows, some...)
		if err != nil {
			failed = fmt.Errorf("zone %s: %w", name, err)
			break
		}
	}
	if o.crowds != "" || failed != nil && len(rows) == 0 {
		return failed // crowds were told already
	}
	if len(rows) == 0 {
		return errDisturbed
	}
	return errors.Join(failed, report(o, rows, time.Now()))
}

func measureZone(ctx context.Context, o options, dir, name string) ([]row, error) {
	z, err := makeZone(dir, name)
	if err != nil {
		return nil, err
	}
	if err := signZone(ctx, o, z); err != nil {
		return nil, err
	}
	var running []*server
	defer func() {
		for _, s := range running {
			s.stop()
		}
	}()
	for _, kind := range strings.Split(o.servers, ",") {
		s, err := start(ctx, o, z, kind)
		if err != nil {
			return nil, err
		}
		if s != nil {
			running = append(running, s)
		}
	}
	if o.crowds != "" {
		return nil, measureCrowds(ctx, o, z, running)
	}
	var rows []row
	for _, l := range z.loads {
		if o.loads != "" && !strings.Contains(","+o.loads+",", ","+l.name+",") {
			continue
		}
		r, err := rounds(ctx, o, z, l, running)
		if errors.Is(err, errDisturbed) { // the others can be measured all the same
			fmt.Fprintf(os.Stderr, "%s %s is left out: %v\n", z.name, l.name, err)
			continue
		}
		if err != nil {
			return rows, fmt.Errorf("%s: %w", l.name, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
