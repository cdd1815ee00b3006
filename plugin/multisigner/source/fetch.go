package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Primary is a server that has a zone's content, or a copy of it.
type Primary struct {
	Apex   zone.Name
	Server ask.Server
	Limit  ask.Limit // a field that is 0 has the default of an ask.Session
}

// Fetched is what a visit to a primary has brought.
type Fetched struct {
	// Result is for primary.Next, as that of its Ended event.
	Result primary.Result
	// Taken is the zone after the visit, where Result.Outcome is Took. Where it is
	// Rejected, it is what was refused, to be kept for the operator; or the zero value
	// when that was not fetched again. Else it is what we had.
	Taken Taken
	// Diffs lead from what we had to Taken, as they came: between versions of Came.
	// Unsigned makes those of content. Empty when all of the zone came, which some
	// primaries give for an answer to an IXFR, too.
	Diffs []zone.Diff
	// Problems are those of what came, at most MaxProblems; fatal ones only with Rejected.
	Problems []Problem
	// Err is why the outcome is Failed. It says what was tried, and at whom.
	Err error

	Primary ask.Server
	Method  string // "SOA", "IXFR" or "AXFR": what the visit came to in the end
	Without error  // why it was AXFR although IXFR was tried; nil: it was not
	Had     uint32 // the serial that we had
	Skipped int    // records that are not in the zone
	Told    ask.Told
	Lasted  time.Duration
}

// Fetch visits a primary as plan says: it asks for the SOA and, if that says so, for what
// has changed since have, or for all of the zone, over one connection. It takes all or
// nothing. What came is judged as a zone file is, and by its ZONEMD. have is what was
// taken last, the zero value for nothing; its serial must be plan's. Fetch writes
// nothing, and ends with ctx.
func Fetch(ctx context.Context, client *ask.Client, p Primary, have Taken, plan primary.Fetch) Fetched {
	v := &visit{p: p, have: have, plan: plan}
	v.is = Fetched{Primary: p.Server, Taken: have, Method: "SOA", Had: plan.Serial}
	begun := time.Now()
	session := client.Session(p.Server, p.Apex.String(), p.Limit)
	err := v.run(ctx, session)
	session.Close()
	v.is.Told, v.is.Lasted = session.Told(), time.Since(begun)
	v.is.Result.Expire, v.is.Result.Expires = v.is.Told.Expire, v.is.Told.Expires
	if err != nil {
		v.is.Err = err
		v.is.Result = primary.Result{Outcome: primary.Failed, Why: err.Error(), Broken: v.broken}
	}
	return v.is
}

// visit is one in the making.
type visit struct {
	p      Primary
	have   Taken
	plan   primary.Fetch
	broken bool // IXFR has failed
	is     Fetched
}

func (v *visit) run(ctx context.Context, s *ask.Session) error {
	soa, err := s.SOA(ctx)
	if err != nil {
		return err
	}
	how := v.plan.How(soa.Serial)
	if v.have.Came == nil && how == primary.Incremental {
		how = primary.Full
	}
	v.is.Result = primary.Result{Serial: soa.Serial, SOA: primary.Timers{Refresh: soa.Refresh, Retry: soa.Retry, Expire: soa.Expire}}
	switch how {
	case primary.Nothing:
		v.is.Result.Outcome = primary.Same
		return nil
	case primary.GoneBack:
		v.is.Result.Outcome = primary.Older
		return nil
	case primary.KnownBad:
		v.is.Result.Outcome, v.is.Taken = primary.Rejected, Taken{}
		v.is.Result.Why = fmt.Sprintf("serial %d was refused before", soa.Serial)
		return nil
	case primary.Incremental:
		change, err := v.incremental(ctx, s)
		if err == nil {
			return v.take(change)
		}
		v.broken = true
		if ctx.Err() != nil || final(err) {
			return err
		}
		v.is.Without = err
	}
	v.is.Method = "AXFR"
	change, err := xfr.CollectWhole(v.p.Apex, s.Transfer(ctx))
	if err != nil {
		return v.named(err)
	}
	v.broken = false
	return v.take(change)
}

// final reports whether a full transfer would fare no better than the IXFR did.
func final(err error) bool {
	for _, e := range []error{ask.ErrUnreachable, ask.ErrTSIG, ask.ErrTLS, ask.ErrLimit} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (v *visit) incremental(ctx context.Context, s *ask.Session) (xfr.Change, error) {
	v.is.Method = "IXFR"
	ours, ok := v.have.Came.SOA().RRs()[0].(*dns.SOA)
	if !ok {
		return xfr.Change{}, errors.New("our SOA cannot be asked from")
	}
	change, err := xfr.CollectChange(v.p.Apex, v.have.Came, s.Incremental(ctx, ours))
	return change, v.named(err)
}

// named adds to an error of the collecting where it came from; those of ask say it themselves.
func (v *visit) named(err error) error {
	if err == nil || final(err) || errors.Is(err, ask.ErrGarbled) {
		return err
	}
	if _, ok := errors.AsType[*ask.Refused](err); ok {
		return err
	}
	return fmt.Errorf("%s of %s from %s: %w", v.is.Method, v.p.Apex, v.p.Server, err)
}

// take judges what came, and makes it what we have.
func (v *visit) take(c xfr.Change) error {
	v.is.Skipped, v.is.Result.Serial = c.Skipped, c.Serial
	if v.have.Came != nil && !v.plan.Forced && (c.Kind == xfr.Current || !zone.SerialAfter(c.Serial, v.plan.Serial)) {
		// The SOA was newer, and what was given is not: there are several servers behind the
		// address, or it has gone back meanwhile.
		v.is.Result.Outcome = primary.Older
		if c.Serial == v.plan.Serial {
			v.is.Result.Outcome = primary.Same
			v.is.Result.SOA = timers(v.have.Came)
		}
		return nil
	}
	next := v.have
	for _, d := range c.Diffs {
		var err error
		if next, err = next.Apply(d); err != nil {
			return v.named(err)
		}
	}
	if c.Kind == xfr.Whole {
		next = Take(c.Version)
	}
	next.judged = v.rejudge(next, c)
	v.is.Taken, v.is.Diffs, v.is.Result.SOA = next, c.Diffs, timers(next.Came)
	fatal := v.judge(next, c)
	v.is.Result.Outcome = primary.Took
	if fatal != "" {
		v.is.Result.Outcome, v.is.Result.Why = primary.Rejected, fatal
	}
	return nil
}

func timers(v *zone.Version) primary.Timers {
	for rdata := range v.SOA().Rdata.All() {
		return primary.TimersOf(rdata)
	}
	return primary.Timers{}
}

// rejudge judges the content that came: by its changes, where it came by differences from
// content that was judged.
func (v *visit) rejudge(next Taken, c xfr.Change) *judged {
	if c.Kind == xfr.Whole {
		return judge(next.Content)
	}
	var changed []zone.Name
	for _, d := range c.Diffs {
		for _, change := range d.Changes {
			changed = append(changed, change.Name())
		}
	}
	return v.have.judged.after(next.Content, changed)
}

// judge finds the problems of what came, and gives the first that is fatal.
func (v *visit) judge(next Taken, c xfr.Change) (fatal string) {
	var t tally
	apex := v.p.Apex.String()
	digest, err := validate.ZONEMD(next.Came)
	switch {
	case err != nil:
		t.add(Problem{Name: apex, Text: fmt.Sprintf("%v: it was changed on the way, or made wrongly; see to the primary", err), Fatal: true})
	case digest == validate.Unreadable:
		t.add(Problem{Name: apex, Text: "its ZONEMD has no scheme and algorithm that we know: it was not verified (RFC 8976 4)"})
	}
	if c.Skipped > 0 {
		t.add(Problem{Name: c.Outside.String(), Text: fmt.Sprintf("the name is not in %s: the record is left out (%d in all)", v.p.Apex, c.Skipped)})
	}
	if next.Dropped.Signed() {
		t.add(Problem{Name: apex, Text: "the primary serves a signed zone: its signatures and keys are left out (" + next.Dropped.String() + "), and all is signed anew"})
	} else if len(next.Dropped) > 0 {
		t.add(Problem{Name: apex, Text: "records that the signer makes are left out (" + next.Dropped.String() + ")"})
	}
	for _, f := range next.judged.findings {
		t.add(Problem{Name: f.name.String(), Text: f.text, Fatal: f.fatal})
	}
	for _, p := range t.problems {
		if p.Fatal && fatal == "" {
			fatal = p.String()
		}
	}
	v.is.Problems = most(t.problems)
	return fatal
}

// String is the visit in one line, for a log.
func (f Fetched) String() string {
	var b strings.Builder
	switch f.Result.Outcome {
	case primary.Same:
		fmt.Fprintf(&b, "serial %d is current", f.Result.Serial)
	case primary.Older:
		fmt.Fprintf(&b, "serial %d is older than ours, %d", f.Result.Serial, f.Had)
	case primary.Took:
		fmt.Fprintf(&b, "serial %d by %s", f.Result.Serial, f.Method)
		if f.Method == "IXFR" && len(f.Diffs) == 0 {
			b.WriteString(" (all of the zone)")
		}
	case primary.Rejected:
		fmt.Fprintf(&b, "serial %d is refused: %s", f.Result.Serial, f.Result.Why)
	default:
		b.WriteString(f.Result.Why)
	}
	if f.Without != nil {
		fmt.Fprintf(&b, " (IXFR: %v)", f.Without)
	}
	fmt.Fprintf(&b, "; %d messages, %d records, %d octets in %s", f.Told.Messages, f.Told.Records, f.Told.Octets, f.Lasted.Round(time.Millisecond))
	if f.Told.TLS != "" {
		b.WriteString(" over " + f.Told.TLS)
	}
	if f.Primary.TSIG != nil {
		b.WriteString(", signed with key " + f.Primary.TSIG.Name)
	}
	return b.String()
}
