package update_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/update"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// side is a zone with a base, and updates over it, as the engine has them.
type side struct {
	t       testing.TB
	base    *zone.Version
	overlay update.Overlay
	parked  update.Parked
	content *zone.Version
	judged  *zone.Version // what the last update made
	now     time.Time
}

func newSide(t testing.TB, base string) *side {
	s := &side{t: t, overlay: update.Overlay{}, now: noon}
	s.rebase(content(t, base))
	return s
}

func (s *side) update(text string) *update.Refusal {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	m := read(s.t, text)
	r, bad := m.Judge(s.content, served)
	if bad != nil {
		return bad
	}
	edits := m.Edits(s.base, s.overlay, s.parked, r, []update.Grant{{Key: "k."}}, "k.", s.now)
	s.overlay, s.judged = s.overlay.With(edits), r.Content
	s.content, s.parked = update.Recompose(s.base, r.Content, s.overlay, s.parked, edits)
	return nil
}

func (s *side) rebase(base *zone.Version) {
	s.overlay = s.overlay.With(update.Settle(base, s.overlay))
	s.base = base
	s.content, s.parked = update.Compose(base, s.overlay)
}

// list is the overlay as lines: what was added, removed, or given another TTL.
func (s *side) list() string {
	var b strings.Builder
	for _, e := range s.overlay.Sorted() {
		fmt.Fprintf(&b, "%s %s +%d -%d", e.Name, e.Type, e.Added.Rdata.Len(), e.Removed.Len())
		if e.TTLSet {
			fmt.Fprintf(&b, " ttl %d", e.TTL)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// A file and updates live together: a new file keeps what updates have done, and takes
// over what it has come to say itself.
func TestRebase(t *testing.T) {
	const a1, a2, a3 = "a.example. 300 A 192.0.2.1\n", "a.example. 300 A 192.0.2.2\n", "a.example. 300 A 192.0.2.3\n"
	const txt = "b.example. 60 TXT \"x\"\n"
	for _, tc := range []struct{ what, base, update, list, next, is, left string }{
		{"added, and the file changes elsewhere", a1, "add b.example. 60 TXT x", "b.example. TXT +1 -0 ttl 60\n", a1 + "z.example. 60 A 192.0.2.9\n", a1 + txt + "z.example. 60 A 192.0.2.9\n", "b.example. TXT +1 -0 ttl 60\n"},
		{"added, and the file has it too", a1, "add a.example. 300 A 192.0.2.2", "a.example. A +1 -0\n", a1 + a2, a1 + a2, ""},
		{"added, and the file loses the rest", a1, "add a.example. 300 A 192.0.2.2", "a.example. A +1 -0\n", "", a2, "a.example. A +1 -0\n"},
		{"removed, and the file has it still", a1 + a2, "delete a.example. A 192.0.2.1", "a.example. A +0 -1\n", a1 + a2 + a3, a2 + a3, "a.example. A +0 -1\n"},
		{"removed, and the file has it no more", a1 + a2, "delete a.example. A 192.0.2.1", "a.example. A +0 -1\n", a2, a2, ""},
		{"an RRset removed, and the file adds to it", a1 + a2, "delete a.example. A", "a.example. A +0 -2\n", a1 + a2 + a3, a3, "a.example. A +0 -2\n"},
		{"another TTL", a1, "add a.example. 60 A 192.0.2.1", "a.example. A +0 -0 ttl 60\n", a1 + a2, strings.ReplaceAll(a1+a2, " 300 ", " 60 "), "a.example. A +0 -0 ttl 60\n"},
		{"another TTL, and the file has it too", a1, "add a.example. 60 A 192.0.2.1", "a.example. A +0 -0 ttl 60\n", strings.Replace(a1, "300", "60", 1), strings.Replace(a1, "300", "60", 1), ""},
		{"another TTL, and the records go", a1, "add a.example. 60 A 192.0.2.1", "a.example. A +0 -0 ttl 60\n", "", "", ""},
		{"the file's TTL changes, and counts", a1, "add a.example. 300 A 192.0.2.2", "a.example. A +1 -0\n", strings.Replace(a1, "300", "60", 1), strings.ReplaceAll(a1+a2, " 300 ", " 60 "), "a.example. A +1 -0\n"},
		{"there, gone, and there: nothing is left", a1, "delete a.example.\nadd a.example. 300 A 192.0.2.1", "", a1, a1, ""},
		{"the SOA's fields, and the file's serial moves", "", "add example. 60 SOA b.example. root.example. 21 1 2 3 4", "example. SOA +1 -1 ttl 60\n", "serial 30", "example. 60 SOA b.example. root.example. 30 1 2 3 4\n", "example. SOA +1 -1 ttl 60\n"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := newSide(t, tc.base)
			require.Nil(t, s.update(tc.update))
			require.Equal(t, tc.list, s.list())
			again, parked := update.Compose(s.base, s.overlay)
			require.Empty(t, parked)
			require.Equal(t, show(s.content), show(again), "the overlay leads from the base to the content")
			next := content(t, "")
			if tc.next == "serial 30" {
				b := next.Edit()
				b.Put(next.SOA().WithSerial(30))
				next = b.Version()
			} else {
				next = content(t, tc.next)
			}
			s.rebase(next)
			require.Empty(t, s.parked)
			require.Equal(t, tc.is, show(s.content))
			require.Equal(t, tc.left, s.list())
		})
	}
}

// What updates have made that does not go with a new file is not served, and not lost: it
// is back when the file lets it, unless somebody has removed it meanwhile.
func TestParked(t *testing.T) {
	const cname = "b.example. 60 CNAME a.example.\n"
	s := newSide(t, "")
	require.Nil(t, s.update("add b.example. 60 TXT x\nadd b.example. 60 A 192.0.2.1\nadd c.example. 60 A 192.0.2.1"))
	s.rebase(content(t, cname))
	require.Equal(t, cname+"c.example. 60 A 192.0.2.1\n", show(s.content))
	require.Equal(t, 2, s.parked.Len())
	require.Equal(t, "b.example. would have a CNAME beside other records (RFC 1034 3.6.2)", s.parked.Why(update.Key{Name: zone.MustName("b.example."), Type: zone.TypeA}))
	s.rebase(content(t, ""))
	require.Empty(t, s.parked)
	require.Contains(t, show(s.content), "b.example. 60 TXT \"x\"\n")

	s.rebase(content(t, cname))
	require.Nil(t, s.update("delete b.example. TXT x\ndelete b.example. TXT y"))
	s.rebase(content(t, ""))
	require.Equal(t, "b.example. 60 A 192.0.2.1\nc.example. 60 A 192.0.2.1\n", show(s.content))

	s.rebase(content(t, cname))
	require.Nil(t, s.update("delete b.example.")) // the file's CNAME too
	s.rebase(content(t, cname))
	require.Equal(t, "c.example. 60 A 192.0.2.1\n", show(s.content))
	s.rebase(content(t, ""))
	require.Equal(t, "c.example. 60 A 192.0.2.1\n", show(s.content))
}

// Who removes all of a name reaches of what is parked there only what his key has a grant
// for, and what does not stay at the apex whoever asks: nothing of it was seen by Permit.
func TestParkedIsGranted(t *testing.T) {
	s := newSide(t, "")
	require.Nil(t, s.update("add b.example. 60 TXT x\nadd b.example. 60 A 192.0.2.1\nadd example. 60 SOA b.example. root.example. 21 1 2 3 4"))
	other, err := zone.ParseText("example. 3600 SOA ns.example. other.example. 7 3600 600 86400 300\nexample. 3600 NS b.example.\nb.example. 60 CNAME a.example.\n")
	require.NoError(t, err)
	s.rebase(other)
	require.Equal(t, 3, s.parked.Len())
	require.Equal(t, update.Key{Name: apex, Type: zone.TypeSOA}, s.parked.First())
	grants := []update.Grant{{Key: "k.", Types: []zone.Type{zone.TypeA, zone.TypeCNAME}}, {Key: "other."}}
	m := read(t, "delete b.example.\ndelete example.")
	require.Nil(t, m.Permit(s.content, []update.Grant{{Key: "k.", Types: grants[0].Types}}, "k.", ""))
	var struck []string
	r, bad := m.Judge(s.content, served)
	require.Nil(t, bad)
	for _, e := range m.Edits(s.base, s.overlay, s.parked, r, grants, "k.", s.now) {
		struck = append(struck, e.Name.String()+" "+e.Type.String())
	}
	require.Equal(t, []string{"b.example. CNAME", "b.example. A"}, struck)
}

// What came after something was parked is served on when the file lets the parked part
// back: it was acknowledged, and resolvers have it.
func TestParkedStaysBehind(t *testing.T) {
	s := newSide(t, "a.example. 60 A 192.0.2.1\n")
	require.Nil(t, s.update("add b.example. 60 CNAME a.example."))
	s.rebase(content(t, "b.example. 60 A 192.0.2.1\n"))
	require.Equal(t, 1, s.parked.Len())
	require.Nil(t, s.update("add b.example. 60 TXT x"))
	s.rebase(content(t, ""))
	require.Equal(t, "b.example. 60 TXT \"x\"\n", show(s.content))
	require.Equal(t, 1, s.parked.Len())
	require.Equal(t, zone.TypeCNAME, s.parked.First().Type)
}

// An update that goes on with an RRset of which a part is parked leaves that part what it
// does not speak of: it was acknowledged, too.
func TestParkedIsGoneOnWith(t *testing.T) {
	const cname = "b.example. 60 CNAME a.example.\n"
	for _, tc := range []struct{ what, base, update, next, then, is, left string }{
		{"what makes room adds to it", "", "add b.example. 60 A 192.0.2.1", cname,
			"delete b.example. CNAME\nadd b.example. 300 A 192.0.2.9", "b.example. 300 A 192.0.2.1\nb.example. 300 A 192.0.2.9\n", "b.example. A +2 -0 ttl 300\nb.example. CNAME +0 -1\n"},
		{"and removes some of it", "", "add b.example. 60 A 192.0.2.1\nadd b.example. 60 A 192.0.2.2", cname,
			"delete b.example. CNAME\ndelete b.example. A 192.0.2.1\nadd b.example. 60 A 192.0.2.9", "b.example. 60 A 192.0.2.2\nb.example. 60 A 192.0.2.9\n", "b.example. A +2 -0 ttl 60\nb.example. CNAME +0 -1\n"},
		{"of CNAMEs there is one, the later", cname, "add b.example. 60 CNAME c.example.", "b.example. 60 CNAME d.example.\n",
			"add b.example. 60 CNAME e.example.", "b.example. 60 CNAME e.example.\n", "b.example. CNAME +1 -1\n"},
		{"and the earlier is back where the file's goes", cname, "add b.example. 60 CNAME c.example.", "b.example. 60 CNAME d.example.\n",
			"delete b.example. CNAME d.example.", "b.example. 60 CNAME c.example.\n", "b.example. CNAME +1 -1\n"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := newSide(t, tc.base)
			require.Nil(t, s.update(tc.update))
			s.rebase(content(t, tc.next))
			require.Equal(t, 1, s.parked.Len())
			require.Nil(t, s.update(tc.then))
			require.Equal(t, tc.is, show(s.content))
			require.Equal(t, tc.left, s.list())
			require.Empty(t, s.parked)
		})
	}
}

// A record that was to be removed, and could not be, stays when an update adds it again.
func TestParkedRemovalIsTakenBack(t *testing.T) {
	apexNS := func(names ...string) *zone.Version {
		text := "example. 3600 SOA ns.example. root.example. 7 3600 600 86400 300\n"
		for _, n := range names {
			text += "example. 3600 NS " + n + "\n"
		}
		v, err := zone.ParseText(text)
		require.NoError(t, err)
		return v
	}
	s := newSide(t, "")
	s.rebase(apexNS("a.", "b."))
	require.Nil(t, s.update("delete example. NS b."))
	s.rebase(apexNS("b."))
	require.Equal(t, 1, s.parked.Len(), "the last one stays")
	require.Nil(t, s.update("add example. 3600 NS b."))
	require.Empty(t, s.parked)
	s.rebase(apexNS("b.", "c."))
	require.Equal(t, sortedShow(apexNS("b.", "c.")), sortedShow(s.content))
}

// What an update has moved below a DNAME is there after a start as well: what only removes
// makes room for what adds at names before it.
func TestDNAMEInTheWay(t *testing.T) {
	s := newSide(t, "x.d.example. 60 A 192.0.2.1\n")
	require.Nil(t, s.update("delete x.d.example.\nadd d.example. 60 DNAME b.example."))
	again, parked := update.Compose(s.base, s.overlay)
	require.Empty(t, parked)
	require.Equal(t, show(s.content), show(again))
}

// Of several names that are in a DNAME's way the first is told, each time the same.
func TestFirstInTheWayOfADNAME(t *testing.T) {
	const want = "b.d.example. would be below the DNAME of d.example. (RFC 6672 2.4)"
	const c, b, below = "c.d.example. 60 A 192.0.2.1\n", "b.d.example. 60 A 192.0.2.1\n", "x.b.d.example. 60 A 192.0.2.1\n"
	for _, tc := range []struct{ base, added string }{
		{"z.d.example. 60 A 192.0.2.1\n", c + below + b},
		{c, below + b},
		{b, c + below},
		{b + c, below},
	} {
		s := newSide(t, "")
		require.Nil(t, s.update("add d.example. 60 DNAME b.example."))
		s.rebase(content(t, tc.base))
		require.Nil(t, s.update("add "+strings.ReplaceAll(strings.TrimSpace(tc.added), "\n", "\nadd ")))
		for range 20 {
			_, parked := update.Compose(s.base, s.overlay)
			require.Equal(t, want, parked.Why(update.Key{Name: zone.MustName("d.example."), Type: zone.TypeDNAME}), "%+v", tc)
		}
	}
	for range 20 {
		_, bad := read(t, "add c.d.example. 60 A 192.0.2.1\nadd b.d.example. 60 A 192.0.2.1\nadd d.example. 60 DNAME b.example.").Judge(content(t, ""), served)
		require.NotNil(t, bad)
		require.Equal(t, want, bad.Text)
	}
}

// No overlay takes the apex its NS records, or hides names behind a DNAME: the base is
// served then.
func TestParkedForms(t *testing.T) {
	for _, tc := range []struct{ what, base, update, next string }{
		{"the last NS", "example. 3600 NS b.example.\n", "delete example. NS b.example.", ""},
		{"a DNAME over names of the file", "", "add d.example. 60 DNAME b.example.", "x.d.example. 60 A 192.0.2.1\n"},
		{"names below a DNAME of the file", "", "add x.d.example. 60 A 192.0.2.1", "d.example. 60 DNAME b.example.\n"},
		{"two CNAMEs", "b.example. 60 CNAME a.example.\n", "add b.example. 60 CNAME c.example.", "b.example. 60 CNAME d.example.\n"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			s := newSide(t, tc.base)
			require.Nil(t, s.update(tc.update))
			var next *zone.Version
			if tc.what == "the last NS" {
				var err error
				next, err = zone.ParseText("example. 3600 SOA ns.example. root.example. 7 3600 600 86400 300\nexample. 3600 NS b.example.\n")
				require.NoError(t, err)
			} else {
				next = content(t, tc.next)
			}
			s.rebase(next)
			require.Equal(t, 1, s.parked.Len())
			require.Equal(t, show(next), show(s.content))
		})
	}
}

// What is saved is read again, in the case of letters in which it came; what is damaged
// or of a newer program is not guessed at.
func TestEncode(t *testing.T) {
	s := newSide(t, "a.example. 300 A 192.0.2.1\na.example. 300 A 192.0.2.2\n")
	require.Nil(t, s.update("delete a.example. A 192.0.2.1\nadd a.example. 60 A 192.0.2.3\nadd B.example. 60 NS Ns.Example.\nadd b.example. 60 NS other.Example."))
	require.Len(t, s.overlay, 2)
	for _, e := range s.overlay.Sorted() {
		again, err := update.Decode(e.Encode(), apex)
		require.NoError(t, err)
		require.Equal(t, e, again)
	}
	for _, text := range []string{
		"", "{}", `{"format":2}`, `{"format":1,"name":"AWEA","type":1}`,
		`{"format":1,"name":"B2V4YW1wbGUA","type":48}`,
		`{"format":1,"name":"B2V4YW1wbGUA","owner":"B2V4YW1wbGUA","type":1,"added":["AA=="]}`,
	} {
		_, err := update.Decode([]byte(text), apex)
		require.Error(t, err, text)
	}
}

// What an update costs while something else is parked: not the whole overlay.
func BenchmarkBesideParked(b *testing.B) {
	s := newSide(b, "")
	for i := range 50 {
		var lines []string
		for j := range 200 {
			lines = append(lines, fmt.Sprintf("add n%d-%d.example. 60 A 192.0.2.1", i, j))
		}
		require.Nil(b, s.update(strings.Join(lines, "\n")))
	}
	s.rebase(content(b, "n0-0.example. 60 CNAME a.example.\n"))
	require.Equal(b, 1, s.parked.Len())
	m := read(b, "add x.example. 60 A 192.0.2.1")
	for b.Loop() {
		r, bad := m.Judge(s.content, served)
		require.Nil(b, bad)
		edits := m.Edits(s.base, s.overlay, s.parked, r, []update.Grant{{Key: "k."}}, "k.", s.now)
		update.Recompose(s.base, r.Content, s.overlay, s.parked, edits)
	}
}
