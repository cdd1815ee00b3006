// Package matrix asks every server of every signer the same questions, and judges the
// answers of each under the DNSKEY RRset of every other: some resolver will hold just that
// pair. A resolver that retries elsewhere would hide a fault. It judges, and decides nothing.
package matrix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Subject is a server to be asked, and whose it is.
type Subject struct {
	Signer string
	Server ask.Server
}

// Round is what is asked of whom at a moment, and what the answers are judged by.
type Round struct {
	Apex      zone.Name
	At        time.Time
	Subjects  []Subject
	Questions []dns.Question
	DS        []zone.RRset    // each that resolvers may start from; none: DNSKEY RRsets are taken as given
	Cached    []validate.Seen // DNSKEY RRsets that resolvers may hold besides, by the name of the signer

	// Strict: a verdict is wanted of everybody, now. Who does not answer, or shows keys that
	// nobody believes, is at fault himself; each fault counts, and all are kept. Else silence
	// says nothing, and a fault counts where resolvers meet it.
	Strict bool

	// Tells are the signers that may tell the serial of their content, and are asked for it.
	Tells map[string]bool

	Insecure bool          // the parent has no DS, so that nobody validates
	Before   []status.Pair // what came of the round before
	Differed []Difference  // and what was answered differently in it
}

// Outcome is what has come of a round.
type Outcome struct {
	Matrix   status.Matrix
	Differed []Difference
	Contents map[string]uint32 // the serial of its content, of each signer that has told one
}

// Run asks all at once, and judges. It ends with ctx, or as soon as all have answered or
// been given up.
func (r *Round) Run(ctx context.Context, c *ask.Client) Outcome {
	asked := ask.All(r.Subjects, func(s Subject) answers { return r.ask(ctx, c, s) })
	m := status.Matrix{At: r.At, DS: []string{}, Servers: []status.Server{}, Cells: []status.Cell{}}
	for _, ds := range r.DS {
		for rdata := range ds.Rdata.All() {
			if text := zone.RdataText(zone.TypeDS, rdata); !slices.Contains(m.DS, text) {
				m.DS = append(m.DS, text)
			}
		}
	}
	for _, a := range asked {
		m.Servers = append(m.Servers, a.report())
	}
	for _, a := range asked {
		for _, k := range asked {
			if a.silent == "" && k.silent == "" {
				m.Cells = append(m.Cells, r.cell(a, k))
			}
		}
	}
	m.Pairs = r.pairs(&m, asked)
	o := Outcome{Matrix: m, Differed: r.compare(asked), Contents: map[string]uint32{}}
	for _, a := range asked {
		if _, told := o.Contents[a.Signer]; a.content != nil && !told {
			o.Contents[a.Signer] = *a.content
		}
	}
	return o
}

// answers are what one server said.
type answers struct {
	Subject
	silent  string // why there is nothing of it to judge
	wrong   string // why its DNSKEY RRset is not to be believed
	keys    zone.RRset
	replies []reply
	content *uint32 // the serial that it tells of its content; nil: none
}

type reply struct {
	question dns.Question
	message  *dns.Msg
	err      error
}

// ask fetches the DNSKEY RRset of a server, and its answers.
func (r *Round) ask(ctx context.Context, c *ask.Client, s Subject) answers {
	a := answers{Subject: s}
	m, err := c.Exchange(ctx, s.Server, ask.Question(r.Apex.String(), dns.TypeDNSKEY))
	switch {
	case err != nil:
		a.silent = err.Error()
	case m.Rcode != dns.RcodeSuccess:
		a.silent = "answered " + ask.Rcode(m.Rcode)
	}
	if a.silent != "" {
		return a
	}
	if a.keys, err = r.keysOf(m); err != nil {
		a.wrong = err.Error()
	}
	if r.Strict && a.wrong != "" {
		a.silent = a.wrong
		return a
	}
	a.replies = ask.All(r.Questions, func(q dns.Question) reply {
		m, err := c.Exchange(ctx, s.Server, ask.Question(q.Name, q.Qtype))
		return reply{q, m, err}
	})
	if r.Tells[s.Signer] {
		m, err := c.Exchange(ctx, s.Server, ask.ContentQuestion(r.Apex.String()))
		if err == nil && m.Rcode == dns.RcodeSuccess {
			if serial, told := ask.ContentTold(m); told {
				a.content = &serial
			}
		}
	}
	return a
}

var errNoKeys = errors.New("no DNSKEY RRset")

// keysOf takes the DNSKEY RRset out of a response, and follows each DS RRset to it. One
// that leads to no key that can be used leaves it insecure, which is well unless a verdict
// is wanted.
func (r *Round) keysOf(m *dns.Msg) (keys zone.RRset, err error) {
	sets, err := zone.FromRRs(m.Answer)
	if err != nil {
		return zone.RRset{}, err
	}
	i := slices.IndexFunc(sets, func(s zone.RRset) bool { return s.Name == r.Apex && s.Type == zone.TypeDNSKEY })
	if i < 0 {
		return zone.RRset{}, errNoKeys
	}
	keys = sets[i]
	_, err = validate.Signatures(keys, keys, r.Apex, r.At)
	for _, ds := range r.DS {
		if err == nil {
			_, err = validate.Entry(keys, ds, r.Apex, r.At)
		}
		if errors.Is(err, validate.ErrInsecure) && !r.Strict {
			err = nil
		}
	}
	return keys, err
}

// maxFaults is how many faults of a pair are kept where not all are: the first ones tell
// as much.
const maxFaults = 3

// cell judges the answers of one server under the keys of another, and under those of the
// same signer that may still be cached.
func (r *Round) cell(a, k answers) status.Cell {
	c := status.Cell{Answers: a.Server.Addr.String(), Keys: k.Server.Addr.String(), Faults: []string{}}
	fault := func(text string) {
		if r.Strict || len(c.Faults) < maxFaults {
			c.Faults = append(c.Faults, text)
		}
	}
	if k.wrong != "" {
		c.Asked++
		fault(k.wrong)
		return c
	}
	for _, each := range a.replies {
		if !r.Strict && each.saysNothing() {
			continue
		}
		c.Asked++
		if err := r.judge(each, k.keys); err != nil {
			fault(err.Error())
			continue
		}
		for _, old := range r.Cached {
			if old.Name != k.Signer || old.Set.Rdata == k.keys.Rdata || !r.follows(old.Set) {
				continue
			}
			if err := r.judge(each, old.Set); err != nil {
				fault(fmt.Sprintf("under keys that were replaced and may be cached: %v", err))
			}
		}
	}
	return c
}

// judge names the question in what it says of the answer.
func (r *Round) judge(each reply, keys zone.RRset) error {
	if each.err != nil {
		return fmt.Errorf("%s %s: %w", each.question.Name, dns.TypeToString[each.question.Qtype], each.err)
	}
	return validate.Response(each.message, each.question, r.Apex, keys, r.At)
}

// saysNothing reports whether there was no answer, or one with a code that sends a
// resolver to another server.
func (a reply) saysNothing() bool {
	return a.err != nil || a.message.Rcode == dns.RcodeServerFailure || a.message.Rcode == dns.RcodeRefused || a.message.Rcode == dns.RcodeNotAuth
}

// follows reports whether somebody who holds keys believes them.
func (r *Round) follows(keys zone.RRset) bool {
	return len(r.DS) == 0 || slices.ContainsFunc(r.DS, func(ds zone.RRset) bool {
		_, err := validate.Entry(keys, ds, r.Apex, r.At)
		return err == nil
	})
}

// pairs sums up the cells of a matrix by signers. A fault makes a pair red if it
// counts, and green is only what was asked.
func (r *Round) pairs(m *status.Matrix, asked []answers) []status.Pair {
	signers, of := []string{}, map[string]string{}
	silent := map[string]string{}
	for _, s := range m.Servers {
		if of[s.Address] = s.Signer; !slices.Contains(signers, s.Signer) {
			signers = append(signers, s.Signer)
		}
		if s.Fault != "" {
			silent[s.Signer] = s.Fault
		}
	}
	all := []status.Pair{}
	for _, answers := range signers {
		for _, keys := range signers {
			p := status.Pair{Answers: answers, Keys: keys, State: status.Unknown, Since: m.At, Why: []string{}}
			asks := 0
			for _, c := range m.Cells {
				if of[c.Answers] == answers && of[c.Keys] == keys {
					asks += c.Asked
					p.Why = append(p.Why, c.Faults...)
				}
			}
			p.Why = p.Why[:min(len(p.Why), maxFaults)]
			switch {
			case len(p.Why) > 0 && r.counts(p, asked):
				p.State = status.Red
			case len(p.Why) > 0:
				p.Why = append([]string{"one of the two has no DS at the parent, so resolvers are not sent there yet"}, p.Why...)
			case asks > 0:
				p.State = status.Green
			default:
				for _, signer := range []string{answers, keys} {
					if why := silent[signer]; why != "" && !slices.Contains(p.Why, why) {
						p.Why = append(p.Why, why)
					}
				}
			}
			for _, was := range r.Before {
				if was.Answers == p.Answers && was.Keys == p.Keys && was.State == p.State {
					p.Since = was.Since
				}
			}
			all = append(all, p)
		}
	}
	return all
}

// counts reports whether a fault of p is one that resolvers meet: both signers have
// a DS, or it was known to be well, or not, before. Until then a signer is on its way
// in, and nobody is sent to it. Where there is no DS at all nobody validates.
func (r *Round) counts(p status.Pair, asked []answers) bool {
	if r.Strict || r.Insecure {
		return r.Strict
	}
	for _, was := range r.Before {
		if was.Answers == p.Answers && was.Keys == p.Keys && was.State != status.Unknown {
			return true
		}
	}
	return r.delegated(p.Answers, asked) && r.delegated(p.Keys, asked)
}

// delegated reports whether each DS RRset that some resolver may hold has a DS of a key
// that the signer shows: while an older one without it is in caches, nobody is sent there.
func (r *Round) delegated(signer string, asked []answers) bool {
	return len(r.DS) > 0 && !slices.ContainsFunc(r.DS, func(ds zone.RRset) bool { return !r.delegatedBy(ds, signer, asked) })
}

func (r *Round) delegatedBy(ds zone.RRset, signer string, asked []answers) bool {
	for _, a := range asked {
		if a.Signer != signer {
			continue
		}
		for sig := range a.keys.Sigs.All() {
			for rdata := range a.keys.Rdata.All() {
				if k := zone.DNSKEY(rdata); k.Tag() == zone.RRSIG(sig).KeyTag() && r.named(ds, k) {
					return true
				}
			}
		}
	}
	return false
}

// named reports whether ds has a record of k.
func (r *Round) named(ds zone.RRset, k zone.DNSKEY) bool {
	for rdata := range ds.Rdata.All() {
		if d := zone.DS(rdata); d.Valid() == nil {
			if own, err := k.DS(r.Apex, d.DigestType()); err == nil && own == d {
				return true
			}
		}
	}
	return false
}

// report says what is known of the server, its clock among it.
func (a answers) report() status.Server {
	out := status.Server{Signer: a.Signer, Address: a.Server.Addr.String(), Fault: a.silent}
	each := func(sig zone.RRSIG) {
		if begins := zone.Time(sig.Inception()); begins.After(out.Inception) {
			out.Inception = begins
		}
		if ends := zone.Time(sig.Expiration()); out.Expiration.IsZero() || ends.Before(out.Expiration) {
			out.Expiration = ends
		}
	}
	for sig := range a.keys.Sigs.All() {
		each(zone.RRSIG(sig))
	}
	for _, r := range a.replies {
		if r.message == nil {
			continue
		}
		for _, rr := range slices.Concat(r.message.Answer, r.message.Ns) {
			if sig, ok := rr.(*dns.RRSIG); ok {
				if sets, err := zone.FromRRs([]dns.RR{sig}); err == nil && len(sets) == 1 {
					for rdata := range sets[0].Sigs.All() {
						each(zone.RRSIG(rdata))
					}
				}
			}
		}
	}
	return out
}
