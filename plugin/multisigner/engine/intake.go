package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/source"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// intake is how a zone's content comes from its primaries. Whom to ask when is decided by
// primary.Next; a fetch runs beside the turns.
type intake struct {
	begun   bool          // what was kept has been read, and Next knows of the start
	state   primary.State // the record has it as it was saved
	taken   source.Taken  // what the primary gave last
	kept    kept.Content
	watched primary.State // of a writer: those that it names as primaries; see watch
	asked   bool          // they have been asked since the start
	unkept  bool          // taken is not in the file
	number  uint64        // of taken; see kept
	servers []ask.Server

	until    time.Time // when Next wants to be called, by what is judged
	fetch    *primary.Fetch
	problems []source.Problem  // of what was taken last
	faults   []source.Problem  // of what was refused since
	method   string            // by which it was taken
	told     map[string]string // why a primary fails, as the log was told
}

// stampOf is the base's name in the snapshot.
func stampOf(number uint64) string { return "primary " + strconv.FormatUint(number, 10) }

// numberOf is the reverse; 0 for content from elsewhere.
func numberOf(stamp string) uint64 {
	text, ok := strings.CutPrefix(strings.TrimPrefix(stamp, overLaid), "primary ")
	if !ok {
		return 0
	}
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// beginIntake reads what an earlier process has taken from the primaries. Newer content
// than the last version was made from was not signed any more: it is now.
func (w *work) beginIntake(e *Engine, cfg *Config) {
	in := &intake{begun: true, told: map[string]string{}, servers: cfg.Primaries}
	w.intake = in
	if w.record.Intake != nil {
		in.state = *w.record.Intake
	}
	signed := numberOf(w.signedOf)
	came, k, err := e.kept.ReadContent(cfg.Apex)
	if err != nil {
		e.log.Warn("the content that was taken from the primary cannot be read, and is fetched anew", "zone", cfg.Apex, "error", err)
	}
	in.number = max(k.Number, signed)
	switch {
	case came != nil && in.state.Has:
		in.taken, in.kept = source.Take(came), k
		if serial := came.Serial(); serial != in.state.Serial {
			in.state.Serial, in.state.SOA = serial, timersOf(came)
		}
		w.base = base{in.taken.Content, came.Serial(), w.times.Until(in.state.Took), stampOf(k.Number), false}
		switch {
		case w.signed == nil, k.Number > signed, k.Number == signed && (w.signedOf != w.base.of || len(w.overlay.entries) > 0):
			w.arrive(cfg, w.base) // also where an overlay may be another than the last version has
		case k.Number == signed:
			w.signedContent = in.taken.Content
		}
	case in.state.Has:
		// The version that was signed of it is served on; it can be asked for as a whole only.
		in.state.Forced = true
	}
	w.advanceIntake(cfg, primary.Event{Kind: primary.Start})
}

// resumeIntake has a writer that was promoted go on with what it has had from primaries.
func (w *work) resumeIntake(e *Engine, cfg *Config) {
	w.beginIntake(e, cfg)
	if !w.lacks(cfg) {
		w.intake.fetch, w.intake.state.Busy, w.intake.state.Left = nil, "", nil
	}
}

func timersOf(v *zone.Version) primary.Timers {
	for rdata := range v.SOA().Rdata.All() {
		return primary.TimersOf(rdata)
	}
	return primary.Timers{}
}

// takeIn goes on with the intake by what was asked for and found since the last turn.
func (e *Engine) takeIn(z *Zone, cfg *Config, asked *wants) {
	w := z.work
	if len(cfg.Primaries) == 0 {
		w.endIntake(e, cfg)
		return
	}
	w.seeToLost(e, cfg)
	if w.writes(cfg) {
		if !w.readsFile(cfg) && !w.intake.begun {
			w.leaveFiles()
			w.resumeIntake(e, cfg)
		}
		if !w.lacks(cfg) {
			w.watch(e, z, cfg, asked)
			return
		}
	}
	w.leaveFiles()
	if !w.intake.begun {
		w.beginIntake(e, cfg)
	}
	in := w.intake
	again := in.unkept
	if !reflect.DeepEqual(in.servers, cfg.Primaries) {
		in.servers = cfg.Primaries
		w.advanceIntake(cfg, primary.Event{Kind: primary.Notify})
	}
	if asked.reload {
		asked.notified = append(asked.notified, primary.Event{Kind: primary.Notify})
	}
	for _, event := range asked.notified {
		w.advanceIntake(cfg, event)
	}
	if asked.retransfer {
		w.advanceIntake(cfg, primary.Event{Kind: primary.Retransfer})
		w.saveIntake()
	}
	if asked.fetched != nil {
		w.takeFetched(e, cfg, asked.fetched)
	}
	w.advanceIntake(cfg, primary.Event{Kind: primary.Tick})
	if in.fetch != nil {
		e.beginFetch(z, cfg.primary(in.fetch.Primary), in.taken, *in.fetch)
		in.fetch = nil
	}
	if again && in.unkept {
		w.keepTaken(e, cfg, nil)
	}
}

// advanceIntake tells Next what has happened. A fetch that it wants is begun at the end
// of takeIn.
func (w *work) advanceIntake(cfg *Config, event primary.Event) {
	in := w.intake
	state, action := primary.Next(in.state, cfg.intake(), event, w.times.Judged())
	in.state, in.until = state, action.Until
	if action.Fetch != nil {
		in.fetch = action.Fetch
	}
}

// saveIntake has the state saved with the turn.
func (w *work) saveIntake() {
	state := w.intake.state
	w.record.Intake, w.dirty = &state, true
}

// takeFetched takes in what a visit to a primary has brought.
func (w *work) takeFetched(e *Engine, cfg *Config, f *fetched) {
	in := w.intake
	if in.state.Busy != f.primary {
		return // the content came from elsewhere meanwhile
	}
	if !slices.ContainsFunc(cfg.Primaries, func(s ask.Server) bool { return reflect.DeepEqual(s, f.Primary) }) {
		f.Result = primary.Result{Outcome: primary.Failed, Why: fmt.Sprintf("%s is no primary any more, or with another key", f.primary)}
	}
	if f.Result.Outcome == primary.Took && w.lacks(cfg) && zone.SerialAfter(in.state.Serial, f.Result.Serial) {
		f.Result = primary.Result{Outcome: primary.Failed, Why: fmt.Sprintf("its content, with serial %d, is older than serial %d, which is missing here", f.Result.Serial, in.state.Serial)}
	}
	before := in.state
	w.advanceIntake(cfg, primary.Event{Kind: primary.Ended, From: f.primary, Result: f.Result})
	w.saveIntake()
	w.tellFetched(e, cfg, f, before)
	if before.Rejected != nil && in.state.Rejected == nil || f.Result.Outcome == primary.Took {
		in.faults = nil
		e.forgetRejected(cfg.Apex)
	}
	switch f.Result.Outcome {
	case primary.Took:
		diffs := f.Diffs
		if f.had != in.taken.Came {
			diffs = nil
		}
		in.taken, in.number = f.Taken, max(in.number+1, uint64(max(e.clock.Now().UnixNano(), 0)))
		in.problems, in.faults, in.method = f.Problems, nil, f.Method
		w.keepTaken(e, cfg, diffs)
		w.arrive(cfg, base{in.taken.Content, f.Result.Serial, e.clock.Now(), stampOf(in.number), false})
	case primary.Rejected:
		if f.Taken.Came == nil {
			return // it was not fetched again
		}
		in.faults = f.Problems
		if err := e.keepRejected(cfg.Apex, f.Taken.Came, f.Problems); err != nil {
			e.log.Warn("content that was refused is not kept", "zone", cfg.Apex, "error", err)
		}
	}
}

// keepTaken makes what was taken durable. What cannot be kept is served all the same: after a
// crash it is asked for again.
func (w *work) keepTaken(e *Engine, cfg *Config, diffs []zone.Diff) {
	in := w.intake
	err := e.kept.KeepContent(&in.kept, in.taken.Came, diffs, in.number)
	if in.unkept = err != nil; in.unkept {
		w.alarm(status.AlarmNotKept, err.Error(), cureOfDisk)
	}
}

// tellFetched says in the log what has come of a visit, when it is another than before.
func (w *work) tellFetched(e *Engine, cfg *Config, f *fetched, before primary.State) {
	in := w.intake
	level, what := slog.LevelDebug, "asked a primary"
	switch f.Result.Outcome {
	case primary.Took:
		level, what = slog.LevelInfo, "content was transferred"
	case primary.Failed:
		what = "a primary does not give the zone"
		if level = slog.LevelWarn; in.told[f.primary] == f.Result.Why || e.life.Err() != nil {
			level = slog.LevelDebug
		}
		in.told[f.primary] = f.Result.Why
	case primary.Rejected:
		if f.Taken.Came != nil {
			level, what = slog.LevelError, "content was refused, and changes nothing of what is served"
		}
	}
	if f.Result.Outcome != primary.Failed && in.told[f.primary] != "" {
		delete(in.told, f.primary)
		e.log.Info("a primary answers again", "zone", cfg.Apex, "primary", f.primary)
	}
	e.log.Log(context.Background(), level, what, "zone", cfg.Apex, "primary", f.primary, "result", f.String())
	if level < slog.LevelInfo || f.Result.Outcome == primary.Failed {
		return
	}
	for _, p := range f.Problems {
		if level := slog.LevelWarn; f.Result.Outcome == primary.Rejected || !toldOf(in.problems, p) {
			if p.Fatal {
				level = slog.LevelError
			}
			e.log.Log(context.Background(), level, "content", "zone", cfg.Apex, "problem", p.String())
		}
	}
}

// toldOf reports whether the content before had the same problem: each change would else
// tell of all again.
func toldOf(problems []source.Problem, p source.Problem) bool {
	return slices.ContainsFunc(problems, func(was source.Problem) bool { return was.String() == p.String() })
}

// endIntake forgets what primaries gave: the content comes from elsewhere now.
func (w *work) endIntake(e *Engine, cfg *Config) {
	begun := w.intake != nil && w.intake.begun
	if w.intake = nil; !begun && w.record.Intake == nil {
		return
	}
	w.record.Intake, w.dirty = nil, true
	if err := os.Remove(e.kept.File(cfg.Apex, kept.ContentEnding)); err != nil && !os.IsNotExist(err) {
		e.log.Warn("content of the former primary stays on the disk", "zone", cfg.Apex, "error", err)
	}
	e.forgetRejected(cfg.Apex)
}

// lapsed says why what we have is too old to be served; "" when it is not.
func (w *work) lapsed(cfg *Config) string {
	if w.writes(cfg) || cfg.ServeExpired || w.intake == nil || !w.intake.state.Expired(w.times.Judged()) {
		return ""
	}
	return "the content has expired at " + clock.Stamp(w.times.Until(w.intake.state.Expires)) + ", because no primary could be reached"
}

// alarmsOfIntake tell of what the primaries do.
func (w *work) alarmsOfIntake(cfg *Config) (all []alarm) {
	in, at := w.intake, w.times.Judged()
	if in == nil || w.writes(cfg) && !w.lacks(cfg) || !in.begun {
		return nil
	}
	s := in.state
	raise := func(n status.AlarmName, cure, format string, args ...any) *alarm {
		all = append(all, newAlarm(n, "", fmt.Sprintf(format, args...), cure))
		return &all[len(all)-1]
	}
	const see = "see that the primary runs, can be reached from here, and lets this server transfer; `status` has what it said last"
	why := cmp.Or(s.Why, "there was no answer yet")
	switch {
	case w.lacks(cfg):
		raise(status.AlarmPrimary, "put zones/"+kept.FileName(cfg.Apex)+".content of the state directory back, or see that a signer that followed this one runs; to begin with a zone file, take the primary lines away",
			"the content that is changed here is missing on the disk, and no signer that followed this one has given it: %s", why)
	case w.lapsed(cfg) != "":
		raise(status.AlarmExpired, see, "%s: %s", w.lapsed(cfg), why)
	case s.Expired(at):
		raise(status.AlarmPrimary, see, "no primary gives the zone since %s, and the content has expired at %s; it is served all the same: %s",
			clock.Stamp(w.times.Until(s.Refreshed)), clock.Stamp(w.times.Until(s.Expires)), why)
	case s.HalfGone(at):
		a := raise(status.AlarmPrimary, see, "no primary gives the zone since %s: %s", clock.Stamp(w.times.Until(s.Refreshed)), why)
		if a.By = w.times.Until(s.Expires); cfg.ServeExpired {
			a.By = time.Time{}
		}
	case !s.Has && s.Failures > 0:
		raise(status.AlarmPrimary, see, "no primary has given the zone yet: %s", why)
	}
	if s.Back != nil {
		raise(status.AlarmPrimaryBack, "if the older content is meant, give `retransfer`; else raise the serial at the primary above ours",
			"the primary %s went back from serial %d to %d: nothing is taken from there", s.Back.Primary, s.Serial, s.Back.Serial)
	}
	if s.Rejected != nil {
		raise(status.AlarmRejected, "mend the zone at the primary, and raise its serial; what was refused is in zones/"+kept.FileName(cfg.Apex)+".rejected of the state directory",
			"serial %d of the primary %s was refused: %s", s.Rejected.Serial, s.Rejected.Primary, s.Rejected.Why)
	}
	return all
}

// reportIntake is what the status says of it.
func (w *work) reportIntake(cfg *Config) status.Source {
	in := cmp.Or(w.intake, &intake{}) // primaries may be new since the turn began
	when := func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return w.times.Until(at)
	}
	st := in.state
	s := status.Source{
		Serial: w.base.serial, Read: w.base.at, Problems: []status.Problem{}, Refused: st.Rejected != nil,
		Primaries: []string{}, Primary: st.From, Method: in.method, Busy: st.Busy,
		Refreshed: when(st.Refreshed), Next: when(st.Next), Expires: when(st.Expires),
		Failing: when(st.Failing), Why: st.Why, Retransfer: st.Forced || st.Whole, Expired: st.Expired(w.times.Judged()),
		Updated: len(w.overlay.entries), UpdatesHeld: w.record.HoldUpdates,
	}
	if w.writes(cfg) {
		s.Busy, s.Refreshed, s.Next, s.Expires, s.Failing, s.Why, s.Expired = "", time.Time{}, time.Time{}, time.Time{}, time.Time{}, "", false
	}
	for _, p := range cfg.Primaries {
		s.Primaries = append(s.Primaries, p.Addr.String())
	}
	told := in.problems
	if s.Refused {
		told = in.faults
	}
	for _, p := range told {
		s.Problems = append(s.Problems, status.Problem{Name: p.Name, Text: p.Text, Fatal: p.Fatal})
	}
	return s
}
