package multisigner

import (
	"context"

	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"
)

// algorithmKey is where a query's context has the TSIG algorithm that it was signed with:
// the tsig plugin verifies by whichever the sender names, and takes the record away.
type algorithmKey struct{}

func withAlgorithm(ctx context.Context, r *dns.Msg) context.Context {
	if t := r.IsTsig(); t != nil {
		return context.WithValue(ctx, algorithmKey{}, dns.CanonicalName(t.Algorithm))
	}
	return ctx
}

// update answers an UPDATE (RFC 2136) when what it changes is durable, and the next
// question is answered with it.
func (q query) update(ctx context.Context) (int, error) {
	if q.zone == nil {
		countUpdate(ctx, "not ready")
		return q.refuse(dns.RcodeServerFailure, dns.ExtendedErrorCodeNotReady, "the zone is being loaded")
	}
	algorithm, _ := ctx.Value(algorithmKey{}).(string)
	ignored, bad := q.zone.Update(ctx, q.req, q.from.key, algorithm)
	if bad != nil {
		countUpdate(ctx, bad.Reason)
		if bad.Reason != "prerequisite" { // those are what they are there for
			refused.log(q.req, q.apex, q.from, bad.Text)
		}
		return q.refuse(bad.Rcode, bad.Code, bad.Text)
	}
	countUpdate(ctx, "taken")
	if ignored != "" {
		return q.refuse(dns.RcodeSuccess, dns.ExtendedErrorCodeOther, "passed over: "+ignored)
	}
	m := new(dns.Msg).SetReply(q.req)
	withOPT(q.req, m)
	return dns.RcodeSuccess, q.w.WriteMsg(m)
}

func countUpdate(ctx context.Context, result string) {
	updates.WithLabelValues(metrics.WithServer(ctx), result).Inc()
}
