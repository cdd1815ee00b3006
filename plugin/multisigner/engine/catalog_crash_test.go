//go:build failpoints

package engine_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// A process that dies while it acts on a catalog goes on from its state directory: it serves
// what the last version that is kept there names, and then what the catalog has; and no key of
// a zone is another than before.
func TestCrashesWhileCatalogIsActedOn(t *testing.T) {
	named := []string{"", "a.test. b.test.", "b.test. c.test.", "a.test. c.test."}
	for _, point := range []string{"content-before", "content-written", "content-after", "members-before", "members-after"} {
		for nth := 1; nth <= 3; nth++ {
			if point == "content-written" && nth > 1 {
				break // from then on changes are added
			}
			t.Run(fmt.Sprint(point, nth), func(t *testing.T) {
				p, clock, dir := newScripted(t, nil, catalogText(1, "a.test. 1", "b.test. 2")), newManual(moment), t.TempDir()
				cfg := consuming(t, p)
				copied := filepath.Join(t.TempDir(), "copied")
				var mu sync.Mutex
				passed := 0
				o := engine.Options{Logger: slog.New(slog.DiscardHandler), Clock: clock}
				o.Failpoint = func(is string) error {
					mu.Lock()
					defer mu.Unlock()
					if is == point {
						if passed++; passed == nth {
							restore(t, copied, dir)
						}
					}
					return nil
				}
				e, err := engine.Open(dir, o)
				require.NoError(t, err)
				recommit(t, e, nil, cfg)
				awaitZones(t, e, named[1])
				p.publish(e, clock, catalogText(2, "b.test. 2", "c.test. 3"))
				awaitZones(t, e, named[2])
				p.publish(e, clock, catalogText(3, "a.test. 1", "c.test. 3"))
				awaitZones(t, e, named[3])
				require.GreaterOrEqual(t, passed, nth)
				require.NoError(t, e.Close())

				p.answers(0, true)
				e = consume(t, clock, copied, nil, cfg)
				last := nth
				if point == "content-before" || nth == 1 && strings.HasPrefix(point, "content") {
					last-- // it is not kept, or the state does not say that there is one
				}
				awaitZones(t, e, named[last])
				keys := map[zone.Name]string{}
				for _, z := range e.Zones() {
					set, _ := e.At(z).Open().RRset(z, zone.TypeDNSKEY)
					keys[z] = string(set.Rdata)
				}
				p.answers(0, false)
				p.set(catalogText(4, "a.test. 1", "b.test. 2", "c.test. 3"))
				eventually(t, "all are served", func() bool { // also if the primary is just being asked
					clock.step(time.Hour)
					return zonesOf(e) == "a.test. b.test. c.test."
				})
				for z, before := range keys {
					set, _ := e.At(z).Open().RRset(z, zone.TypeDNSKEY)
					require.Equal(t, before, string(set.Rdata), z)
				}
			})
		}
	}
}
