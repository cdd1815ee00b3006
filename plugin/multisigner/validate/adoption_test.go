package validate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/validate"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// tells is what a version tells parents, and the KSKs that it publishes, of which some sign the DNSKEY
// RRset. All have ZSK 2 and the peer's, 12, beside them.
type tells struct {
	keys, by     []byte
	cds, cdnskey []byte
	ends         bool // deletion is asked for by CDS
	endsKey      bool // and by CDNSKEY
}

const deletesCDNSKEY = "\x00\x00\x03\x00\x00"

// version makes the version that tells so, after another one.
func (p tells) version(t *testing.T, old *zone.Version) *zone.Version {
	t.Helper()
	content := nasty(t)
	in := input(t, content, denial.NSEC)
	if in.Old = old; old != nil {
		in.Serial, in.Renumber = old.Serial()+1, true
	}
	keys, cdnskey := []string{string(key(t, 256, 2).Record), string(key(t, 256, 12).Record)}, []string(nil)
	for _, k := range p.keys {
		keys = append(keys, string(key(t, 257, k).Record))
	}
	in.Keys.DNSKEY = nil
	for _, k := range p.by {
		in.Keys.DNSKEY = append(in.Keys.DNSKEY, key(t, 257, k))
	}
	in.Keys.CDS = []sign.Key{key(t, 256, 2)} // the peer has it, too (PROTOCOL cds-signed-by-all-keys)
	cds := ds(t, content.Apex(), 2, p.cds...)
	cds.Type = zone.TypeCDS
	for _, k := range p.cdnskey {
		cdnskey = append(cdnskey, string(key(t, 257, k).Record))
	}
	if p.ends {
		cds = rrset(content.Apex(), zone.TypeCDS, "\x00\x00\x00\x00\x00")
	}
	if p.endsKey {
		cdnskey = []string{deletesCDNSKEY}
	}
	in.Apex = nil
	for _, s := range []zone.RRset{rrset(content.Apex(), zone.TypeDNSKEY, keys...), cds, rrset(content.Apex(), zone.TypeCDNSKEY, cdnskey...)} {
		if s.Exists() {
			in.Apex = append(in.Apex, s)
		}
	}
	return must(t, in).Version
}

// A parent may take up CDS at any moment. What it says anew, and new keys of ours, cut nobody off who had a
// way in; who had none keeps nothing from changing.
func TestGuardAdoptionOfWhatIsNew(t *testing.T) {
	const cutsOff, peers = "a parent that takes it up cuts off these keys", "(for the peer)"
	one := []byte{1}
	apex := nasty(t).Apex()
	peer := []validate.Seen{{Name: "the peer", Set: peerKeys(t, nasty(t), 2)}} // of KSK 11
	with := func(peer []validate.Seen, parent ...byte) (h validate.Held) {
		if h.Keys = peer; len(parent) > 0 {
			h.DS = []zone.RRset{ds(t, apex, 2, parent...)}
		}
		return h
	}
	for _, tc := range []struct {
		what     string
		held     validate.Held
		old, new tells
		why      []string // none: it passes
	}{
		{"the peer's KSK is left out", with(peer, 1, 11),
			tells{keys: one, by: one, cds: []byte{1, 11}, cdnskey: []byte{1, 11}},
			tells{keys: one, by: one, cds: one, cdnskey: one}, []string{cutsOff, peers}},
		{"the first CDS of a zone without DS leaves out the peer", with(peer),
			tells{keys: one, by: one},
			tells{keys: one, by: one, cds: one, cdnskey: one}, []string{cutsOff, peers}},
		{"the parent has cut off the peer already", with(peer, 1),
			tells{keys: one, by: one},
			tells{keys: one, by: one, cds: one, cdnskey: one}, nil},
		{"the CDS before had cut off the peer already", with(peer, 1, 11),
			tells{keys: one, by: one, cds: one, cdnskey: one},
			tells{keys: one, by: one, cds: []byte{1, 5}, cdnskey: []byte{1, 5}}, nil},
		{"nobody ever led to the peer", with(peer, 1),
			tells{keys: one, by: one, cds: one, cdnskey: one},
			tells{keys: one, by: one, cds: []byte{1, 5}, cdnskey: []byte{1, 5}}, nil},
		{"CDS is withdrawn", with(peer, 1, 11),
			tells{keys: one, by: one, cds: []byte{1, 11}, cdnskey: []byte{1, 11}},
			tells{keys: one, by: one}, nil},
		{"deletion is asked for", with(peer, 1, 11),
			tells{keys: one, by: one, cds: []byte{1, 11}, cdnskey: []byte{1, 11}},
			tells{keys: one, by: one, ends: true, endsKey: true}, nil},
		{"deletion is asked for by CDS alone", with(peer, 1, 11),
			tells{keys: one, by: one},
			tells{keys: one, by: one, ends: true}, []string{"CDS and CDNSKEY are not of the same keys"}},
		{"deletion is asked for by CDNSKEY alone", with(peer, 1, 11),
			tells{keys: one, by: one},
			tells{keys: one, by: one, endsKey: true}, []string{"CDS and CDNSKEY are not of the same keys"}},
		{"they were of other keys before", with(peer, 1, 11),
			tells{keys: one, by: one, cds: []byte{1, 11}, cdnskey: []byte{1}},
			tells{keys: one, by: one, cds: []byte{1, 11}, cdnskey: []byte{1}}, nil},
		{"keys and CDS change at once, and the parent still has both KSKs", with(nil, 1, 3),
			tells{keys: []byte{1, 3}, by: one, cds: one, cdnskey: one},
			tells{keys: []byte{1, 3}, by: []byte{3}, cds: []byte{5}, cdnskey: []byte{5}}, []string{cutsOff}},
		{"the KSK that CDS names signs no longer, before the parent has taken it up", with(nil, 1, 3),
			tells{keys: []byte{1, 3}, by: []byte{1, 3}, cds: one, cdnskey: one},
			tells{keys: []byte{1, 3}, by: []byte{3}, cds: one, cdnskey: one}, []string{cutsOff}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			old := tc.old.version(t, nil)
			v := tc.new.version(t, old)
			require.NotEqual(t, old.Serial(), v.Serial())
			found := faults(old, zone.Compare(old, v), v, tc.held, now)
			if len(tc.why) == 0 {
				require.Empty(t, found)
			}
			for _, why := range tc.why {
				require.Contains(t, found, why)
			}
		})
	}
	v := tells{keys: one, by: one, cds: []byte{5}, cdnskey: []byte{5}}.version(t, nil)
	require.Contains(t, faults(nil, zone.Diff{}, v, with(nil, 1), now), cutsOff, "a first version has no way in to lose but its own")
}

// A peer's signatures have ended, and a KSK that is away has not renewed ours over the keys: neither is made worse
// by a version that changes something else.
func TestGuardLetsContentPassThoughKeysHaveEnded(t *testing.T) {
	one := []byte{1}
	p := tells{keys: one, by: one, cds: []byte{1, 11}, cdnskey: []byte{1, 11}}
	old := p.version(t, nil)
	h := validate.Held{
		DS:   []zone.RRset{ds(t, old.Apex(), 2, 1, 11)},
		Keys: []validate.Seen{{Name: "the peer", Set: peerKeys(t, old, 2)}},
	}
	in := input(t, nasty(t), denial.NSEC)
	in.Old, in.Serial, in.Now, in.Resign = old, old.Serial()+1, now.Add(60*24*time.Hour), true
	in.Apex = nil
	for _, kind := range []zone.Type{zone.TypeDNSKEY, zone.TypeCDS, zone.TypeCDNSKEY} {
		s, _ := old.RRset(old.Apex(), kind)
		in.Apex = append(in.Apex, s.WithSigs(""))
	}
	in.Keys.CDS = []sign.Key{key(t, 256, 2)}
	b := must(t, in).Version.Edit()
	b.Put(dnskeys(old))
	v := b.Version()
	require.Empty(t, faults(old, zone.Compare(old, v), v, h, in.Now))
}
