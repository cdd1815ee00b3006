//go:build !linux

package fastpath

import (
	"errors"

	"github.com/coredns/coredns/core/dnsserver"
)

// Front is not there on this system.
type Front struct{}

// Binding is not there on this system.
type Binding struct{}

// Open says errors.ErrUnsupported: nothing but Linux has what it takes.
func Open(string, int, *dnsserver.Server, *Table) (*Front, *Binding, error) {
	return nil, nil, errors.ErrUnsupported
}

// Bind does nothing.
func (*Front) Bind(*dnsserver.Server, *Table) *Binding { return nil }

// Rebind does nothing.
func (*Front) Rebind(*Binding) {}

// Close does nothing.
func (*Front) Close() {}

// Sockets is 0.
func (*Front) Sockets() int { return 0 }

// Stats is 0.
func (*Front) Stats() (answered, handed, lost uint64) { return 0, 0, 0 }

// End does nothing.
func (*Binding) End() {}

// Listen says errors.ErrUnsupported.
func (*Front) Listen(string, int, Streams) error { return errors.ErrUnsupported }

// StreamStats is 0.
func (*Front) StreamStats() (answered, handed uint64) { return 0, 0 }
