package matrix

import (
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Difference is a question that servers of the zone answer with different data.
type Difference struct {
	Question dns.Question
	Servers  [2]string // two of those that differ
	Signers  [2]string // whose they are
	Answers  [2]string // and what they say
	Since    time.Time
	Rounds   int // in a row
}

// Between reports whether it is two signers that differ.
func (d Difference) Between(a, b string) bool {
	return d.Signers == [2]string{a, b} || d.Signers == [2]string{b, a}
}

// maxDiffering bounds how many differences are kept: more of one kind tell no more.
const maxDiffering = 8

// Again adds the questions whose answers differed in the round before: a change of the
// content comes to one signer before the other, and only a difference that stays is one.
func Again(questions []dns.Question, differed []Difference) []dns.Question {
	for _, d := range differed {
		if !slices.Contains(questions, d.Question) {
			questions = append(questions, d.Question)
		}
	}
	return questions
}

// compare gives what servers answer with different data, with how long they have.
func (r *Round) compare(asked []answers) (found []Difference) {
	for i, q := range r.Questions {
		if len(found) == maxDiffering {
			break
		}
		d := Difference{Question: q, Since: r.At, Rounds: 1}
		for _, a := range asked {
			if i >= len(a.replies) {
				continue // it did not answer
			}
			answer, ok := dataOf(a.replies[i])
			server := a.Signer + " at " + a.Server.Addr.String()
			switch {
			case !ok:
			case d.Servers[0] == "":
				d.Servers[0], d.Signers[0], d.Answers[0] = server, a.Signer, answer
			case d.Servers[1] == "" && answer != d.Answers[0]:
				d.Servers[1], d.Signers[1], d.Answers[1] = server, a.Signer, answer
			}
		}
		if d.Servers[1] == "" {
			continue
		}
		for _, was := range r.Differed {
			if was.Question == q {
				d.Since, d.Rounds = was.Since, was.Rounds+1
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
			lines = append(lines, set.Name.String()+" "+set.Type.String()+" "+zone.RdataText(set.Type, rdata))
		}
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return "no data of this type", true
	}
	return strings.Join(lines, ", "), true
}
