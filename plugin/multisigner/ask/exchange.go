package ask

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// maxUDPQuery is the most that every server takes over UDP (RFC 1035 4.2.1): some
// read no more of a query, whatever EDNS says.
const maxUDPQuery = 512

// exchange asks up to tries times, each with an id, a port and a signature of its own.
func (c *Client) exchange(ctx context.Context, s Server, m *dns.Msg, wait func(try int) time.Duration, tries int) (*dns.Msg, error) {
	var last error
	overTCP := s.TLS.On()
	own := s.Mark.open()
	defer own.close()
	for try := range tries {
		if try > 0 && try == tries-1 {
			overTCP = true // it may be UDP, or large answers over it, that does not get through
		}
		p, err := prepare(m, s.TSIG, own)
		if err != nil {
			return nil, err
		}
		if !overTCP && len(p.wire) <= maxUDPQuery {
			if err := c.Budget.Wait(ctx); err != nil {
				return nil, ended(err, last)
			}
			r, err := c.overUDP(ctx, s, p, wait(try))
			if err == nil && !r.Truncated {
				return r, nil
			}
			if ctx.Err() != nil {
				return nil, ended(ctx.Err(), last)
			}
			last = err
			if errors.Is(err, ErrUnreachable) {
				continue
			}
			// Truncated, or in doubt: over TCP nobody else can have sent it.
			overTCP = true
			if p, err = prepare(m, s.TSIG, own); err != nil {
				return nil, err
			}
		}
		if err := c.Budget.Wait(ctx); err != nil {
			return nil, ended(err, last)
		}
		r, err := c.overTCP(ctx, s, p, wait(try))
		if err == nil || !errors.Is(err, ErrUnreachable) {
			return r, err
		}
		if ctx.Err() != nil {
			return nil, ended(ctx.Err(), last)
		}
		if last = err; !s.TLS.On() {
			last = fmt.Errorf("over TCP: %w", err)
		}
	}
	return nil, last
}

// ended is the error when the caller's context was over; last says what was tried before.
func ended(err, last error) error {
	if last != nil {
		return fmt.Errorf("%w: %w, after: %v", ErrUnreachable, err, last)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// prepared is a question as it is sent once.
type prepared struct {
	m     *dns.Msg
	wire  []byte
	chain chain
}

func prepare(m *dns.Msg, key *TSIG, own *numbers) (*prepared, error) {
	p := &prepared{m: m.Copy()}
	p.m.Id = dns.Id()
	own.put(p.m)
	wire, mac, err := key.sign(p.m)
	if err != nil {
		return nil, fmt.Errorf("the question cannot be made: %w", err)
	}
	p.wire = wire
	p.chain = chain{key: key, mac: mac}
	return p, nil
}

// overUDP waits for the one answer that belongs to p. Others that come are passed
// over, as a stranger may have sent them.
func (c *Client) overUDP(ctx context.Context, s Server, p *prepared, wait time.Duration) (*dns.Msg, error) {
	conn, err := c.dial(ctx, "udp", s, wait)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(p.wire); err != nil {
		return nil, unreachable(err)
	}
	strange := 0
	buf := make([]byte, 4096) // more than we offer to take; what is longer is cut and then garbled
	for {
		n, err := conn.Read(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && strange > 0:
			return nil, failed(ErrGarbled, "no answer within %s, but %d that did not belong to the question", wait, strange)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, failed(ErrUnreachable, "no answer within %s", wait)
		case err != nil:
			return nil, unreachable(err)
		}
		if n < 12 || binary.BigEndian.Uint16(buf) != p.m.Id {
			strange++
			continue
		}
		r, err := p.judge(buf[:n])
		if errors.Is(err, errStrange) {
			strange++
			continue
		}
		return r, err
	}
}

// overTCP asks over a connection. Whatever comes first is the answer, good or not.
func (c *Client) overTCP(ctx context.Context, s Server, p *prepared, wait time.Duration) (*dns.Msg, error) {
	conn, err := c.dial(ctx, "tcp", s, wait)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := writeMessage(conn, p.wire); err != nil {
		return nil, err
	}
	wire, err := readMessage(conn, wait)
	if err != nil {
		return nil, err
	}
	r, err := p.judge(wire)
	if err != nil {
		return nil, err
	}
	if r.Truncated {
		return nil, failed(ErrGarbled, "the answer is truncated, although over TCP")
	}
	return r, nil
}

// errStrange is wrapped by judge for what answers another question.
var errStrange = errors.New("not ours")

// judge reads the only answer to p, and verifies it.
func (p *prepared) judge(wire []byte) (*dns.Msg, error) {
	r, err := p.read(wire)
	if err != nil {
		return nil, err
	}
	if r.Truncated && p.chain.key != nil && r.IsTsig() == nil {
		return r, nil // it says only that TCP is to be asked, where it is asked with a signature
	}
	if _, err := p.chain.verify(r, wire); err != nil {
		return nil, err
	}
	return r, nil
}

// read unpacks a message and holds it against the question.
func (p *prepared) read(wire []byte) (*dns.Msg, error) {
	r := new(dns.Msg)
	// What is cut short may not unpack; its header does, and that is enough to see TC.
	if err := r.Unpack(wire); err != nil && !(r.Truncated && len(r.Question) > 0) {
		return nil, failed(ErrGarbled, "an answer that cannot be read: %v", err)
	}
	switch {
	case r.Id != p.m.Id:
		return nil, fmt.Errorf("%w: %w", errStrange, failed(ErrGarbled, "an answer with another id"))
	case !r.Response || r.Opcode != p.m.Opcode:
		return nil, fmt.Errorf("%w: %w", errStrange, failed(ErrGarbled, "no answer, but a message of opcode %s", opcode(r.Opcode)))
	case len(r.Question) == 0 && (r.Rcode != dns.RcodeSuccess || p.chain.started || r.Opcode == dns.OpcodeUpdate):
		// Errors may leave it out, and a transfer's later messages (RFC 5936 2.2.1), and
		// answers to an UPDATE (RFC 2136 3.8).
		return r, nil
	case len(r.Question) != 1 || !sameQuestion(r.Question[0], p.m.Question[0]):
		return nil, fmt.Errorf("%w: %w", errStrange, failed(ErrGarbled, "an answer to another question"))
	}
	return r, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && sameName(a.Name, b.Name)
}

// sameName compares names whose octets may be escaped in more than one way, and whose
// letters may have another case: a blank is "\ " in what was unpacked, and may be "\032".
func sameName(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	left, err := nameWire(a)
	if err != nil {
		return false
	}
	right, err := nameWire(b)
	return err == nil && bytes.Equal(left, right)
}

func opcode(o int) string {
	if s, ok := dns.OpcodeToString[o]; ok {
		return s
	}
	return fmt.Sprint(o)
}
