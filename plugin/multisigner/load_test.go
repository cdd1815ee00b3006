package multisigner

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// block is a server block with one multisigner block for the zone.
func block(zone, more string) string {
	return fmt.Sprintf(".:0 {\nCOMMON\n%s\nmultisigner %s {\nfile db.{zone}\nparent none\n}\n}\n", more, zone)
}

// served is the content of a zone's text record, "" where the server has no such zone.
func (r *running) served(zone string) string {
	r.t.Helper()
	m := r.ask("udp", query4("txt."+zone, dns.TypeTXT))
	if len(m.Answer) == 0 {
		return ""
	}
	return m.Answer[0].(*dns.TXT).Txt[0]
}

// free reports whether no engine holds the state directory.
func (h home) free() bool {
	e, err := engine.Open(h.state(), engine.Options{Logger: slogger})
	if err != nil {
		return false
	}
	require.NoError(h.t, e.Close())
	return true
}

func (h home) state() string { return filepath.Join(h.dir, "multisigner-state") }

func newLoadHome(t *testing.T) home {
	h := newHome(t)
	h.zone("example.org", 1, "txt TXT org")
	h.zone("example.net", 1, "txt TXT net")
	return h
}

// A reload finds the engine running and leaves it running: it is the same one
// before and after, and the zone has not missed an answer. After the last load
// has ended the state directory is free.
func TestReload(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	before := process.engines()
	require.Len(t, before, 1)

	require.NoError(t, r.restart(h.corefile(block("example.org", "nsid x"))))
	require.Equal(t, "org", r.served("example.org."))
	require.Equal(t, before, process.engines())

	require.NoError(t, r.restart(h.corefile(block("example.net", ""))), "one zone goes, another comes")
	require.Equal(t, "net", r.served("example.net."))
	require.Empty(t, r.served("example.org."))
	require.Equal(t, before, process.engines())
	_, err := client.New(h.state()).Zone(t.Context(), "example.net")
	require.NoError(t, err, "the control socket goes on too")

	require.NoError(t, r.restart(nil), "SIGUSR1 with the same Corefile")
	require.Equal(t, "net", r.served("example.net."))
	r.stop()
	require.Empty(t, process.engines())
	require.True(t, h.free())
}

// A zone that was signed alone gets a peer by a reload: its signer keeps the name that it
// had when it needed none, as the guide says. By another name the zone is not served from
// that state.
func TestReloadAddsAPeer(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	see := func() status.Zone {
		z, err := client.New(h.state()).Zone(t.Context(), "example.org")
		require.NoError(t, err)
		return z
	}
	require.Eventually(t, func() bool { return len(see().Keys) == 2 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "self", see().Signer)
	keys := see().Keys
	named := func(name string) caddy.Input {
		return h.corefile(".:0 {\nCOMMON\ntsig {\nsecret k. NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk=\n}\n" +
			"multisigner example.org {\nfile db.{zone}\nparent none\nsigner " + name + "\npeer b {\naddress 127.0.0.1:1\nkey k.\n}\n}\n}")
	}
	require.NoError(t, r.restart(named("self")))
	require.Equal(t, "org", r.served("example.org."))
	require.Eventually(t, func() bool { return len(see().Peers) == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, keys[0].Tag, see().Keys[0].Tag)
	require.True(t, see().Serving)
	r.stop()

	require.Empty(t, h.start(string(named("a").Body())).served("example.org."))
}

// A reload may say something else about a zone than the load that it replaces.
func TestReloadChangesSettings(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	config := func() *engine.Config { return process.engines()[0].Find(zone.MustName("example.org.")).Config() }
	require.Equal(t, time.Hour, config().Margin)
	require.NoError(t, r.restart(h.corefile(".:0 {\nCOMMON\nmultisigner example.org {\nfile db.{zone}\nparent none\nmargin 2h\n}\n}")))
	require.Equal(t, 2*time.Hour, config().Margin)
	require.Equal(t, "org", r.served("example.org."))
}

// Wherever a reload fails - while it is read, in our own start, in another
// plugin's, when the sockets are opened - the old configuration stays in force,
// and what the new one would have brought leaves no trace.
func TestFailedReload(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	before := process.engines()
	port, busy := freePort(t)
	defer busy.Close()
	locked := filepath.Join(h.dir, "locked")
	holder, err := engine.Open(locked, engine.Options{Logger: slogger})
	require.NoError(t, err)
	defer holder.Close()

	for name, corefile := range map[string]string{
		"fault":          block("example.net", "") + "example.org {\nmultisigner {\nfiel x\n}\n}",
		"other settings": block("example.org", "") + ".:1 {\nCOMMON\nmultisigner example.org {\nfile other\nparent none\n}\n}",
		"neighbour":      block("example.net", "dns64"),
		"locked state":   ".:0 {\nCOMMON\nmultisigner example.net {\nfile db.{zone}\nparent none\nstate locked\n}\n}",
		"later plugin":   block("example.net", "failing"),
		"busy port":      block("example.net", "") + fmt.Sprintf(".:%d {\nCOMMON\nmultisigner example.net {\nfile db.{zone}\nparent none\nstate elsewhere\n}\n}", port),
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				require.Error(t, r.restart(h.corefile(corefile)))
			}
			require.Equal(t, "org", r.served("example.org."))
			require.Equal(t, before, process.engines())
			names := before[0].Zones()
			require.Len(t, names, 1)
			require.Equal(t, "example.org.", names[0].String())
			e, err := engine.Open(filepath.Join(h.dir, "elsewhere"), engine.Options{Logger: slogger})
			require.NoError(t, err, "no lock is left")
			require.NoError(t, e.Close())
		})
	}
	require.NoError(t, r.restart(h.corefile(block("example.net", ""))), "and the next good one works")
	require.Equal(t, "net", r.served("example.net."))
}

// Until it is certain that a reload succeeds, the old configuration is served, and
// no other: not even for the moment between our start and another plugin's failure.
func TestNothingTakesEffectBeforehand(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	seen := 0
	beforeFailing = func() {
		seen++
		apexes := process.engines()[0].Zones()
		require.Len(t, apexes, 1)
		require.Equal(t, "example.org.", apexes[0].String())
		require.Equal(t, "org", r.served("example.org."))
	}
	defer func() { beforeFailing = nil }()
	require.Error(t, r.restart(h.corefile(block("example.net", "failing"))))
	require.Equal(t, 1, seen)
}

// A first start that fails leaves nothing that a second one would stumble over.
func TestFailedStart(t *testing.T) {
	h := newLoadHome(t)
	require.Error(t, h.startError(block("example.org", "failing")))
	r := h.start(block("example.org", ""))
	require.Equal(t, "org", r.served("example.org."))
	require.Len(t, process.engines(), 1)
}

// Two servers in one process may share a state directory, for the same zone or
// for others; each ends by itself. What they say about a zone must agree.
func TestTwoLoads(t *testing.T) {
	h := newLoadHome(t)
	one := h.start(block("example.org", ""))
	two := h.start(block("example.org example.net", ""))
	require.Len(t, process.engines(), 1)
	require.Equal(t, "org", one.served("example.org."))
	require.Equal(t, "org", two.served("example.org."))
	require.Equal(t, "net", two.served("example.net."))
	require.Empty(t, one.served("example.net."), "not in its Corefile")

	err := h.startError(".:0 {\nCOMMON\nmultisigner example.org {\nfile other\nparent none\n}\n}")
	require.ErrorContains(t, err, "multisigner: Corefile:4: zone example.org. is served by this process with other settings, from Corefile:5")

	require.NoError(t, one.restart(h.corefile(block("example.org", "nsid x"))))
	one.stop()
	require.Equal(t, "org", two.served("example.org."))
	two.stop()
	require.True(t, h.free())
}

// A zone may stand in two server blocks, for two listeners, and is then one zone;
// with settings that differ, both places are named.
func TestZoneInTwoBlocks(t *testing.T) {
	h := newLoadHome(t)
	alike := block("example.org", "")
	r := h.start(alike + "example.org:0 {\nCOMMON\nmultisigner {\nparent none\nfile db.{zone}\n}\n}\n")
	require.Len(t, process.engines()[0].Zones(), 1)
	r.stop()
	err := h.startError(alike + "example.org:0 {\nCOMMON\nmultisigner {\nparent none\nfile db.{zone}\nkeys csk\n}\n}\n")
	require.ErrorContains(t, err, "Corefile:13: zone example.org. is served with other settings at Corefile:5: make both alike, or remove one")
}

// Setup has no side effects: a Corefile that is only validated touches no file.
func TestSetupTouchesNothing(t *testing.T) {
	h := newLoadHome(t)
	require.NoError(t, caddy.ValidateAndExecuteDirectives(h.corefile(block("example.org", "")), nil, true))
	_, err := os.Stat(h.state())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, process.engines())
}

// CoreDNS shuts plugins down before it stops listening: until then queries are
// answered from what was served last, not with errors.
func TestAnswersAfterShutdown(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	for _, err := range r.inst.ShutdownCallbacks() {
		require.NoError(t, err)
	}
	require.True(t, h.free())
	require.Equal(t, "org", r.served("example.org."))
	require.NoError(t, r.inst.Stop())
	r.inst = nil
}

// The state directory may be written in different ways; it is one all the same.
func TestOneStateDirectory(t *testing.T) {
	h := newLoadHome(t)
	require.NoError(t, os.Symlink(h.dir, h.dir+"-link"))
	defer os.Remove(h.dir + "-link")
	config := func(zone, state string) string {
		return fmt.Sprintf(".:0 {\nCOMMON\nmultisigner %s {\nfile db.{zone}\nparent none\nstate %s\n}\n}\n", zone, state)
	}
	h.start(config("example.org", "multisigner-state"))
	h.start(config("example.net", h.dir+"-link/x/../multisigner-state"))
	require.Len(t, process.engines(), 1)
}

// While reloads come one after another, some of them wrong, whoever asks gets the
// zone's answer and nothing else.
func TestReloadUnderQueries(t *testing.T) {
	h := newLoadHome(t)
	r := h.start(block("example.org", ""))
	addr := r.udp()
	stop, done := make(chan struct{}), make(chan []string)
	go func() {
		var wrong []string
		asked := 0
		for {
			select {
			case <-stop:
				if asked == 0 {
					wrong = append(wrong, "nothing was asked")
				}
				done <- wrong
				return
			default:
			}
			m, err := dns.Exchange(query4("txt.example.org.", dns.TypeTXT), addr)
			asked++
			switch {
			case err != nil:
				wrong = append(wrong, err.Error())
			case len(m.Answer) != 1 || m.Rcode != dns.RcodeSuccess:
				wrong = append(wrong, m.String())
			}
		}
	}()
	for i := range 20 {
		more := fmt.Sprintf("nsid x%d", i)
		require.NoError(t, r.restart(h.corefile(block("example.org", more))))
		require.Error(t, r.restart(h.corefile(block("example.org", "failing"))))
	}
	close(stop)
	require.Empty(t, <-done)
}

// What many blocks have in common is written once, in a snippet; a fault in it is
// shown where it stands.
func TestSnippet(t *testing.T) {
	h := newLoadHome(t)
	corefile := `(common) {
	parent none
	signer a
	peer b {
		address 192.0.2.99
		trust ds 1 13 2 ` + digest + `
		%s
	}
}
.:0 {
	COMMON
	multisigner example.org {
		import common
		file db.{zone}
	}
	multisigner example.net {
		file db.{zone}
		import common
	}
}`
	h.start(fmt.Sprintf(corefile, "via query"))
	for _, apex := range []string{"example.org.", "example.net."} {
		cfg := process.engines()[0].Find(zone.MustName(apex)).Config()
		require.Equal(t, "b", cfg.Peers[0].Name)
		require.Equal(t, h.dir+"/db."+apex[:len(apex)-1], cfg.File)
	}
	require.ErrorContains(t, h.startError(fmt.Sprintf(corefile, "via pigeon")), "Corefile:7: via pigeon: it is one of axfr, query")
}
