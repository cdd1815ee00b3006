package multisigner

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/fastpath"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// fronts are the fast paths of the process, by the address of CoreDNS's server. They
// outlive the Corefile loads that they work for, as the engines do.
type fronts struct {
	mu sync.Mutex
	at map[string]*bindings
}

// bindings are a fast path and those that it has been bound to: the last that is
// still there has it.
type bindings struct {
	*fastpath.Front
	bound []bound
}

type bound struct {
	load *load
	*fastpath.Binding
}

// decorate has fronts begin when CoreDNS begins to serve a UDP socket, which is all
// that CoreDNS lets plugins know about its sockets. prev is what another plugin
// has put there.
func (f *fronts) decorate(l *load, prev func(*dnsserver.Server) dns.DecorateWriter) func(*dnsserver.Server) dns.DecorateWriter {
	return func(server *dnsserver.Server) dns.DecorateWriter {
		f.begin(l, server)
		if prev == nil {
			return nil
		}
		decorated := prev(server)
		if blocks, ok := blocksOf(server); ok && decorated != nil {
			for _, b := range blocks {
				if h, ours := b.Handler(name).(*Handler); ours {
					h.decorated.Store(true)
				}
			}
		}
		return decorated
	}
}

// begin opens the front of a server of the load, or binds it anew. Of servers that
// share an address (multisocket) the first stands for all.
func (f *fronts) begin(l *load, server *dnsserver.Server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := server.Address()
	is := f.at[at]
	if is != nil && slices.ContainsFunc(is.bound, func(b bound) bool { return b.load == l }) {
		return
	}
	table, theirs, why := l.table(server)
	if why != "" {
		log.Infof("%s: queries over UDP and TCP go through CoreDNS: %s", at, why)
		return
	}
	if is != nil {
		is.bound = append(is.bound, bound{l, is.Bind(server, table)})
		return
	}
	address := strings.TrimPrefix(at, transport.DNS+"://")
	opened, binding, err := fastpath.Open(address, theirs, server, table)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		log.Infof("%s: queries over UDP and TCP go through CoreDNS: the fast path needs recvmmsg, which this system does not have", at)
		return
	case err != nil:
		log.Warningf("%s: queries over UDP and TCP go through CoreDNS: %v", at, err)
		return
	}
	over := "UDP and TCP"
	if err := opened.Listen(address, theirs, fastpath.Streams{Inherit: limit, Begin: answerPace.take, End: answerPace.give}); err != nil {
		log.Warningf("%s: queries over TCP go through CoreDNS: %v", at, err)
		over = "UDP"
	}
	log.Infof("%s: queries over %s take the fast path, with %d sockets", at, over, opened.Sockets())
	f.at[at] = &bindings{opened, []bound{{l, binding}}}
}

// settle ends what was bound to loads that are gone, and fronts that are nobody's.
func (f *fronts) settle(loads []*load) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for at, is := range f.at {
		var stay, gone []bound
		for _, b := range is.bound {
			if slices.Contains(loads, b.load) {
				stay = append(stay, b)
			} else {
				gone = append(gone, b)
			}
		}
		if len(gone) == 0 {
			continue
		}
		is.bound = stay
		if len(stay) == 0 {
			delete(f.at, at)
			is.Close()
		} else {
			is.Rebind(stay[len(stay)-1].Binding)
		}
		for _, b := range gone {
			b.End()
		}
	}
}

// queries counts those that came to fronts so far.
func (f *fronts) queries() (n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, is := range f.at {
		answered, handed, lost := is.Stats()
		n += answered + handed + lost
		answered, handed = is.StreamStats()
		n += answered + handed
	}
	return n
}

// all gives the fronts that work, by address.
func (f *fronts) all() map[string]*fastpath.Front {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]*fastpath.Front, len(f.at))
	for at, is := range f.at {
		all[at] = is.Front
	}
	return all
}

// served is a zone as the fast path sees it.
type served struct {
	state *state
	apex  zone.Name
}

// Open implements fastpath.Zone.
func (s served) Open() *zone.Version {
	if z := s.state.find(s.apex); z != nil {
		return z.Open()
	}
	return nil
}

// table says what of the questions to a server is for the fast path, and how many
// UDP sockets CoreDNS has at its address; why says why nothing is.
func (l *load) table(server *dnsserver.Server) (t *fastpath.Table, sockets int, why string) {
	if _, port, err := net.SplitHostPort(strings.TrimPrefix(server.Address(), transport.DNS+"://")); err != nil || port == "0" {
		return nil, 0, "the port is one that the system chooses"
	}
	blocks, ok := blocksOf(server)
	if !ok {
		return nil, 0, "this version of CoreDNS does not show its server blocks"
	}
	t, sockets = fastpath.NewTable(), 1
	for apex := range l.zones { // those of other addresses, whose DS records CoreDNS may ask there
		t.Add(apex, fastpath.Entry{})
	}
	var reasons []string
	for _, b := range blocks {
		sockets = max(sockets, b.NumSockets)
		t.Add(b.name, fastpath.Entry{})
		h, ours := b.Handler(name).(*Handler)
		switch why := opaque(b.Config); {
		case !ours:
		case b.shared:
			reasons = append(reasons, fmt.Sprintf("plugin view decides about queries for %s", b.name))
		case why != "":
			reasons = append(reasons, why)
		default:
			h.enter(t, server.Address(), b, blocks)
		}
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	if t.Zones() == 0 {
		return nil, 0, strings.Join(reasons, "; ")
	}
	for _, reason := range reasons {
		log.Infof("%s: some queries over UDP and TCP go through CoreDNS: %s", server.Address(), reason)
	}
	return t, sockets, ""
}

// enter puts the handler's zones that are asked for in block b into a table. Below the block's name, and
// below each of the zones, there may be members of catalogs.
func (h *Handler) enter(t *fastpath.Table, server string, b serverBlock, blocks map[zone.Name]serverBlock) {
	entry := fastpath.Entry{Payload: payload(b.Config)}
	counted, _ := b.Handler("prometheus").(*metrics.Metrics)
	if h.catalogs.state != nil {
		entry.Members = members{&h.catalogs}
	}
	put := func(apex zone.Name) {
		if counted != nil {
			label := plugin.Zones(counted.ZoneNames()).Matches(apex.String())
			if label == "" {
				label = "."
			}
			entry.Series = &fastpath.Series{Server: server, Zone: label}
		}
		t.Add(apex, entry)
	}
	if entry.Members != nil {
		put(b.name)
	}
	for apex, state := range h.zones {
		if blocks[nearestBlock(apex, blocks)].Config != b.Config {
			continue
		}
		entry.Zone = served{state, apex}
		put(apex)
	}
	for _, catalog := range h.catalogs.all() { // what is asked of one is CoreDNS's
		if catalog != b.name {
			t.Add(catalog, fastpath.Entry{})
		}
	}
}

// serverBlock is what a server has for a zone.
type serverBlock struct {
	*dnsserver.Config
	name   zone.Name
	shared bool // with others: filters decide
}

// nearestBlock is the name of the block that CoreDNS gives questions for n to.
func nearestBlock(n zone.Name, blocks map[zone.Name]serverBlock) zone.Name {
	for ; ; n = n.Parent() {
		if _, ok := blocks[n]; ok || n == zone.Root {
			return n
		}
	}
}

// blocksOf gives the server blocks of a server, by zone. CoreDNS shows them to
// nobody, and without them we could not know what is not for us; so they are read
// where they are. ok is false when they are not there.
func blocksOf(server *dnsserver.Server) (blocks map[zone.Name]serverBlock, ok bool) {
	zones := reflect.ValueOf(server).Elem().FieldByName("zones")
	if !zones.IsValid() || zones.Type() != reflect.TypeFor[map[string][]*dnsserver.Config]() {
		return nil, false
	}
	blocks = make(map[zone.Name]serverBlock, zones.Len())
	for each := zones.MapRange(); each.Next(); {
		apex, err := zone.ParseName(each.Key().String())
		if err != nil || each.Value().Len() == 0 {
			return nil, false
		}
		first := (*dnsserver.Config)(each.Value().Index(0).UnsafePointer())
		blocks[apex] = serverBlock{first, apex, each.Value().Len() > 1}
	}
	return blocks, len(blocks) > 0
}
