package registry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// newScanner makes one that keeps its delegation in *kept and whose log is read back.
func newScanner(g group, rounds int, kept *Delegation) (*scanner, *bytes.Buffer) {
	log := new(bytes.Buffer)
	return &scanner{
		config:     Config{Child: childName, Nameservers: g.nameservers(), Rounds: rounds},
		delegation: Delegation{Child: childName},
		log:        slog.New(slog.NewTextHandler(log, nil)),
		now:        func() time.Time { return now },
		adopt:      func(d Delegation) error { *kept = d; return nil },
	}, log
}

func (s *scanner) look(t *testing.T) { s.turn(Look(t.Context(), s.config.Child, s.config.Nameservers)) }

// A child without a chain of trust gets its first DS only when it has asked for
// the same one several looks in a row; a change of mind or a silent server begins the count anew.
func TestFirstAcceptance(t *testing.T) {
	g := newGroup(t, 2)
	var kept Delegation
	s, log := newScanner(g, 3, &kept)
	s.look(t)
	s.look(t)
	require.Empty(t, kept.DS, "two looks of three")

	g[1].be(func(s *server) { s.rcode = dns.RcodeServerFailure })
	s.look(t)
	g[1].be(func(s *server) { s.rcode = dns.RcodeSuccess })
	s.look(t)
	s.look(t)
	require.Empty(t, kept.DS, "counted anew after the failure")

	g.everyone(func(s *server) { s.ask(t, g.cds(dns.SHA384), g.cdnskey(), s.ksk) })
	s.look(t)
	s.look(t)
	require.Empty(t, kept.DS, "counted anew for another DS RRset")
	s.look(t)
	require.Len(t, kept.DS, 2)
	require.Equal(t, uint8(dns.SHA384), kept.DS[0].DigestType)
	require.Equal(t, 1, strings.Count(log.String(), "changed: DS {} ->"), log.String())
}

// Where there is a chain already, one look suffices; and each decision is logged once.
func TestChange(t *testing.T) {
	g := newGroup(t, 2)
	var kept Delegation
	s, log := newScanner(g, 3, &kept)
	s.delegation.DS = append(g.ds(), newKey(t, 257, dns.ECDSAP256SHA256).ToDS(dns.SHA256))
	s.look(t)
	require.True(t, sameDS(g.ds(), kept.DS))
	s.look(t)
	s.look(t)
	require.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())
	require.Contains(t, log.String(), "unchanged: in step")
}

// A change that could not be saved has not happened.
func TestNotAdopted(t *testing.T) {
	g := newGroup(t, 1)
	var kept Delegation
	s, log := newScanner(g, 1, &kept)
	s.adopt = func(Delegation) error { return errors.New("disk full") }
	s.look(t)
	require.Empty(t, s.delegation.DS)
	require.Contains(t, log.String(), "unchanged: disk full")
}
