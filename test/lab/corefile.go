package lab

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// writeCorefiles writes a Corefile for each signer. Every pair of signers has a
// TSIG key of its own: none can pass for another.
func (l *layout) writeCorefiles() error {
	secrets := make(map[string]string)
	for i, s := range l.Signers {
		for _, t := range l.Signers[i+1:] {
			secrets[pair(s, t)] = base64.StdEncoding.EncodeToString(random(32))
		}
	}
	var errs []error
	for _, s := range l.Signers {
		errs = append(errs, os.MkdirAll(l.path(s.Name), 0o755))
		errs = append(errs, os.WriteFile(l.path(s.Corefile), []byte(l.corefile(s, secrets)), 0o600))
	}
	return errors.Join(errs...)
}

// pair names the key that two signers share, the same from either side.
func pair(s, t Signer) string {
	if s.Name > t.Name {
		s, t = t, s
	}
	return s.Name + "-" + t.Name + ".lab."
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program instead
	return b
}

func (l *layout) corefile(s Signer, secrets map[string]string) string {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		panic(err) // we made it
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	pace := l.options.pace()
	line("# Signer %s of %s, written by the lab at each start.", s.Name, l.Zone)
	line("%s:%s {", strings.TrimSuffix(l.Zone, "."), port)
	line("    bind %s", host)
	line("    errors")
	if len(l.Signers) > 1 {
		line("    tsig {")
		for _, t := range l.Signers {
			if t != s {
				line("        secret %s %s", pair(s, t), secrets[pair(s, t)])
			}
		}
		line("    }")
	}
	line("    multisigner {")
	line("        file %q", l.path(l.zoneFile()))
	line("        state %q", l.path(s.State))
	line("        signer %s %s", s.Name, s.Address)
	line("        keys %s", l.options.keys)
	line("        algorithm %s", l.options.algorithm)
	line("        denial %s", l.options.denial)
	if zsk := l.options.lifetimes.zsk; zsk.given {
		line("        lifetime zsk %s", zsk.text)
	}
	if ksk := l.options.lifetimes.ksk; ksk.given {
		line("        lifetime ksk %s", ksk.text)
	}
	if l.options.standby {
		line("        standby")
	}
	line("        ttl dnskey %s", pace.ttl)
	line("        margin %s", pace.margin)
	line("        earlier-ttl %s", pace.ttl)
	line("        propagation %s", pace.propagation)
	line("        look %s %s", pace.busy, pace.idle)
	line("        parent %s", l.Parent.Address)
	line("        allow-transfer 127.0.0.0/8")
	for _, t := range l.Signers {
		if t == s {
			continue
		}
		line("        peer %s {", t.Name)
		line("            address %s", t.Address)
		line("            key %s hmac-sha256", pair(s, t))
		line("            trust tsig")
		line("        }")
	}
	line("    }")
	line("}")
	return b.String()
}
