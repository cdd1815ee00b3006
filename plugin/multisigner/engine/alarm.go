package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/roll"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// kind is what all alarms of a name have in common.
type kind struct {
	name   status.AlarmName
	breaks string             // what, if nobody acts
	end    bool               // it breaks when the first signature ends
	once   bool               // it tells of something that was noticed and acted upon
	after  []status.AlarmName // it may follow from one of these
}

// kinds are all alarms, causes before what follows from them: so they are told.
var kinds = []kind{
	{name: status.AlarmInternal, breaks: "nothing but signatures is renewed; if they cannot be, resolvers get SERVFAIL when the first ends", end: true},
	{name: status.AlarmClock, breaks: "rollovers stand still, and validators with a right clock may refuse what is signed by a wrong one"},
	{name: status.AlarmStateUnreadable, breaks: "resolvers get SERVFAIL"},
	{name: status.AlarmHome, breaks: "no rollover goes on, and what is not saved is lost when this process ends"},
	{name: status.AlarmHomeMended, breaks: "nothing, but what removed it may do so again"},
	{name: status.AlarmKeyFileGone, breaks: "the key is lost when this process ends", after: []status.AlarmName{status.AlarmHome}},
	{name: status.AlarmKeyFileMended, breaks: "nothing, but what removed it may do so again", after: []status.AlarmName{status.AlarmHomeMended}},
	{name: status.AlarmNotSaved, breaks: "no rollover goes on"},
	{name: status.AlarmSnapshot, breaks: "a restart signs the whole zone anew", after: []status.AlarmName{status.AlarmNotSaved}},
	{name: status.AlarmRefusedNotKept, breaks: "nobody can look at what the guard refused", after: []status.AlarmName{status.AlarmNotSaved}},
	{name: status.AlarmKeyFile, breaks: "no key is made, and what that key signs is not renewed", end: true},
	{name: name(roll.AlarmKeyMissing), breaks: "what it signs is not renewed; resolvers get SERVFAIL when the first signature ends", end: true, after: []status.AlarmName{status.AlarmKeyFile}},
	{name: status.AlarmKeyNotRetired, breaks: "a private key that nobody needs stays on the disk", after: []status.AlarmName{status.AlarmNotSaved}},
	{name: name(roll.AlarmTooManyKeys), breaks: "that key is not used"},
	{name: status.AlarmFile, breaks: "changes of the file are not served; what was served before is"},
	{name: status.AlarmLost, breaks: "what was acknowledged here, and the other signer never had, is not served"},
	{name: status.AlarmParked, breaks: "changes that clients were told are done are not served"},
	{name: status.AlarmRestless, breaks: "changes of the file are served late"},
	{name: status.AlarmPrimary, breaks: "changes at the primary are not served; when the content expires resolvers get SERVFAIL"},
	{name: status.AlarmExpired, breaks: "resolvers get SERVFAIL, now"},
	{name: status.AlarmPrimaryBack, breaks: "changes at that primary are not served; what was served before is"},
	{name: status.AlarmRejected, breaks: "changes at the primary are not served; what was served before is"},
	{name: status.AlarmReview, breaks: "changes of the content are not served; what was served before is, and its signatures are renewed"},
	{name: status.AlarmNotKept, breaks: "after a crash older content is served until a primary is reached", after: []status.AlarmName{status.AlarmNotSaved}},
	{name: name(roll.AlarmRestored), breaks: "resolvers get SERVFAIL"},
	{name: name(roll.AlarmWentBack), breaks: "nothing, but what has made a state old may do so again", once: true},
	{name: status.AlarmSignature, breaks: "resolvers get SERVFAIL where no good version is left"},

	{name: status.AlarmResolver, breaks: "no step that needs the parent goes on"},
	{name: name(roll.AlarmParentSilent), breaks: "no change of the DS goes on, and changes at the parent are not seen", after: []status.AlarmName{status.AlarmResolver}},
	{name: name(roll.AlarmParentBad), breaks: "no change of the DS goes on, and changes at the parent are not seen", after: []status.AlarmName{status.AlarmClock, status.AlarmResolver}},
	{name: name(roll.AlarmNoParent), breaks: "no change of the DS goes on, and changes at the parent are not seen"},
	{name: name(roll.AlarmDSGone), breaks: "nobody validates the zone, now"},
	{name: name(roll.AlarmDSNotOurs), breaks: "the answers of this signer are bogus: resolvers get SERVFAIL where other signers can answer"},
	{name: name(roll.AlarmParentUneven), breaks: "resolvers use only the strongest digest type, and find that signer's answers bogus, now"},
	{name: name(roll.AlarmNoKeys), breaks: "resolvers get SERVFAIL",
		after: []status.AlarmName{status.AlarmResolver, name(roll.AlarmParentSilent), name(roll.AlarmParentBad)}},
	{name: name(roll.AlarmParentStranger), breaks: "no change of the DS goes on"},
	{name: name(roll.AlarmDSBack), breaks: "the zone does not stay insecure", once: true},

	{name: name(roll.AlarmPeerGone), breaks: "no rollover goes on"},
	{name: name(roll.AlarmPeerSilent), breaks: "no rollover goes on"},
	{name: name(roll.AlarmPeerUnsigned), breaks: "no rollover goes on; where the parent has a DS, its answers are bogus"},
	{name: name(roll.AlarmPeerLame), breaks: "no rollover goes on; resolvers that ask there get no answer and ask another server"},
	{name: name(roll.AlarmPeerUntrusted), breaks: "no rollover goes on"},
	{name: name(roll.AlarmPeerLacksKey), breaks: "resolvers that hold the keys of that peer find the answers of this signer bogus, now"},
	{name: name(roll.AlarmPeerAlgorithm), breaks: "that key is not taken over; resolvers that hold our keys find bogus what it signs"},
	{name: name(roll.AlarmPeerKeys), breaks: "its further keys are not taken over; resolvers that hold our keys find bogus what they sign"},
	{name: name(roll.AlarmPeerIntake), breaks: "resolvers that hold our keys find bogus what those keys sign"},
	{name: name(roll.AlarmPeerLacksCDS), breaks: "a parent that asks there alone removes the DS of this signer: its answers are bogus then"},
	{name: name(roll.AlarmPeerKeepsKey), breaks: "nothing yet; the DNSKEY RRset grows, and another key may come to have the same tag"},
	{name: name(roll.AlarmPeerUneven), breaks: "no change of the DS goes on; if the parent takes this CDS, the answers of that signer are bogus"},
	{name: name(roll.AlarmPeerDeletes), breaks: "a parent that asks there alone removes the DS"},
	{name: name(roll.AlarmTakenBack), breaks: "no change of the DS goes on", once: true},
	{name: name(roll.AlarmAlgorithm), breaks: "nothing, but no key of the configured algorithm is made"},
	{name: status.AlarmClockAhead, breaks: "validators refuse signatures that begin in the future"},
	{name: status.AlarmUnfound, breaks: "no rollover goes on", after: []status.AlarmName{status.AlarmResolver}},
	{name: status.AlarmUnrouted, breaks: "no rollover goes on"},
	{name: status.AlarmOwnAddress, breaks: "no rollover goes on, and a joining signer cannot join; resolvers may get the answers of that other server"},

	{name: status.AlarmMatrix, breaks: "resolvers that hold those keys find those answers bogus, now",
		after: []status.AlarmName{name(roll.AlarmDSNotOurs), name(roll.AlarmPeerLacksKey), name(roll.AlarmPeerUnsigned), status.AlarmClockAhead}},
	{name: status.AlarmGuard, breaks: "changes are not served; what was served before is, and its signatures are renewed",
		after: []status.AlarmName{name(roll.AlarmDSNotOurs), name(roll.AlarmPeerLacksKey)}},
	{name: status.AlarmTurn, breaks: "changes are not served; what was served before is",
		after: []status.AlarmName{status.AlarmNotSaved, status.AlarmKeyFile, name(roll.AlarmKeyMissing)}},
	{name: status.AlarmOverdue, breaks: "resolvers get SERVFAIL", end: true,
		after: []status.AlarmName{status.AlarmInternal, status.AlarmNotSaved, status.AlarmKeyFile, name(roll.AlarmKeyMissing), status.AlarmGuard, status.AlarmTurn}},
	{name: status.AlarmNotTold, breaks: "the DS does not change, and steps that need it wait",
		after: []status.AlarmName{status.AlarmResolver, name(roll.AlarmParentSilent), name(roll.AlarmParentBad)}},
	{name: name(roll.AlarmWait), breaks: "the rollover does not go on",
		after: []status.AlarmName{status.AlarmResolver, name(roll.AlarmParentSilent), name(roll.AlarmParentBad), name(roll.AlarmDSGone), name(roll.AlarmDSNotOurs), name(roll.AlarmParentStranger), name(roll.AlarmPeerGone), name(roll.AlarmPeerSilent),
			name(roll.AlarmPeerUnsigned), name(roll.AlarmPeerLame), name(roll.AlarmPeerUntrusted), name(roll.AlarmPeerLacksKey), name(roll.AlarmPeerUneven), name(roll.AlarmPeerDeletes), status.AlarmUnfound, status.AlarmNotTold}},
	{name: name(roll.AlarmAnew), breaks: "the rollover does not go on", after: []status.AlarmName{name(roll.AlarmPeerSilent)}},
	{name: status.AlarmContent, breaks: "resolvers get one answer or the other, by chance"},
	{name: status.AlarmSize, breaks: "resolvers that cannot use TCP get no keys"},

	{name: status.AlarmCatalogNotSaved, breaks: "zones that the catalog adds are not served, and those that it removes are"},
	{name: status.AlarmCatalogBroken, breaks: "zones that the catalog adds are not served, and those that it removes are"},
	{name: status.AlarmCatalogBack, breaks: "zones that the catalog adds are not served, and those that it removes are"},
	{name: status.AlarmCatalogFailing, breaks: "zones that the catalog adds are not served, and those that it removes are"},
	{name: status.AlarmCatalogMass, breaks: "nothing: they are served as before"},
	{name: status.AlarmCatalogHeld, breaks: "those that are new are not served; others keep the settings that they had"},
	{name: status.AlarmRemovedDelegated, breaks: "resolvers that are sent here get no answer, and where no other nameserver answers the zone is gone"},
}

func name(n roll.AlarmName) status.AlarmName { return status.AlarmName(n) }

// rank is the place of a name among kinds.
func rank(n status.AlarmName) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == n })
}

// alarm is an alarm that was raised, before its place among the others is known.
type alarm struct {
	status.Alarm
	holding []string // of a wait: who holds it up
}

func newAlarm(n status.AlarmName, about, what, cure string) alarm {
	what = strings.ReplaceAll(what, "\n", "; ") // errors that were joined
	return alarm{Alarm: status.Alarm{Name: n, About: about, What: what, Cure: cure}}
}

// alarm raises one in this turn, unless it is there.
func (w *work) alarm(n status.AlarmName, what, cure string) {
	is := newAlarm(n, "", what, cure)
	if n == status.AlarmNotSaved && w.signed == nil { // there is nothing to go on with
		is.Breaks = "the zone answers nobody"
	}
	if !slices.ContainsFunc(w.alarms, func(a alarm) bool { return a.Name == n && a.What == is.What }) {
		w.alarms = append(w.alarms, is)
	}
}

const cureOfDisk = "make room on the disk, or mend it; it is tried again"

// alarmOfTurn is for a turn that could not be carried out.
func (w *work) alarmOfTurn(err error) {
	n, cure := status.AlarmTurn, "see the message; it is tried again"
	switch {
	case errors.Is(err, errWorse):
		n, cure = status.AlarmGuard, "mend what the first fault names: a key that a peer lacks, a DS at the parent; it is tried again"
	case errors.Is(err, errOtherProcess):
		n, cure = status.AlarmNotSaved, "end one of the two processes, and restart the other: it reads what was written"
	case errors.Is(err, errNotSaved):
		n, cure = status.AlarmNotSaved, cureOfDisk
	}
	w.alarm(n, err.Error(), cure)
	if a := &w.alarms[len(w.alarms)-1]; n == status.AlarmTurn && a.Name == n && w.content == nil {
		a.Breaks = "no rollover goes on; content is served, and signatures are renewed"
	}
}

// noticedFor is how long it is told that something was noticed and acted upon: our
// choice, long enough for somebody to come by.
const noticedFor = 24 * time.Hour

// reportAlarms gives the alarms, causes first, each followed by what follows from it.
func (w *work) reportAlarms(cfg *Config, now time.Time) []status.Alarm {
	all := slices.Concat(w.alarms, w.surveyAlarms(cfg), w.alarmsOfContent(), w.alarmsOfOurs(cfg), w.alarmsOfOthers(), w.alarmOfSize(cfg), w.alarmOfTelling(cfg), w.alarmsOfIntake(cfg), w.alarmOfLost(cfg), w.alarmsOfReview(), w.alarmOfResolver(cfg))
	if w.proving.withdrawn {
		all = append(all, newAlarm(status.AlarmSignature, "", "a signature that had been served is bad: "+describe(w.proving.found),
			"the zone is signed anew by itself; look for what made it: a key device, memory, another program in the state directory"))
	}
	if restless := w.files.restless(); restless != "" {
		all = append(all, newAlarm(status.AlarmRestless, "", restless, "write it under another name and rename it when it is whole, or less often; `reload` reads it as it is"))
	}
	if refused := w.files.refusal(); refused != "" {
		all = append(all, newAlarm(status.AlarmFile, "", refused, "mend the file; it is read again when it is saved"))
	}
	if parked := w.overlay.parked; len(parked) > 0 {
		first := parked.First()
		all = append(all, newAlarm(status.AlarmParked, "", fmt.Sprintf("%d RRsets that updates have made do not go with the zone file, and are not served: %s %s, because %s", parked.Len(), first.Name, first.Type, parked.Why(first)),
			fmt.Sprintf("take what is in the way out of the file, or say drop %s NAME TYPE; updates %s lists them", cfg.Apex, cfg.Apex)))
	}
	if w.frozen {
		all = append(all, newAlarm(status.AlarmInternal, "", w.fault, "restart the server, and report this with the log"))
	}
	for _, a := range w.plan.Alarms {
		raised := alarm{status.Alarm{Name: name(a.Name), About: a.About, What: a.What, Cure: a.Cure, Since: a.Since}, a.Holding}
		switch {
		case raised.Name == name(roll.AlarmNoKeys) && w.sight == nil:
			continue // the first look has not come yet
		case kinds[rank(raised.Name)].once:
			w.notice(raised, now)
		default:
			all = append(all, raised)
		}
	}
	w.noticed = slices.DeleteFunc(w.noticed, func(a alarm) bool { return now.Sub(a.Since) > noticedFor })
	return w.arrange(w.date(append(all, w.noticed...), now))
}

// alarmOfResolver is for a resolver that does not answer when it is asked for the parent.
func (w *work) alarmOfResolver(cfg *Config) []alarm {
	if w.sight == nil || w.sight.parent.NoAnswer == "" {
		return nil
	}
	return []alarm{newAlarm(status.AlarmResolver, "parent", "the resolver "+cfg.Parent.Resolver.String()+" does not answer, so that the parent is not found: "+w.sight.parent.NoAnswer,
		"see that it runs, can be reached from here, and lets this machine ask")}
}

// notice remembers an alarm of what was noticed and acted upon.
func (w *work) notice(a alarm, now time.Time) {
	if !slices.ContainsFunc(w.noticed, func(b alarm) bool { return subjectOf(a.Alarm) == subjectOf(b.Alarm) }) {
		a.Since = now
		w.noticed = append(w.noticed, a)
	}
}

// subjectOfAlarm tells an alarm from every other of its zone.
type subjectOfAlarm struct {
	name  status.AlarmName
	about string
}

func subjectOf(a status.Alarm) subjectOfAlarm { return subjectOfAlarm{a.Name, a.About} }

// date gives each alarm its beginning, says what breaks and when, and leaves out what
// was told already.
func (w *work) date(all []alarm, now time.Time) (dated []alarm) {
	told := map[subjectOfAlarm]bool{}
	for _, a := range all {
		if told[subjectOf(a.Alarm)] {
			continue
		}
		told[subjectOf(a.Alarm)] = true
		if before, ok := w.raised[subjectOf(a.Alarm)]; a.Since.IsZero() && ok {
			a.Since = before.Since
		} else if a.Since.IsZero() {
			a.Since = now
		}
		k := kinds[rank(a.Name)]
		a.Breaks = cmp.Or(a.Breaks, k.breaks)
		if end, signed := w.ends(); k.end && signed && a.Breaks == k.breaks {
			a.By = end
		}
		dated = append(dated, a)
	}
	return dated
}

// arrange puts causes first, and below each what follows from it.
func (w *work) arrange(all []alarm) []status.Alarm {
	slices.SortStableFunc(all, func(a, b alarm) int { return rank(a.Name) - rank(b.Name) })
	below, out := map[int][]alarm{}, []status.Alarm{}
	root := make([]int, len(all))
	for i := range all {
		root[i] = i
		if cause := slices.IndexFunc(all[:i], func(cause alarm) bool { return explains(cause, all[i]) }); cause >= 0 {
			root[i] = root[cause]
			all[i].Under = all[root[i]].Name
			below[root[i]] = append(below[root[i]], all[i])
		}
	}
	for i, a := range all {
		if root[i] != i {
			continue
		}
		out = append(out, a.Alarm)
		for _, b := range below[i] {
			out = append(out, b.Alarm)
		}
	}
	return out
}

// explains reports whether b follows from a: names tell that it may, and whom they are
// about that it does.
func explains(a, b alarm) bool {
	if !slices.Contains(kinds[rank(b.Name)].after, a.Name) {
		return false
	}
	who := first(a.About)
	if len(b.holding) > 0 {
		return slices.ContainsFunc(b.holding, func(h string) bool { return who == "" || first(h) == who })
	}
	return who == "" || b.About == "" || first(b.About) == who
}

func first(words string) string {
	word, _, _ := strings.Cut(words, " ")
	return word
}

// announce says in the log, and to the hook, which alarms have begun and which have ended.
func (e *Engine) announce(z *Zone, alarms []status.Alarm, now time.Time) {
	w, cfg := z.work, z.config.Load()
	var raised map[subjectOfAlarm]status.Alarm // nil for most zones
	if len(alarms) > 0 {
		raised = map[subjectOfAlarm]status.Alarm{}
	}
	for _, a := range alarms {
		raised[subjectOf(a)] = a
		if _, before := w.raised[subjectOf(a)]; before {
			continue
		}
		e.log.Warn("alarm begins", aboutAlarm(z, a, "what", a.What, "do", a.Cure, "breaks", a.Breaks, "by", dateOf(a.By))...)
		e.tellHook(cfg, "begin", a)
	}
	for subject, a := range w.raised {
		if _, still := raised[subject]; !still {
			e.log.Info("alarm ends", aboutAlarm(z, a, "lasted", now.Sub(a.Since).Round(time.Second).String())...)
			e.tellHook(cfg, "end", a)
		}
	}
	w.raised = raised
}

// aboutAlarm is what a line of the log says of an alarm: names and values by turns,
// without those that are empty.
func aboutAlarm(z *Zone, a status.Alarm, more ...string) (attrs []any) {
	all := append([]string{"zone", z.apex.String(), "alarm", string(a.Name), "about", a.About, "since", dateOf(a.Since)}, more...)
	for i := 0; i < len(all); i += 2 {
		if all[i+1] != "" {
			attrs = append(attrs, all[i], all[i+1])
		}
	}
	return attrs
}

// dateOf is a date for the log; "" where there is none.
func dateOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return clock.Stamp(t)
}
