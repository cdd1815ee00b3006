package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/ask"
	"github.com/multisigner/multisigner/plugin/multisigner/hook"
	"github.com/multisigner/multisigner/plugin/multisigner/source/primary"
	"github.com/multisigner/multisigner/plugin/multisigner/update"
)

// Limits on updates that are passed on: our choice. A primary that is slow keeps as many
// of its own waiting, and no other zone's.
const (
	forwardsOfZone = 32
	forwardTimeout = 10 * time.Second // of one primary: longer than a change takes, and no longer than clients wait
)

// forward passes an update on to a primary (RFC 2136 6), which says what comes of it: nil
// is NOERROR. What the key may was judged here. The next primary is asked only where the
// one before certainly has not got it: an update must not be taken twice.
func (z *Zone) forward(ctx context.Context, m *update.Message, packet *dns.Msg, key string) *update.Refusal {
	e, cfg := z.engine, z.Config()
	if z.account.updatesHeld.Load() {
		return onHold
	}
	if bad := m.MadeHere(); bad != nil {
		return bad
	}
	defer e.updates.Add(-1)
	defer z.forwarding.Add(-1)
	if all, here := e.updates.Add(1), z.forwarding.Add(1); all > updatesOfAll || here > forwardsOfZone {
		return unable("busy", "too many updates wait for the primary: try again")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	out := m.Pass(packet, cfg.Updates, key)
	for i, to := range cfg.Primaries {
		if cfg.ForwardKey != nil {
			to.TSIG = cfg.ForwardKey
		}
		answer, sent, err := e.client.Forward(z.asking(ctx), to, out, forwardTimeout)
		switch {
		case err == nil:
			return z.forwarded(to, answer)
		case !sent && i+1 < len(cfg.Primaries) && ctx.Err() == nil:
			continue
		}
		e.log.Warn("an update could not be passed on", "zone", z.apex, "primary", to.Addr, "error", err)
		return unanswered(to, sent, err)
	}
	return unable("primary", "there is no primary to pass the update on to")
}

// forwarded takes over what a primary has answered.
func (z *Zone) forwarded(to ask.Server, answer *dns.Msg) *update.Refusal {
	if answer.Rcode == dns.RcodeSuccess {
		// It will tell us by NOTIFY, if it is told to: we ask all the same.
		z.notified(primary.Event{Kind: primary.Notify, From: to.Addr.String()})
		return nil
	}
	bad := &update.Refusal{
		Rcode: answer.Rcode, Code: dns.ExtendedErrorCodeOther, Reason: "primary",
		Text: fmt.Sprintf("the primary %s answered %s", to.Addr, ask.Rcode(answer.Rcode)),
	}
	if opt := answer.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				bad.Code = ede.InfoCode
				if ede.ExtraText != "" {
					bad.Text += ": " + hook.OneLine(ede.ExtraText)
				}
				break
			}
		}
	}
	return bad
}

// unanswered is SERVFAIL for an update of which no primary has said anything that counts.
func unanswered(to ask.Server, sent bool, err error) *update.Refusal {
	bad := &update.Refusal{Rcode: dns.RcodeServerFailure, Code: dns.ExtendedErrorCodeNoReachableAuthority, Reason: "primary"}
	switch {
	case errors.Is(err, ask.ErrTSIG):
		bad.Code = dns.ExtendedErrorCodeOther
		bad.Text = fmt.Sprintf("the primary %s and this server do not agree about the key %s", to.Addr, to.TSIG.Name)
	case !sent:
		bad.Text = fmt.Sprintf("the primary %s cannot be reached, and nothing was changed", to.Addr)
	default:
		bad.Text = fmt.Sprintf("the primary %s has not answered, and whether it took the update is not known", to.Addr)
	}
	return bad
}
