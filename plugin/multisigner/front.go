package multisigner

import (
	"context"
	"net"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// front stands before all plugins of a server block. Plugins between it and the
// Handler may answer from a copy of the query; CoreDNS fits the response to the
// query as it came in, and so what is to hold for every response is done here.
type front struct {
	handler *Handler
	next    plugin.Handler
}

// Name implements plugin.Handler. It is no directive, so that nobody takes front
// for the Handler.
func (front) Name() string { return name + "/front" }

// ServeDNS implements plugin.Handler.
func (f front) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if len(r.Question) == 1 {
		if _, apex, ours := f.handler.ask(r); ours {
			if !oneOPT(r) {
				return dns.RcodeFormatError, nil
			}
			status := w.TsigStatus()
			rcode, fault, bad := faultyTSIG(r, status)
			if bad || status != nil {
				why := whyTSIG(bad, fault, status)
				if isMD5(r) {
					why = noMD5
				}
				refused.log(r, apex, signer(w, r), why)
				if r.Opcode == dns.OpcodeUpdate {
					countUpdate(ctx, "bad signature")
				}
			}
			if bad {
				return dns.RcodeSuccess, answerTSIG(w, r, rcode, fault)
			}
			ctx = withAlgorithm(ctx, r)
			if isTransfer(r) {
				ctx = context.WithValue(context.WithValue(ctx, overTLS{}, speaksDoT(w)), requestTSIG{}, r.IsTsig())
			}
			clampSize(r)
			if _, udp := w.RemoteAddr().(*net.UDPAddr); !udp && !isTransfer(r) {
				defer answerPace.begin().end()
			}
		}
	}
	return f.next.ServeDNS(ctx, w, r)
}
