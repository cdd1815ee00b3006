package multisigner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	oracle "github.com/coredns/coredns/plugin/pkg/catalog"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/catalog"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// CoreDNS has a parser of its own for catalogs, which shares no line with ours: of whatever
// zone both say the same, or both that it is broken.
func FuzzCatalogAgainstCoreDNS(f *testing.F) {
	const head = "c. 0 SOA . . 1 1 1 1 0\nc. 0 NS invalid.\nversion.c. 0 TXT 2\n"
	for _, more := range []string{
		"", "i.zones.c. 0 PTR a.\ngroup.i.zones.c. 0 TXT x y\ngroup.i.zones.c. 0 TXT z\ncoo.i.zones.c. 0 PTR d.\n",
		"i.zones.c. 0 PTR a.\nj.zones.c. 0 PTR A.\n", "i.zones.c. 0 PTR a.\ni.zones.c. 0 PTR b.\n",
		"i.zones.c. 0 PTR a.\ncoo.i.zones.c. 0 PTR x.\ncoo.i.zones.c. 0 PTR y.\n", "coo.i.zones.c. 0 PTR x.\ncoo.i.zones.c. 0 PTR y.\n",
		"version.c. 0 TXT 1\n", `i\.x.ZONES.c. 0 PTR a\.b.` + "\n", `\000\255.zones.c. 0 PTR \200.` + "\ngroup.\\000\\255.zones.c. 0 TXT \"\\000\"\n",
		"zones.c. 0 PTR a.\nx.i.zones.c. 0 PTR a.\nx.y.i.zones.c. 0 PTR b.\nx.ext.c. 0 PTR d.\n",
	} {
		f.Add(head + more)
	}
	f.Add("c. 0 SOA . . 1 1 1 1 0\nversion.c. 0 TXT 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := zone.ParseText(text)
		if err != nil || v.Apex() == zone.Root { // CoreDNS looks for "version.."
			return
		}
		var rrs []dns.RR
		for n := range v.All() {
			for s := range n.All() {
				rrs = append(rrs, s.RRs()...)
			}
		}
		ours, wrong := catalog.Parse(v)
		theirs, broken := oracle.Parse(v.Apex().String(), rrs)
		require.Equal(t, broken == nil, wrong == nil, "CoreDNS: %v\nwe: %v\n%s", broken, wrong, text)
		if wrong != nil {
			return
		}
		var all, others []string
		for name, m := range ours.Members {
			all = append(all, fmt.Sprintf("%s %s %q %s", name, catalog.Text(m.ID), m.Groups, m.Coo))
		}
		for _, m := range theirs.Members {
			name, err := zone.ParseName(m.Zone)
			require.NoError(t, err)
			id, err := zone.ParseName(m.ID + ".")
			require.NoError(t, err)
			var coo zone.Name
			if m.ChangeOfOwnership != "" {
				coo = zone.MustName(m.ChangeOfOwnership)
			}
			var groups []string
			for _, g := range m.Groups {
				groups = append(groups, unescaped(g))
			}
			slices.Sort(groups)
			others = append(others, fmt.Sprintf("%s %s %q %s", name, strings.TrimSuffix(id.String(), "."), groups, coo))
		}
		require.ElementsMatch(t, others, all)
	})
}

// unescaped is the text of a TXT record, which the library has in presentation form.
func unescaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\' || i+1 == len(text):
			b.WriteByte(text[i])
		case i+3 < len(text) && text[i+1] >= '0' && text[i+1] <= '9':
			n, _ := strconv.Atoi(text[i+1 : i+4])
			b.WriteByte(byte(n))
			i += 3
		default:
			i++
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
