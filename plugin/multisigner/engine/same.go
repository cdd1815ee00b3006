package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/matrix"
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Whether a peer serves the content that we do is known by its answers, by a transfer of its
// zone, or by the serial of its content, which signers of our kind tell. That is for people
// alone: no rule goes by it.

// digests are of the content as looks have found it.
type digests struct {
	peers map[string]peer.Digest // of each peer whose zone was transferred as a whole
	// unseen are those peers that the last look did not see well: it has not told whether their zone
	// is still that. It is not transferred again if it is.
	unseen map[string]bool
	ours   peer.Digest // of version, if there is any of theirs
	// version is what we served when the last look began.
	version *zone.Version
}

// after takes in what the transfers of a look have found. d is not changed.
func (d digests) after(reports map[string]peer.Report, version *zone.Version) digests {
	next := digests{peers: map[string]peer.Digest{}, unseen: map[string]bool{}, version: version}
	for name, r := range reports {
		switch was, known := d.peers[name]; {
		case r.Digest != (peer.Digest{}):
			next.peers[name] = r.Digest
		case known && r.TransferErr == "":
			next.peers[name] = was // its serial is what it was, where it is seen
			next.unseen[name] = !slices.ContainsFunc(r.Addresses, func(a peer.Address) bool { return a.Status == peer.Good })
		}
	}
	switch {
	case version == nil || len(next.peers) == 0:
		next.version = nil
	case version == d.version:
		next.ours = d.ours
	default:
		next.ours = peer.Sum(version)
	}
	return next
}

// same reports whether a peer's zone, as it was transferred last, has our content.
func (d digests) same(peer string) (same, known bool) {
	theirs, known := d.peers[peer]
	return theirs == d.ours, known && !d.unseen[peer] && d.version != nil
}

// noteContent has the record say which serial the content has that the version to be shown
// is made from: the one that its primary counts, or that we count as the writer.
func (w *work) noteContent(cfg *Config, next *record, content *zone.Version) {
	if content == nil {
		return // it is the same as before
	}
	serial := content.Serial()
	if len(cfg.Contents) > 0 && next.Content != nil {
		serial = next.Content.Serial
	}
	if next.ContentSerial == nil || *next.ContentSerial != serial {
		next.ContentSerial, w.dirty = &serial, true
	}
}

// whose is what is known of the contents of the signers of a group beside what a survey asks.
type whose struct {
	at      time.Time
	signer  string // we
	peers   []string
	content *uint32 // the serial of ours
	digests digests
	before  []status.Content // as the survey before has found them
}

// contents say of each signer of the group which content it serves.
func (h *whose) contents(o matrix.Outcome) []status.Content {
	all := []status.Content{{Signer: h.signer, Serial: h.content, State: status.ContentOurs}}
	for _, name := range h.peers {
		is := status.Content{Signer: name, State: status.ContentUnknown, Since: h.at}
		if serial, told := o.Contents[name]; told {
			is.Serial = &serial
		}
		h.judge(&is, o.Differed)
		for _, was := range h.before {
			if was.Signer == name && was.State == is.State {
				is.Since = was.Since
			}
		}
		all = append(all, is)
	}
	return all
}

// judge compares a peer's content with ours. Records say more than serials do: signers that
// have their content from several files may count as they like.
func (h *whose) judge(is *status.Content, differed []matrix.Difference) {
	compared := is.Serial != nil && h.content != nil
	same, transferred := h.digests.same(is.Signer)
	differ := func(why string) { is.State, is.Why = status.ContentDiffers, why }
	for _, d := range differed {
		if d.Rounds >= differsFor && d.Between(h.signer, is.Signer) {
			differ(fmt.Sprintf("%s %s is answered differently", d.Question.Name, dns.TypeToString[d.Question.Qtype]))
			return
		}
	}
	switch {
	case transferred && same:
		is.State, is.Why = status.ContentSame, "its zone was transferred"
	case transferred:
		differ("its zone was transferred, and has other records")
	case compared && *is.Serial == *h.content:
		is.State, is.Why = status.ContentSame, "the serial"
	case compared:
		differ("the serial")
	}
}

// ContentSerial is the serial of the content that is served, as its primary counts it; ok is
// false while that is not known.
func (z *Zone) ContentSerial() (serial uint32, ok bool) {
	if s := z.contentSerial.Load(); s != nil {
		return *s, true
	}
	return 0, false
}

// reportContents is what the status says of it: of us as it is now, of the others as of the
// last survey.
func (w *work) reportContents(cfg *Config) []status.Content {
	if len(cfg.Peers) == 0 {
		return nil
	}
	all := []status.Content{{Signer: cfg.Signer, Serial: w.record.ContentSerial, State: status.ContentOurs}}
	for _, p := range cfg.Peers {
		is := status.Content{Signer: p.Name, State: status.ContentUnknown}
		for _, seen := range w.survey.contents {
			if seen.Signer == p.Name {
				is = seen
			}
		}
		all = append(all, is)
	}
	return all
}
