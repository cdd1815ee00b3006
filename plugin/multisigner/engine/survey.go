package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/caches"
	"github.com/multisigner/multisigner/plugin/multisigner/matrix"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// survey is what has come of the matrix that follows each look: a few questions to every
// address, other ones each time.
type survey struct {
	matrix   *status.Matrix
	differed []matrix.Difference
	contents []status.Content // of every signer
	next     zone.Name        // where the next sample begins
}

// keepSurveying begins a survey after a look. Where there are neither peers nor a
// parent, nobody holds other keys than ours, and nobody starts from a DS.
func (e *Engine) keepSurveying(z *Zone, cfg *Config) {
	w := z.work
	if w.surveys || e.noMatrix {
		return
	}
	if w.signed == nil || len(cfg.Peers) == 0 && cfg.Parent.Mode == ParentNone || !w.signed.Top().Has(zone.TypeDNSKEY) {
		w.survey = survey{next: w.survey.next}
		return
	}
	r := matrix.Round{Apex: cfg.Apex, At: w.times.Judged(), Subjects: w.looked(cfg), Differed: w.survey.differed}
	if len(r.Subjects) == 0 {
		return
	}
	if w.survey.matrix != nil {
		r.Before = w.survey.matrix.Pairs
	}
	h := w.heldNow(cfg)
	r.DS, r.Insecure = h.DS, h.NoDS && cfg.Parent.Mode != ParentNone
	for _, k := range h.Keys {
		if k.Name == caches.Us {
			k.Name = cfg.Signer
		}
		r.Cached = append(r.Cached, k)
	}
	questions, next := matrix.Few(w.signed, w.survey.next)
	r.Questions = matrix.Again(questions, r.Differed)
	of := whose{at: r.At, signer: cfg.Signer, content: w.record.ContentSerial, digests: w.digests, before: w.survey.contents}
	r.Tells = map[string]bool{}
	for _, p := range cfg.Peers {
		of.peers, r.Tells[p.Name] = append(of.peers, p.Name), !p.Foreign
	}
	w.surveys = true
	e.jobs.Begin(z.asking(e.life), e.looking, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		is := r.Run(ctx, e.client)
		z.ask(func(w *wants) { w.surveyed = &survey{&is.Matrix, is.Differed, of.contents(is), next} })
	})
}

// looked lists every address that the last look knew.
func (w *work) looked(cfg *Config) (all []matrix.Subject) {
	for _, a := range w.sight.self.Addresses {
		if a.Status != peer.Unfound {
			all = append(all, matrix.Subject{Signer: cfg.Signer, Server: a.Server})
		}
	}
	for _, p := range cfg.Peers {
		for _, a := range w.sight.peers[p.Name].Addresses {
			if !a.TransferFrom {
				all = append(all, matrix.Subject{Signer: p.Name, Server: a.Server})
			}
		}
	}
	return all
}

// surveyAlarms are for the pairs that some resolver fails on, and for clocks.
func (w *work) surveyAlarms(cfg *Config) (alarms []alarm) {
	m := w.survey.matrix
	if m == nil {
		return nil
	}
	for _, p := range m.Pairs {
		if p.State == status.Red {
			a := newAlarm(status.AlarmMatrix, p.Keys+" "+p.Answers,
				fmt.Sprintf("answers of %s do not validate under the keys of %s: %s", p.Answers, p.Keys, p.Why[0]),
				fmt.Sprintf("see `multisigner check %s`; have %s publish every key of %s", cfg.Apex, p.Keys, p.Answers))
			a.Since = p.Since
			alarms = append(alarms, a)
		}
	}
	for _, s := range m.Servers {
		if ahead := s.Inception.Sub(m.At); ahead > 0 {
			alarms = append(alarms, newAlarm(status.AlarmClockAhead, s.Signer+" "+s.Address,
				fmt.Sprintf("the clock of %s at %s is ahead of ours by %s or more: a signature there begins %s", s.Signer, s.Address, ahead, s.Inception.Format(time.RFC3339)),
				"set both clocks right: validators refuse signatures that begin in the future"))
		}
	}
	return alarms[:min(len(alarms), maxShown)]
}

// differsFor is at how many looks in a row a difference is there before it is told: our
// choice, a few minutes while something is under way.
const differsFor = 3

// alarmsOfContent are for what signers have answered differently for some looks.
func (w *work) alarmsOfContent() (alarms []alarm) {
	for _, d := range w.survey.differed {
		if d.Rounds < differsFor {
			continue
		}
		about := d.Question.Name + " " + dns.TypeToString[d.Question.Qtype]
		a := newAlarm(status.AlarmContent, about,
			fmt.Sprintf("%s is answered differently: by %s with %s, by %s with %s", about, d.Servers[0], short(d.Answers[0]), d.Servers[1], short(d.Answers[1])),
			"have all signers serve the same content: see at each the zone file or the primary, whether it was read, and what `updates` lists; updates come to all signers where all have one primary, or one is the primary of the others")
		a.Since = d.Since
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
