package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// How much is measured in a run.
const (
	single  = 40                      // changes, each some time after the one before was served
	rest    = 1200 * time.Millisecond // between these: servers have a pace for transfers
	stream  = 20_000                  // changes as fast as they can be made
	told    = 100                     // of them for each NOTIFY
	clients = 64                      // that send UPDATEs at once
	sending = 5 * time.Second         // for which UPDATEs are sent
	settled = 30 * time.Minute        // until a server has the zone signed, at most
	stuck   = 2 * time.Minute         // until it serves the last of the stream, or never does
)

var errNotServed = errors.New("a change is not served")

// changed is what one server did in one run.
type changed struct {
	one, many float64       // UPDATEs a second, by one client and by many
	ixfr      float64       // changes a second; 0: the last was not served
	delay     time.Duration // from NOTIFY to served signed, median
	worst     time.Duration // of them
}

// measureChanges has each server sign a zone, and change it by UPDATE and from a primary, and
// writes the table of docs/PERFORMANCE.md.
func measureChanges(ctx context.Context, o options) error {
	var err error
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kinds := strings.Split(o.servers, ",")
	var text strings.Builder
	for _, name := range strings.Split(o.zones, ",") {
		z, err := makeZone(dir, name)
		if err != nil {
			return err
		}
		got := map[string][]changed{}
		flush, err := flushes(z.dir)
		if err != nil {
			return err
		}
		for round := range o.rounds {
			for _, kind := range kinds {
				c, _, err := undisturbed(ctx, o, func(try int) (changed, float64, error) { return o.changesRun(ctx, z, kind, try) })
				if err != nil {
					return fmt.Errorf("zone %s, %s: %w", name, kind, err)
				}
				got[kind] = append(got[kind], c)
				fmt.Fprintf(os.Stderr, "%s %s round %d: UPDATE %.0f/s, of %d clients %.0f/s, IXFR %.0f/s, NOTIFY to served %s, %s\n",
					name, kind, round+1, c.one, clients, c.many, c.ixfr, c.delay.Round(10*time.Microsecond), c.worst.Round(10*time.Microsecond))
			}
		}
		text.WriteString(changesTable(name, kinds, got, flush))
	}
	return into(o.document, changesBegin, changesEnd, fmt.Sprintf("\n%s, %s, kernel %s. %d rounds of each server in turn; rejected if others used more than %g cores. Versions: %s.\n\n%s",
		time.Now().UTC().Format("2006-01-02"), machine(), kernel(), o.rounds, o.others, strings.Join(versions(), "; "), text.String()))
}

// changesTable has a row for each server. More changes a second are better, less delay is.
func changesTable(zone string, kinds []string, got map[string][]changed, flush time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Zone `%s`; a write of 512 octets with fsync took %.2f ms on that disk (median).\n\n", zone, 1000*flush.Seconds())
	fmt.Fprintf(&b, "| server | UPDATE/s, 1 client | × Knot | UPDATE/s, %d clients | × Knot | IXFR, changes/s | × Knot | NOTIFY to served, median ms | × Knot | worst, ms |\n|---|---|---|---|---|---|---|---|---|---|\n", clients)
	values := func(kind string, of func(changed) float64) (all []result) {
		for _, c := range got[kind] {
			all = append(all, result{qps: of(c)})
		}
		return all
	}
	for _, kind := range kinds {
		fmt.Fprintf(&b, "| %s ", kind)
		for _, column := range []struct {
			of     func(changed) float64
			format string
		}{
			{func(c changed) float64 { return c.one }, "%.0f"},
			{func(c changed) float64 { return c.many }, "%.0f"},
			{func(c changed) float64 { return c.ixfr }, "%.0f"},
			{func(c changed) float64 { return 1000 * c.delay.Seconds() }, "%.2f"},
		} {
			fmt.Fprintf(&b, "| "+column.format+" | %s ", median(values(kind, column.of), qps), ratio(values(kind, column.of), values("knot", column.of), qps))
		}
		fmt.Fprintf(&b, "| %.2f |\n", median(values(kind, func(c changed) float64 { return 1000 * c.worst.Seconds() }), qps))
	}
	return b.String() + "\n"
}

// changesRun makes every kind of change once, and says what others did meanwhile.
func (o options) changesRun(ctx context.Context, z *benchZone, kind string, try int) (c changed, others float64, err error) {
	dir := filepath.Join(z.dir, fmt.Sprint(kind, try))
	fed, others, err := o.feedRun(ctx, z, kind, filepath.Join(dir, "fed"))
	if err != nil {
		return c, 0, err
	}
	updated, more, err := o.updateRun(ctx, z, kind, filepath.Join(dir, "updated"))
	err = errors.Join(err, os.RemoveAll(dir))
	return changed{updated.one, updated.many, fed.ixfr, fed.delay, fed.worst}, max(others, more), err
}

// disturbance is how many cores everybody else uses while something is done.
func disturbance(s *server, work func() error) (cores float64, err error) {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before) // cannot fail
	busy, used, began := busyTime(), s.processorTime(), time.Now()
	err = work()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	own := s.processorTime() - used
	for _, t := range [][2]syscall.Timeval{{before.Utime, after.Utime}, {before.Stime, after.Stime}} {
		own += time.Duration(t[1].Nano() - t[0].Nano())
	}
	return (busyTime() - busy - own).Seconds() / time.Since(began).Seconds(), err
}

// feedRun has the server take the zone from a primary and sign it, and then change after change.
func (o options) feedRun(ctx context.Context, z *benchZone, kind, dir string) (c changed, cores float64, err error) {
	f, err := newFeed(z, feedPort)
	if err != nil {
		return c, 0, err
	}
	defer f.stop()
	s, err := o.beginSigner(ctx, z, kind, dir, true)
	if err != nil {
		return c, 0, err
	}
	defer s.stop()
	cores, err = disturbance(s, func() error {
		var delays []time.Duration
		for range single {
			time.Sleep(rest)
			name, address := f.change()
			began := time.Now()
			if err := f.notify(s.port); err != nil {
				return err
			}
			if err := s.awaitChange(ctx, f, name, address, patience); err != nil {
				return err
			}
			delays = append(delays, time.Since(began))
		}
		slices.Sort(delays)
		c.delay, c.worst = delays[len(delays)/2], delays[len(delays)-1]
		began := time.Now()
		var name, address string
		for i := range stream {
			name, address = f.change()
			if i%told == 0 {
				if err := f.notify(s.port); err != nil {
					return err
				}
			}
		}
		// BIND may take the last of them and not sign it ("receive_secure_serial: unchanged").
		switch err := s.awaitChange(ctx, f, name, address, stuck); {
		case err == nil:
			c.ixfr = stream / time.Since(began).Seconds()
		case !errors.Is(err, errNotServed):
			return err
		}
		return nil
	})
	return c, cores, err
}

// awaitChange asks the server, which was told, until it serves the address, signed.
func (s *server) awaitChange(ctx context.Context, f *feed, name, address string, patience time.Duration) error {
	const again = time.Second // a NOTIFY may be lost
	conn, err := dns.Dial("udp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := &dns.Client{Timeout: time.Second}
	q := new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, true)
	last := time.Now()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline) && ctx.Err() == nil; {
		if now := time.Now(); now.Sub(last) > again {
			if err := f.notify(s.port); err != nil {
				return err
			}
			last = now
		}
		reply, _, err := client.ExchangeWithConn(q, conn)
		if err == nil && has(reply, address) {
			return nil // else it is busy, or not so far
		}
		time.Sleep(50 * time.Microsecond)
	}
	return fmt.Errorf("%w: %s, %s A %s after %s", errNotServed, s.kind, name, address, patience)
}

// has reports whether an answer has an address and a signature.
func has(reply *dns.Msg, address string) bool {
	there, signed := false, false
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			there = there || rr.A.String() == address
		case *dns.RRSIG:
			signed = true
		}
	}
	return there && signed
}

// updateRun has the server sign a zone file, and clients send UPDATEs, each after the answer to
// the one before.
func (o options) updateRun(ctx context.Context, z *benchZone, kind, dir string) (c changed, cores float64, err error) {
	s, err := o.beginSigner(ctx, z, kind, dir, false)
	if err != nil {
		return c, 0, err
	}
	defer s.stop()
	cores, err = disturbance(s, func() error {
		if c.one, err = s.updates(ctx, z.apex, 1); err != nil {
			return err
		}
		c.many, err = s.updates(ctx, z.apex, clients)
		return err
	})
	return c, cores, err
}

// updates is how many UPDATEs a second are acknowledged.
func (s *server) updates(ctx context.Context, apex string, clients int) (float64, error) {
	began := time.Now()
	counts, faults := make([]int, clients), make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			client := &dns.Client{Timeout: time.Minute, TsigSecret: map[string]string{changeKey: changeSecret}}
			for time.Since(began) < sending && ctx.Err() == nil {
				name := fmt.Sprintf("u%d-%d-%d.%s", clients, i, counts[i]%1000, apex)
				rr := &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}, A: []byte{198, 51, byte(counts[i] >> 8), byte(counts[i])}}
				m := new(dns.Msg).SetUpdate(apex)
				m.RemoveRRset([]dns.RR{rr})
				m.Insert([]dns.RR{rr})
				m.SetTsig(changeKey, dns.HmacSHA256, 300, time.Now().Unix())
				reply, _, err := client.Exchange(m, fmt.Sprintf("127.0.0.1:%d", s.port))
				if err == nil && reply.Rcode != dns.RcodeSuccess {
					err = fmt.Errorf("UPDATE: %s", dns.RcodeToString[reply.Rcode])
				}
				if err != nil {
					faults[i] = err
					return
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / time.Since(began).Seconds(), errors.Join(faults...)
}

// flushes is how long a write of a record with fsync takes, median.
func flushes(dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var took []time.Duration
	for range 200 {
		began := time.Now()
		if _, err = file.Write(make([]byte, 512)); err == nil {
			err = file.Sync()
		}
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
