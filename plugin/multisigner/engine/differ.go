package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// difference is a question that servers of the zone answer with different data.
type difference struct {
	question dns.Question
	servers  [2]string // two of those that differ
	answers  [2]string // and what they say
	since    time.Time
	looks    int // in a row
}

// A change of the content comes to one signer before the other, so a difference is told
// when it is there at several looks in a row; and so that it is looked at again, it is
// among the next questions. Our choice, a few minutes while something is under way.
const (
	differsFor   = 3
	maxDiffering = 8 // more of one kind tell no more
)

// again adds the questions whose answers differed at the last look.
func again(questions []dns.Question, differing []difference) []dns.Question {
	for _, d := range differing {
		if !slices.Contains(questions, d.question) {
			questions = append(questions, d.question)
		}
	}
	return questions
}

// compare gives what servers answer with different data, with how long they have.
func (s *survey) compare(asked []surveyAnswers) (found []difference) {
	for i, q := range s.questions {
		if len(found) == maxDiffering {
			break
		}
		d := difference{question: q, since: s.at, looks: 1}
		for _, a := range asked {
			if i >= len(a.replies) {
				continue // it did not answer
			}
			answer, ok := dataOf(a.replies[i])
			server := a.signer + " at " + a.server.Addr.String()
			switch {
			case !ok:
			case d.servers[0] == "":
				d.servers[0], d.answers[0] = server, answer
			case d.servers[1] == "" && answer != d.answers[0]:
				d.servers[1], d.answers[1] = server, answer
			}
		}
		if d.servers[1] == "" {
			continue
		}
		for _, was := range s.differed {
			if was.question == q {
				d.since, d.looks = was.since, was.looks+1
			}
		}
		found = append(found, d)
	}
	return found
}

// madeBySigners are the types whose data each signer makes by itself.
var madeBySigners = []uint16{dns.TypeSOA, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeCSYNC, dns.TypeNSEC, dns.TypeNSEC3PARAM}

// dataOf is what an answer says, in one form whoever wrote it; ok is false where it says
// nothing of the content.
func dataOf(r reply) (text string, ok bool) {
	if r.err != nil || slices.Contains(madeBySigners, r.question.Qtype) {
		return "", false
	}
	switch {
	case r.message.Rcode == dns.RcodeNameError:
		return "no such name", true
	case r.message.Rcode != dns.RcodeSuccess:
		return "", false
	}
	sets, err := zone.FromRRs(r.message.Answer)
	if err != nil {
		return "", false
	}
	var lines []string
	for _, set := range sets {
		for rdata := range set.Rdata.All() {
			lines = append(lines, set.Name.String()+" "+set.Type.String()+" "+rdataText(set.Name, set.Type, rdata))
		}
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return "no data of this type", true
	}
	return strings.Join(lines, ", "), true
}

// alarmsOfContent are for what signers have answered differently for some looks.
func (w *work) alarmsOfContent() (alarms []alarm) {
	for _, d := range w.differing {
		if d.looks < differsFor {
			continue
		}
		about := d.question.Name + " " + dns.TypeToString[d.question.Qtype]
		a := newAlarm(status.AlarmContent, about,
			fmt.Sprintf("%s is answered differently: by %s with %s, by %s with %s", about, d.servers[0], short(d.answers[0]), d.servers[1], short(d.answers[1])),
			"have all signers serve the same content: see at each the zone file or the primary, whether it was read, and what `updates` lists: updates go to one signer alone")
		a.Since = d.since
		alarms = append(alarms, a)
	}
	return alarms
}

// short quotes what came from the network, and no more than a line of it.
func short(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "..."
	}
	return fmt.Sprintf("%q", text)
}
