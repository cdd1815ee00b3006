package ask

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// maxAddresses bounds how many addresses of one host are used.
const maxAddresses = 32

// Recursive makes a query for a resolver. With check off (CD) it gives data that it
// cannot validate too, for a caller that validates itself.
func Recursive(name string, t uint16, checkingDisabled bool) *dns.Msg {
	m := Question(name, t)
	m.RecursionDesired = true
	m.CheckingDisabled = checkingDisabled
	m.AuthenticatedData = true // asks for the AD bit even of those who heed no DO (RFC 6840 5.7)
	return m
}

// Addresses asks a resolver for all addresses of host, IPv4 and IPv6. None without
// an error means that the host has none. When one kind was found and the other
// failed, both the addresses and the error are given. The TTL is the largest of
// what leads to them, or what the resolver has left of it.
func (c *Client) Addresses(ctx context.Context, resolver Server, host string) ([]netip.Addr, time.Duration, error) {
	type found struct {
		addrs []netip.Addr
		ttl   time.Duration
		err   error
	}
	results := All([]uint16{dns.TypeA, dns.TypeAAAA}, func(t uint16) (f found) {
		r, err := c.Exchange(ctx, resolver, Recursive(host, t, false))
		switch {
		case err != nil:
			return found{err: err}
		case r.Rcode == dns.RcodeNameError:
			return found{}
		case r.Rcode != dns.RcodeSuccess:
			return found{err: fmt.Errorf("ask %s for %s %s: %w", resolver, plain(host), dns.Type(t), &Refused{Rcode: r.Rcode})}
		}
		for _, rr := range r.Answer { // behind a CNAME too: the resolver followed it
			f.ttl = max(f.ttl, time.Duration(rr.Header().Ttl)*time.Second)
			switch rr := rr.(type) {
			case *dns.A:
				f.addrs = appendAddr(f.addrs, rr.A)
			case *dns.AAAA:
				f.addrs = appendAddr(f.addrs, rr.AAAA)
			}
		}
		return f
	})
	all := slices.Concat(results[0].addrs, results[1].addrs)
	err := results[0].err
	if err == nil {
		err = results[1].err
	}
	return all[:min(len(all), maxAddresses)], max(results[0].ttl, results[1].ttl), err
}

func appendAddr(addrs []netip.Addr, ip []byte) []netip.Addr {
	if addr, ok := netip.AddrFromSlice(ip); ok && !slices.Contains(addrs, addr.Unmap()) {
		return append(addrs, addr.Unmap())
	}
	return addrs
}
