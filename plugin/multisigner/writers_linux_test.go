package multisigner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// taking is one of two signers of a zone of which one has the content from the other.
type taking struct {
	home
	*running
	text string
}

// writers starts them: a with a zone file, b without. Each names the other as its primary.
func writers(t *testing.T) (a, b *taking) {
	t.Helper()
	atA, atB := twoPorts(t)
	text := func(own, other int, file string) string {
		return fmt.Sprintf(".:%d {\nCOMMON\ntsig {\nsecret content. %s\nsecret xfr-key. %s\n}\nmultisigner example.org {\n%sparent none\nprimary 127.0.0.1:%d key content.\nprimary-refresh 1s 2s\n"+
			"content-transfer 127.0.0.1:%[5]d key content.\nallow-transfer key xfr-key.\nupdate key xfr-key.\nupdate key content.\nupdate forward\n}\n}\n", own, keySecret, keySecret, file, other)
	}
	a = &taking{home: newHome(t), text: text(atA, atB, "file db.{zone}\n")}
	b = &taking{home: newHome(t), text: text(atB, atA, "")}
	a.zone("example.org", 7, "www A 192.0.2.1")
	a.begin()
	b.begin()
	b.has("www")
	return a, b
}

func (w *taking) begin() { w.running = w.start(w.text) }

func (w *taking) status() status.Zone {
	s, err := client.New(w.state()).Zone(w.home.t.Context(), "example.org")
	require.NoError(w.home.t, err)
	return s
}

// has waits until the names are served.
func (w *taking) has(names ...string) {
	w.home.t.Helper()
	for _, n := range names {
		require.Eventually(w.home.t, func() bool { return len(w.ask("udp", query4(n+".example.org.", dns.TypeA)).Answer) > 0 }, 30*time.Second, 10*time.Millisecond, n)
	}
}

func (w *taking) lacks(name string) {
	w.home.t.Helper()
	require.Eventually(w.home.t, func() bool { return w.ask("udp", query4(name+".example.org.", dns.TypeA)).Rcode == dns.RcodeNameError }, 30*time.Second, 10*time.Millisecond, name)
}

func (w *taking) promote() {
	w.home.t.Helper()
	_, err := client.New(w.state()).Do(w.home.t.Context(), "example.org", "promote")
	require.NoError(w.home.t, err)
}

// adds sends an update that adds a name, until it is taken: a signer may not know yet who
// is the writer.
func (w *taking) adds(name string) {
	w.home.t.Helper()
	require.Eventually(w.home.t, func() bool {
		got := w.sendUpdate("tcp", "xfr-key.", dns.HmacSHA256, updateFor(w.home.t, name+".example.org. 60 A 192.0.2.81"))
		return got.Rcode == dns.RcodeSuccess
	}, 30*time.Second, 50*time.Millisecond, name)
}

// sameContent waits until both have the content under one serial.
func sameContent(t *testing.T, a, b *taking) (serial uint32) {
	t.Helper()
	require.Eventually(t, func() bool {
		x, y := a.status().Source, b.status().Source
		serial = x.Given
		return x.Given == y.Given && x.Given != 0 && x.Writer != y.Writer
	}, 30*time.Second, 10*time.Millisecond)
	return serial
}

// transferred gives what a key transfers, in order, and its serial.
func (w *taking) transferred(key string) (types []string, serial uint32) {
	w.home.t.Helper()
	x := dns.Transfer{TsigSecret: map[string]string{key: keySecret}}
	in, err := x.In(new(dns.Msg).SetAxfr("example.org.").SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix()), w.tcp())
	require.NoError(w.home.t, err)
	for e := range in {
		require.NoError(w.home.t, e.Error)
		for _, rr := range e.RR {
			if soa, ok := rr.(*dns.SOA); ok {
				serial = soa.Serial
			}
			types = append(types, dns.TypeToString[rr.Header().Rrtype])
		}
	}
	slices.Sort(types)
	return slices.Compact(types), serial
}

// One signer has the content from another: unsigned, under a serial of its own, which goes
// up with every change, whether the file or an update has made it. Updates go by any of
// them; the key says which view of the zone is transferred.
func TestContentFromASigner(t *testing.T) {
	a, b := writers(t)
	require.EqualValues(t, 7, sameContent(t, a, b))
	b.adds("at-b")
	a.has("at-b")
	b.has("at-b")
	require.EqualValues(t, 8, sameContent(t, a, b), "the file's serial stays, and that of the content goes up")
	a.adds("at-a")
	b.has("at-a")
	require.EqualValues(t, 9, sameContent(t, a, b))
	require.Equal(t, "IXFR", b.status().Source.Method)
	a.zone("example.org", 8, "www A 192.0.2.1", "edited A 192.0.2.2")
	b.has("edited", "at-a", "at-b")
	require.EqualValues(t, 10, sameContent(t, a, b))

	types, serial := a.transferred("content.")
	require.Equal(t, []string{"A", "NS", "SOA"}, types)
	require.EqualValues(t, 10, serial)
	types, serial = a.transferred("xfr-key.")
	require.Contains(t, types, "RRSIG")
	require.Equal(t, a.status().Serial, serial)

	a.stop()
	a.begin()
	a.adds("after")
	b.has("after")
	require.EqualValues(t, 11, sameContent(t, a, b), "a start gives no new serial to what is as it was")
}

// An operator makes another signer the writer: the one before follows it, and passes
// updates on. Nothing is lost where both had the same.
func TestPromote(t *testing.T) {
	a, b := writers(t)
	serial := sameContent(t, a, b)
	b.promote()
	require.Equal(t, serial+1<<16, sameContent(t, a, b))
	require.True(t, b.status().Source.Writer)
	a.adds("at-a")
	b.has("at-a", "www")
	b.adds("at-b")
	a.has("at-b")
	a.zone("example.org", 99, "www A 192.0.2.1", "edited A 192.0.2.2")
	for _, w := range []*taking{a, b} {
		w.stop()
		w.begin()
	}
	a.adds("after")
	b.has("after", "at-a", "at-b")
	a.has("after", "at-a", "at-b")
	a.lacks("edited")
	require.Empty(t, a.status().Alarms)
	require.NoFileExists(t, filepath.Join(a.state(), "zones", "example.org.lost"))
	a.promote()
	serial = sameContent(t, a, b)
	require.True(t, a.status().Source.Writer)
	b.adds("again")
	a.has("again", "after")
	require.EqualValues(t, serial+1, sameContent(t, a, b))
	require.EqualValues(t, 2, a.status().Source.Epoch)
}

// The writer is away and another is promoted in its place. When it comes back it follows,
// though it has records that nobody else has: those are kept in a file, and an alarm names
// it until it is removed.
func TestPromoteWithoutTheWriter(t *testing.T) {
	a, b := writers(t)
	a.adds("before")
	b.has("before")
	b.stop()
	a.adds("alone")
	a.stop()
	b.begin()
	b.promote()
	b.adds("after")
	a.begin()
	a.has("after", "before", "www")
	a.lacks("alone")
	sameContent(t, a, b)
	lost := filepath.Join(a.state(), "zones", "example.org.lost")
	text, err := os.ReadFile(lost)
	require.NoError(t, err)
	require.Contains(t, string(text), "alone.example.org.")
	require.NotContains(t, string(text), "before")
	alarms := a.status().Alarms
	require.Len(t, alarms, 1)
	require.Equal(t, status.AlarmName("content-lost"), alarms[0].Name)
	require.True(t, strings.HasPrefix(alarms[0].What, "1 records"), alarms[0].What)
	require.NoError(t, os.Remove(lost))
	require.Eventually(t, func() bool { return len(a.status().Alarms) == 0 }, time.Minute, 50*time.Millisecond)
	b.lacks("alone")
}

// In a group whose signers are peers of each other the same addresses tell of the signed zone
// and of the content: each is known by its key, and a change is everywhere without waiting
// for anybody to ask.
func TestContentInAGroup(t *testing.T) {
	port, busy := freePort(t)
	busy.Close()
	text := func(own, other, dir, file string) string {
		return fmt.Sprintf(".:%d {\nbind 127.0.0.%s\nroot %s\ntsig {\nsecret content. %s\nsecret group-key. %[4]s\nsecret xfr-key. %[4]s\n}\nmultisigner example.org {\n%sparent none\nignore 192.0.2.53\nlook 100ms 200ms\n"+
			"signer s%[2]s 127.0.0.%[2]s:%[1]d\npeer s%[6]s {\naddress 127.0.0.%[6]s:%[1]d\nkey group-key.\n}\n"+
			"primary 127.0.0.%[6]s:%[1]d key content.\ncontent-transfer key content.\nupdate key xfr-key.\nupdate key content.\nupdate forward\n}\n}\n", port, own, dir, keySecret, file, other)
	}
	a, b := &taking{home: newHome(t)}, &taking{home: newHome(t)}
	a.text, b.text = text("1", "2", a.dir, "file db.example.org\n"), text("2", "1", b.dir, "")
	a.zone("example.org", 7, "www A 192.0.2.1")
	a.begin()
	b.begin()
	b.has("www")
	sameContent(t, a, b)
	for _, n := range []string{"one", "two", "three"} {
		b.adds(n)
		a.has(n)
		b.has(n) // the SOA has it asked in an hour
	}
	require.EqualValues(t, 10, sameContent(t, a, b))
	b.promote()
	require.EqualValues(t, 10+1<<16+1<<12, sameContent(t, a, b)) // a comes before b
	a.adds("four")
	a.has("four")
	require.Eventually(t, func() bool { return len(a.status().Alarms)+len(b.status().Alarms) == 0 }, 20*time.Second, 50*time.Millisecond, "%v %v", a.status().Alarms, b.status().Alarms)
	require.Empty(t, a.status().Source.Why)
}

// Each signer says in its status which content the others have, by the content's serial: that
// of the zones is each one's own. When they differ it says so, and since when.
func TestContentOfEachSigner(t *testing.T) {
	atA, atB := twoPorts(t)
	begin := func(own, other int, signer, peer string) *taking {
		w := &taking{home: newHome(t), text: fmt.Sprintf(".:%d {\nCOMMON\ntsig {\nsecret group-key. %s\n}\nmultisigner example.org {\nfile db.{zone}\nparent none\n"+
			"signer %s 127.0.0.1:%[1]d\nlook 1s 1s\nignore 192.0.2.53\npeer %[4]s {\naddress 127.0.0.1:%[5]d\nkey group-key.\n}\n}\n}\n", own, keySecret, signer, peer, other)}
		w.zone("example.org", 7, "www A 192.0.2.1")
		w.begin()
		return w
	}
	a, b := begin(atA, atB, "a", "b"), begin(atB, atA, "b", "a")
	becomes := func(w *taking, ours, theirs uint32, state string) status.Content {
		t.Helper()
		var last []status.Content
		require.Eventually(t, func() bool {
			last = w.status().Contents
			return len(last) == 2 && last[0].Serial != nil && *last[0].Serial == ours && last[1].Serial != nil && *last[1].Serial == theirs && last[1].State == state
		}, 60*time.Second, 20*time.Millisecond, "%+v", last)
		return last[1]
	}
	becomes(a, 7, 7, status.ContentSame)
	becomes(b, 7, 7, status.ContentSame)
	a.zone("example.org", 9, "www A 192.0.2.1", "new A 192.0.2.2")
	since := becomes(b, 7, 9, status.ContentDiffers).Since
	require.False(t, since.IsZero())
	becomes(a, 9, 7, status.ContentDiffers)
	a.stop()
	a.begin()
	becomes(a, 9, 7, status.ContentDiffers) // the file was not read again, and its serial is known
	b.zone("example.org", 9, "www A 192.0.2.1", "new A 192.0.2.2")
	require.True(t, becomes(b, 9, 9, status.ContentSame).Since.After(since))
	becomes(a, 9, 9, status.ContentSame)
}
