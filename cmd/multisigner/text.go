package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// writeOverview is one line for each of many zones, and below them what needs a person.
func writeOverview(w io.Writer, zones []status.Zone) {
	t := table(w)
	fmt.Fprintln(t, "ZONE\tSERIAL\tSTATE\tSIGNATURES END\tWAITS\tALARMS")
	for _, z := range zones {
		ends := "-" // nothing of it is signed
		if !z.Signatures.Earliest.IsZero() {
			ends = moment(z.Signatures.Earliest, z.At)
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%d\t%d\n", z.Zone, z.Serial, state(z), ends, z.Waiting(), len(z.Alarms))
	}
	t.Flush()
	for _, z := range zones {
		for _, a := range z.Alarms {
			fmt.Fprintf(w, "%s %s %s: %s\n", z.Zone, loud(a), a.Name, a.What)
		}
	}
	writeReload(w, zones)
}

// writeReload says that the Corefile is not the one that is served.
func writeReload(w io.Writer, zones []status.Zone) {
	for _, z := range zones {
		if z.Reload != nil {
			fmt.Fprintf(w, "\nthe reload of the Corefile was refused %s, and all is served as before\n", moment(z.Reload.At, z.At))
			for line := range strings.SplitSeq(z.Reload.Why, "\n") {
				fmt.Fprintf(w, "  %s\n", line)
			}
			return // it is the same for all
		}
	}
}

func state(z status.Zone) string {
	s := "serving"
	if !z.Serving {
		s = "refusing"
	}
	if z.Insecure {
		s += ", insecure"
	}
	if z.Frozen {
		s += ", frozen"
	}
	return s
}

// writeZone is all of one zone, what needs a person first.
func writeZone(w io.Writer, z status.Zone) {
	t := table(w)
	fmt.Fprintf(t, "zone\t%s\n", z.Zone)
	fmt.Fprintf(t, "signer\t%s\n", z.Signer)
	fmt.Fprintf(t, "state\t%s\n", state(z))
	if z.Refuse != "" {
		fmt.Fprintf(t, "refused because\t%s\n", z.Refuse)
	}
	fmt.Fprintf(t, "serial\t%d\n", z.Serial)
	fmt.Fprintf(t, "size\t%d names, %d records, %s\n", z.Names, z.Records, z.Denial)
	writeIntake(t, z)
	writeRole(t, z)
	switch n := z.Source.Updated; {
	case z.Source.UpdatesHeld:
		fmt.Fprintf(t, "updates\theld until resume-updates; %d RRsets are otherwise than in the file\n", n)
	case n > 0:
		fmt.Fprintf(t, "updates\t%d RRsets are otherwise than in the file: see updates\n", n)
	}
	if z.Source.File != "" && z.Source.Read.IsZero() && !z.Source.Refused {
		fmt.Fprintf(t, "file\t%s, unchanged since before the start\n", z.Source.File)
	}
	if z.Source.File != "" && !z.Source.Read.IsZero() {
		fmt.Fprintf(t, "file\t%s, serial %d, read %s\n", z.Source.File, z.Source.Serial, moment(z.Source.Read, z.At))
		if z.Source.Passed != "" {
			fmt.Fprintf(t, "its serial\t%s\n", z.Source.Passed)
		}
	}
	for _, r := range z.Reviews {
		what := "looks at it"
		if r.Held {
			what = "holds it: " + r.Why
		}
		fmt.Fprintf(t, "review\t%s, serial %d, since %s: %s\n", r.Stage, r.Serial, moment(r.Since, z.At), what)
	}
	if !z.Signatures.Earliest.IsZero() {
		fmt.Fprintf(t, "signatures\tthe first ends %s, renewed %s\n", moment(z.Signatures.Earliest, z.At), moment(z.Signatures.Renewed, z.At))
	}
	fmt.Fprintf(t, "parent\t%s\n", parentLine(z.Parent))
	if z.Parent.Told != nil {
		fmt.Fprintf(t, "parent told\t%s\n", toldLine(*z.Parent.Told, z))
	}
	t.Flush()
	writeReload(w, []status.Zone{z})
	writeAlarms(w, z)
	writeGuard(w, z)
	writeProblems(w, z)
	if len(z.Keys) > 0 {
		fmt.Fprintln(w, "\nkeys")
		writeKeys(w, z)
	}
	if len(z.Waits) > 0 {
		fmt.Fprintln(w, "\nwaiting for")
		writeWaits(w, z)
	}
	writeServers(w, z)
	writeSecondaries(w, z)
	writeSupplies(w, z)
	writeContents(w, z)
	writePairs(w, z)
}

func parentLine(p status.Parent) string {
	line := parentHas(p)
	if p.Manual {
		line += "; a person carries the DS there"
	}
	return line
}

// toldLine says what came of telling the parent.
func toldLine(told status.Told, z status.Zone) string {
	line := fmt.Sprintf("of %s by %s %s, ", told.What, told.How, moment(told.At, z.At))
	if told.Error == "" {
		line += "taken by " + told.To
	} else {
		line += "in vain: " + told.Error
	}
	if !told.Again.IsZero() {
		line += "; again " + moment(told.Again, z.At)
	}
	return line
}

func parentHas(p status.Parent) string {
	switch {
	case p.Mode == "none":
		return "none"
	case len(p.Addresses) == 0:
		return "not yet asked"
	case !slices.ContainsFunc(p.Addresses, func(a status.ParentAddress) bool { return a.State == "good" }):
		return "what it has is not known"
	case len(p.DS) == 0:
		return strings.TrimSpace(p.Zone + " no DS")
	}
	tags := make([]string, len(p.DS))
	for i, ds := range p.DS {
		tags[i], _, _ = strings.Cut(ds, " ")
	}
	return strings.TrimSpace(p.Zone + " DS of " + strings.Join(tags, " "))
}

// writeAlarms tells each alarm with its cure, and below it what only follows from it.
func writeAlarms(w io.Writer, z status.Zone) {
	for _, a := range z.Alarms {
		if a.Under != "" {
			fmt.Fprintf(w, "  %s %s, since %s: %s\n", loud(a), a.Name, moment(a.Since, z.At), a.What)
			continue
		}
		fmt.Fprintf(w, "\n%s %s, since %s\n  %s\n  to do: %s\n", loud(a), a.Name, moment(a.Since, z.At), a.What, a.Cure)
		switch {
		case a.Breaks != "" && !a.By.IsZero():
			fmt.Fprintf(w, "  else, by %s: %s\n", moment(a.By, z.At), a.Breaks)
		case a.Breaks != "":
			fmt.Fprintf(w, "  else: %s\n", a.Breaks)
		}
	}
}

// loud is the word by which an alarm is found; one that only follows from another has
// a quieter one.
func loud(a status.Alarm) string {
	if a.Under != "" {
		return "and so"
	}
	return "ALARM"
}

// writeContents tells which content each signer of a group serves.
func writeContents(w io.Writer, z status.Zone) {
	if len(z.Contents) == 0 {
		return
	}
	fmt.Fprintln(w, "\ncontent")
	t := table(w)
	fmt.Fprintln(t, "  SIGNER\tSERIAL\tSTATE\tSINCE\tKNOWN BY")
	for _, c := range z.Contents {
		serial, since, why := "-", "-", "-"
		if c.Serial != nil {
			serial = strconv.FormatUint(uint64(*c.Serial), 10)
		}
		if !c.Since.IsZero() {
			since = moment(c.Since, z.At)
		}
		if c.Why != "" {
			why = c.Why
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", c.Signer, serial, c.State, since, why)
	}
	t.Flush()
}

// writePairs tells how the last survey has found the signers of a group.
func writePairs(w io.Writer, z status.Zone) {
	if z.Matrix == nil || len(z.Matrix.Pairs) == 0 {
		return
	}
	fmt.Fprintf(w, "\nmatrix, looked at %s\n", moment(z.Matrix.At, z.At))
	t := table(w)
	fmt.Fprintln(t, "  ANSWERS OF\tUNDER KEYS OF\tSTATE\tSINCE\tWHY")
	for _, p := range z.Matrix.Pairs {
		why := "-"
		if len(p.Why) > 0 {
			why = p.Why[0]
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", p.Answers, p.Keys, p.State, moment(p.Since, z.At), why)
	}
	t.Flush()
}

// writeGuard tells of versions that were not shown, or no longer.
func writeGuard(w io.Writer, z status.Zone) {
	if p := z.Signing; p != nil {
		fmt.Fprintf(w, "\nthe zone is being signed: %d %%, %d of %d names\n", p.Percent, p.Names, p.Of)
		if p.Answers {
			fmt.Fprintln(w, "  it answers meanwhile: names that are asked for are signed at once, and transfers wait")
		}
	}
	g := z.Guard
	if g.Verifying {
		fmt.Fprintln(w, "\nsignatures are still being verified in the background")
	}
	if g.Withdrawals > 0 {
		fmt.Fprintf(w, "\na version was taken away for a bad signature: %d since the start\n", g.Withdrawals)
	}
	if r := g.Refused; r != nil {
		fmt.Fprintf(w, "\nversion %d was refused %s, it would have been worse; see %s\n", r.Serial, moment(r.At, z.At), r.File)
		for _, fault := range r.Faults {
			fmt.Fprintf(w, "  %s\n", fault)
		}
	}
}

// writeIntake says where the content is fetched, and how that goes.
func writeIntake(w io.Writer, z status.Zone) {
	s := z.Source
	if len(s.Primaries) == 0 {
		return
	}
	fmt.Fprintf(w, "primary\t%s\n", strings.Join(s.Primaries, " "))
	if s.Primary != "" && !s.Writer {
		how := ""
		if s.Method != "" {
			how = " by " + s.Method
		}
		fmt.Fprintf(w, "content\tserial %d, from %s%s %s\n", s.Serial, s.Primary, how, moment(s.Read, z.At))
		ends := "expires"
		if s.Expired {
			ends = "has expired"
		}
		fmt.Fprintf(w, "refreshed\t%s, %s %s\n", moment(s.Refreshed, z.At), ends, moment(s.Expires, z.At))
	}
	if !s.Next.IsZero() {
		fmt.Fprintf(w, "asked next\t%s\n", moment(s.Next, z.At))
	}
	if !s.Failing.IsZero() {
		fmt.Fprintf(w, "failing since\t%s\n", moment(s.Failing, z.At))
	}
	if s.Why != "" {
		fmt.Fprintf(w, "last failure\t%s\n", s.Why)
	}
	if s.Retransfer {
		fmt.Fprint(w, "retransfer\twanted: all of the zone is taken from the next primary that gives it\n")
	}
}

// writeRole says where the content is changed, where signers have it from one of them.
func writeRole(w io.Writer, z status.Zone) {
	s := z.Source
	if s.Given == 0 {
		return
	}
	where := "at a primary"
	if s.Writer {
		where = "here"
	}
	if !s.Since.IsZero() {
		where += " since " + moment(s.Since, z.At)
	}
	fmt.Fprintf(w, "changed\t%s; other signers are given serial %d\n", where, s.Given)
}

func writeProblems(w io.Writer, z status.Zone) {
	if len(z.Source.Problems) == 0 {
		return
	}
	what, verb := "the zone file", "is"
	if len(z.Source.Primaries) > 0 {
		what, verb = "the content of the primary", "was"
	}
	heading := "notes on " + what
	if z.Source.Refused {
		heading = what + " " + verb + " refused, and changes nothing of what is served"
	}
	fmt.Fprintf(w, "\n%s\n", heading)
	for _, p := range z.Source.Problems {
		var parts []string
		for _, part := range []string{p.Where, p.Name, p.Text} {
			if part != "" {
				parts = append(parts, part)
			}
		}
		fmt.Fprintf(w, "  %s\n", strings.Join(parts, ": "))
	}
}

func writeKeys(w io.Writer, z status.Zone) {
	t := table(w)
	fmt.Fprintln(t, "  TAG\tALGORITHM\tROLE\tOWNER\tSTATE\tSIGNS\tSINCE")
	for _, k := range z.Keys {
		last := "-"
		for _, m := range k.Moments {
			if !m.At.After(z.At) {
				last = m.What + " " + moment(m.At, z.At)
			}
		}
		fmt.Fprintf(t, "  %d\t%s\t%s\t%s\t%s\t%s\t%s\n", k.Tag, k.Mnemonic, k.Role, k.Owner, stateOf(k), list(k.Signs), last)
	}
	t.Flush()
}

// stateOf is a key's state, and what it is besides.
func stateOf(k status.Key) string {
	state := k.State
	if k.Standby {
		state += ", standby"
	}
	if k.Compromised {
		state += ", compromised"
	}
	return state
}

func writeWaits(w io.Writer, z status.Zone) {
	for i, wait := range z.Waits {
		if i == 0 || wait.What != z.Waits[i-1].What { // each step once, with all its reasons
			fmt.Fprintf(w, "  %s\n", wait.What)
		}
		t := table(w)
		if wait.Why != "" {
			fmt.Fprintf(t, "    why\t%s\n", wait.Why)
		}
		if !wait.Since.IsZero() {
			fmt.Fprintf(t, "    since\t%s\n", moment(wait.Since, z.At))
		}
		if !wait.Earliest.IsZero() {
			fmt.Fprintf(t, "    not before\t%s\n", moment(wait.Earliest, z.At))
		}
		if wait.From != "" {
			fmt.Fprintf(t, "    made of\t%s\n", wait.From)
		}
		if len(wait.Holding) > 0 {
			fmt.Fprintf(t, "    held up by\t%s\n", strings.Join(wait.Holding, ", "))
		}
		t.Flush()
	}
}

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, " ")
}

// moment is a time and how far it is from now.
func moment(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	text := at.UTC().Format(time.RFC3339) // as logs and alarms have it
	if d := at.Sub(now); d >= 0 {
		return text + " (in " + span(d) + ")"
	}
	return text + " (" + span(now.Sub(at)) + " ago)"
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
