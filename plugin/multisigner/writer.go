package multisigner

import (
	"context"
	"reflect"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

// A response that is packed already need not become a dns.Msg only to be packed
// again: that was a third of what a query cost. But writers that other plugins
// have put around the client's look at the message, change it, or keep it to
// themselves, and bytes would pass them by. So bytes are written only where every
// writer on the way to the socket is known here, by its type.

// writeWire writes a packed response to the client behind w; false, and nothing is
// written, when a writer on the way wants a dns.Msg.
func writeWire(w dns.ResponseWriter, wire []byte, rcode int) (ok bool, err error) {
	var recorder *metrics.Recorder
	for {
		switch at := w.(type) {
		case *request.ScrubWriter: // fits responses to the client: ours does
			w = at.ResponseWriter
			continue
		case *metrics.Recorder:
			if recorder != nil {
				return false, nil
			}
			recorder, w = at, at.ResponseWriter
			continue
		}
		if inner, ok := behindTracker(w); ok {
			w = inner
			continue
		}
		break
	}
	if !isClient(w) {
		return false, nil
	}
	n, err := w.Write(wire)
	if recorder != nil {
		recorder.Rcode, recorder.Len = rcode, recorder.Len+n
		recorder.SetPlugin(name)
	}
	return true, err
}

// trackerType is the writer that CoreDNS puts around another at each step of the
// chain, to tell the metrics plugin who has answered. It has no name outside.
var trackerType = func() (t reflect.Type) {
	probe := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		if at := reflect.TypeOf(w); at.Kind() == reflect.Pointer && at.Elem().Kind() == reflect.Struct &&
			at.Elem().NumField() > 0 && at.Elem().Field(0).Name == "ResponseWriter" && at.Elem().Field(0).Anonymous {
			t = at
		}
		return dns.RcodeSuccess, nil
	})
	_, _ = plugin.NextOrFailure(name, probe, context.Background(), nil, nil)
	return t
}()

// behindTracker gives the writer inside w, if that is a tracker.
func behindTracker(w dns.ResponseWriter) (inner dns.ResponseWriter, ok bool) {
	if reflect.TypeOf(w) != trackerType {
		return nil, false
	}
	inner, ok = reflect.ValueOf(w).Elem().Field(0).Interface().(dns.ResponseWriter)
	return inner, ok
}

// isClient reports whether w is the library's own, that of a datagram, of a TCP or
// of a TLS connection. It has no name outside, either.
func isClient(w dns.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t.Kind() == reflect.Pointer && t.Elem().Name() == "response" && t.Elem().PkgPath() == "github.com/miekg/dns"
}
