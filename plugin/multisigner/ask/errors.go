package ask

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/miekg/dns"
)

// What may go wrong between us and a server. Each is wrapped with the details;
// callers tell them apart by errors.Is, because each is another state of the server.
var (
	// ErrUnreachable: no answer, or no connection. It says nothing about what the server has.
	ErrUnreachable = errors.New("unreachable")
	// ErrGarbled: what came is no answer to what was asked, or no DNS message.
	ErrGarbled = errors.New("garbled")
	// ErrTSIG: the answer is not signed as it must be, or the server did not take our signature.
	ErrTSIG = errors.New("TSIG")
	// ErrTLS: the server does not prove who it is, or speaks no DNS over TLS as it must be.
	ErrTLS = errors.New("TLS")
	// ErrLimit: a transfer was larger or slower than allowed.
	ErrLimit = errors.New("limit")
)

// Refused is the error of a transfer, NOTIFY or UPDATE that was answered with an rcode.
type Refused struct{ Rcode int }

func (e *Refused) Error() string { return "answered " + Rcode(e.Rcode) }

// Rcode names an rcode.
func Rcode(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return fmt.Sprintf("RCODE%d", rcode)
}

// cause is a sentinel with what happened, in words that stand alone.
type cause struct {
	kind error
	text string
}

func (e *cause) Error() string { return e.text }
func (e *cause) Unwrap() error { return e.kind }

func failed(kind error, format string, args ...any) error {
	return &cause{kind: kind, text: fmt.Sprintf(format, args...)}
}

// errHungUp is an ErrUnreachable: the server ended a connection before it answered.
var errHungUp = fmt.Errorf("%w: hung up", ErrUnreachable)

// unreachable puts a network error into words: the address is in the caller's already.
func unreachable(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	if reset(err) {
		return failed(errHungUp, "%s", text)
	}
	return failed(ErrUnreachable, "%s", text)
}

// reset reports whether the other side has ended the connection.
func reset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
