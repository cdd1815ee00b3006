package multisigner

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin(name)

// slogger is what the engine logs to; CoreDNS's own log gets it.
var slogger = slog.New(bridge{})

// bridge is a slog.Handler that writes to CoreDNS's log: the zone first, since
// that is what one looks for, then the message, then the rest.
type bridge struct {
	attrs  []slog.Attr
	prefix string // of group names
}

// Enabled implements slog.Handler. Debug is CoreDNS's to switch.
func (b bridge) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || clog.D.Value()
}

// WithAttrs implements slog.Handler.
func (b bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	all := b.attrs[:len(b.attrs):len(b.attrs)]
	for _, a := range attrs {
		all = append(all, slog.Attr{Key: b.prefix + a.Key, Value: a.Value})
	}
	return bridge{all, b.prefix}
}

// WithGroup implements slog.Handler.
func (b bridge) WithGroup(name string) slog.Handler { return bridge{b.attrs, b.prefix + name + "."} }

// Handle implements slog.Handler.
func (b bridge) Handle(_ context.Context, r slog.Record) error {
	var zone string
	var rest strings.Builder
	add := func(a slog.Attr) {
		switch value := a.Value.Resolve().String(); {
		case a.Equal(slog.Attr{}):
		case a.Key == "zone":
			zone = value + " "
		case value == "" || strings.ContainsAny(value, " \"\n"):
			rest.WriteString(" " + a.Key + "=" + strconv.Quote(value))
		default:
			rest.WriteString(" " + a.Key + "=" + value)
		}
	}
	for _, a := range b.attrs {
		add(a)
	}
	r.Attrs(func(a slog.Attr) bool {
		add(slog.Attr{Key: b.prefix + a.Key, Value: a.Value})
		return true
	})
	line := zone + r.Message + rest.String()
	switch {
	case r.Level >= slog.LevelError:
		log.Error(line)
	case r.Level >= slog.LevelWarn:
		log.Warning(line)
	case r.Level >= slog.LevelInfo:
		log.Info(line)
	default:
		log.Debug(line)
	}
	return nil
}
