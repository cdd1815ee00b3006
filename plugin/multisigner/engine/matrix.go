package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// survey is the matrix that follows each look: a few questions to every address of
// every signer, each answer judged under every signer's keys. It is Check with fewer
// questions, other ones each time, and a memory.
type survey struct {
	apex      zone.Name
	at        time.Time
	subjects  []subject
	ds        []zone.RRset // each that was seen at the parent
	insecure  bool         // the parent has none, so that nobody validates
	cached    []validate.Seen
	questions []dns.Question
	before    []status.Pair
	differed  []difference

	matrix    *status.Matrix // the outcome
	differing []difference
	next      zone.Name // where the next sample begins
}

// surveyNames is how many names besides the apex one survey asks about: our choice,
// a dozen questions to an address in all.
const surveyNames = 3

// keepSurveying begins a survey after a look. Where there are neither peers nor a
// parent, nobody holds other keys than ours, and nobody starts from a DS.
func (e *Engine) keepSurveying(z *Zone, cfg *Config) {
	w := &z.work
	if w.surveys || e.noMatrix {
		return
	}
	if w.signed == nil || len(cfg.Peers) == 0 && cfg.Parent.Mode == ParentNone || !w.signed.Top().Has(zone.TypeDNSKEY) {
		w.matrix, w.differing = nil, nil
		return
	}
	s := &survey{apex: cfg.Apex, at: w.times.judged(), subjects: w.surveyed(cfg)}
	if len(s.subjects) == 0 {
		return
	}
	if w.matrix != nil {
		s.before = w.matrix.Pairs
	}
	h := w.heldNow(cfg)
	s.ds, s.insecure = h.DS, h.NoDS && cfg.Parent.Mode != ParentNone
	for _, k := range h.Keys {
		if k.Name == "us" {
			k.Name = cfg.Signer
		}
		s.cached = append(s.cached, k)
	}
	s.questions, s.next = w.fewQuestions(cfg.Apex)
	s.differed = w.differing
	s.questions = again(s.questions, s.differed)
	w.surveys = true
	e.background.Go(func() {
		select {
		case e.looking <- struct{}{}:
			defer func() { <-e.looking }()
		case <-e.life.Done():
			return
		}
		ctx, cancel := context.WithTimeout(z.asking(e.life), lookTimeout)
		defer cancel()
		s.run(ctx, e.client)
		z.ask(func(w *wants) { w.surveyed = s })
	})
}

// surveyed lists every address that the last look knew.
func (w *work) surveyed(cfg *Config) (all []subject) {
	for _, a := range w.sight.self.Addresses {
		if a.Status != peer.Unfound {
			all = append(all, subject{cfg.Signer, a.Server})
		}
	}
	for _, p := range cfg.Peers {
		for _, a := range w.sight.peers[p.Name].Addresses {
			if !a.TransferFrom {
				all = append(all, subject{p.Name, a.Server})
			}
		}
	}
	return all
}

// fewQuestions asks about the apex, about a name that is not there, and about some
// names from where the last sample ended.
func (w *work) fewQuestions(apex zone.Name) (questions []dns.Question, next zone.Name) {
	add := func(n zone.Name, t zone.Type) {
		questions = append(questions, dns.Question{Name: n.String(), Qtype: uint16(t), Qclass: dns.ClassINET})
	}
	for _, t := range []zone.Type{zone.TypeSOA, zone.TypeNS, zone.TypeCDS, zone.TypeCSYNC} {
		add(apex, t)
	}
	if n, err := zone.ParseName("no-such-name--matrix." + apex.String()); err == nil {
		add(n, zone.TypeA)
	}
	next = w.sampleAt
	if next == "" {
		next = apex
	}
	names, looked := 0, 0
	for n := range w.signed.From(next) {
		if next = n.Name(); names == surveyNames || looked == 64 {
			return questions, next
		}
		looked++
		kind, types := kindOf(n)
		if kind == "" {
			continue
		}
		if kind == "wildcard" {
			if made, err := zone.ParseName("matrix--." + n.Name().Parent().String()); err == nil {
				next = made
			}
		}
		names++
		add(next, types[0])
		if last := types[len(types)-1]; last != types[0] {
			add(next, last)
		}
	}
	return questions, apex
}

// run asks everybody and judges.
func (s *survey) run(ctx context.Context, c *ask.Client) {
	asked := ask.All(s.subjects, func(who subject) surveyAnswers { return s.ask(ctx, c, who) })
	m := &status.Matrix{At: s.at, DS: []string{}, Servers: []status.Server{}, Cells: []status.Cell{}}
	for _, ds := range s.ds {
		for rdata := range ds.Rdata.All() {
			if text := rdataText(s.apex, zone.TypeDS, rdata); !slices.Contains(m.DS, text) {
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
				m.Cells = append(m.Cells, s.cell(a, k))
			}
		}
	}
	m.Pairs = pairs(m, func(p status.Pair) bool { return s.counts(p, asked) })
	for i := range m.Pairs {
		for _, was := range s.before {
			if p := &m.Pairs[i]; was.Answers == p.Answers && was.Keys == p.Keys && was.State == p.State {
				p.Since = was.Since
			}
		}
	}
	s.matrix, s.differing = m, s.compare(asked)
}

// surveyAnswers are what one address said.
type surveyAnswers struct {
	subject
	silent  string // why there is nothing of it to judge
	wrong   string // why its DNSKEY RRset is not to be believed
	keys    zone.RRset
	replies []reply
}

func (s *survey) ask(ctx context.Context, c *ask.Client, who subject) surveyAnswers {
	a := surveyAnswers{subject: who}
	m, err := c.Exchange(ctx, who.server, ask.Question(s.apex.String(), dns.TypeDNSKEY))
	switch {
	case err != nil:
		a.silent = err.Error()
	case m.Rcode != dns.RcodeSuccess:
		a.silent = "answered " + ask.Rcode(m.Rcode)
	}
	if a.silent != "" {
		return a
	}
	a.keys, err = keysOf(m, zone.RRset{}, s.apex, s.at)
	for _, ds := range s.ds {
		if err == nil {
			_, err = validate.Entry(a.keys, ds, s.apex, s.at)
		}
		if errors.Is(err, validate.ErrInsecure) {
			err = nil
		}
	}
	if err != nil {
		a.wrong = err.Error()
	}
	a.replies = ask.All(s.questions, func(q dns.Question) reply {
		m, err := c.Exchange(ctx, who.server, ask.Question(q.Name, q.Qtype))
		return reply{q, m, err}
	})
	return a
}

// maxCellFaults is how many faults of a pair are kept: the first ones tell as much.
const maxCellFaults = 3

// cell judges the answers of one address under the keys of another, and under those
// of the same signer that may still be cached. What was not answered, or with a code
// that sends a resolver to another server, says nothing.
func (s *survey) cell(a, k surveyAnswers) status.Cell {
	c := status.Cell{Answers: a.server.Addr.String(), Keys: k.server.Addr.String(), Faults: []string{}}
	fault := func(text string) {
		if len(c.Faults) < maxCellFaults {
			c.Faults = append(c.Faults, text)
		}
	}
	if k.wrong != "" {
		c.Asked++
		fault(k.wrong)
		return c
	}
	for _, r := range a.replies {
		if r.err != nil || r.message.Rcode == dns.RcodeServerFailure || r.message.Rcode == dns.RcodeRefused || r.message.Rcode == dns.RcodeNotAuth {
			continue
		}
		c.Asked++
		if err := validate.Response(r.message, r.question, s.apex, k.keys, s.at); err != nil {
			fault(err.Error())
			continue
		}
		for _, old := range s.cached {
			if old.Name != k.signer || old.Set.Rdata == k.keys.Rdata || !s.follows(old.Set) {
				continue
			}
			if err := validate.Response(r.message, r.question, s.apex, old.Set, s.at); err != nil {
				fault(fmt.Sprintf("under keys that were replaced and may be cached: %v", err))
			}
		}
	}
	return c
}

// follows reports whether somebody who holds keys believes them.
func (s *survey) follows(keys zone.RRset) bool {
	return len(s.ds) == 0 || slices.ContainsFunc(s.ds, func(ds zone.RRset) bool {
		_, err := validate.Entry(keys, ds, s.apex, s.at)
		return err == nil
	})
}

// counts reports whether a fault of p is one that resolvers meet: both signers have
// a DS, or it was known to be well, or not, before. Until then a signer is on its way
// in, and nobody is sent to it. Where there is no DS at all nobody validates.
func (s *survey) counts(p status.Pair, asked []surveyAnswers) bool {
	if s.insecure {
		return false
	}
	for _, was := range s.before {
		if was.Answers == p.Answers && was.Keys == p.Keys && was.State != status.Unknown {
			return true
		}
	}
	return s.delegated(p.Answers, asked) && s.delegated(p.Keys, asked)
}

// delegated reports whether each DS RRset that some resolver may hold has a DS of a key
// that the signer shows: while an older one without it is in caches, nobody is sent there.
func (s *survey) delegated(signer string, asked []surveyAnswers) bool {
	return len(s.ds) > 0 && !slices.ContainsFunc(s.ds, func(ds zone.RRset) bool { return !s.delegatedBy(ds, signer, asked) })
}

func (s *survey) delegatedBy(ds zone.RRset, signer string, asked []surveyAnswers) bool {
	for _, a := range asked {
		if a.signer != signer {
			continue
		}
		for sig := range a.keys.Sigs.All() {
			for rdata := range a.keys.Rdata.All() {
				if k := zone.DNSKEY(rdata); k.Tag() == zone.RRSIG(sig).KeyTag() && s.named(ds, k) {
					return true
				}
			}
		}
	}
	return false
}

// named reports whether ds has a record of k.
func (s *survey) named(ds zone.RRset, k zone.DNSKEY) bool {
	return slices.ContainsFunc(digestTypes, func(digest uint8) bool {
		own, err := k.DS(s.apex, digest)
		return err == nil && ds.Rdata.Has(string(own))
	})
}

// report says what is known of the server, its clock among it.
func (a surveyAnswers) report() status.Server {
	out := status.Server{Signer: a.signer, Address: a.server.Addr.String(), Fault: a.silent}
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

// pairs sums up the cells of a matrix by signers. A fault makes a pair red if it
// counts, and green is only what was asked.
func pairs(m *status.Matrix, counts func(status.Pair) bool) []status.Pair {
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
			asked := 0
			for _, c := range m.Cells {
				if of[c.Answers] == answers && of[c.Keys] == keys {
					asked += c.Asked
					p.Why = append(p.Why, c.Faults...)
				}
			}
			p.Why = p.Why[:min(len(p.Why), maxCellFaults)]
			switch {
			case len(p.Why) > 0 && counts(p):
				p.State = status.Red
			case len(p.Why) > 0:
				p.Why = append([]string{"not both have a DS at the parent, so nobody is sent there yet"}, p.Why...)
			case asked > 0:
				p.State = status.Green
			default:
				for _, signer := range []string{answers, keys} {
					if why := silent[signer]; why != "" && !slices.Contains(p.Why, why) {
						p.Why = append(p.Why, why)
					}
				}
			}
			all = append(all, p)
		}
	}
	return all
}

// surveyAlarms are for the pairs that some resolver fails on, and for clocks.
func (w *work) surveyAlarms(cfg *Config) (alarms []alarm) {
	if w.matrix == nil {
		return nil
	}
	for _, p := range w.matrix.Pairs {
		if p.State == status.Red {
			a := newAlarm(status.AlarmMatrix, p.Keys+" "+p.Answers,
				fmt.Sprintf("answers of %s do not validate under the keys of %s: %s", p.Answers, p.Keys, p.Why[0]),
				fmt.Sprintf("see `multisigner check %s`; have %s publish every key of %s", cfg.Apex, p.Keys, p.Answers))
			a.Since = p.Since
			alarms = append(alarms, a)
		}
	}
	for _, s := range w.matrix.Servers {
		if ahead := s.Inception.Sub(w.matrix.At); ahead > 0 {
			alarms = append(alarms, newAlarm(status.AlarmClockAhead, s.Signer+" "+s.Address,
				fmt.Sprintf("the clock of %s at %s is ahead of ours by %s or more: a signature there begins %s", s.Signer, s.Address, ahead, s.Inception.Format(time.RFC3339)),
				"set both clocks right: validators refuse what has not begun"))
		}
	}
	return alarms[:min(len(alarms), maxShown)]
}
