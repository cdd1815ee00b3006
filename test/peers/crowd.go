package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// A crowd holds connections while single questions are asked over UDP: what those
// wait for an answer is measured, with the crowd and without it, one soon after
// the other.

// crowds are how many clients do what, by name.
var crowds = map[string]struct {
	clients int
	do      func(c net.Conn, question, tail []byte)
}{
	"none":      {},
	"transfers": {200, func(c net.Conn, question, tail []byte) { transfer(c, question, tail, 0) }},
	"slow":      {50, func(c net.Conn, question, tail []byte) { transfer(c, question, tail, 100*time.Millisecond) }},
	"unread":    {400, func(c net.Conn, question, _ []byte) { ask(c, question) }},
}

// transfer asks for the zone and reads it to its end: as fast as it comes, or 4096
// octets in each pause. tail is what a SOA ends with.
func transfer(c net.Conn, question, tail []byte, pause time.Duration) {
	if _, err := c.Write(question); err != nil {
		return
	}
	in, message := bufio.NewReaderSize(c, 64<<10), make([]byte, 1<<16)
	for count := 0; ; count++ {
		if _, err := io.ReadFull(in, message[:2]); err != nil {
			return
		}
		whole := message[:binary.BigEndian.Uint16(message)]
		for rest := whole; len(rest) > 0; rest = rest[min(len(rest), 4096):] {
			if _, err := io.ReadFull(in, rest[:min(len(rest), 4096)]); err != nil {
				return
			}
			time.Sleep(pause)
		}
		if count > 0 && bytes.HasSuffix(whole, tail) {
			return
		}
	}
}

// ask asks many questions at once, again and again, and reads nothing.
func ask(c net.Conn, question []byte) {
	for many := bytes.Repeat(question, 200); ; time.Sleep(50 * time.Millisecond) {
		if _, err := c.Write(many); err != nil {
			return
		}
	}
}

// come has a crowd's clients come from a hundred addresses, again when they are
// sent away, until it ends.
func come(ctx context.Context, name, apex string, port int) (end func(), err error) {
	crowd := crowds[name]
	qtype := dns.TypeAXFR
	if name == "unread" {
		qtype = dns.TypeDNSKEY
	}
	wire, err := new(dns.Msg).SetQuestion(apex, qtype).Pack()
	if err != nil {
		return nil, err
	}
	question := append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)
	tail, err := soaTail(apex, port)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i := range crowd.clients {
		all.Go(func() {
			for ctx.Err() == nil {
				c, err := connect(ctx, i, port, name != "transfers")
				if err != nil {
					time.Sleep(100 * time.Millisecond)
					continue
				}
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				crowd.do(c, question, tail)
				stop()
				_ = c.Close()
			}
		})
	}
	return func() { cancel(); all.Wait() }, nil
}

// soaTail is what the SOA of the zone ends with: its numbers.
func soaTail(apex string, port int) ([]byte, error) {
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion(apex, dns.TypeSOA), fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil || len(reply.Answer) == 0 {
		return nil, fmt.Errorf("ask for the SOA of %s: %w", apex, err)
	}
	buf := make([]byte, 1024) // more than a SOA takes
	end, err := dns.PackRR(reply.Answer[0], buf, 0, nil, false)
	return buf[end-20 : end], err
}

// connect is the i-th client, which leaves little room for what it does not read.
func connect(ctx context.Context, i, port int, narrow bool) (net.Conn, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%100))}
	d := net.Dialer{LocalAddr: from, Timeout: 5 * time.Second, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			if narrow {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
			}
		})
	}}
	return d.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
}

// waits is what single questions waited for their answers.
type waits struct {
	all  []time.Duration // in order of length; lost ones are longestWait
	lost int
	used time.Duration // of the server's processor
}

const (
	// probing is how often one question is asked: seldom enough that the server is
	// idle between two.
	probing     = 1500 * time.Microsecond
	longestWait = time.Second
)

func (w waits) quantile(q float64) time.Duration { return w.all[int(q*float64(len(w.all)-1))] }

// probe asks the server one question after the other, and takes the kernel's time of
// each answer, so that a client that gets no processor does not count.
func probe(s *server, apex string, length time.Duration) (w waits, err error) {
	conn, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.port})
	if err != nil {
		return w, err
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return w, err
	}
	if outer := raw.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20))
	}); outer != nil || err != nil {
		return w, errors.Join(outer, err)
	}
	wire, err := new(dns.Msg).SetQuestion(apex, dns.TypeSOA).SetEdns0(1232, true).Pack()
	if err != nil {
		return w, err
	}
	var mu sync.Mutex
	asked := make(map[uint16]time.Time)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf, control := make([]byte, 4096), make([]byte, 256)
		for {
			n, on, _, _, err := conn.ReadMsgUDP(buf, control)
			if err != nil {
				return
			}
			at, id := stamp(control[:on]), binary.BigEndian.Uint16(buf[:n])
			mu.Lock()
			if sent, ok := asked[id]; ok {
				w.all = append(w.all, min(at.Sub(sent), longestWait))
				delete(asked, id)
			}
			mu.Unlock()
		}
	}()
	used := s.processorTime()
	for id, end := uint16(0), time.Now().Add(length); time.Now().Before(end); id++ {
		binary.BigEndian.PutUint16(wire, id)
		mu.Lock()
		asked[id] = time.Now().Round(0)
		mu.Unlock()
		if _, err := conn.Write(wire); err != nil {
			return w, err
		}
		time.Sleep(probing)
	}
	w.used = s.processorTime() - used
	_ = conn.SetReadDeadline(time.Now().Add(longestWait))
	<-read
	for range asked {
		w.all = append(w.all, longestWait)
		w.lost++
	}
	slices.Sort(w.all)
	if len(w.all) == 0 {
		return w, errors.New("nothing was asked")
	}
	return w, nil
}

// stamp is when the kernel had a datagram.
func stamp(control []byte) time.Time {
	messages, _ := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}

// measureCrowds asks each server with each crowd and without, in turn.
func measureCrowds(ctx context.Context, o options, z *benchZone, servers []*server) error {
	names := append([]string{"none"}, strings.Split(o.crowds, ",")...)
	results := make(map[string][]waits)
	for round := range o.rounds {
		for _, s := range servers {
			for _, name := range names {
				if _, known := crowds[name]; !known {
					return fmt.Errorf("no such crowd: %s", name)
				}
				w, err := withCrowd(ctx, o, z, s, name)
				if err != nil {
					return fmt.Errorf("%s, crowd %s: %w", s.kind, name, err)
				}
				results[s.kind+" "+name] = append(results[s.kind+" "+name], w)
				fmt.Fprintf(os.Stderr, "%-12s %-10s round %d: p50 %8v p99 %8v max %8v, lost %d of %d, core %v\n", s.kind, name, round+1,
					w.quantile(0.5), w.quantile(0.99), w.all[len(w.all)-1], w.lost, len(w.all), w.used.Round(time.Millisecond))
			}
		}
	}
	fmt.Printf("\n| zone | server | crowd | p50 | p99 | × without, p99 | lost |\n|---|---|---|---|---|---|---|\n")
	for _, s := range servers {
		for _, name := range names {
			all := results[s.kind+" "+name]
			quantile := func(q float64) func(waits) float64 {
				return func(w waits) float64 { return float64(w.quantile(q).Microseconds()) / 1000 }
			}
			var ratios []float64
			lost := 0
			for i, w := range all {
				ratios = append(ratios, quantile(0.99)(w)/quantile(0.99)(results[s.kind+" none"][i]))
				lost += w.lost
			}
			slices.Sort(ratios)
			fmt.Printf("| %s | %s | %s | %.2f ms | %.2f ms | %.1f [%.1f–%.1f] | %d |\n", z.name, s.kind, name,
				middle(all, quantile(0.5)), middle(all, quantile(0.99)), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], lost)
		}
	}
	return nil
}

func middle(all []waits, of func(waits) float64) float64 {
	var values []float64
	for _, w := range all {
		values = append(values, of(w))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func withCrowd(ctx context.Context, o options, z *benchZone, s *server, name string) (waits, error) {
	end, err := come(ctx, name, z.apex, s.port)
	if err != nil {
		return waits{}, err
	}
	defer end()
	if name != "none" {
		time.Sleep(time.Second) // all have come
	}
	finish := s.profile(ctx, o, z, load{name: "crowd-" + name})
	defer finish()
	return probe(s, z.apex, time.Duration(o.seconds*float64(time.Second)))
}
