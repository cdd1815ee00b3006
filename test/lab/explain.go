package lab

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// explain prints what runs, what to try, and where to look.
func (l *layout) explain(w io.Writer, o options) {
	if o.json {
		text, err := os.ReadFile(l.path(File))
		if err != nil {
			panic(err) // written a moment ago
		}
		fmt.Fprintf(w, "%s", text)
		return
	}
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	dir := l.dir
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, l.dir); err == nil && len(rel) < len(dir) {
			dir = rel
		}
	}
	in := func(path ...string) string { return filepath.Join(append([]string{dir}, path...)...) }
	line("\nReady: the parent and %s agree on %s (%s, %s).\n", count(len(l.Signers)), l.Zone, o.algorithm, o.denial)
	line("  parent    %-17s %-15s log %s", l.Parent.Zone, l.Parent.Address, in("parent", "log"))
	for _, s := range l.Signers {
		line("  signer %s  %-17s %-15s log %s", s.Name, name(l.host(s)), s.Address, in(s.Name, "log"))
	}
	if p := l.Primary; p != nil {
		line("  primary   %-17s %-15s log %s", p.Kind, p.Address, in("primary", "log"))
	}
	first, last := l.Signers[0], l.Signers[len(l.Signers)-1]
	line("\nAsk:")
	line("  dig %s DS %s", at(l.Parent.Address), name(l.Zone))
	line("  dig %s DNSKEY %s +multiline", at(first.Address), name(l.Zone))
	line("  dig %s A www.%s +dnssec", at(last.Address), name(l.Zone))
	line("  delv -a %s +root=%s %s A anything.wild.%s", in("anchors.conf"), name(l.Zone), at(last.Address), name(l.Zone))
	line("\nSee:")
	line("  %s --state %s status", program(), in(first.State))
	line("  %s --state %s check", program(), in(first.State))
	line("\nDo:")
	line("  %s --state %s roll %s %s", program(), in(first.State), name(l.Zone), map[string]string{"split": "zsk", "csk": "csk"}[o.keys])
	line("  %s --state %s plan %s", program(), in(first.State), name(l.Zone))
	l.explainChanges(line, in)
	line("\nConfiguration: %s. A signer that you kill comes back with: %s -conf %s", in(first.Corefile), l.server(), in(last.Corefile))
	line("\nCtrl-C stops everything; the state stays in %s.", dir)
}

// explainChanges tells how the zone is changed.
func (l *layout) explainChanges(line func(format string, args ...any), in func(path ...string) string) {
	update := func(address string) {
		host, port := hostPort(address)
		line("  printf 'server %s %s\\nzone %s\\nadd new.%[3]s 60 A 192.0.2.81\\nsend\\n' | nsupdate -k %[4]s", host, port, name(l.Zone), in(updateKeyFile))
	}
	switch p := l.Primary; {
	case p != nil && l.options.updates:
		line("\nChange the zone by UPDATE, at any signer, which passes it on to the hidden primary; each signer transfers the change and signs it:")
		update(l.Signers[0].Address)
	case p != nil:
		line("\nChange %s, raise its serial, and have the hidden primary read it; each signer transfers the change and signs it:", in(l.zoneFile()))
		line("  kill -HUP %d", p.PID)
	case l.oneWrites():
		line("\nChange the zone by UPDATE, at any signer, which passes it on to signer %s; the others have the content from there, and each signs it:", l.Signers[0].Name)
		update(l.Signers[len(l.Signers)-1].Address)
		line("or change %s: neither destroys what the other has done.", in(l.zoneFile()))
	case l.options.updates:
		line("\nChange the zone by UPDATE:")
		update(l.Signers[0].Address)
		line("or change %s: neither destroys what the other has done.", in(l.zoneFile()))
	default:
		line("\nChange %s and each signer re-signs what changed.", in(l.zoneFile()))
	}
}

// program is how the reader called us.
func program() string { return os.Args[0] }

func (l *layout) server() string {
	beside := filepath.Join(filepath.Dir(program()), "coredns")
	if l.options.coredns == "" {
		return beside
	}
	return l.options.coredns
}

// at is an address as dig and delv want it.
func at(address string) string {
	host, port := hostPort(address)
	return "@" + host + " -p " + port
}

func name(zone string) string { return strings.TrimSuffix(zone, ".") }
