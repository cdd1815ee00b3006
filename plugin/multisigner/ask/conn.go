package ask

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// dial connects, and lets every read and write fail after wait or when ctx ends.
func (c *Client) dial(ctx context.Context, network string, s Server, wait time.Duration) (net.Conn, error) {
	connect := c.Dial
	if connect == nil {
		connect = (&net.Dialer{LocalAddr: local(ctx, network, s)}).DialContext
	}
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	conn, err := connect(within, network, s.Addr.String())
	if err != nil {
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			return nil, failed(ErrUnreachable, "no connection within %s", wait)
		}
		if noRoute(err) {
			return nil, fmt.Errorf("%w (%w from here)", unreachable(err), errNoRoute)
		}
		return nil, unreachable(err)
	}
	conn.SetDeadline(time.Now().Add(wait))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	if network == "tcp" && s.TLS.On() {
		over, err := secure(within, conn, s)
		if err != nil {
			stop()
			conn.Close()
			return nil, err
		}
		conn = over
	}
	return &cancelled{Conn: conn, stop: stop}, nil
}

// cancelled is a connection that ends with its context.
type cancelled struct {
	net.Conn
	stop func() bool
}

func (c *cancelled) Close() error {
	c.stop()
	return c.Conn.Close()
}

// writeMessage sends a message over a connection (RFC 1035 4.2.2), in one segment
// where it fits.
func writeMessage(conn net.Conn, wire []byte) error {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(wire)), uint16(len(wire)))
	if _, err := conn.Write(append(framed, wire...)); err != nil {
		return unreachable(err)
	}
	return nil
}

// readMessage receives one.
func readMessage(from io.Reader, wait time.Duration) ([]byte, error) {
	var size [2]byte
	n, err := io.ReadFull(from, size[:])
	if err == nil {
		wire := make([]byte, binary.BigEndian.Uint16(size[:]))
		if n, err = io.ReadFull(from, wire); err == nil {
			return wire, nil
		}
		n += len(size)
	}
	switch {
	case errors.Is(err, ErrLimit) || errors.Is(err, ErrUnreachable):
		return nil, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, failed(ErrUnreachable, "no whole message within %s", wait)
	case errors.Is(err, io.EOF) && n == 0:
		return nil, failed(errHungUp, "the connection was closed before an answer")
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return nil, failed(ErrGarbled, "the connection was closed in the middle of a message")
	}
	if err := alerted(err); err != nil {
		return nil, err
	}
	return nil, unreachable(err)
}
