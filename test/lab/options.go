package lab

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// options are what the command line may say.
type options struct {
	signers   int
	dir       string
	denial    string
	algorithm string
	keys      string
	lifetimes lifetimes
	standby   bool
	dsTTL     lifetime // at the parent
	scan      lifetime // of the parent
	name      string   // of the zone, fully qualified
	zone      string   // a zone file of the user's own
	primary   string   // a kind of hidden primary, or ""
	updates   bool
	coredns   string
	port      int // 0: free ones
	fast      bool
	json      bool
}

// The most signers a lab has: each gets a letter and a loopback address.
const maxSigners = 9

var (
	denials    = []string{"nsec", "nsec3", "nsec3-optout"}
	algorithms = []string{"RSASHA256", "ECDSAP256SHA256", "ECDSAP384SHA384", "ED25519"}
	keyKinds   = []string{"split", "csk"}
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("multisigner lab", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.signers, "signers", 2, "how many signers, 1 to 9")
	flags.StringVar(&o.dir, "dir", "lab", "`directory` of configuration, keys, state and logs; an earlier lab's goes on")
	flags.StringVar(&o.denial, "denial", "nsec", strings.Join(denials, ", "))
	flags.StringVar(&o.algorithm, "algorithm", "ECDSAP256SHA256", strings.Join(algorithms, ", "))
	flags.StringVar(&o.keys, "keys", "split", "split (KSK and ZSK) or csk")
	flags.Var(&o.lifetimes.zsk, "lifetime-zsk", "how `long` a ZSK signs before the next one takes its place, as 20s; the default is the signers', 30d")
	flags.Var(&o.lifetimes.ksk, "lifetime-ksk", "how `long` a KSK or CSK does; the default is the signers', 365d")
	flags.Var(&o.dsTTL, "ds-ttl", "the `TTL` of the DS at the parent, as 5s; the default is that of all records")
	flags.Var(&o.scan, "scan", "how `long` the parent waits from one look at the zone to the next, as 1h; it looks at once when it is told")
	flags.BoolVar(&o.standby, "standby", false, "keep a successor of each key published")
	flags.StringVar(&o.zone, "zone", "", "`file` with an unsigned zone to serve in place of the lab's own")
	flags.StringVar(&o.name, "name", zoneName, "the zone's `name`; the lab's parent is the zone above it")
	flags.StringVar(&o.primary, "primary", "", "have the zone in a hidden primary, which is started too and which the signers transfer it from: "+strings.Join(hiddenKinds(), ", "))
	flags.BoolVar(&o.updates, "updates", false, "let the zone be changed by UPDATE at any signer, which passes it on to the hidden primary, or to the first signer")
	flags.StringVar(&o.coredns, "coredns", "", "the coredns to run; else the one beside this program")
	flags.IntVar(&o.port, "port", 0, "first port; the signers have the next ones. 0: free ports")
	flags.BoolVar(&o.fast, "fast", false, "TTLs and waits of a second or two in place of half a minute")
	flags.BoolVar(&o.json, "json", false, "print lab.json when all is ready, in place of what to try")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := o.check(flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "multisigner lab:", err)
	}
	return o, err
}

func (o *options) check(rest []string) error {
	var errs []error
	oneOf := func(name, value string, allowed []string) {
		if !slices.Contains(allowed, value) {
			errs = append(errs, fmt.Errorf("--%s %s: not one of %s", name, value, strings.Join(allowed, ", ")))
		}
	}
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("%q: not an option", rest))
	}
	if o.signers < 1 || o.signers > maxSigners {
		errs = append(errs, fmt.Errorf("--signers %d: from 1 to %d", o.signers, maxSigners))
	}
	if o.port < 0 || o.port > 65535-maxSigners {
		errs = append(errs, fmt.Errorf("--port %d: from 1 to %d", o.port, 65535-maxSigners))
	}
	o.name = dns.CanonicalName(o.name)
	if _, ok := dns.IsDomainName(o.name); !ok || dns.CountLabel(o.name) < 2 || strings.ContainsAny(o.name, `\/*`) {
		errs = append(errs, fmt.Errorf("--name %s: a name of two labels or more, as example.test", o.name))
	}
	o.algorithm = strings.ToUpper(o.algorithm)
	oneOf("denial", o.denial, denials)
	oneOf("algorithm", o.algorithm, algorithms)
	oneOf("keys", o.keys, keyKinds)
	if o.primary != "" {
		oneOf("primary", o.primary, hiddenKinds())
	}
	if h, ok := hiddens[o.primary]; ok && o.updates && !h.updates {
		errs = append(errs, fmt.Errorf("--primary %s --updates: %s takes no UPDATE; knot and bind do", o.primary, h.program))
	}
	if o.dsTTL.given && (o.dsTTL.long < time.Second || o.dsTTL.long%time.Second != 0) {
		errs = append(errs, fmt.Errorf("--ds-ttl %s: a TTL is a whole number of seconds, at least one", o.dsTTL.text))
	}
	if o.scan.given && o.scan.long <= 0 {
		errs = append(errs, fmt.Errorf("--scan %s: longer than nothing", o.scan.text))
	}
	return errors.Join(append(errs, o.lifetimes.check(o.keys, o.pace()))...)
}

// parent is the zone above the lab's zone.
func (o options) parent() string {
	at, _ := dns.NextLabel(o.name, 0)
	return o.name[at:]
}

// server finds the coredns to run.
func (o options) server() (string, error) {
	path := o.coredns
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		path = filepath.Join(filepath.Dir(self), "coredns")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("no coredns to run: %w (make build makes one; --coredns names another)", err)
	}
	return filepath.Abs(path)
}
