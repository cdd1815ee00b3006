package roll_test

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/roll"
)

var rewrite = flag.Bool("rewrite", false, "write what happens into testdata/*.txt")

// Each file in testdata is a story: prose, then what the world does (`at 1h peer b
// publishes ...`), and after each of these lines, marked with >, all that our signer
// then does until the next. Time runs from wake to wake. Read them as DNS; to accept
// a change of behaviour run `go test ./plugin/multisigner/roll -rewrite` and read the diff.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			got := play(t, string(text))
			if *rewrite {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(text), got, "if this is meant, run with -rewrite")
		})
	}
}

// start is when every story begins.
var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// story is a world with one signer of ours in it.
type story struct {
	t      *testing.T
	out    strings.Builder
	now    time.Time
	policy roll.Policy
	state  roll.State
	backup roll.State
	plan   roll.Plan
	own    []roll.OwnKey
	names  map[roll.KeyID]string
	made   int
	serial uint32

	published roll.Published
	maxTTL    time.Duration
	peers     map[string]*peer
	order     []string
	parent    []roll.ParentAddress
	self      []roll.Address
	secondary bool      // self is one that serves what we do,
	lags      bool      // or what we did when it began to lag
	asked     time.Time // the last look at the parent, if it is looked at no more
	steady    time.Time
	useSteady bool
	crashes   bool // between save and show, at the next step
	blind     bool // a process has started, and has looked at nobody yet
	shown     map[string]string
	backupOwn []roll.OwnKey
	lost      []roll.OwnKey
}

type peer struct {
	view    roll.View
	mirrors bool
	own     []roll.KeyID
	cds     []roll.KeyID  // of its own keys
	whole   *roll.Address // what a transfer shows at the next step alone
	kept    *roll.Address // what a transfer that is not made anew shows at each step
	lags    bool          // its second address serves what it did
	looked  time.Time     // the last look at it, if it is looked at no more
}

func begin(t *testing.T) *story {
	s := &story{t: t, now: start, names: map[roll.KeyID]string{}, peers: map[string]*peer{}, shown: map[string]string{"serves": "it signed"}, maxTTL: time.Hour}
	s.policy = roll.Policy{Signer: "a", Split: true, Algorithm: 13, DNSKEYTTL: time.Hour, Margin: time.Hour, Parent: roll.ParentScan}
	s.policy.Tags = func(tag uint16) bool { // those of keys with our name
		for id, name := range s.names {
			if id.Tag == tag && strings.HasPrefix(name, s.policy.Signer) {
				return true
			}
		}
		return false
	}
	return s
}

func play(t *testing.T, text string) string {
	s := begin(t)
	s.plays(text)
	return s.out.String()
}

func (s *story) plays(text string) {
	t := s.t
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, ">") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) > 2 && fields[0] == "at" {
			s.runUntil(start.Add(duration(t, fields[1])))
			s.out.WriteString(line + "\n")
			if s.do(fields[2:]); !s.blind {
				s.step()
			}
			s.blind = false
			continue
		}
		s.out.WriteString(line + "\n")
		if len(fields) > 0 && fields[0] != "#" {
			s.configure(fields)
		}
	}
}

// runUntil steps at each wake time before end.
func (s *story) runUntil(end time.Time) {
	for range 1000 {
		wake := s.plan.Wake
		if wake.IsZero() || wake.After(end) {
			break
		}
		s.pass(wake)
		s.step()
	}
	s.pass(end)
}

func (s *story) pass(to time.Time) {
	if s.useSteady {
		s.steady = s.steady.Add(to.Sub(s.now))
	}
	s.now = to
}

func (s *story) configure(f []string) {
	p := &s.policy
	switch f[0] {
	case "signer":
		p.Signer = f[1]
	case "peer":
		n := roll.Peer{Name: f[1], Foreign: slices.Contains(f, "foreign")}
		p.Peers = append(p.Peers, n)
	case "no-peer": // its block was taken out
		p.Peers = slices.DeleteFunc(slices.Clone(p.Peers), func(o roll.Peer) bool { return o.Name == f[1] })
	case "keys":
		p.Split = f[1] == "split"
	case "lifetime":
		if f[1] == "zsk" {
			p.LifetimeZSK = duration(s.t, f[2])
		} else {
			p.LifetimeKSK = duration(s.t, f[2])
		}
	case "ttl":
		p.DNSKEYTTL, s.maxTTL = duration(s.t, f[1]), duration(s.t, f[2])
	case "margin":
		p.Margin = duration(s.t, f[1])
	case "parent":
		p.Parent = map[string]roll.ParentMode{"none": roll.ParentNone, "scan": roll.ParentScan, "manual": roll.ParentManual}[f[1]]
	case "hosts":
		p.Hosts = f[1:]
	case "ds":
		p.Variant = map[string]roll.Variant{"swap": roll.SwapDS, "double": roll.DoubleDS}[f[1]]
	case "algorithm":
		n, err := strconv.Atoi(f[1])
		require.NoError(s.t, err)
		p.Algorithm = uint8(n)
	case "online":
		for i := range p.Peers {
			p.Peers[i].Online = p.Peers[i].Online || p.Peers[i].Name == f[1]
		}
	case "resign":
		for i := range p.Peers {
			if p.Peers[i].Name == f[1] {
				p.Peers[i].Resign = duration(s.t, f[2])
			}
		}
	case "standby":
		p.Standby = true
	case "earlier":
		p.EarlierTTL = duration(s.t, f[1])
	case "propagation":
		if f[1] == p.Signer {
			p.Propagation = duration(s.t, f[2])
		}
		for i := range p.Peers {
			if p.Peers[i].Name == f[1] {
				p.Peers[i].Propagation = duration(s.t, f[2])
			}
		}
	case "steady":
		s.useSteady, s.steady = true, start
	default:
		s.t.Fatalf("unknown setting %q", f)
	}
}

// twoSigners is a story of us and b, eight hours old: both are signed, and the parent has
// no DS yet. More lines are told at its beginning.
func twoSigners(t *testing.T, more ...string) *story {
	s := begin(t)
	s.configure([]string{"peer", "b"})
	s.tell("peer b publishes ksk b1 zsk b2")
	for _, line := range append(more, "peer b mirrors", "parent ds") {
		s.tell(line)
	}
	s.runUntil(start.Add(8 * time.Hour))
	return s
}

// tell lets one line happen, and has its step.
func (s *story) tell(line string) {
	s.do(strings.Fields(line))
	s.step()
}

// do carries out what follows `at TIME`.
func (s *story) do(f []string) {
	switch f[0] {
	case "begin":
	case "peer":
		s.doPeer(f[1], f[2:])
	case "parent":
		s.doParent(f[1:])
	case "nameserver": // that nobody has named
		if f[2] == "lags" || f[2] == "catches-up" {
			s.lags = f[2] == "lags"
			break
		}
		s.self, s.secondary = nil, f[2] == "is-named"
		switch {
		case s.secondary: // for TTL; it serves what we do
			s.self = []roll.Address{{Addr: f[1], State: roll.Good, Since: s.now, Named: duration(s.t, f[3])}}
		case f[2] != "is-gone":
			state := map[string]roll.AddressState{"is-not-found": roll.Unfound, "is-silent": roll.Unreachable}[f[2]]
			s.self = []roll.Address{{Addr: f[1], State: state, Unclaimed: true}}
		}
	case "roll":
		if f[1] == "algorithm" {
			n, err := strconv.Atoi(f[2])
			require.NoError(s.t, err)
			s.command(roll.Command{Kind: roll.RollAlgorithm, Algorithm: uint8(n)})
			break
		}
		s.command(roll.Command{Kind: roll.RollKey, Role: map[string]roll.Role{"ksk": roll.KSK, "zsk": roll.ZSK, "csk": roll.CSK}[f[1]]})
	case "order":
		kinds := map[string]roll.Kind{"freeze": roll.Freeze, "thaw": roll.Thaw, "recover": roll.Recover, "rejoin": roll.Rejoin,
			"disown": roll.Disown, "abort": roll.Abort, "compromised": roll.Compromised, "insecure": roll.Insecure, "secure": roll.Secure}
		c := roll.Command{Kind: kinds[f[1]], Hasty: slices.Contains(f, "hasty")}
		if len(f) > 2 {
			c.Key = s.id(f[2])
		}
		s.command(c)
	case "configure":
		s.configure(f[1:])
	case "lose":
		if f[1] == "state" {
			s.state = roll.State{}
		} else {
			s.own = slices.DeleteFunc(s.own, func(o roll.OwnKey) bool {
				is := s.names[o.ID] == f[2]
				if is {
					s.lost = append(s.lost, o)
				}
				return is
			})
		}
	case "find": // the keys that were lost
		s.own, s.lost = append(s.own, s.lost...), nil
	case "crashes": // when it has saved what comes next, before that is shown
		s.crashes = true
	case "backup":
		s.backup, s.backupOwn = s.state, slices.Clone(s.own)
	case "restore": // keys: those of then, too
		s.state, s.published = s.backup, roll.Published{}
		if len(f) > 1 {
			s.own = slices.Clone(s.backupOwn)
		}
		s.start()
	case "restart": // slowly: the first look ends with the next line
		s.start()
		s.blind = len(f) > 1
	case "clock":
		s.now = s.now.Add(duration(s.t, f[1]))
	default:
		s.t.Fatalf("unknown event %q", f)
	}
}

// start is the first turn of a process: nobody was looked at yet.
func (s *story) start() {
	var plan roll.Plan
	s.state, plan = roll.Step(s.state, s.policy, roll.Observation{Steady: s.steady, Own: s.own, Published: s.published}, s.now)
	require.True(s.t, plan.Blind)
}

func (s *story) command(c roll.Command) {
	next, err := roll.Do(s.state, c, s.policy, s.now)
	if err != nil {
		s.out.WriteString(s.named("> refused: "+err.Error()) + "\n")
		return
	}
	s.state = next
}

func (s *story) doPeer(name string, f []string) {
	p := s.peers[name]
	if p == nil {
		p = &peer{view: roll.View{Name: name, Trusted: true, Addresses: []roll.Address{{Addr: name + "1", State: roll.Good, Since: s.now, DNSKEYTTL: time.Hour}}}}
		s.peers[name] = p
		s.order = append(s.order, name)
	}
	a := &p.view.Addresses[0]
	if f[0] == "second" { // of two addresses; it serves what the first one does, unless it lags
		if f = f[1:]; len(p.view.Addresses) < 2 {
			p.view.Addresses = append(p.view.Addresses, *a)
			p.view.Addresses[1].Addr, p.view.Addresses[1].Since = name+"2", s.now
		}
		a = &p.view.Addresses[1]
	}
	switch f[0] {
	case "is-named": // a nameserver, for TTL
		a.Named = duration(s.t, f[1])
	case "is-gone": // nothing names the last of its addresses, and nobody looks at it any more
		p.view.Addresses = p.view.Addresses[:1]
	case "is-looked-at":
		p.looked = time.Time{}
	case "is-looked-at-no-more": // and is as it was
		p.looked = s.now
	case "lags":
		p.lags = true
	case "catches-up":
		p.lags = false
	case "gives-a-transfer": // of what it has now, and none later
		kept := *a
		kept.Transfer = true
		p.kept = &kept
	case "publishes": // its own keys: b1 b2 ...; ksk, zsk or csk, idle, mute or copy before a name says what it does
		p.own, a.SEP, a.Entry, a.DataSigners, a.DNSKEY = nil, nil, nil, nil, nil
		role := ""
		for _, word := range f[1:] {
			if word == "ksk" || word == "zsk" || word == "csk" || word == "idle" || word == "mute" || word == "copy" {
				role = word
				continue
			}
			id := s.id(word)
			a.DNSKEY = append(a.DNSKEY, id)
			if role != "copy" {
				p.own = append(p.own, id)
			}
			if role == "ksk" || role == "csk" {
				a.SEP = append(a.SEP, id)
			}
			if role != "copy" && role != "zsk" && role != "mute" { // idle keys show whose they are
				a.Entry = append(a.Entry, id)
			}
			if role == "zsk" || role == "csk" {
				a.DataSigners = append(a.DataSigners, id)
			}
		}
	case "cds":
		a.CDS, a.CDNSKEY, p.cds = s.ids(f[1:]), s.ids(f[1:]), nil
		for _, id := range a.CDS {
			if contains(p.own, id) {
				p.cds = append(p.cds, id)
			}
		}
	case "cds-unknown": // so many more records, of keys that nobody has seen
		a.UnknownCDS = int(s.number(f[1]))
	case "cds-uneven": // in a digest type that these keys do not have
		a.UnevenCDS = s.ids(f[1:])
	case "signs": // with these algorithms, whether their keys are published or not
		a.Algorithms = s.algorithms(f[1:])
	case "serial":
		a.Serial = s.number(f[1])
	case "transfers": // SERIAL signs ALGORITHM...: all of it
		whole := *a
		whole.Transfer, whole.Serial, whole.Algorithms = true, s.number(f[1]), s.algorithms(f[3:])
		p.whole = &whole
	case "refuses-transfers":
		p.view.NoTransfer = "answered REFUSED"
	case "asks-for-deletion":
		a.CDS, a.CDNSKEY, a.CDSDelete, p.mirrors = nil, nil, true, false
	case "mirrors":
		a.CDSDelete = false
		p.mirrors = true
	case "stops-mirroring":
		p.mirrors = false
	case "is":
		a.State = map[string]roll.AddressState{"good": roll.Good, "unreachable": roll.Unreachable, "partial": roll.Partial, "bogus": roll.Bogus, "unsigned": roll.Unsigned}[f[1]]
		if a.State == roll.Good {
			a.Since = s.now
		}
		p.view.Trusted, p.view.Why = f[1] != "untrusted" && f[1] != "unsigned", ""
		if f[1] == "unsigned" {
			p.view.Why = "DNSKEY: it has none"
		}
	case "ttl":
		a.DNSKEYTTL = duration(s.t, f[1])
	case "blinks":
		a.Mark++
	default:
		s.t.Fatalf("unknown event of a peer %q", f)
	}
}

func (s *story) doParent(f []string) {
	if len(s.parent) == 0 {
		s.parent = []roll.ParentAddress{{Addr: "parent1", State: roll.Good, TTL: time.Hour, Since: s.now}}
	}
	p := &s.parent[0]
	if f[0] == "second" { // of two addresses
		if f = f[1:]; len(s.parent) < 2 {
			s.parent = append(s.parent, *p)
			s.parent[1].Addr, s.parent[1].Since = "parent2", s.now
		}
		p = &s.parent[1]
	}
	switch f[0] {
	case "is-looked-at":
		s.asked = time.Time{}
	case "is-looked-at-no-more": // and is as it was
		s.asked = s.now
	case "has-no-address": // that anybody knows
		s.parent = nil
	case "ds":
		p.DS = s.ids(f[1:])
	case "ds-uneven":
		p.UnevenDS = s.ids(f[1:])
	case "stranger":
		p.UnknownDS, _ = strconv.Atoi(f[1])
	case "ns":
		p.NS = f[1:]
	case "ttl":
		p.TTL = duration(s.t, f[1])
	case "is":
		p.State = map[string]roll.AddressState{"good": roll.Good, "unreachable": roll.Unreachable}[f[1]]
		if p.State == roll.Good {
			p.Since = s.now
		}
	default:
		s.t.Fatalf("unknown event of the parent %q", f)
	}
}

func (s *story) number(word string) uint32 {
	n, err := strconv.ParseUint(word, 10, 32)
	require.NoError(s.t, err)
	return uint32(n)
}

func (s *story) algorithms(words []string) (all []uint8) {
	for _, word := range words {
		all = append(all, uint8(s.number(word)))
	}
	return all
}

// step steps until no key is asked for, then again until our servers have what the
// plan says, and writes down what changed.
func (s *story) step() {
	for range 10 {
		before := s.plan
		s.mirror()
		s.state, s.plan = roll.Step(s.state, s.policy, s.observation(), s.now)
		s.round()
		for _, r := range s.plan.Generate {
			s.made++
			name := s.policy.Signer + strconv.Itoa(s.made)
			if r.Algorithm != 13 {
				name += "@" + strconv.Itoa(int(r.Algorithm))
			}
			id := s.id(name)
			s.own = append(s.own, roll.OwnKey{ID: id, Role: r.Role, SEP: r.Role != roll.ZSK})
		}
		for _, id := range s.plan.Destroy {
			s.own = slices.DeleteFunc(s.own, func(o roll.OwnKey) bool { return o.ID == id })
		}
		if s.crashes && len(s.plan.Generate) == 0 && !slices.Equal(before.SignData, s.plan.SignData) {
			s.crashes, s.plan = false, roll.Plan{}
			s.out.WriteString("> crashes before it shows that\n")
			return
		}
		s.publish()
		if len(s.plan.Generate) == 0 && slices.Equal(before.DNSKEY, s.plan.DNSKEY) && slices.Equal(before.SignData, s.plan.SignData) && slices.Equal(before.CDS, s.plan.CDS) && before.CDSDelete == s.plan.CDSDelete {
			break
		}
	}
	for _, p := range s.peers {
		p.whole = nil
	}
	s.show()
}

// round is a restart at every step: nothing may live outside the encoded state.
func (s *story) round() {
	b := s.state.Encode()
	again, err := roll.Decode(b)
	require.NoError(s.t, err)
	require.Equal(s.t, string(b), string(again.Encode()))
	s.state = again
}

func (s *story) publish() {
	if len(s.plan.SignData) == 0 {
		return
	}
	s.serial++
	if s.plan.Unsigned {
		s.published = roll.Published{MaxTTL: s.maxTTL, Serial: s.serial}
		return
	}
	s.published = roll.Published{DNSKEY: s.plan.DNSKEY, DNSKEYTTL: s.policy.DNSKEYTTL, MaxTTL: s.maxTTL, Serial: s.serial,
		Signers: s.plan.SignData, Entry: s.plan.SignDNSKEY, CDS: s.plan.CDS, CDSDelete: s.plan.CDSDelete}
	for _, id := range s.plan.SignData {
		if !slices.Contains(s.published.Algorithms, id.Algorithm) {
			s.published.Algorithms = append(s.published.Algorithms, id.Algorithm)
		}
	}
}

func (s *story) observation() roll.Observation {
	o := roll.Observation{Looked: true, Own: s.own, Published: s.published, Self: roll.View{Addresses: s.self}, Parent: roll.ParentView{Addresses: slices.Clone(s.parent)}}
	if s.useSteady {
		o.Steady = s.steady
	}
	if v := s.published; s.secondary {
		a := &s.self[0]
		if a.Seen = s.now; !s.lags {
			a.State, a.Serial, a.DNSKEYTTL, a.MaxTTL = roll.Good, v.Serial, v.DNSKEYTTL, v.MaxTTL
			a.DNSKEY, a.Entry, a.DataSigners, a.Algorithms, a.CDS, a.CDNSKEY, a.CDSDelete = v.DNSKEY, v.Entry, v.Signers, v.Algorithms, v.CDS, v.CDS, v.CDSDelete
			if s.plan.Unsigned {
				a.State = roll.Unsigned
			} else if len(v.CDS) > 0 || v.CDSDelete { // a look asks for CDS, too
				a.DataSigners = slices.Concat(v.Signers, s.plan.SignCDS)
			}
		}
	}
	for i := range o.Parent.Addresses {
		if o.Parent.Addresses[i].Seen = s.now; !s.asked.IsZero() {
			o.Parent.Addresses[i].Seen = s.asked
		}
	}
	for _, name := range s.order {
		v := s.peers[name].view
		v.Addresses = slices.Clone(v.Addresses)
		if whole := s.peers[name].whole; whole != nil {
			v.Addresses = append(v.Addresses, *whole)
		}
		if kept := s.peers[name].kept; kept != nil {
			v.Addresses = append(v.Addresses, *kept)
		}
		for i := range v.Addresses {
			if v.Addresses[i].Seen = s.now; !s.peers[name].looked.IsZero() {
				v.Addresses[i].Seen = s.peers[name].looked
			}
		}
		o.Peers = append(o.Peers, v)
	}
	return o
}

// mirror lets the peers that do as we do copy our keys and our CDS.
func (s *story) mirror() {
	for _, name := range s.order {
		p := s.peers[name]
		a := &p.view.Addresses[0]
		s.follow(p)
		if !p.mirrors || a.State != roll.Good || len(s.published.DNSKEY) == 0 && len(a.DNSKEY) > 0 {
			continue
		}
		a.DNSKEY = slices.Clone(p.own)
		for _, id := range s.published.DNSKEY {
			if !contains(p.own, id) && strings.HasPrefix(s.names[id], s.policy.Signer) {
				a.DNSKEY = append(a.DNSKEY, id)
			}
		}
		for _, other := range s.order {
			if other != name {
				a.DNSKEY = append(a.DNSKEY, s.peers[other].own...)
			}
		}
		a.CDS, a.CDNSKEY = s.published.CDS, s.published.CDS
		s.follow(p)
	}
}

// follow lets the second address of a peer serve what the first does, if it answers and does
// not lag.
func (s *story) follow(p *peer) {
	if len(p.view.Addresses) < 2 || p.lags {
		return
	}
	if b := &p.view.Addresses[1]; b.State == roll.Good || b.State == roll.Partial {
		next := p.view.Addresses[0]
		next.Addr, next.State, next.Since, next.Named = b.Addr, b.State, b.Since, b.Named
		*b = next
	}
}

// show writes down what differs from the last time.
func (s *story) show() {
	lines := []struct{ what, text string }{
		{"refuses", s.plan.Refuse},
		{"dnskey", s.list(s.plan.DNSKEY)},
		{"signs dnskey", s.list(s.plan.SignDNSKEY)},
		{"signs data", s.list(s.plan.SignData)},
		{"cds", s.list(s.plan.CDS) + map[bool]string{true: "delete"}[s.plan.CDSDelete]},
		{"prints", map[bool]string{true: "no DS set"}[len(s.plan.CDS) > 0 && len(s.plan.DS) == 0]},
		{"serves", map[bool]string{true: "the zone unsigned", false: "it signed"}[s.plan.Unsigned]},
	}
	at := s.now.Sub(start).String()
	for _, l := range lines {
		if l.text == s.shown[l.what] {
			continue
		}
		s.shown[l.what] = l.text
		if l.text == "" {
			l.text = "-"
		}
		fmt.Fprintf(&s.out, "> %-9s %s: %s\n", at, l.what, l.text)
	}
	for _, tell := range s.plan.TellParent {
		fmt.Fprintf(&s.out, "> %-9s tells the parent: %s\n", at, tell)
	}
	for _, id := range s.plan.Destroy {
		fmt.Fprintf(&s.out, "> %-9s destroys %s\n", at, s.names[id])
	}
	s.news(at, "waits to", s.waits())
	s.news(at, "alarm", s.alarms())
}

// news writes the lines that were not there last time.
func (s *story) news(at, what string, lines []string) {
	for _, line := range lines {
		if !strings.Contains(s.shown[what], line+"\n") {
			fmt.Fprintf(&s.out, "> %-9s %s %s\n", at, what, line)
		}
	}
	s.shown[what] = strings.Join(lines, "\n") + "\n"
}

func (s *story) waits() []string {
	var lines []string
	for _, w := range s.plan.Waits {
		line := w.What + ", for " + w.Why
		if len(w.Holding) > 0 {
			line += " [" + strings.Join(w.Holding, ", ") + "]"
		}
		if !w.Earliest.IsZero() && len(w.Holding) == 0 { // else it moves with every look
			line += ", until " + w.Earliest.Sub(start).String()
		}
		lines = append(lines, s.named(line))
	}
	return lines
}

func (s *story) alarms() []string {
	var lines []string
	for _, a := range s.plan.Alarms {
		lines = append(lines, s.named(a.What))
	}
	return lines
}

// named puts the story's names of keys in the place of their tags; keys that share a
// tag are named together.
func (s *story) named(text string) string {
	byTag := map[uint16][]string{}
	for id, name := range s.names {
		byTag[id.Tag] = append(byTag[id.Tag], name)
	}
	for tag, names := range byTag {
		slices.Sort(names)
		text = strings.ReplaceAll(text, " "+strconv.Itoa(int(tag)), " "+strings.Join(names, "|"))
	}
	return text
}

// id makes a key of its name: the letters are its owner, and it may carry a tag of
// another key, as b1=a2, and an algorithm, as b1@15.
func (s *story) id(name string) roll.KeyID {
	name, like, _ := strings.Cut(name, "=")
	algorithm := 13
	if _, number, ok := strings.Cut(name, "@"); ok {
		algorithm, _ = strconv.Atoi(number)
	}
	sum := sha256.Sum256([]byte(name))
	id := roll.KeyID{Algorithm: uint8(algorithm), Tag: 10000 + uint16(sum[0])<<6 + uint16(sum[1]), Sum: binary.BigEndian.Uint64(sum[:])}
	if like != "" {
		id.Tag = s.id(like).Tag
	}
	s.names[id] = name
	return id
}

func (s *story) ids(names []string) []roll.KeyID {
	ids := make([]roll.KeyID, 0, len(names))
	for _, name := range names {
		ids = append(ids, s.id(name))
	}
	slices.SortFunc(ids, roll.KeyID.Compare)
	return ids
}

func (s *story) list(ids []roll.KeyID) string {
	var names []string
	for _, id := range ids {
		names = append(names, s.names[id])
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func contains(ids []roll.KeyID, id roll.KeyID) bool { return slices.Contains(ids, id) }

func duration(t *testing.T, text string) time.Duration {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		require.NoError(t, err)
		return time.Duration(n) * 24 * time.Hour
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}
