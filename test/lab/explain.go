package lab

import (
	"fmt"
	"io"
	"net"
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
	line("\nChange %s and each signer re-signs what changed. Configuration: %s.", in(l.zoneFile()), in(first.Corefile))
	line("A signer that you kill comes back with: %s -conf %s", l.server(), in(last.Corefile))
	line("\nCtrl-C stops everything; the state stays in %s.", dir)
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
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err) // we made it
	}
	return "@" + host + " -p " + port
}

func name(zone string) string { return strings.TrimSuffix(zone, ".") }
