package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Where the primary of a zone listens whose signers are measured, and these.
const (
	feedPort   = firstPort + 20
	signerPort = firstPort + 21
)

// The key of UPDATEs, which is no secret.
const (
	changeKey    = "bench."
	changeSecret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
)

// signerConfigs are those of servers that sign the zone: fed by a primary, or from its file and
// changed by UPDATE.
var signerConfigs = map[string]func(z *benchZone, dir string, fed bool) string{
	"ours": func(z *benchZone, dir string, fed bool) string {
		tsig, from := fmt.Sprintf("\ttsig {\n\t\tsecret %s %s\n\t}\n", changeKey, changeSecret), fmt.Sprintf("file %s\n\t\tupdate key %s", z.unsigned(), changeKey)
		if fed {
			tsig, from = "", fmt.Sprintf("primary 127.0.0.1:%d", feedPort)
		}
		return fmt.Sprintf("%s:%d {\n\tbind 127.0.0.1\n%s\tmultisigner {\n\t\t%s\n\t\tstate %s\n\t\tparent none\n\t\tdenial %s\n\t}\n}\n",
			z.apex, signerPort, tsig, from, filepath.Join(dir, "state"), z.denial)
	},
	"knot": func(z *benchZone, dir string, fed bool) string {
		from := fmt.Sprintf("    file: %q\n    zonefile-load: difference\n    acl: update\n", z.unsigned())
		if fed {
			from = "    master: primary\n    acl: told\n"
		}
		return fmt.Sprintf("server:\n    rundir: %q\n    listen: 127.0.0.1@%d\ndatabase:\n    storage: %[1]q\nkey:\n  - id: %[3]s\n    algorithm: hmac-sha256\n    secret: %[4]s\n"+
			"remote:\n  - id: primary\n    address: 127.0.0.1@%[5]d\nacl:\n  - id: told\n    address: 127.0.0.1\n    action: notify\n  - id: update\n    key: %[3]s\n    action: update\n"+
			"policy:\n  - id: bench\n    algorithm: ecdsap256sha256\n    signing-threads: 2\n    nsec3: %[6]s\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n"+
			"zone:\n  - domain: %[7]s\n    storage: %[1]q\n    zonefile-sync: -1\n    journal-content: all\n    semantic-checks: off\n    dnssec-signing: on\n    dnssec-policy: bench\n%[8]s",
			dir, signerPort, changeKey, changeSecret, feedPort, onOff(z.denial != "nsec"), z.apex, from)
	},
	"bind": func(z *benchZone, dir string, fed bool) string {
		from := fmt.Sprintf("type primary;\n\tfile %q;\n\tallow-update { key %q; };\n", filepath.Join(dir, "zone"), changeKey)
		if fed {
			from = fmt.Sprintf("type secondary;\n\tfile \"zone\";\n\tprimaries { 127.0.0.1 port %d; };\n\tinline-signing yes;\n", feedPort)
		}
		denial := ""
		if z.denial != "nsec" {
			denial = "\tnsec3param iterations 0 optout no salt-length 0;\n"
		}
		return fmt.Sprintf("options {\n\tdirectory %q;\n\tpid-file none;\n\tsession-keyfile none;\n\tlisten-on port %d { 127.0.0.1; };\n\tlisten-on-v6 { none; };\n\trecursion no;\n\tnotify no;\n"+
			"\tdnssec-validation no;\n\tempty-zones-enable no;\n\tcheck-integrity no;\n\tserial-query-rate 10000;\n\tsig-signing-nodes 1000;\n\tsig-signing-signatures 1000;\n};\ncontrols { };\n"+
			"key %[3]q { algorithm hmac-sha256; secret %[4]q; };\ndnssec-policy \"bench\" {\n\tkeys { ksk lifetime unlimited algorithm ecdsap256sha256; zsk lifetime unlimited algorithm ecdsap256sha256; };\n%[5]s};\n"+
			"zone %[6]q {\n\t%[7]s\tdnssec-policy bench;\n};\n",
			dir, signerPort, changeKey, changeSecret, denial, z.apex, from)
	},
}

// beginSigner starts a server on all processors and waits until all of the zone is signed: until
// it answers so, and has nothing more to do.
func (o options) beginSigner(ctx context.Context, z *benchZone, kind, dir string, fed bool) (*server, error) {
	config, ok := signerConfigs[kind]
	if !ok {
		return nil, fmt.Errorf("no server %q changes a signed zone: write ours, knot or bind", kind)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if kind == "bind" && !fed { // it writes to its file
		text, err := os.ReadFile(z.unsigned())
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "zone"), text, 0o644)
		}
		if err != nil {
			return nil, err
		}
	}
	path, log := filepath.Join(dir, "config"), filepath.Join(dir, "log")
	if err := os.WriteFile(path, []byte(config(z, dir, fed)), 0o644); err != nil {
		return nil, err
	}
	args := map[string][]string{"ours": {o.binary, "-quiet", "-conf", path}, "knot": {"knotd", "-c", path}, "bind": {"named", "-g", "-c", path}}[kind]
	s, err := begin(log, dir, kind, signerPort, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, settled)
	defer cancel()
	for !s.answers(z.apex) || !s.denies(z.apex) || !s.quiet() {
		select {
		case <-s.done:
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
			continue
		}
		s.stop()
		text, _ := os.ReadFile(log)
		return nil, fmt.Errorf("%s does not serve the zone:\n%.2000s", kind, strings.TrimSpace(string(text)))
	}
	return s, nil
}

// denies reports whether the server has a chain of denial: BIND makes it last.
func (s *server) denies(apex string) bool {
	m := new(dns.Msg).SetQuestion("nobody."+apex, dns.TypeA).SetEdns0(1232, true)
	reply, err := dns.Exchange(m, fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return false
	}
	for _, rr := range reply.Ns {
		if t := rr.Header().Rrtype; t == dns.TypeNSEC || t == dns.TypeNSEC3 {
			return true
		}
	}
	return false
}
