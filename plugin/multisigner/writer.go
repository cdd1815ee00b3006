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
	way, ok := octets(w, false)
	if !ok {
		return false, nil
	}
	return true, way.write(wire, rcode)
}

// octetWay is a way for octets to a client.
type octetWay struct {
	client   dns.ResponseWriter
	recorder *metrics.Recorder // counts what is written; nil: nobody does
}

// octets finds the way for octets behind w; ok is false when a writer on it wants a
// dns.Msg. With signed the octets have a signature where the tsig plugin would put one.
func octets(w dns.ResponseWriter, signed bool) (way octetWay, ok bool) {
	for {
		switch at := w.(type) {
		case *request.ScrubWriter: // fits responses to the client: ours does
			w = at.ResponseWriter
			continue
		case *metrics.Recorder:
			if way.recorder != nil {
				return way, false
			}
			way.recorder, w = at, at.ResponseWriter
			continue
		}
		inner, ok := behindTracker(w)
		if !ok && signed {
			inner, ok = behindSigner(w)
		}
		if !ok {
			way.client = w
			return way, isClient(w)
		}
		w = inner
	}
}

func (o octetWay) write(wire []byte, rcode int) error {
	_, err := o.client.Write(wire)
	if o.recorder != nil {
		o.recorder.Rcode = rcode
		o.recorder.SetPlugin(name)
		if err == nil {
			o.recorder.Len += len(wire) // what the client says counts the length over TCP
		}
	}
	return err
}

// behindSigner gives the writer inside w, if that is the one by which the tsig plugin signs
// responses. It has no name outside.
func behindSigner(w dns.ResponseWriter) (inner dns.ResponseWriter, ok bool) {
	t := reflect.TypeOf(w)
	if t.Kind() != reflect.Pointer || t.Elem().PkgPath() != "github.com/coredns/coredns/plugin/tsig" {
		return nil, false
	}
	field := reflect.ValueOf(w).Elem().FieldByName("ResponseWriter")
	if !field.IsValid() {
		return nil, false
	}
	inner, ok = field.Interface().(dns.ResponseWriter)
	return inner, ok
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
