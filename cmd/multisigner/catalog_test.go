package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// What is asked of catalogs comes to the server, and what it answers to who asks.
func TestCatalogCommand(t *testing.T) {
	s := &server{}
	run := start(t, s)
	out, _, code := run("catalog", "accept", "cat.example")
	require.Zero(t, code)
	require.Equal(t, "cat.example: 12 members are removed\n", out)
	require.Equal(t, []string{"accept cat.example."}, s.told)
	out, _, code = run("catalog", "cat.example")
	require.Zero(t, code)
	require.Contains(t, out, "members  0 named")
	s.ofCatalog = []status.Alarm{{Name: status.AlarmCatalogMass, What: "serial 2 removes 12 of 12 members"}}
	out, _, _ = run("status")
	require.Contains(t, out, "cat.example. ALARM catalog-removes-many: serial 2 removes 12 of 12 members\n")
	_, err, code := run("catalog", "other.example")
	require.Equal(t, exitFailure, code)
	require.Contains(t, err, "other.example. is no catalog here; these are: cat.example.")
	_, err, code = run("catalog", "retransfer", "cat.example")
	require.Equal(t, exitFailure, code)
	require.Contains(t, err, "no removal waits for a person")
	_, err, code = run("catalog", "burn", "cat.example")
	require.Equal(t, exitUsage, code)
	require.Contains(t, err, "say catalog, catalog NAME, catalog accept NAME, or catalog retransfer NAME")
}

// A catalog is shown with what needs a person before its members, and each member that is
// not served says why.
func TestWriteCatalog(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	c := status.Catalog{
		Catalog: "cat.example.", Role: "consumer", At: at, Serial: 7, Primary: "192.0.2.1:53", Refreshed: at.Add(-time.Minute), Next: at.Add(time.Hour),
		Named: 2, Served: 1, Held: 1,
		Alarms: []status.Alarm{{Name: status.AlarmCatalogHeld, About: "b.test.", What: "1 members are held: b.test.", Since: at, Cure: "add a group"}},
		Members: []status.CatalogMember{
			{Zone: "a.test.", ID: "x1", Groups: []string{"gold", "\x1b[2J", "of two"}, Group: "gold", State: "served", Since: at},
			{Zone: "b.test.", ID: "x2", State: "held", Why: "it has no group"},
		},
	}
	var b strings.Builder
	writeCatalog(&b, c)
	require.Equal(t, `catalog    cat.example., consumer
serial     7
from       192.0.2.1:53, current as of 2026-11-30T11:59:00Z (1m0s ago)
asked for  2026-11-30T13:00:00Z (in 1h0m)
members    2 named, 1 served, 1 held, 0 waiting

ALARM catalog-member-held, since 2026-11-30T12:00:00Z (in 0s)
  1 members are held: b.test.
  to do: add a group

ZONE     STATE   GROUP  GROUPS THERE             ID  SINCE                 WHY
a.test.  served  gold   gold "\x1b[2J" "of two"  x1  2026-11-30T12:00:00Z  -
b.test.  held    -      -                        x2  -                     it has no group
`, b.String())
	b.Reset()
	writeCatalogs(&b, []status.Catalog{c})
	require.Equal(t, `CATALOG       ROLE      SERIAL  MEMBERS  SERVED  HELD  WAITING  ALARMS
cat.example.  consumer  7       2        1       1     0        1
cat.example. ALARM catalog-member-held: 1 members are held: b.test.
`, b.String())
}
