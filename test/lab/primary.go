package lab

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Primary is the server of another make that has the unsigned zone, and its process.
type Primary struct {
	Kind    string   `json:"kind"` // knot, nsd or bind
	Address string   `json:"address"`
	File    string   `json:"file"`    // the unsigned zone; it is read again at SIGHUP
	Command []string `json:"command"` // that starts it, in the lab's directory
	PID     int      `json:"pid"`
}

// hidden is how a server is run that has the zone for the signers alone.
type hidden struct {
	program, debian string
	args            []string // before the path of the configuration
	updates         bool     // it takes UPDATE
	config          func(l *layout) string
}

var hiddens = map[string]hidden{
	"knot": {"knotd", "knot", []string{"-c"}, true, (*layout).knot},
	"nsd":  {"nsd", "nsd", []string{"-d", "-c"}, false, (*layout).nsd},
	"bind": {"named", "bind9", []string{"-g", "-c"}, true, (*layout).bind},
}

// hiddenKinds are the names that --primary takes.
func hiddenKinds() []string { return slices.Sorted(maps.Keys(hiddens)) }

// find looks for the program where Debian and others keep servers.
func (h hidden) find() (string, error) {
	for _, name := range []string{h.program, "/usr/sbin/" + h.program, "/usr/local/sbin/" + h.program} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no %s in PATH or in /usr/sbin, to be the hidden primary: install it (on Debian: apt install %s), or choose another --primary", h.program, h.debian)
}

// writePrimary writes the configuration of the hidden primary, if there is to be one. What an
// earlier one has kept is removed: it would hold that against the zone file.
func (l *layout) writePrimary() error {
	if l.Primary == nil {
		return nil
	}
	if err := errors.Join(os.RemoveAll(l.path("primary")), os.Remove(l.path(l.zoneFile()+".jnl"))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(l.path("primary"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(l.path(primaryConfig), []byte(hiddens[l.Primary.Kind].config(l)), 0o600)
}

// primaryConfig is the path of its configuration in the lab's directory.
const primaryConfig = "primary/config"

// transferKey names the key by which a signer transfers the zone from the primary.
func transferKey(s Signer) string { return "primary-" + s.Name + ".lab." }

// updateKey names the key by which the zone may be changed.
const updateKey = "update.lab."

// primaryKeys are those that the primary knows: each lets its signer transfer the zone and, where
// there are updates, pass them on.
func (l *layout) primaryKeys() (names []string) {
	for _, s := range l.Signers {
		names = append(names, transferKey(s))
	}
	return names
}

// text gathers lines.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// hostPort takes an address apart that we have made.
func hostPort(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err)
	}
	return host, port
}

func (l *layout) knot() string {
	var t text
	host, port := hostPort(l.Primary.Address)
	t.line("server:\n    rundir: %q\n    listen: %s@%s\nlog:\n  - target: stdout\n    any: info\ndatabase:\n    storage: %[1]q\nkey:", l.path("primary"), host, port)
	for _, name := range l.primaryKeys() {
		t.line("  - id: %s\n    algorithm: hmac-sha256\n    secret: %s", name, l.secrets[name])
	}
	t.line("remote:")
	var signers []string
	for _, s := range l.Signers {
		host, port := hostPort(s.Address)
		t.line("  - id: %s\n    address: %s@%s\n    key: %s", s.Name, host, port, transferKey(s))
		signers = append(signers, s.Name)
	}
	t.line("acl:\n  - id: signers\n    key: [ %s ]\n    action: [ %s ]", strings.Join(l.primaryKeys(), ", "),
		map[bool]string{false: "transfer", true: "transfer, update"}[l.options.updates])
	t.line("zone:\n  - domain: %s\n    file: %q\n    zonefile-load: difference\n    zonefile-sync: %d\n    journal-content: changes\n    notify: [ %s ]\n    acl: signers",
		l.Zone, l.path(l.zoneFile()), map[bool]int{false: -1, true: 0}[l.options.updates], strings.Join(signers, ", "))
	return t.String()
}

func (l *layout) nsd() string {
	var t text
	host, port := hostPort(l.Primary.Address)
	dir := l.path("primary")
	t.line("server:\n\tip-address: %s@%s\n\tusername: \"\"\n\tchroot: \"\"\n\tzonesdir: %q\n\tdatabase: \"\"\n\tpidfile: \"%[3]s/nsd.pid\"\n\txfrdfile: \"%[3]s/xfrd.state\"\n\txfrdir: %[3]q\n\tzonelistfile: \"%[3]s/zone.list\"\n\tserver-count: 1",
		host, port, dir)
	t.line("remote-control:\n\tcontrol-enable: no")
	for _, name := range l.primaryKeys() {
		t.line("key:\n\tname: %q\n\talgorithm: hmac-sha256\n\tsecret: %q", name, l.secrets[name])
	}
	t.line("zone:\n\tname: %q\n\tzonefile: %q\n\tstore-ixfr: yes\n\tcreate-ixfr: yes", l.Zone, l.path(l.zoneFile()))
	for _, s := range l.Signers {
		host, port := hostPort(s.Address)
		t.line("\tprovide-xfr: 127.0.0.0/8 %s\n\tnotify: %s@%s %[1]s", transferKey(s), host, port)
	}
	return t.String()
}

func (l *layout) bind() string {
	var t text
	host, port := hostPort(l.Primary.Address)
	t.line("options {\n\tdirectory %q;\n\tlisten-on port %s { %s; };\n\tlisten-on-v6 { none; };\n\tpid-file none;\n\tsession-keyfile none;\n\trecursion no;\n\tdnssec-validation no;\n\tcheck-names primary ignore;\n\tcheck-integrity no;\n};\ncontrols { };",
		l.path("primary"), port, host)
	for _, name := range l.primaryKeys() {
		t.line("key %q { algorithm hmac-sha256; secret %q; };", name, l.secrets[name])
	}
	t.line("zone %q {\n\ttype primary;\n\tfile %q;\n\tnotify explicit;\n\tnotify-delay 0;", l.Zone, l.path(l.zoneFile()))
	keys := `key "` + strings.Join(l.primaryKeys(), `"; key "`) + `";`
	if l.options.updates {
		t.line("\tallow-update { %s };", keys)
	} else {
		t.line("\tixfr-from-differences yes;")
	}
	t.line("\tallow-transfer { %s };\n\talso-notify {", keys)
	for _, s := range l.Signers {
		host, port := hostPort(s.Address)
		t.line("\t\t%s port %s key %q;", host, port, transferKey(s))
	}
	t.line("\t};\n};")
	return t.String()
}
