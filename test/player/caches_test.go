package player

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// caches is every resolver that there may be. It may hold any mix of what any server
// gave within its TTL: a DS RRset, a DNSKEY RRset, and any other RRset. Of each mix it
// asks what the strictest validator would, by RRSIG.Verify of the DNS library alone.
type caches struct {
	mu      sync.Mutex
	held    map[string]*rrset
	given   map[string][]*rrset // what each server gives now
	entries map[[2]*rrset]verdict
	under   map[[2]*rrset]verdict
	made    map[madeBy]bool
	faults  []string
	known   map[string]bool
	mixes   int
	count   map[string]int // RRsets that were met, by type
}

// rrset is what a cache holds as one, with its signatures.
type rrset struct {
	id, name string
	t        uint16
	rrs      []dns.RR
	sigs     []*dns.RRSIG
	ttl      time.Duration
	of       string // who gave it first
	from     time.Time
	servers  map[string]bool // that give it now
	until    time.Time       // when no cache holds it any more, if none does
}

func (s *rrset) live(now time.Time) bool { return len(s.servers) > 0 || now.Before(s.until) }

func (s *rrset) String() string {
	state := "served"
	if len(s.servers) == 0 {
		state = "cached until " + stamp(s.until)
	}
	var by []string
	for _, sig := range s.sigs {
		by = append(by, fmt.Sprintf("%d/%d", sig.Algorithm, sig.KeyTag))
	}
	var what []string
	for _, rr := range s.rrs {
		switch rr := rr.(type) {
		case *dns.DNSKEY:
			what = append(what, fmt.Sprintf("%d:%d/%d", rr.Flags, rr.Algorithm, rr.KeyTag()))
		case *dns.DS:
			what = append(what, fmt.Sprintf("%d/%d", rr.Algorithm, rr.KeyTag))
		case *dns.CDS:
			what = append(what, fmt.Sprintf("%d/%d", rr.Algorithm, rr.KeyTag))
		case *dns.SOA:
			what = append(what, fmt.Sprint(rr.Serial))
		}
	}
	return fmt.Sprintf("%s %s [%s] signed by [%s] (of %s since %s, %s)", s.name, dns.TypeToString[s.t],
		strings.Join(what, " "), strings.Join(by, " "), s.of, stamp(s.from), state)
}

func stamp(t time.Time) string { return t.UTC().Format("02 Jan 15:04:05") }

// verdict is what one RRset is worth under another: with which algorithms it is
// signed by a key that counts, and until when.
type verdict map[uint8]time.Time

// madeBy is a signature, over what, and a key.
type madeBy struct {
	set string
	sig string
	key string
}

func newCaches() *caches {
	return &caches{
		held: map[string]*rrset{}, given: map[string][]*rrset{}, entries: map[[2]*rrset]verdict{}, under: map[[2]*rrset]verdict{},
		made: map[madeBy]bool{}, known: map[string]bool{}, count: map[string]int{},
	}
}

// split makes RRsets of the records of a response.
func split(rrs []dns.RR) (sets []*rrset) {
	find := func(name string, t uint16) *rrset {
		name = dns.CanonicalName(name)
		for _, s := range sets {
			if s.name == name && s.t == t {
				return s
			}
		}
		s := &rrset{name: name, t: t}
		sets = append(sets, s)
		return s
	}
	for _, rr := range rrs {
		h := rr.Header()
		ttl := time.Duration(h.Ttl) * time.Second
		if sig, ok := rr.(*dns.RRSIG); ok {
			s := find(h.Name, sig.TypeCovered)
			s.sigs, s.ttl = append(s.sigs, sig), max(s.ttl, ttl)
		} else if h.Rrtype != dns.TypeOPT && h.Rrtype != dns.TypeTSIG {
			s := find(h.Name, h.Rrtype)
			s.rrs, s.ttl = append(s.rrs, rr), max(s.ttl, ttl)
		}
	}
	for _, s := range sets {
		s.identify()
	}
	return sets
}

func (s *rrset) identify() {
	var texts []string
	for _, rr := range s.rrs {
		texts = append(texts, rr.String())
	}
	for _, sig := range s.sigs {
		texts = append(texts, sig.String())
	}
	slices.Sort(texts)
	s.id = s.name + dns.TypeToString[s.t] + "\n" + strings.Join(texts, "\n")
}

// gives takes in what a server gives from now on, in the place of what it gave.
func (c *caches) gives(server string, sets []*rrset) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var fresh, given []*rrset
	for _, s := range sets {
		h := c.held[s.id]
		if h == nil || !h.live(now) {
			h = s
			h.of, h.from, h.servers = server, now, map[string]bool{}
			c.held[s.id] = h
			fresh = append(fresh, h)
			c.count[dns.TypeToString[h.t]]++
		}
		h.servers[server] = true
		given = append(given, h)
	}
	for _, h := range c.given[server] {
		if !slices.Contains(given, h) {
			delete(h.servers, server)
			h.until = later(h.until, now.Add(h.ttl))
		}
	}
	c.given[server] = given
	if len(fresh) > 0 {
		c.judge(now, fresh)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// judge asks about every mix that has one of fresh in it; nil stands for all.
func (c *caches) judge(now time.Time, fresh []*rrset) {
	var ds, keys, data []*rrset
	for id, h := range c.held {
		switch {
		case !h.live(now):
			delete(c.held, id)
			maps.DeleteFunc(c.entries, func(p [2]*rrset, _ verdict) bool { return p[0] == h || p[1] == h })
			maps.DeleteFunc(c.under, func(p [2]*rrset, _ verdict) bool { return p[0] == h || p[1] == h })
		case h.t == dns.TypeDS:
			ds = append(ds, h)
		case h.t == dns.TypeDNSKEY:
			keys = append(keys, h)
		default:
			data = append(data, h)
		}
	}
	isNew := func(s *rrset) bool { return fresh == nil || slices.Contains(fresh, s) }
	for _, d := range ds {
		newDS := isNew(d)
		for _, k := range keys {
			newKeys := newDS || isNew(k)
			if newKeys {
				c.mixes++
				if missing := lacks(c.entry(d, k), d, now); missing != "" {
					c.fault("DNSKEY RRset does not follow from DS: algorithm %s\n\t%s\n\t%s", missing, d, k)
				}
			}
			for _, a := range data {
				if !newKeys && !isNew(a) {
					continue
				}
				c.mixes++
				if missing := lacks(c.verdict(k, a), d, now); missing != "" {
					c.fault("%s %s is bogus: algorithm %s\n\t%s\n\t%s\n\t%s", a.name, dns.TypeToString[a.t], missing, d, k, a)
				}
			}
		}
	}
}

// lacks names the algorithms of a DS RRset that a verdict has not.
func lacks(v verdict, ds *rrset, now time.Time) string {
	var missing []string
	for _, rr := range ds.rrs {
		a := rr.(*dns.DS).Algorithm
		name := dns.AlgorithmToString[a]
		if until, ok := v[a]; (!ok || until.Before(now)) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return strings.Join(missing, ", ")
}

func (c *caches) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.known[text] {
		return
	}
	c.known[text] = true
	c.faults = append(c.faults, stamp(time.Now())+": "+text)
}

// entry is a DNSKEY RRset under a DS RRset: a key that a DS is of must have signed it.
func (c *caches) entry(ds, keys *rrset) verdict {
	pair := [2]*rrset{ds, keys}
	v, ok := c.entries[pair]
	if ok {
		return v
	}
	v = verdict{}
	for _, rr := range keys.rrs {
		key := rr.(*dns.DNSKEY)
		for _, d := range ds.rrs {
			d := d.(*dns.DS)
			if of := key.ToDS(d.DigestType); of != nil && of.KeyTag == d.KeyTag && of.Algorithm == d.Algorithm && strings.EqualFold(of.Digest, d.Digest) {
				c.signed(v, keys, key)
			}
		}
	}
	c.entries[pair] = v
	return v
}

// verdict is any other RRset under a DNSKEY RRset.
func (c *caches) verdict(keys, data *rrset) verdict {
	pair := [2]*rrset{keys, data}
	v, ok := c.under[pair]
	if ok {
		return v
	}
	v = verdict{}
	for _, rr := range keys.rrs {
		c.signed(v, data, rr.(*dns.DNSKEY))
	}
	c.under[pair] = v
	return v
}

// signed enters in v the algorithm of key, if that has signed s.
func (c *caches) signed(v verdict, s *rrset, key *dns.DNSKEY) {
	if key.Flags&dns.ZONE == 0 || key.Flags&dns.REVOKE != 0 || key.Protocol != 3 {
		return
	}
	for _, sig := range s.sigs {
		if sig.KeyTag != key.KeyTag() || sig.Algorithm != key.Algorithm || dns.CanonicalName(sig.SignerName) != apex {
			continue
		}
		m := madeBy{s.id, sig.Signature, key.PublicKey}
		good, known := c.made[m]
		if !known {
			good = len(s.rrs) > 0 && sig.Verify(key, s.rrs) == nil
			c.made[m] = good
		}
		if good && !time.Now().Before(time.Unix(int64(sig.Inception), 0)) {
			v[sig.Algorithm] = later(v[sig.Algorithm], time.Unix(int64(sig.Expiration), 0))
		}
	}
}

// again asks about every mix once more: signatures may have ended.
func (c *caches) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.judge(time.Now(), nil)
}

// wrong notes something that no resolver could use.
func (c *caches) wrong(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault(format, args...)
}

// found gives the faults so far.
func (c *caches) found() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}
