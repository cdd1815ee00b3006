package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/test/lab/registry"
	"github.com/multisigner/multisigner/test/loopback"
)

// Description is what lab.json holds. Paths are relative to its directory.
type Description struct {
	Ready   bool     `json:"ready"` // the signers and the parent agree
	Zone    string   `json:"zone"`
	Parent  Parent   `json:"parent"`
	Primary *Primary `json:"primary,omitempty"` // the hidden one, where --primary asks for it
	Signers []Signer `json:"signers"`
}

// Parent is the lab's parent zone and the process that serves it.
type Parent struct {
	Zone    string   `json:"zone"`
	Address string   `json:"address"`
	Anchors []string `json:"anchors"` // DS records of the parent zone, to be trusted
	PID     int      `json:"pid"`
}

// Signer is one signer and its process.
type Signer struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	State    string `json:"state"`
	Corefile string `json:"corefile"`
	PID      int    `json:"pid"`
}

// host is the name under which a signer stands in the zone's NS RRset.
func (l *layout) host(s Signer) string { return "ns-" + s.Name + "." + l.Zone }

const (
	// zoneName is the zone where no other is named.
	zoneName = "example.test."
	// File is the name of the description in the lab's directory.
	File = "lab.json"
)

// layout is a lab on disk: what runs where, before anything runs.
type layout struct {
	Description
	dir     string // absolute
	coredns string
	options options
	secrets map[string]string // of TSIG keys, in base64
	largest time.Duration     // TTL of the user's own zone
	ds      []*dns.DS         // at the parent, when all last agreed
}

// shape is what must not change between two labs in one directory: the state of
// the signers would no longer fit them. Other keys and lifetimes are rolled to.
type shape struct {
	Zone      string `json:"zone"`
	Signers   int    `json:"signers"`
	Algorithm string `json:"algorithm"`
}

func (s shape) String() string {
	return fmt.Sprintf("%s of %s, %s", count(s.Signers), s.Zone, s.Algorithm)
}

// count is a number of signers, in words that go with it.
func count(signers int) string {
	if signers == 1 {
		return "1 signer"
	}
	return fmt.Sprintf("%d signers", signers)
}

// layOut chooses addresses and writes every file that the processes read.
func layOut(o options) (*layout, error) {
	coredns, err := o.server()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return nil, err
	}
	l := &layout{dir: dir, coredns: coredns, options: o}
	if o.primary != "" {
		program, err := hiddens[o.primary].find()
		if err != nil {
			return nil, err
		}
		command := append(append([]string{program}, hiddens[o.primary].args...), l.path(primaryConfig))
		l.Primary = &Primary{Kind: o.primary, Command: command}
	}
	if err := l.claim(); err != nil {
		return nil, err
	}
	return l, errors.Join(l.place(), l.writeZone(), l.writeCorefiles(), l.writePrimary(), l.writeParent())
}

// place gives everybody an address, and a name and keys.
func (l *layout) place() error {
	o := l.options
	servers := 1 + o.signers
	if l.Primary != nil {
		servers++
	}
	addresses, err := FreeAddresses(servers, o.port)
	if err != nil {
		return err
	}
	l.Zone = o.name
	l.Parent = Parent{Zone: o.parent(), Address: addresses[0], Anchors: []string{}}
	for i, address := range addresses[1 : 1+o.signers] {
		name := string(rune('a' + i))
		l.Signers = append(l.Signers, Signer{
			Name: name, Address: address,
			State: filepath.Join(name, "state"), Corefile: filepath.Join(name, "Corefile"),
		})
	}
	if l.Primary != nil {
		l.Primary.File = l.path(l.zoneFile())
		_, port := hostPort(addresses[1+o.signers])
		l.Primary.Address = net.JoinHostPort("127.0.0.1", port) // BIND listens at addresses of interfaces alone
		if err := loopback.Check(l.Primary.Address); err != nil {
			return err
		}
	}
	l.makeSecrets()
	return nil
}

// claim makes the directory, or goes on with an earlier lab's of the same shape.
func (l *layout) claim() error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	if err := l.idle(); err != nil {
		return err
	}
	if err := os.Remove(l.path(File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now := shape{l.options.name, l.options.signers, l.options.algorithm}
	text, err := os.ReadFile(l.path("shape.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return registry.WriteJSON(l.path("shape.json"), now)
	}
	if err != nil {
		return err
	}
	before := shape{Zone: zoneName}
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("%s: %w", l.path("shape.json"), err)
	}
	if before != now {
		return fmt.Errorf("%s holds a lab with %s: give another --dir, or remove it", l.dir, before)
	}
	return nil
}

// idle refuses a directory with a signer that runs: its files would be written
// anew under it, with other addresses.
func (l *layout) idle() error {
	for i := range maxSigners {
		name := string(rune('a' + i))
		if _, err := client.New(l.path(name, "state")).Zones(context.Background()); err == nil {
			return fmt.Errorf("signer %s of a lab in %s is running: end it first, or give another --dir", name, l.dir)
		}
	}
	return nil
}

func (l *layout) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

// writeParent writes what the registry is to serve and whom it is to ask.
func (l *layout) writeParent() error {
	if err := os.MkdirAll(l.path("parent"), 0o755); err != nil {
		return err
	}
	c := registry.Config{
		Zone: l.Parent.Zone, Address: l.Parent.Address, Child: l.Zone, Dir: l.path("parent"),
		Nameservers: map[string][]string{}, TTL: uint32(l.options.pace().ttl / time.Second), Rounds: 3,
		Interval: registry.Duration(l.options.pace().look),
	}
	if l.options.dsTTL.given {
		c.DSTTL = uint32(l.options.dsTTL.long / time.Second)
	}
	if l.options.scan.given {
		c.Interval = registry.Duration(l.options.scan.long)
	}
	for _, s := range l.Signers {
		c.Nameservers[l.host(s)] = []string{s.Address}
	}
	return registry.WriteJSON(l.path("parent", "config.json"), c)
}

// FreeAddresses gives n addresses with consecutive ports, each on a loopback
// address of its own where the system has them. With first 0 the ports are ones
// that are free now; they lie below those that systems give to outgoing sockets.
func FreeAddresses(n, first int) ([]string, error) {
	if first != 0 {
		return addressesFrom(n, first)
	}
	var err error
	for range 100 {
		var addresses []string
		if addresses, err = addressesFrom(n, loopback.Port()); err == nil {
			return addresses, nil
		}
	}
	return nil, fmt.Errorf("no free ports on loopback: %w", err)
}

func addressesFrom(n, first int) ([]string, error) {
	var addresses []string
	for i := range n {
		port := first + i
		host := net.IPv4(127, 0, 0, byte(1+i)).String()
		if !bindable(host) {
			host = "127.0.0.1" // macOS has only this one
		}
		address := net.JoinHostPort(host, fmt.Sprint(port))
		if err := loopback.Check(address); err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func bindable(host string) bool {
	conn, err := net.ListenPacket("udp", host+":0")
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
