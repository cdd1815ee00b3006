package lab

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/control/client"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// reportEvery is how often a lab that is not ready says what keeps it, if that is
// not what it said before.
const reportEvery = 10 * time.Second

// agree waits until the parent's DS RRset and every signer's DNSKEY RRset make a
// chain to the answers of every signer. It has no bound: what holds it up is
// said from time to time, and whoever waits may stop it.
func (l *layout) agree(ctx context.Context, running *processes, stdout io.Writer) error {
	spoken, said := time.Now(), ""
	return every(ctx, 200*time.Millisecond, func() (bool, error) {
		if err := running.fault(); err != nil {
			return false, err
		}
		why := l.disagreement(ctx)
		if why != nil && ctx.Err() == nil && time.Since(spoken) > reportEvery {
			spoken = time.Now()
			if text := fmt.Sprintf("  still waiting: %v\n%s", why, l.waits(ctx)); text != said {
				said = text
				fmt.Fprint(stdout, text)
			}
		}
		return why == nil, nil
	})
}

// disagreement says what is missing yet, or nil.
func (l *layout) disagreement(ctx context.Context) error {
	parentDS, err := ask(ctx, l.Parent.Address, l.Zone, dns.TypeDS)
	if err != nil {
		return fmt.Errorf("parent at %s: %w", l.Parent.Address, err)
	}
	if len(parentDS.records) == 0 {
		return fmt.Errorf("the parent has no DS for %s; it says %s", l.Zone, lastLine(l.path("parent", "log")))
	}
	dnskeys, soas := make([]answer, len(l.Signers)), make([]answer, len(l.Signers))
	for i, s := range l.Signers {
		if dnskeys[i], err = ask(ctx, s.Address, l.Zone, dns.TypeDNSKEY); err != nil {
			return fmt.Errorf("signer %s at %s: DNSKEY: %w", s.Name, s.Address, err)
		}
		if soas[i], err = ask(ctx, s.Address, l.Zone, dns.TypeSOA); err != nil {
			return fmt.Errorf("signer %s at %s: SOA: %w", s.Name, s.Address, err)
		}
	}
	now := time.Now()
	for i, s := range l.Signers {
		if z, err := l.status(ctx, s); err != nil || !z.Serving {
			return fmt.Errorf("signer %s does not say that it serves: %s", s.Name, cmp.Or(z.Refuse, fmt.Sprint(err)))
		}
		if !dnskeys[i].signedBy(named(dnskeys[i], parentDS), now) {
			return fmt.Errorf("the DS at the parent does not reach signer %s", s.Name)
		}
		for j, t := range l.Signers {
			if !soas[j].signedBy(dnskeys[i].keys(), now) {
				return fmt.Errorf("signer %s does not publish the key that signer %s signs with", s.Name, t.Name)
			}
		}
	}
	l.ds = l.ds[:0]
	for _, rr := range parentDS.records {
		if ds, ok := rr.(*dns.DS); ok {
			l.ds = append(l.ds, ds)
		}
	}
	return nil
}

func (l *layout) status(ctx context.Context, s Signer) (status.Zone, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return client.New(l.path(s.State)).Zone(ctx, l.Zone)
}

// waits is what each signer says that it waits for, and what troubles it, a line each.
func (l *layout) waits(ctx context.Context) string {
	var b strings.Builder
	for _, s := range l.Signers {
		z, err := l.status(ctx, s)
		if err != nil {
			fmt.Fprintf(&b, "    signer %s: %v\n", s.Name, err)
			continue
		}
		if z.Refuse != "" {
			fmt.Fprintf(&b, "    signer %s refuses: %s\n", s.Name, z.Refuse)
		}
		for _, w := range z.Waits {
			fmt.Fprintf(&b, "    signer %s, to %s, waits for %s%s\n", s.Name, w.What, w.Why, holding(w))
		}
		for _, a := range z.Alarms {
			fmt.Fprintf(&b, "    signer %s: ALARM: %s (%s)\n", s.Name, a.What, a.Cure)
		}
	}
	return b.String()
}

// holding says who holds a wait up, and until when it lasts at the least.
func holding(w status.Wait) string {
	var b strings.Builder
	if len(w.Holding) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(w.Holding, ", "))
	}
	if !w.Earliest.IsZero() {
		fmt.Fprintf(&b, " until %s", w.Earliest.Local().Format(time.TimeOnly))
	}
	return b.String()
}
