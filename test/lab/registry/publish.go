package registry

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/denial"
	"github.com/multisigner/multisigner/plugin/multisigner/sign"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Signatures live long beside a lab; a registry that runs for days renews them.
var policy = sign.Policy{Validity: 14 * 24 * time.Hour, Refresh: 7 * 24 * time.Hour, BackDate: time.Hour}

// publisher makes the parent zone of the delegation and signs it.
type publisher struct {
	config Config
	apex   zone.Name
	key    sign.Key
	now    func() time.Time

	mu      sync.Mutex // over a change of version
	serial  uint32
	refresh time.Time
	version atomic.Pointer[zone.Version]
}

// adopt saves a delegation and then serves it.
func (p *publisher) adopt(d Delegation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	content, err := p.content(d)
	if err != nil {
		return err
	}
	out, err := p.sign(content)
	if err != nil {
		return err
	}
	if err := remember(p.config, d, out.Version.Serial()); err != nil {
		return err
	}
	p.publish(out)
	return nil
}

// renew makes signatures anew when it is time.
func (p *publisher) renew() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Before(p.refresh) {
		return nil
	}
	out, err := p.sign(nil)
	if err == nil {
		p.publish(out)
	}
	return err
}

func (p *publisher) publish(out sign.Output) {
	p.serial, p.refresh = out.Version.Serial(), out.Refresh
	p.version.Store(out.Version)
}

func (p *publisher) sign(content *zone.Version) (sign.Output, error) {
	keys := []sign.Key{p.key}
	dnskey := zone.RRset{Name: p.apex, Type: zone.TypeDNSKEY, TTL: p.config.TTL, Rdata: zone.Pack(string(p.key.Record))}
	return sign.Zone(sign.Input{
		Old: p.version.Load(), Content: content, Serial: p.serial + 1,
		Apex: []zone.RRset{dnskey}, Keys: sign.Keys{DNSKEY: keys, CDS: keys, Data: keys},
		Denial: denial.NSEC, Policy: policy, Now: p.now(),
	})
}

// content is the unsigned parent zone: the delegation with glue, the DS RRset, and
// a DSYNC record that says where to send NOTIFY(CDS) (RFC 9859).
func (p *publisher) content(d Delegation) (*zone.Version, error) {
	address, err := netip.ParseAddrPort(p.config.Address)
	if err != nil {
		return nil, err
	}
	ns := "ns1." + p.config.Zone
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL %d\n", p.config.Zone, p.config.TTL)
	fmt.Fprintf(&b, "@ SOA %s hostmaster 1 3600 600 1209600 %d\n@ NS %s\n%s A %s\n", ns, p.config.TTL, ns, ns, address.Addr())
	fmt.Fprintf(&b, "*._dsync TYPE66 %s\n", dsync(address.Port(), ns))
	for host, addresses := range p.config.Nameservers {
		fmt.Fprintf(&b, "%s NS %s\n", p.config.Child, host)
		for _, a := range addresses {
			if dns.IsSubDomain(p.config.Zone, host) {
				fmt.Fprintf(&b, "%s A %s\n", host, netip.MustParseAddrPort(a).Addr())
			}
		}
	}
	for _, line := range dsText(d.DS) {
		fmt.Fprintf(&b, "%s %d DS %s\n", p.config.Child, p.config.dsTTL(), line)
	}
	return parse(b.String())
}

func parse(text string) (*zone.Version, error) {
	parser := dns.NewZoneParser(strings.NewReader(text), "", "")
	var rrs []dns.RR
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		rrs = append(rrs, rr)
	}
	if err := parser.Err(); err != nil {
		return nil, err
	}
	sets, err := zone.FromRRs(rrs)
	if err != nil {
		return nil, err
	}
	apex, err := zone.ParseName(rrs[0].Header().Name)
	if err != nil {
		return nil, err
	}
	b := zone.NewBuilder(apex)
	for _, s := range sets {
		b.Put(s)
	}
	return b.Version(), nil
}

// dsync is the rdata of a DSYNC record for CDS by NOTIFY, as RFC 3597 writes it.
func dsync(port uint16, target string) string {
	wire := make([]byte, 255)
	n, err := dns.PackDomainName(target, wire, 0, nil, false)
	if err != nil {
		panic(err) // a name that the zone has just been made with
	}
	const scheme = 1 // NOTIFY
	rdata := append([]byte{0, byte(dns.TypeCDS), scheme, byte(port >> 8), byte(port)}, wire[:n]...)
	return fmt.Sprintf(`\# %d %X`, len(rdata), rdata)
}
