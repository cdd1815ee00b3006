package roll

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// State is all that roll must not forget. Save it before acting on the Plan that came
// with it. The zero State is that of a zone met for the first time.
type State struct{ f facts }

// facts are moments and what was seen at them. What a key is called (ready, retired)
// is derived anew at each step.
type facts struct {
	Wall   int64  `json:"wall"`             // the wall clock at the last step, Unix nanoseconds
	Steady int64  `json:"steady,omitempty"` // Observation.Steady at the last step
	Clock  moment `json:"clock"`            // our own time: what both of them agree has passed
	Behind []lag  `json:"behind,omitempty"` // how far it was behind the wall clock, and since when

	Keys      []key     `json:"keys,omitempty"`
	Spread    []moment  `json:"spread,omitempty"` // per key and signer: since when all its addresses serve the key
	Signers   []signer  `json:"signers,omitempty"`
	Addresses []address `json:"addresses,omitempty"`
	Named     []naming  `json:"named,omitempty"`
	Served    []served  `json:"served,omitempty"` // the oldest first; the last is what is served, or is about to be

	DSTTL     peaks  `json:"ds_ttl"`
	ParentMet moment `json:"parent_met,omitempty"` // when the parent was first seen
	NoDS      moment `json:"no_ds,omitempty"`      // since when no address of the parent has any DS
	UnknownDS moment `json:"unknown_ds,omitempty"` // when the parent last had a DS that belongs to no known key
	Secured   bool   `json:"secured,omitempty"`    // a DS was seen at the parent at some time
	Recovered moment `json:"recovered,omitempty"`  // when `recover` took keys for ours, and unknown TTLs for a day
	Joining   moment `json:"joining,omitempty"`    // keys were made although others had a DS: outsiders get no answers yet
	CDS       keyIDs `json:"cds,omitempty"`        // what our CDS RRset is to be
	CDSSince  moment `json:"cds_since,omitempty"`
	Known     bool   `json:"known,omitempty"`     // while we join: our DS has been there all along
	Outrun    bool   `json:"outrun,omitempty"`    // while we join: our keys went on without us
	Started   moment `json:"started,omitempty"`   // the last start: nobody had been looked at since
	Past      keyIDs `json:"past,omitempty"`      // forgotten keys that were ours, or have tags of ours, the oldest first
	PastFrom  moment `json:"past_from,omitempty"` // nobody noted what was forgotten before
	Asked     moment `json:"asked,omitempty"`     // while we join: since when no peer asks for a DS RRset without ours
	Told      moment `json:"told,omitempty"`      // when the parent was told of CDS
	Had       bool   `json:"had,omitempty"`       // the parent had a DS of what CDS names, since CDS names anything

	Algorithm uint8     `json:"algorithm,omitempty"` // of the zone: new keys have it
	Moving    uint8     `json:"moving,omitempty"`    // another one that comes or goes
	Orders    orders    `json:"orders"`
	Deletion  moment    `json:"deletion,omitempty"` // since when every address of every signer asks the parent to remove the DS
	Unsigned  bool      `json:"unsigned,omitempty"` // served without DNSSEC
	Waiting   []waiting `json:"waiting,omitempty"`
}

type keyIDs []KeyID

// orders are the operator's, as long as they are not carried out or taken back.
type orders struct {
	RollKSK   moment `json:"roll_ksk,omitempty"`
	RollZSK   moment `json:"roll_zsk,omitempty"`
	Frozen    bool   `json:"frozen,omitempty"`
	Disowned  bool   `json:"disowned,omitempty"`
	Recover   bool   `json:"recover,omitempty"`
	Rejoin    bool   `json:"rejoin,omitempty"`
	Insecure  moment `json:"insecure,omitempty"`
	Algorithm uint8  `json:"algorithm,omitempty"` // that of the zone is to be
}

// key is what is known of one key. The signers' indices are those of facts.Signers;
// 0 is us.
type key struct {
	ID         KeyID    `json:"id"`
	Role       Role     `json:"role"`
	SEP        bool     `json:"sep,omitempty"`
	Owner      int8     `json:"owner"`                // -1: not settled, see Candidates
	Evidence   evidence `json:"evidence,omitempty"`   // for Owner
	Candidates uint32   `json:"candidates,omitempty"` // signers at which it was first seen, as bits

	Created moment `json:"created"`
	Pub     moment `json:"pub,omitempty"`      // in our DNSKEY RRset from then,
	Gone    moment `json:"gone,omitempty"`     // until then
	DataOn  moment `json:"data_on,omitempty"`  // signs our data from then,
	DataOff moment `json:"data_off,omitempty"` // until then
	EntryOn moment `json:"entry_on,omitempty"` // is to have a DS from then,
	Out     moment `json:"out,omitempty"`      // until then

	Double      bool `json:"double,omitempty"` // came in by DoubleDS
	Compromised bool `json:"compromised,omitempty"`
	Hasty       bool `json:"hasty,omitempty"` // and its going waits for no cache, whatever that costs

	Signing bool   `json:"signing,omitempty"`  // a peer's: it was seen to sign, and not yet seen to have stopped
	LastSig moment `json:"last_sig,omitempty"` // a peer's: data signed by it may have been served until then
	Absent  moment `json:"absent,omitempty"`   // a peer's: its owner was seen without it since then
	Lacking moment `json:"lacking,omitempty"`  // a peer's whose owner is not known: some signer has been seen without it since then
	Expired bool   `json:"expired,omitempty"`  // and it was given up
	Unseen  uint32 `json:"unseen,omitempty"`   // one whose owner is not known: signers that may give out data that it has signed, as bits
	Given   moment `json:"given,omitempty"`    // until when anybody may have given out such data
	Shown   moment `json:"shown,omitempty"`    // anyone was last seen to publish it
	DSSince moment `json:"ds_since,omitempty"` // every address of the parent has its DS since then
	DSGone  moment `json:"ds_gone,omitempty"`  // no address of the parent has it since then
	Asked   moment `json:"asked,omitempty"`    // ours: no address of any signer has a CDS RRset without it since then
}

// published reports whether k is in our DNSKEY RRset.
func (k *key) published() bool { return k.Pub != 0 && k.Gone == 0 }

// signing reports whether k, one of ours, signs our data.
func (k *key) signing() bool { return k.DataOn != 0 && k.DataOff == 0 }

// evidence says how an owner is known, the weakest first.
type evidence uint8

const (
	provisional evidence = iota // it was first seen there
	signs                       // it signs what that signer serves
	_
	held // we hold the private key
)

// signer is us or a peer.
type signer struct {
	Name      string `json:"name"`
	Met       moment `json:"met,omitempty"`   // all its addresses were seen for the first time; of us: to serve a version of ours
	Since     moment `json:"since,omitempty"` // trusted, and its keys known, since then
	Knew      bool   `json:"knew,omitempty"`  // of a peer: it has had a key that signed our data
	DNSKEYTTL peaks  `json:"dnskey_ttl"`
	MaxTTL    peaks  `json:"max_ttl"`

	// Of facts.Moving: since when all addresses were seen to sign with it, since when
	// that is known of the whole zone, and since when none has a DNSKEY of it.
	Signed moment `json:"signed,omitempty"`
	Whole  moment `json:"whole_since,omitempty"`
	Clear  moment `json:"clear,omitempty"`
	Proofs proofs `json:"proofs,omitzero"` // of one of other software: what its transfers showed of any algorithm, on its way or not
}

// address is the last look at one address of a signer, or of the parent (-1).
type address struct {
	Signer int8   `json:"signer"`
	Addr   string `json:"addr"`
	Seen   moment `json:"seen"`
	Set    uint64 `json:"set,omitempty"` // of the DNSKEY RRset
	Mark   uint64 `json:"mark,omitempty"`
	Serial uint32 `json:"serial,omitempty"`
	Anew   moment `json:"anew,omitempty"` // each look since then found new signatures of it
}

// waiting remembers since when something is waited for.
type waiting struct {
	What  waitKind `json:"what"`
	Key   KeyID    `json:"key"`
	Since moment   `json:"since"`
	Held  moment   `json:"held,omitempty"` // for more than time to pass, since then
	For   gate     `json:"for,omitempty"`  // what only has to pass,
	Of    KeyID    `json:"of,omitzero"`    // for which key,
	Due   moment   `json:"due,omitempty"`  // when that was first to have, but for what held it since,
	End   moment   `json:"end,omitempty"`  // when it is to have by now,
	Anew  int      `json:"anew,omitempty"` // and how often that was put off
	Why   uint64   `json:"why,omitempty"`  // in formats 1 to 4, for For and Of: the hash of a sentence
}

// Empty reports whether s holds nothing: no Step made it.
func (s State) Empty() bool { return s.f.Clock == 0 }

// saveAfter is how much passing of time may be lost in a crash: waits are that much longer.
const saveAfter = 5 * time.Minute

// Differs reports whether s must be saved when old is what was saved last. The mere
// passing of time counts only after some minutes.
func (s State) Differs(old State) bool {
	a, b := s.f, old.f
	if a.Clock-b.Clock > moment(saveAfter) || b.Clock > a.Clock || old.Empty() {
		return true
	}
	return a.Orders != b.Orders || a.NoDS != b.NoDS || a.ParentMet != b.ParentMet || a.Joining != b.Joining || a.Asked != b.Asked || a.Known != b.Known || a.Outrun != b.Outrun || a.CDSSince != b.CDSSince || a.Told != b.Told || a.Had != b.Had ||
		a.Algorithm != b.Algorithm || a.Moving != b.Moving || a.Unsigned != b.Unsigned || a.Deletion != b.Deletion || a.Secured != b.Secured || !slices.Equal(a.CDS, b.CDS) || !slices.Equal(a.Past, b.Past) || !slices.Equal(a.Spread, b.Spread) ||
		!slices.EqualFunc(a.Keys, b.Keys, sameKey) || !slices.Equal(a.Named, b.Named) || !slices.EqualFunc(a.Served, b.Served, func(v, o served) bool { return v.same(&o) }) || !slices.EqualFunc(a.Signers, b.Signers, sameSigner)
}

// Sharing is s, with those of its lists that old has as well in old's memory.
func (s State) Sharing(old State) State {
	f, o := &s.f, &old.f
	share(&f.Behind, o.Behind)
	share(&f.Keys, o.Keys)
	share(&f.Spread, o.Spread)
	share(&f.Signers, o.Signers)
	share(&f.Addresses, o.Addresses)
	share(&f.Named, o.Named)
	share(&f.CDS, o.CDS)
	share(&f.Past, o.Past)
	share(&f.Waiting, o.Waiting)
	if slices.EqualFunc(f.Served, o.Served, func(v, w served) bool {
		return slices.Equal(v.Signers, w.Signers) && v.MaxTTL == w.MaxTTL && v.KeyTTL == w.KeyTTL && v.First == w.First && v.Last == w.Last && v.Passed == w.Passed
	}) {
		f.Served = slices.Clip(o.Served)
	}
	return s
}

func share[S ~[]T, T comparable](list *S, old S) {
	if slices.Equal(*list, old) {
		*list = slices.Clip(old)
	}
}

// sameKey leaves out the moments that move with every look.
func sameKey(a, b key) bool {
	a.LastSig, b.LastSig, a.Given, b.Given, a.Shown, b.Shown = 0, 0, 0, 0, 0, 0
	return a == b
}

func sameSigner(a, b signer) bool {
	return a.Name == b.Name && a.Met == b.Met && a.Since == b.Since && a.Knew == b.Knew && a.Signed == b.Signed && a.Whole == b.Whole && a.Clear == b.Clear && a.Proofs == b.Proofs && a.DNSKEYTTL.max() == b.DNSKEYTTL.max() && a.MaxTTL.max() == b.MaxTTL.max()
}

// stateFormat is the version of the encoding. Raise it when a field is added whose
// loss would be dangerous for an older program, and keep reading the old ones.
const stateFormat = 5

type encoded struct {
	Format int   `json:"format"`
	Facts  facts `json:"facts"`
}

// Encode returns s for the store. Equal states have equal encodings.
func (s State) Encode() []byte {
	b, err := json.Marshal(encoded{stateFormat, s.f})
	if err != nil {
		panic("encode the state of the keys: " + err.Error()) // plain values: cannot be
	}
	return b
}

// Decode reads what Encode wrote. It refuses what a newer program wrote and what it
// does not understand: guessing about keys is how zones become bogus.
func Decode(b []byte) (State, error) {
	var format struct{ Format int }
	if err := json.Unmarshal(b, &format); err != nil {
		return State{}, fmt.Errorf("decode the state of the keys: %w", err)
	}
	if format.Format > stateFormat {
		return State{}, fmt.Errorf("decode the state of the keys: it has format %d, this program knows up to %d: run the newer program", format.Format, stateFormat)
	}
	if format.Format < 1 {
		return State{}, errors.New("decode the state of the keys: it has no format number")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if format.Format < 4 {
		var e encoded3
		if err := d.Decode(&e); err != nil {
			return State{}, fmt.Errorf("decode the state of the keys: %w", err)
		}
		f := e.upgraded()
		return State{f}, f.check()
	}
	var e encoded
	if err := d.Decode(&e); err != nil {
		return State{}, fmt.Errorf("decode the state of the keys: %w", err)
	}
	e.Facts.dropHashes()
	if format.Format < 5 {
		e.Facts.PastFrom = e.Facts.Clock
	}
	return State{e.Facts}, e.Facts.check()
}

// dropHashes leaves out what formats 1 to 4 knew a wait by. It is taken for a new one, which
// puts off nothing but the alarm that it begins anew again and again.
func (f *facts) dropHashes() {
	for i := range f.Waiting {
		f.Waiting[i].Why = 0
	}
}

// check finds what would make a step panic.
func (f *facts) check() error {
	if len(f.Spread) != len(f.Keys)*len(f.Signers) {
		return fmt.Errorf("decode the state of the keys: %d moments for %d keys and %d signers", len(f.Spread), len(f.Keys), len(f.Signers))
	}
	if len(f.Keys) > keysAtMost {
		return fmt.Errorf("decode the state of the keys: it has %d keys, and there may be %d", len(f.Keys), keysAtMost)
	}
	if f.Clock == 0 {
		return errors.New("decode the state of the keys: it has no time")
	}
	for i := range f.Keys {
		if int(f.Keys[i].Owner) >= len(f.Signers) || f.Keys[i].Owner < -1 || f.Keys[i].Role > CSK {
			return fmt.Errorf("decode the state of the keys: key %s has no known owner or role", f.Keys[i].ID)
		}
	}
	for i := range f.Named {
		if int(f.Named[i].Signer) >= len(f.Signers) || f.Named[i].Signer < -1 {
			return fmt.Errorf("decode the state of the keys: nameserver %q has no known signer", f.Named[i].Addr)
		}
	}
	for i := range f.Addresses {
		if int(f.Addresses[i].Signer) >= len(f.Signers) || f.Addresses[i].Signer < -1 {
			return fmt.Errorf("decode the state of the keys: address %q has no known signer", f.Addresses[i].Addr)
		}
	}
	return nil
}
