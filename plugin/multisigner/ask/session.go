package ask

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Session asks one primary about one zone: what its SOA is, what has changed, all of it.
// All goes over one connection as long as that lasts, and over another where an answer
// was left in the middle. It has one user at a time, who closes it.
type Session struct {
	client *Client
	server Server
	zone   string
	limit  Limit
	begun  time.Time
	plain  bool // the server knows no EDNS
	conn   net.Conn
	in     *bufio.Reader
	pace   *paced
	used   bool // the connection has brought an answer
	told   Told
}

// Told is what a session has learnt beside the zone.
type Told struct {
	// Expire is how long the server says that what it has may be served yet (EDNS
	// EXPIRE, RFC 7314), in the last answer that said it; Expires: one did.
	Expire  time.Duration
	Expires bool

	Local       netip.AddrPort // where the last connection came from
	TLS         string         // version and cipher suite; "" for clear text
	Connections int
	Messages    int // received, and their octets and records
	Octets      int
	Records     int
}

// Session begins nothing yet: the first question connects. Of limit, Time counts from
// here over all that is asked, and the rest for each transfer by itself.
func (c *Client) Session(s Server, zone string, limit Limit) *Session {
	return &Session{client: c, server: s, zone: zone, limit: limit.orLong(), begun: time.Now()}
}

// Told is what has been learnt so far.
func (s *Session) Told() Told { return s.told }

// Close hangs up.
func (s *Session) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.conn, s.in, s.pace, s.used = nil, nil, nil, false
}

// SOA asks for the zone's SOA. An answer that is not NOERROR is a *Refused; one that
// is not authoritative, or has no SOA of the zone or several, is ErrGarbled.
func (s *Session) SOA(ctx context.Context) (*dns.SOA, error) {
	m := new(dns.Msg).SetQuestion(s.zone, dns.TypeSOA)
	m.RecursionDesired = false
	var soa *dns.SOA
	err := s.run(ctx, m, &incoming{apex: s.zone, limit: s.limit, single: true}, func(r *dns.Msg, _ error) bool {
		for _, rr := range r.Answer {
			if is, ok := rr.(*dns.SOA); ok {
				soa = is
			}
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s SOA: %w", s.where(), plain(s.zone), err)
	}
	return soa, nil
}

// Transfer asks for all of the zone, as Client.Transfer does.
func (s *Session) Transfer(ctx context.Context) iter.Seq2[*dns.Msg, error] {
	return s.transfer(ctx, new(dns.Msg).SetAxfr(s.zone), &incoming{apex: s.zone, limit: s.limit})
}

// Incremental asks what has changed since soa, the SOA that we have of the zone as the
// primary gave it (IXFR, RFC 1995), and yields the messages of the answer, verified as
// Client.Transfer does. It ends without an error after
//   - one SOA, not newer than ours: there is nothing new;
//   - differences, each of which begins where the one before ended, the first at our
//     serial, the last ending at the serial of the first SOA;
//   - all of the zone, which is what some have in its stead (RFC 1995 4).
//
// Of the errors, *Refused and ErrGarbled mean that Transfer may succeed where this did
// not: on the same connection, if it can still be used.
func (s *Session) Incremental(ctx context.Context, soa *dns.SOA) iter.Seq2[*dns.Msg, error] {
	m := new(dns.Msg).SetQuestion(s.zone, dns.TypeIXFR)
	m.RecursionDesired = false
	ours := dns.Copy(soa)
	ours.Header().Class = dns.ClassINET
	m.Ns = []dns.RR{ours}
	return s.transfer(ctx, m, &incoming{apex: s.zone, limit: s.limit, incremental: true, ours: soa.Serial})
}

func (s *Session) transfer(ctx context.Context, m *dns.Msg, in *incoming) iter.Seq2[*dns.Msg, error] {
	return func(yield func(*dns.Msg, error) bool) {
		if err := s.run(ctx, m, in, yield); err != nil {
			how := ""
			if in.incremental {
				how = " the changes of"
			}
			yield(nil, fmt.Errorf("transfer%s %s from %s: %w", how, plain(s.zone), s.where(), err))
		}
	}
}

// where names the server, for errors.
func (s *Session) where() string {
	if s.server.TLS.On() {
		return s.server.String() + " over TLS"
	}
	return s.server.String()
}

// run asks, and yields the messages of the answer up to its end. It gives nil too when
// the caller wants no more.
func (s *Session) run(ctx context.Context, m *dns.Msg, in *incoming, yield func(*dns.Msg, error) bool) error {
	bounded, cancel := context.WithDeadline(ctx, s.begun.Add(s.limit.Time))
	defer cancel()
	err := s.stream(bounded, m, in, yield)
	refused, _ := errors.AsType[*Refused](err)
	if err != nil && (refused == nil || in.messages > 0) || !in.ended && refused == nil {
		s.Close() // what is under way on it would be taken for the next answer
	}
	s.told.Messages += in.messages
	s.told.Octets += in.octets
	s.told.Records += in.records
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ended(ctx.Err(), err)
	case bounded.Err() != nil:
		return failed(ErrLimit, "not ended within %s", s.limit.Time)
	case refused == nil && in.messages > 0:
		return fmt.Errorf("after %d messages, %d records: %w", in.messages, in.records, err)
	}
	return err
}

func (s *Session) stream(ctx context.Context, m *dns.Msg, in *incoming, yield func(*dns.Msg, error) bool) error {
	p, wire, err := s.open(ctx, m)
	var held []*dns.Msg
	for {
		if err != nil {
			return in.alone(err)
		}
		r, covered, err := p.follow(wire, in)
		if err != nil {
			return err
		}
		s.expire(r, in)
		held = append(held, r)
		switch {
		case covered:
			for _, r := range held {
				if !yield(r, nil) {
					return nil
				}
			}
			held = held[:0]
		case in.ended:
			return failed(ErrTSIG, "the last message is not signed")
		case len(held) > maxUnsigned:
			return failed(ErrTSIG, "%d messages in a row are not signed", len(held))
		}
		if in.ended {
			return nil
		}
		if in.onlySOA() {
			s.pace.idle = min(s.pace.idle, idle*s.client.timeout())
		} else {
			s.pace.idle = s.limit.Idle
		}
		wire, err = s.read(ctx)
		if err != nil {
			return in.alone(err)
		}
	}
}

// open sends m, and reads the first message of the answer. Another connection is tried,
// once, when one that was used has been closed meanwhile, and when a new one is closed
// before the answer: a server that begins anew may close those that its old process took
// (RFC 7766 6.2.4). A server that does not know EDNS is asked without.
func (s *Session) open(ctx context.Context, m *dns.Msg) (*prepared, []byte, error) {
	again := true
	for {
		used := s.used
		p, wire, err := s.send(ctx, m)
		if err != nil {
			s.Close()
			if again && (used && errors.Is(err, ErrUnreachable) || errors.Is(err, errHungUp)) && ctx.Err() == nil {
				again = false
				continue
			}
			return nil, nil, err
		}
		s.used = true
		if s.plain || !noEDNS(wire) {
			return p, wire, nil
		}
		if _, _, err := p.follow(wire, &incoming{}); errors.Is(err, ErrTSIG) || errors.Is(err, ErrGarbled) {
			return nil, nil, err // nobody knows who says so
		}
		s.plain = true
	}
}

// noEDNS reports whether an answer says that EDNS was not understood (RFC 6891 7).
func noEDNS(wire []byte) bool {
	r := new(dns.Msg)
	return r.Unpack(wire) == nil && (r.Rcode == dns.RcodeFormatError || r.Rcode == dns.RcodeNotImplemented) && r.IsEdns0() == nil
}

func (s *Session) send(ctx context.Context, m *dns.Msg) (*prepared, []byte, error) {
	m = m.Copy()
	if !s.plain {
		m.SetEdns0(PayloadSize, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true}}
	}
	p, err := prepare(m, s.server.TSIG, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := s.client.Budget.Wait(ctx); err != nil {
		return nil, nil, failed(ErrUnreachable, "%v", err)
	}
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return nil, nil, err
		}
	}
	s.conn.SetDeadline(time.Now().Add(idle * s.client.timeout()))
	stop := s.until(ctx)
	err = writeMessage(s.conn, p.wire)
	if stop(); err != nil {
		return nil, nil, err
	}
	wire, err := s.read(ctx)
	return p, wire, err
}

// until lets what waits for the connection fail when ctx ends, until it is stopped.
func (s *Session) until(ctx context.Context) (stop func() bool) {
	conn := s.conn
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

func (s *Session) connect(ctx context.Context) error {
	conn, err := s.client.dial(ctx, "tcp", s.server, s.client.timeout())
	if err != nil {
		return err
	}
	if c, ok := conn.(*cancelled); ok {
		c.stop() // this question's end is not the connection's
		conn = c.Conn
	}
	s.conn = conn
	s.pace = &paced{conn: conn, idle: s.limit.Idle, floor: s.limit.Floor, each: s.limit.Each}
	s.in = bufio.NewReaderSize(s.pace, 64<<10)
	s.told.Connections++
	s.told.TLS = describe(conn)
	if at, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		s.told.Local = at.AddrPort()
	}
	return nil
}

func (s *Session) read(ctx context.Context) ([]byte, error) {
	s.pace.ended = ctx.Err
	defer s.until(ctx)()
	return readMessage(s.in, s.pace.idle)
}

// follow judges the next message of an answer.
func (p *prepared) follow(wire []byte, in *incoming) (r *dns.Msg, covered bool, err error) {
	if r, err = p.read(wire); err != nil {
		return nil, false, err
	}
	if covered, err = p.chain.verify(r, wire); err != nil {
		return nil, false, err
	}
	p.chain.started = true
	return r, covered, in.take(r, wire)
}

// expire keeps what the first message of an answer says of the zone's end. It is always
// signed where there is a key.
func (s *Session) expire(r *dns.Msg, in *incoming) {
	opt := r.IsEdns0()
	if opt == nil || in.messages != 1 {
		return
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EXPIRE); ok && !e.Empty {
			s.told.Expire, s.told.Expires = time.Duration(e.Expire)*time.Second, true
		}
	}
}

// paced reads from a connection that must go on bringing something.
type paced struct {
	conn   net.Conn
	ended  func() error  // the context's end
	idle   time.Duration // without an octet
	floor  int           // octets that must come in each
	each   time.Duration // of waiting
	waited time.Duration
	got    int
}

func (p *paced) Read(b []byte) (int, error) {
	if p.waited >= p.each {
		if p.got < p.floor {
			return 0, failed(ErrLimit, "only %d octets within %s", p.got, p.each)
		}
		p.waited, p.got = 0, 0
	}
	begun := time.Now()
	p.conn.SetReadDeadline(begun.Add(p.idle))
	if err := p.ended(); err != nil { // it may have ended before the deadline was put off
		return 0, failed(ErrUnreachable, "%v", err)
	}
	n, err := p.conn.Read(b)
	p.waited += time.Since(begun)
	p.got += n
	return n, err
}
