package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// keys shows them as a table, as records, or as what a foreign signer is to be told.
func (a *app) keys(ctx context.Context, args []string) int {
	switch {
	case a.handFor != "":
		return a.hand(ctx, args)
	case a.records:
		return a.show(ctx, recordsView, args)
	}
	return a.show(ctx, keysView, args)
}

var keysView = view{
	text: func(w io.Writer, zones []status.Zone) {
		for _, z := range zones {
			fmt.Fprintf(w, "%s\n", z.Zone)
			writeKeys(w, z)
		}
	},
	json: func(z status.Zone) any {
		return struct {
			Zone string       `json:"zone"`
			Keys []status.Key `json:"keys"`
		}{z.Zone, z.Keys}
	},
}

// recordsView prints the DNSKEY records as zone file text, each with whose it is.
var recordsView = view{
	text: func(w io.Writer, zones []status.Zone) {
		for _, z := range zones {
			for _, k := range z.Keys {
				if k.DNSKEY != "" {
					fmt.Fprintf(w, "%s IN DNSKEY %s ; %s %d of %s, %s\n", z.Zone, k.DNSKEY, k.Role, k.Tag, k.Owner, stateOf(k))
				}
			}
		}
	},
	json: keysView.json,
}

// tellers write what a foreign signer is to be told in the words of its software.
var tellers = map[string]func(w io.Writer, zone string, p status.Peer){
	"nsupdate": tellNsupdate,
	"knot":     tellKnot,
	"pdnsutil": tellPdnsutil,
}

// hand prints commands alone, so that they can be piped; what there is to say about them
// goes to stderr.
func (a *app) hand(ctx context.Context, args []string) int {
	tell, known := tellers[a.handFor]
	switch {
	case !known:
		return a.misused(fmt.Sprintf("keys --for %s: it is nsupdate, knot or pdnsutil", a.handFor))
	case len(args) != 2:
		return a.misused("keys of which zone, for which peer? Say keys ZONE --for " + a.handFor + " PEER")
	}
	z, err := a.client.Zone(ctx, args[0])
	if err != nil {
		return a.fail(err)
	}
	p, err := foreign(z, args[1])
	if err != nil {
		return a.fail(err)
	}
	if a.json {
		a.print(p.Hand)
		return exitOK
	}
	if len(p.Hand.Add)+len(p.Hand.Remove) > 0 {
		tell(a.out, z.Zone, p)
	}
	fmt.Fprintf(a.err, "%s: %d to add, %d to remove at %s\n", z.Zone, len(p.Hand.Add), len(p.Hand.Remove), p.Name)
	if p.Supply != nil {
		fmt.Fprintf(a.err, "%s has these records with the content (content-transfer ... for): nothing needs to be carried there, and what is may be taken out again by its next transfer\n", p.Name)
	}
	return exitOK
}

// foreign finds a peer to which keys are carried by hand.
func foreign(z status.Zone, name string) (status.Peer, error) {
	var names []string
	for _, p := range z.Peers {
		switch {
		case !strings.EqualFold(strings.TrimSuffix(name, "."), p.Name):
			names = append(names, p.Name)
		case !p.Foreign:
			return p, fmt.Errorf("%s is a multisigner: it takes our keys by itself; if it is not, write foreign in its block", p.Name)
		case p.Hand == nil:
			return p, fmt.Errorf("what %s publishes is not known: %s", p.Name, p.Why)
		default:
			return p, nil
		}
	}
	if len(names) == 0 {
		return status.Peer{}, errors.New("the zone has no peers")
	}
	return status.Peer{}, fmt.Errorf("no peer %s: these are there: %s", name, strings.Join(names, ", "))
}

func tellNsupdate(w io.Writer, zone string, p status.Peer) {
	if len(p.Addresses) > 0 {
		if host, port, err := net.SplitHostPort(p.Addresses[0].Address); err == nil {
			fmt.Fprintf(w, "server %s %s\n", host, port)
		}
	}
	fmt.Fprintf(w, "zone %s\n", zone)
	for _, r := range p.Hand.Add {
		fmt.Fprintf(w, "update add %s %d %s %s\n", zone, p.Hand.TTL, r.Type, r.Rdata)
	}
	for _, r := range p.Hand.Remove {
		fmt.Fprintf(w, "update delete %s %s %s\n", zone, r.Type, r.Rdata)
	}
	fmt.Fprintln(w, "send")
}

// tellKnot writes what knotc reads from its standard input.
func tellKnot(w io.Writer, zone string, p status.Peer) {
	fmt.Fprintf(w, "zone-begin %s\n", zone)
	for _, r := range p.Hand.Add {
		fmt.Fprintf(w, "zone-set %s @ %d %s %s\n", zone, p.Hand.TTL, r.Type, r.Rdata)
	}
	for _, r := range p.Hand.Remove {
		fmt.Fprintf(w, "zone-unset %s @ %s %s\n", zone, r.Type, r.Rdata)
	}
	fmt.Fprintf(w, "zone-commit %s\n", zone)
}

// tellPdnsutil writes lines for a shell. PowerDNS keeps what is carried to it apart from
// the records of its own keys, so that each RRset is written whole.
func tellPdnsutil(w io.Writer, zone string, p status.Peer) {
	name := word(cmp.Or(strings.TrimSuffix(zone, "."), zone)) // the root is its dot
	changed := slices.Concat(p.Hand.Add, p.Hand.Remove)
	for _, t := range []string{"DNSKEY", "CDS", "CDNSKEY"} {
		if !slices.ContainsFunc(changed, func(r status.Record) bool { return r.Type == t }) {
			continue
		}
		var rdata strings.Builder
		for _, r := range p.Hand.Records {
			if r.Type == t {
				fmt.Fprintf(&rdata, " '%s'", r.Rdata)
			}
		}
		if rdata.Len() == 0 {
			fmt.Fprintf(w, "pdnsutil delete-rrset %s @ %s\n", name, t)
			continue
		}
		fmt.Fprintf(w, "pdnsutil replace-rrset %s @ %s %d%s\n", name, t, p.Hand.TTL, rdata.String())
	}
	fmt.Fprintf(w, "pdnsutil increase-serial %s\n", name)
}

// word is s as a shell takes it for one word, whatever is in it.
func word(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-_/") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
