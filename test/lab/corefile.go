package lab

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
)

// makeSecrets gives every two that speak with each other a TSIG key of their own: none can
// pass for another.
func (l *layout) makeSecrets() {
	l.secrets = make(map[string]string)
	for i, s := range l.Signers {
		for _, t := range l.Signers[i+1:] {
			l.secrets[pair(s, t)] = ""
		}
		if l.Primary != nil {
			l.secrets[transferKey(s)] = ""
		}
	}
	if l.options.updates {
		l.secrets[updateKey] = ""
	}
	if l.oneWrites() {
		l.secrets[contentKey] = ""
	}
	for name := range l.secrets {
		l.secrets[name] = base64.StdEncoding.EncodeToString(random(32))
	}
}

// writeCorefiles writes a Corefile for each signer, and the key by which the zone may be changed
// in a file that nsupdate reads.
func (l *layout) writeCorefiles() error {
	var errs []error
	if l.options.updates {
		key := fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };\n", updateKey, l.secrets[updateKey])
		errs = append(errs, os.WriteFile(l.path(updateKeyFile), []byte(key), 0o600))
	}
	for _, s := range l.Signers {
		errs = append(errs, os.MkdirAll(l.path(s.Name), 0o755))
		errs = append(errs, os.WriteFile(l.path(s.Corefile), []byte(l.corefile(s)), 0o600))
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

// contentKey names the key by which signers transfer the content from the one that writes it.
const contentKey = "content.lab."

// oneWrites reports whether the first signer is the primary of the others' content.
func (l *layout) oneWrites() bool {
	return l.options.updates && l.Primary == nil && len(l.Signers) > 1
}

// forwards reports whether signers pass updates on.
func (l *layout) forwards() bool { return l.options.updates && (l.Primary != nil || l.oneWrites()) }

// writers has the first signer read the file and write the content, and each follow whoever does.
func (l *layout) writers(line func(format string, args ...any), s Signer) {
	if s == l.Signers[0] {
		line("        file %q", l.path(l.zoneFile()))
	}
	for _, t := range l.Signers {
		if t != s {
			line("        primary %s key %s", t.Address, contentKey)
		}
	}
	pace := l.options.pace()
	line("        primary-refresh %s %s", pace.busy, pace.idle)
	line("        content-transfer key %s", contentKey)
	line("        update key %s", contentKey)
}

// updateKeyFile holds the key by which the zone may be changed.
const updateKeyFile = "update.key"

// keysOf are the TSIG keys that a signer holds.
func (l *layout) keysOf(s Signer) (names []string) {
	for _, t := range l.Signers {
		if t != s {
			names = append(names, pair(s, t))
		}
	}
	if l.Primary != nil {
		names = append(names, transferKey(s))
	}
	if l.options.updates {
		names = append(names, updateKey)
	}
	if l.oneWrites() {
		names = append(names, contentKey)
	}
	return names
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program instead
	return b
}

func (l *layout) corefile(s Signer) string {
	host, port := hostPort(s.Address)
	var b text
	line := b.line
	pace := l.options.pace()
	line("# Signer %s of %s, written by the lab at each start.", s.Name, l.Zone)
	line("%s:%s {", strings.TrimSuffix(l.Zone, "."), port)
	line("    bind %s", host)
	line("    errors")
	if keys := l.keysOf(s); len(keys) > 0 {
		line("    tsig {")
		for _, name := range keys {
			line("        secret %s %s", name, l.secrets[name])
		}
		line("    }")
	}
	line("    multisigner {")
	switch {
	case l.Primary != nil:
		line("        primary %s key %s", l.Primary.Address, transferKey(s))
		line("        primary-refresh %s %s", pace.busy, pace.idle)
	case l.oneWrites():
		l.writers(line, s)
	default:
		line("        file %q", l.path(l.zoneFile()))
	}
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
	if l.options.updates {
		line("        update key %s", updateKey)
	}
	if l.forwards() {
		line("        update forward")
	}
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
