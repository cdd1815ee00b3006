package e2e

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// caches is what the caches of the world may hold at a moment: every DS RRset of
// the parent, every DNSKEY RRset of every signer and every answer of every signer
// that was seen and whose TTL has not passed since. A resolver may hold any mix of
// them, and one behind another may get each from elsewhere. So every answer must
// validate under every DNSKEY RRset, and that under every DS RRset, that were in
// the world at one time: the matrix, with memory.
type caches struct {
	ds, keys map[string]*held[zone.RRset]
	answers  map[string]*held[asked]
	// What is written once stays true: a pair is verified when it is first met.
	entries  map[[2]string]entry
	verdicts map[[2]string]verdict
	verified int // answers under DNSKEY RRsets
}

// held is something that a cache may hold from one moment to another.
type held[T any] struct {
	of          string // who served it
	what        T
	from, until time.Time
}

// asked is a question and what one signer answered.
type asked struct {
	question
	resp *dns.Msg
}

// entry is what a DNSKEY RRset is under a DS RRset, verdict what an answer is under
// a DNSKEY RRset. A nil error is good; algorithms are those with which all of it is signed.
type entry struct {
	err        error
	algorithms []uint8
}

type verdict entry

func newCaches() *caches {
	return &caches{
		ds: map[string]*held[zone.RRset]{}, keys: map[string]*held[zone.RRset]{}, answers: map[string]*held[asked]{},
		entries: map[[2]string]entry{}, verdicts: map[[2]string]verdict{},
	}
}

// remember notes that of served what, which was asked for at one moment and came at
// another. It stayed in nobody's cache for less than its TTL after it was asked
// for, and may have been in one from when it came.
func remember[T any](m map[string]*held[T], id, of string, what T, ttl time.Duration, askedAt, came time.Time) (isNew bool) {
	h := m[id]
	if h == nil || h.until.Before(came) {
		m[id] = &held[T]{of, what, came, askedAt.Add(ttl)}
		return h == nil
	}
	h.until = askedAt.Add(ttl)
	return false
}

// judge holds everything against everything, and returns what would be bogus to
// somebody. What has left the caches before since, the time of the last call, is
// forgotten afterwards.
func (c *caches) judge(since time.Time) []string {
	var faults []string
	for d, ds := range c.ds {
		if !ds.what.Exists() {
			continue // insecure: nothing is validated
		}
		for k, keys := range c.keys {
			if !together(ds.from, ds.until, keys.from, keys.until) {
				continue
			}
			e := c.entry(d, k)
			if e.err != nil {
				faults = append(faults, fmt.Sprintf("DNSKEY of %s under DS %s: %v", keys.of, zone.Text(ds.what), e.err))
			} else if missing := lacks(e.algorithms, dsAlgorithms(ds.what)); len(missing) > 0 {
				faults = append(faults, fmt.Sprintf("DNSKEY of %s is not signed with algorithms %v of DS %s", keys.of, missing, zone.Text(ds.what)))
			}
		}
	}
	for k, keys := range c.keys {
		for a, answer := range c.answers {
			from, until := latest(keys.from, answer.from), earliest(keys.until, answer.until)
			if until.Before(from) {
				continue
			}
			v := c.verdict(k, a)
			for _, ds := range c.ds {
				if !ds.what.Exists() || !together(ds.from, ds.until, from, until) {
					continue
				}
				if v.err != nil {
					faults = append(faults, fmt.Sprintf("%s at %s under the keys of %s: %v", answer.what, answer.of, keys.of, v.err))
				} else if missing := lacks(v.algorithms, dsAlgorithms(ds.what)); len(missing) > 0 {
					faults = append(faults, fmt.Sprintf("%s at %s is not signed with algorithms %v under the keys of %s and DS %s", answer.what, answer.of, missing, keys.of, zone.Text(ds.what)))
				}
			}
		}
	}
	c.forget(since)
	return faults
}

func together(from, until, from2, until2 time.Time) bool {
	return !latest(from, from2).After(earliest(until, until2))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// entry is DNSKEY RRset k under DS RRset d.
func (c *caches) entry(d, k string) entry {
	pair := [2]string{d, k}
	if e, known := c.entries[pair]; known {
		return e
	}
	good, err := validate.Entry(c.keys[k].what, c.ds[d].what, apex, time.Now())
	e := entry{err, keyAlgorithms(good)}
	c.entries[pair] = e
	return e
}

// verdict is answer a under DNSKEY RRset k.
func (c *caches) verdict(k, a string) verdict {
	pair := [2]string{k, a}
	if v, known := c.verdicts[pair]; known {
		return v
	}
	answer, keys, now := c.answers[a].what, c.keys[k].what, time.Now()
	c.verified++
	v := verdict{err: validate.Response(answer.resp, dns.Question{Name: answer.full(), Qtype: answer.t, Qclass: dns.ClassINET}, apex, keys, now)}
	if v.err == nil {
		v.algorithms, v.err = throughout(answer.resp, keys, now)
	}
	c.verdicts[pair] = v
	return v
}

// throughout gives the algorithms with which a key of keys has signed every RRset of
// a response that is signed at all: a validator that lets nobody take away the
// stronger one wants each that the DS RRset has, everywhere.
func throughout(resp *dns.Msg, keys zone.RRset, now time.Time) ([]uint8, error) {
	sets, err := zone.FromRRs(slices.Concat(resp.Answer, resp.Ns))
	if err != nil {
		return nil, err
	}
	var all []uint8
	for rdata := range keys.Rdata.All() {
		all = append(all, zone.DNSKEY(rdata).Algorithm())
	}
	for _, s := range sets {
		if s.Sigs == "" {
			continue
		}
		good, err := validate.Signatures(s, keys, apex, now)
		if err != nil {
			return nil, err
		}
		here := keyAlgorithms(good)
		all = slices.DeleteFunc(all, func(a uint8) bool { return !slices.Contains(here, a) })
	}
	return all, nil
}

func keyAlgorithms(keys []zone.DNSKEY) (all []uint8) {
	for _, k := range keys {
		all = append(all, k.Algorithm())
	}
	return all
}

func dsAlgorithms(s zone.RRset) (all []uint8) {
	for rdata := range s.Rdata.All() {
		all = append(all, zone.DS(rdata).Algorithm())
	}
	return all
}

// lacks gives what is wanted and not there.
func lacks(there, wanted []uint8) (missing []uint8) {
	for _, a := range wanted {
		if !slices.Contains(there, a) && !slices.Contains(missing, a) {
			missing = append(missing, a)
		}
	}
	return missing
}

// forget drops what no cache can hold since a moment.
func (c *caches) forget(since time.Time) {
	for id, h := range c.ds {
		if h.until.Before(since) {
			delete(c.ds, id)
		}
	}
	for id, h := range c.keys {
		if h.until.Before(since) {
			delete(c.keys, id)
		}
	}
	for id, h := range c.answers {
		if h.until.Before(since) {
			delete(c.answers, id)
		}
	}
	for pair := range c.entries {
		if c.ds[pair[0]] == nil || c.keys[pair[1]] == nil {
			delete(c.entries, pair)
		}
	}
	for pair := range c.verdicts {
		if c.keys[pair[0]] == nil || c.answers[pair[1]] == nil {
			delete(c.verdicts, pair)
		}
	}
}
