//go:build interop

package sign_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Other people's validators must accept what we sign: each algorithm with each
// way to prove absence, over a zone with everything that is special, at first and
// after changes made one by one.
func TestValidatorsAccept(t *testing.T) {
	for _, a := range algorithms {
		for _, m := range modes {
			t.Run(a.name+"/"+m.String(), func(t *testing.T) {
				in := input(t, content(t, "nasty.zone"), a.number, m)
				in.Now = time.Now()
				out := must(t, in)
				accepted(t, out.Version)
				out = changed(t, in, out)
				accepted(t, out.Version)
			})
		}
	}
}

// changed makes changes of all kinds, one after the other.
func changed(t *testing.T, in sign.Input, out sign.Output) sign.Output {
	for _, edit := range []func(*zone.Builder){
		func(b *zone.Builder) { b.Delete(zone.MustName("a.b.c.ent.nasty.example."), zone.TypeA) },
		func(b *zone.Builder) {
			b.Put(rrset(zone.MustName("new.cut.nasty.example."), zone.TypeNS, 60, string(zone.MustName("ns1.nasty.example."))))
		},
		func(b *zone.Builder) {
			b.Put(rrset(zone.MustName("wild.nasty.example."), zone.TypeNS, 60, string(zone.MustName("ns1.nasty.example."))))
		},
		func(b *zone.Builder) { b.Delete(zone.MustName("secure.nasty.example."), zone.TypeNS) },
		func(b *zone.Builder) { b.Delete(zone.MustName("secure.nasty.example."), zone.TypeDS) },
		func(b *zone.Builder) { b.Delete(zone.MustName("moved.nasty.example."), zone.TypeDNAME) },
		func(b *zone.Builder) { b.Delete(zone.MustName("signed.lead.nasty.example."), zone.TypeDS) },
	} {
		b := in.Content.Edit()
		edit(b)
		in.Content, in.Old = b.Version(), out.Version
		in.Serial++
		out = must(t, in)
		require.True(t, out.Changed)
	}
	return out
}

func accepted(t *testing.T, v *zone.Version) {
	t.Helper()
	origin := strings.TrimSuffix(v.Apex().String(), ".")
	path := filepath.Join(t.TempDir(), "zone")
	require.NoError(t, os.WriteFile(path, []byte(zoneText(v)), 0o644))
	anchors := filepath.Join(t.TempDir(), "anchors")
	keys, _ := v.RRset(v.Apex(), zone.TypeDNSKEY)
	require.NoError(t, os.WriteFile(anchors, []byte(zone.Text(keys.WithSigs(""))), 0o644))
	for _, command := range [][]string{
		{"dnssec-verify", "-z", "-o", origin, path},
		{"ldns-verify-zone", "-k", anchors, path},
		{"kzonecheck", "--dnssec", "on", "-o", origin + ".", path},
	} {
		cmd := exec.Command(command[0], command[1:]...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, said.String())
			if keep := os.Getenv("KEEP"); keep != "" {
				require.NoError(t, os.WriteFile(keep, []byte(zoneText(v)), 0o644))
			}
		}
	}
}

func zoneText(v *zone.Version) string {
	var b strings.Builder
	each := func(n *zone.Node) {
		for s := range n.All() {
			b.WriteString(zone.Text(s))
		}
	}
	fmt.Fprint(&b, zone.Text(v.SOA()))
	for n := range v.All() {
		each(n)
	}
	for n := range v.Hashed() {
		each(n)
	}
	// miekg/dns writes unknown types with a class that Knot's reader does not know.
	return strings.ReplaceAll(b.String(), "\tCLASS1\t", "\tIN\t")
}
