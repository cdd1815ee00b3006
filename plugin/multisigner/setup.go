package multisigner

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/corefile"
)

func init() { plugin.Register(name, setup) }

// setup reads the multisigner blocks of one server block. It opens nothing: a
// Corefile that is only tried must leave no trace, and when this one starts is
// the registry's business.
func setup(c *caddy.Controller) error {
	cfg := dnsserver.GetConfig(c)
	root, err := filepath.Abs(cfg.Root)
	if err != nil {
		return plugin.Error(name, fmt.Errorf("root %q: %w", cfg.Root, err))
	}
	path := c.File() // before the first token is read, that of the Corefile
	blocks, faults := corefile.Parse(&c.Dispenser, c.ServerBlockKeys)
	l := loadOf(c)
	var sites []corefile.Site
	var consumed []corefile.CatalogSite
	for _, b := range blocks {
		wrong := b.Check(cfg.TsigSecret)
		faults = append(faults, wrong...)
		if len(faults) == 0 {
			sites = append(sites, b.Build(root, cfg.TsigSecret)...)
			consumed = append(consumed, b.BuildCatalogs(root, cfg.TsigSecret)...)
		}
	}
	at, tls := askable(listens(cfg, c.ServerBlockKeys)), slices.ContainsFunc(c.ServerBlockKeys, speaksTLS)
	for i := range sites {
		sites[i].Config.Listens, sites[i].OverTLS = at, tls
	}
	for i := range consumed {
		consumed[i] = consumed[i].Listen(at)
	}
	if len(faults) == 0 {
		faults = append(l.sites.Add(sites...), l.sites.AddCatalogs(consumed...)...)
	}
	if len(faults) > 0 {
		err := plugin.Error(name, append(faults, elsewhere(c, path)...).Err())
		process.failed(err)
		return err
	}
	offerDoT(cfg)
	if slices.ContainsFunc(sites, func(s corefile.Site) bool { return len(s.Config.Updates) > 0 }) || slices.ContainsFunc(consumed, corefile.CatalogSite.Updated) {
		cfg.AllowOpcode(dns.OpcodeUpdate)
	}
	h := &Handler{load: l, block: cfg, sites: sites, consumed: consumed}
	l.handlers = append(l.handlers, h)
	cfg.UDPDecorateWriterFunc = process.fronts.decorate(l, cfg.UDPDecorateWriterFunc)
	l.checks = append(l.checks, func() error {
		h.listens = listens(cfg, c.ServerBlockKeys)
		for _, s := range sites {
			hintPort(l, s.Config.Apex)
		}
		return neighbours(cfg, blocks[0].Where, apexes(sites))
	})
	l.ports = append(l.ports, func() error {
		if err := held(h.listens); err != nil {
			return plugin.Error(name, fmt.Errorf("%s: %w", blocks[0].Where, err))
		}
		return nil
	})
	cfg.AddPlugin(func(next plugin.Handler) plugin.Handler {
		h.Next = next
		return h
	})
	// What other plugins must not change comes before all of them.
	cfg.Plugin = slices.Insert(cfg.Plugin, 0, plugin.Plugin(func(next plugin.Handler) plugin.Handler {
		return front{h, next}
	}))
	return nil
}

// offerDoT adds the ALPN token that a secondary asks for when it transfers over
// TLS (RFC 9103 7.1); CoreDNS offers none. Where the server block has HTTPS, QUIC
// or gRPC as well, CoreDNS puts their own tokens in its place.
func offerDoT(cfg *dnsserver.Config) {
	if cfg.TLSConfig != nil && !slices.Contains(cfg.TLSConfig.NextProtos, "dot") {
		cfg.TLSConfig.NextProtos = append(slices.Clone(cfg.TLSConfig.NextProtos), "dot")
	}
}
