package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// view is one as text.
func view(t *testing.T, e *engine.Engine, which string) string {
	t.Helper()
	v, err := e.View(t.Context(), apex, which)
	require.NoError(t, err)
	return strings.Join(slices.Collect(v.Lines()), "")
}

// What is served and the unsigned content can both be taken out. The content has all that
// the file and updates say, and nothing that the signer has made.
func TestViews(t *testing.T) {
	t.Parallel()
	file, dir := write(t, content), t.TempDir()
	e := serve(t, dir, alone(t, file))
	served(t, e)
	require.Contains(t, view(t, e, "signed"), "\tRRSIG\tSOA ")
	const unsigned = `example.org.	300	IN	SOA	ns.example.org. hostmaster.example.org. 1 7200 900 1209600 300
example.org.	300	IN	NS	ns.example.org.
ns.example.org.	300	IN	A	192.0.2.53
www.example.org.	300	IN	A	192.0.2.80
`
	require.Equal(t, unsigned, view(t, e, "content"))
	_, err := e.View(t.Context(), apex, "sealed")
	require.EqualError(t, err, `"sealed" is none of signed and content`)
	_, err = e.View(t.Context(), zone.MustName("example.net."), "signed")
	require.EqualError(t, err, "zone example.net. is not served here")
	require.NoError(t, e.Close())

	e = serve(t, dir, updatable(t, file))
	defer e.Close()
	served(t, e)
	require.Nil(t, send(t, e, "new 60 A 192.0.2.81", "-www 300 A 192.0.2.80"))
	got := view(t, e, "content")
	require.Contains(t, got, "new.example.org.\t60\tIN\tA\t192.0.2.81\n")
	require.NotContains(t, got, "www.example.org.")
	require.NotContains(t, got, "RRSIG")
}

// Of a zone behind a primary the content has the primary's serial, and it is there although
// outsiders are refused; without any, it is said.
func TestViewBehindAPrimary(t *testing.T) {
	t.Parallel()
	p := newScripted(t, nil, text("7", "a.example.org. 60 A 192.0.2.1"))
	p.answers(2, false)
	cfg := alone(t, "")
	cfg.Primaries = append(cfg.Primaries, p.server())
	e := serve(t, t.TempDir(), cfg)
	defer e.Close()
	for _, which := range engine.Views {
		_, err := e.View(t.Context(), apex, which)
		require.EqualError(t, err, "zone example.org. has nothing yet: see status example.org.")
	}
	p.answers(0, false)
	_, err := e.Do(t.Context(), apex, engine.Command{Kind: "reload"})
	require.NoError(t, err)
	eventually(t, "it is served", func() bool { return e.Find(apex).Serving().Version != nil })
	require.True(t, strings.HasPrefix(view(t, e, "content"), "example.org.\t300\tIN\tSOA\tns.example.org. hostmaster.example.org. 7 "))
}
