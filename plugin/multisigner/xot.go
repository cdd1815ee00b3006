package multisigner

import (
	"crypto/tls"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// overTLS is where a transfer's context says that it goes over TLS as RFC 9103 7.1 has it.
// It is put there before other plugins wrap the writer.
type overTLS struct{}

// speaksDoT reports whether w writes to a connection over TLS 1.3 whose client has asked for
// DNS by ALPN: who was led here by somebody in between meant another protocol.
func speaksDoT(w dns.ResponseWriter) bool {
	for {
		switch at := w.(type) {
		case *request.ScrubWriter:
			w = at.ResponseWriter
			continue
		case dns.ConnectionStater:
			s := at.ConnectionState()
			return s != nil && s.Version >= tls.VersionTLS13 && s.NegotiatedProtocol == "dot"
		}
		inner, ok := behindTracker(w)
		if !ok {
			return false
		}
		w = inner
	}
}
