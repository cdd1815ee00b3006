package answer

import "github.com/multisigner/multisigner/plugin/multisigner/zone"

// Unsigned says what the plan lacks: zone.Unmade when with Question.Sign the answer might be
// another than SERVFAIL, zone.Beyond when that is all that there is to say now.
func (r *Response) Unsigned() zone.Have { return r.have }

// signatures gives those of an RRset. Where they are missing the plan will come to nothing.
func (r *Response) signatures(s zone.RRset) zone.Packed {
	sigs, have := r.version.Signatures(s, r.question.Sign)
	r.have = max(r.have, have)
	return sigs
}

// complete puts into the plan the signatures that the version was without, and leaves out what
// spares the asker a query if it has none yet. A plan that lacks any other comes to nothing.
func (r *Response) complete() {
	for _, items := range [...][]Item{r.Answer, r.Authority} {
		for i := range items {
			if item := &items[i]; item.Sigs {
				item.Set.Sigs = r.signatures(item.Set)
			}
		}
	}
	if r.have != zone.Made {
		r.Rcode, r.Authoritative = RcodeServerFailure, false
		r.Answer, r.Authority, r.Additional = r.Answer[:0], r.Authority[:0], r.Additional[:0]
		return
	}
	kept := r.Additional[:0]
	for _, item := range r.Additional {
		have := zone.Made
		if item.Sigs {
			item.Set.Sigs, have = r.version.Signatures(item.Set, false)
		}
		if have == zone.Made {
			kept = append(kept, item)
		}
	}
	r.Additional = kept
}
