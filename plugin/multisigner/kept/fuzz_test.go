package kept

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/xfr"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Of whatever stands in the file of what a primary gave, what is read is a version of that
// zone, or nothing with an error; and what is written is read again as the same, with what was
// added, also where the end of that is missing.
func FuzzContent(f *testing.F) {
	apex := zone.MustName("example.")
	first := zone.MustVersion("example. 60 SOA ns. h. 1 1 1 1 1\nexample. 60 NS ns.\nwww.example. 60 A 192.0.2.1\n")
	next := zone.MustVersion("example. 60 SOA ns. h. 2 1 1 1 1\nexample. 60 NS ns.\nwww.example. 60 A 192.0.2.2\n")
	var whole, diff bytes.Buffer
	whole.WriteString(contentHead + "7\n")
	require.NoError(f, xfr.Write(&whole, first))
	diff.WriteString(changesHead + "8\n")
	require.NoError(f, xfr.WriteDiff(&diff, zone.Compare(first, next)))
	f.Add(whole.Bytes(), diff.Bytes())
	f.Add(whole.Bytes(), diff.Bytes()[:diff.Len()-3])
	f.Add(whole.Bytes(), append(bytes.Clone(diff.Bytes()), diff.Bytes()...))
	f.Add(diff.Bytes(), whole.Bytes())
	f.Add([]byte(contentHead+"x\n"), []byte(nil))
	d := Dir{Path: f.TempDir()}
	f.Fuzz(func(t *testing.T, head, more []byte) {
		require.NoError(t, os.WriteFile(d.File(apex, ContentEnding), append(bytes.Clone(head), more...), 0o600))
		came, k, err := d.ReadContent(apex)
		if err != nil {
			require.Nil(t, came)
			return
		}
		require.Equal(t, apex, came.Apex())
		size, err := d.writeContent(apex, came, k.Number)
		require.NoError(t, err)
		again, whole, err := d.ReadContent(apex)
		require.NoError(t, err)
		require.Empty(t, zone.Compare(came, again).Changes)
		require.Equal(t, Content{Number: k.Number, whole: size}, whole)
	})
}
