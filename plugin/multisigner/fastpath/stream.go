package fastpath

import (
	"encoding/binary"
)

// Streams is how connections are treated: as CoreDNS's own at the address are.
type Streams struct {
	Inherit    func(fd int) error // sets what connections inherit from the socket that listens
	Begin, End func()             // around work for connections, of which so much at once is done
}

// Over a connection a message comes after its length (RFC 1035 4.2.2).
const (
	lengthSize = 2
	maxMessage = 1<<16 - 1
)

// Limits of our choice on what is written at once: more takes hardly less time for each
// answer, and the first would wait for the last.
const (
	streamBatch = 64
	streamOut   = 16 << 10
)

// workspace is the memory in which a connection is answered. It goes from one connection to
// another: one that is idle holds none.
type workspace struct {
	in       [lengthSize + maxMessage]byte
	out      []byte // answers with their lengths
	answers  int    // how many
	samples  [streamBatch]sample
	answerer answerer
	tally    tally
}

func newWorkspace() *workspace {
	return &workspace{out: make([]byte, 0, streamOut+answerSize), answerer: answerer{stream: true}}
}

// maxKept is how large memory may be that is kept for the next answers: a large one is rare.
const maxKept = 2 * streamOut

// rest gets the workspace ready for another connection.
func (w *workspace) rest() {
	w.answerer.rest()
	w.written()
	if cap(w.out) > maxKept {
		w.out = make([]byte, 0, streamOut+answerSize)
	}
}

// written forgets the answers.
func (w *workspace) written() { w.out, w.answers = w.out[:0], 0 }

// first gives the first message of what was read, if the whole of it was. It refers to in.
func first(in []byte) (message []byte, whole bool) {
	if len(in) < lengthSize {
		return nil, false
	}
	end := lengthSize + int(binary.BigEndian.Uint16(in))
	if len(in) < end {
		return nil, false
	}
	return in[lengthSize:end], true
}

// stop says why no more of what was read is answered.
type stop int

const (
	stopEmpty   stop = iota // no whole message is left
	stopFull                // what there is has to be written first
	stopCoreDNS             // the next message is CoreDNS's
)

// answer answers the messages in in, one after the other, at most so many. asked is how many it
// has done with, used how many octets of in they are.
func (w *workspace) answer(t *Table, in []byte, most int, ipv6 bool) (asked, used int, why stop) {
	for ; asked < most; asked++ {
		message, whole := first(in[used:])
		switch {
		case !whole:
			return asked, used, stopEmpty
		case len(message) < headerSize: // nobody could say what it answers: CoreDNS is silent, too
			used += lengthSize + len(message)
			continue
		case w.answers == streamBatch || len(w.out) >= streamOut:
			return asked, used, stopFull
		}
		begin := len(w.out)
		wire, ok := w.answerer.answer(append(w.out, 0, 0), t, message, &w.samples[w.answers])
		if !ok {
			return asked, used, stopCoreDNS
		}
		binary.BigEndian.PutUint16(wire[begin:], uint16(len(wire)-begin-lengthSize))
		w.samples[w.answers].ipv6 = ipv6
		w.out, w.answers = wire, w.answers+1
		used += lengthSize + len(message)
	}
	return asked, used, stopFull
}

// answerSize holds the largest answer of a datagram, and the name that it may be found too large by.
const answerSize = 2 * MaxPayload
