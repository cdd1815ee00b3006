package lab

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
)

// pace is how fast a lab's time runs.
type pace struct {
	ttl         time.Duration // of every record, whole seconds
	margin      time.Duration // added to every wait
	propagation time.Duration // taken to be needed until a change is at all servers of a signer
	busy, idle  time.Duration // between two looks of a signer
	look        time.Duration // between two of the parent
}

func (o options) pace() pace {
	const s = time.Second
	if o.fast {
		return pace{ttl: 2 * s, margin: s, propagation: s, busy: s, idle: 2 * s, look: s}
	}
	return pace{ttl: 30 * s, margin: 5 * s, propagation: s, busy: 2 * s, idle: 10 * s, look: 2 * s}
}

// slow says at once how long a zone with TTLs as in the world takes; "" for the lab's own.
func (l *layout) slow() string {
	p := l.options.pace()
	if l.largest <= p.ttl {
		return ""
	}
	return fmt.Sprintf("%s has TTLs of up to %s: every wait for caches lasts that long. TTLs of %s make a lab to watch.\n", l.options.zone, l.largest, p.ttl)
}

// seconds is the TTL as a zone file has it.
func (p pace) seconds() string { return strconv.Itoa(int(p.ttl / time.Second)) }

// lifetimes are those of keys, where they are not left to the signers.
type lifetimes struct{ zsk, ksk lifetime }

// check refuses what the signers would refuse, in the words of the lab.
func (l lifetimes) check(keys string, p pace) error {
	var errs []error
	if l.zsk.given && keys == "csk" {
		errs = append(errs, errors.New("--lifetime-zsk: --keys csk makes no ZSK; --lifetime-ksk is that of the CSK"))
	}
	least := 3 * (p.ttl + p.margin)
	for _, of := range []struct {
		name string
		lifetime
	}{{"zsk", l.zsk}, {"ksk", l.ksk}} {
		if of.given && of.long != 0 && of.long < least {
			errs = append(errs, fmt.Errorf("--lifetime-%s %s: a rollover takes at least %s at this pace; 0 is: only when told to", of.name, of.long, least))
		}
	}
	return errors.Join(errs...)
}

// lifetime is a duration on the command line, written as a Corefile has it.
type lifetime struct {
	given bool
	long  time.Duration
	text  string
}

func (l *lifetime) String() string { return l.text }

// Set is what package flag calls with the argument.
func (l *lifetime) Set(text string) error {
	long, err := corefile.ParseDuration(text)
	*l = lifetime{true, long, text}
	return err
}
