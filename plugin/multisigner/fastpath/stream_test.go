package fastpath

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
)

// framed puts its length before each message.
func framed(messages ...[]byte) (out []byte) {
	for _, m := range messages {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(m))), m...)
	}
	return out
}

// alone is what a message is answered with by itself.
func alone(t testing.TB, table *Table, message []byte) (wire []byte, ok bool) {
	t.Helper()
	a := answerer{stream: true}
	var s sample
	return a.answer(nil, table, message, &s)
}

// ordinary are queries of all kinds of answers.
func ordinary(t testing.TB) (messages [][]byte) {
	for _, name := range []string{"a.example.", "nowhere.example.", "x.sub.example.", "A.eXample.", "example."} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeDNSKEY} {
			messages = append(messages, packetOf(t, name, kind), packetOf(t, name, kind, edns(512, true)))
		}
	}
	return messages
}

// Queries that came together are answered together, in their order, each as if it had come
// alone; and not more than a bounded number at once.
func TestStreamAnswers(t *testing.T) {
	table, _ := exampleTable()
	var want, in []byte
	count := 0
	for range 10 {
		for _, m := range ordinary(t) {
			wire, ok := alone(t, table, m)
			require.True(t, ok)
			want, in = append(want, framed(wire)...), append(in, framed(m)...)
			count++
		}
	}
	w := newWorkspace()
	var got []byte
	rounds := 0
	for asked := 0; asked < count; rounds++ {
		n, used, why := w.answer(table, in, math.MaxInt, false)
		require.Positive(t, n)
		require.LessOrEqual(t, w.answers, streamBatch)
		require.Less(t, len(w.out), streamOut+maxMessage)
		require.Equal(t, n, w.answers)
		asked += n
		require.Equal(t, asked == count, why == stopEmpty)
		got, in = append(got, w.out...), in[used:]
		w.written()
	}
	require.Equal(t, want, got)
	require.Greater(t, rounds, 3)
	require.Empty(t, in)
}

// It stops where a message is not for us, where one is not there yet, and after as many as
// the connection may ask.
func TestStreamStops(t *testing.T) {
	table, _ := exampleTable()
	ours, theirs := packetOf(t, "a.example.", dns.TypeA), packetOf(t, "a.elsewhere.", dns.TypeA)
	one := len(framed(ours))
	for name, tc := range map[string]struct {
		in                         []byte
		most, asked, used, answers int
		why                        stop
	}{
		"nothing":            {nil, 9, 0, 0, 0, stopEmpty},
		"half a length":      {framed(ours)[:1], 9, 0, 0, 0, stopEmpty},
		"a length":           {framed(ours)[:2], 9, 0, 0, 0, stopEmpty},
		"all but one":        {framed(ours)[:one-1], 9, 0, 0, 0, stopEmpty},
		"one":                {framed(ours), 9, 1, one, 1, stopEmpty},
		"one and a half":     {framed(ours, ours)[:one+9], 9, 1, one, 1, stopEmpty},
		"theirs":             {framed(theirs), 9, 0, 0, 0, stopCoreDNS},
		"ours, theirs, ours": {framed(ours, theirs, ours), 9, 1, one, 1, stopCoreDNS},
		"empty":              {framed(nil, ours), 9, 2, 2 + one, 1, stopEmpty},
		"short":              {framed(ours[:11], ours), 9, 2, 13 + one, 1, stopEmpty},
		"only a header":      {framed(ours[:12], ours), 9, 0, 0, 0, stopCoreDNS},
		"the longest":        {framed(make([]byte, 65535)), 9, 0, 0, 0, stopCoreDNS},
		"the limit":          {framed(ours, ours, ours), 2, 2, 2 * one, 2, stopFull},
	} {
		w := newWorkspace()
		asked, used, why := w.answer(table, tc.in, tc.most, false)
		require.Equal(t, []int{tc.asked, tc.used, tc.answers, int(tc.why)}, []int{asked, used, w.answers, int(why)}, name)
	}
}

// A connection leaves no garbage behind for what it asks.
func TestNoGarbageOfStreams(t *testing.T) {
	table, _ := exampleTable()
	w := newWorkspace()
	in := framed(ordinary(t)...)
	once := func() {
		began := w.tally.begin(table)
		w.answer(table, in, math.MaxInt, true)
		for i := range w.samples[:w.answers] {
			w.samples[i].series = &series
		}
		w.tally.count(w.samples[:w.answers], began)
		w.rest()
	}
	once()
	require.Zero(t, testing.AllocsPerRun(100, once))
}

// However the octets of a connection are cut into pieces, and whatever they are: messages are
// told apart as the library tells them, and the answers are those of each message alone.
func FuzzStream(f *testing.F) {
	ours, theirs := packetOf(f, "a.example.", dns.TypeA), packetOf(f, "a.elsewhere.", dns.TypeA)
	f.Add(framed(ours, ours, theirs, ours), uint8(1))
	f.Add(framed(nil, ours[:11], ours, theirs[:14]), uint8(3))
	f.Add(framed(ordinary(f)...), uint8(200))
	f.Add([]byte("\xff\xff\x00\x00"), uint8(2))
	table, _ := exampleTable()
	f.Fuzz(func(t *testing.T, octets []byte, piece uint8) {
		var want []byte
		handed := 0
		for rest := octets; len(rest) >= 2 && len(rest) >= 2+int(binary.BigEndian.Uint16(rest)); {
			end := 2 + int(binary.BigEndian.Uint16(rest))
			if wire, ok := alone(t, table, rest[2:end]); ok {
				want = append(want, framed(wire)...)
			} else if end-2 >= headerSize {
				handed++
			}
			rest = rest[end:]
		}
		w := newWorkspace()
		var got, have []byte
		for rest := octets; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			have, rest = append(have, rest[:n]...), rest[n:]
			for why := stopFull; why != stopEmpty; {
				var used int
				_, used, why = w.answer(table, have, math.MaxInt, false)
				got, have = append(got, w.out...), have[used:]
				w.written()
				if why == stopCoreDNS {
					message, whole := first(have)
					require.True(t, whole)
					have = have[2+len(message):]
					handed--
				}
			}
		}
		require.Equal(t, want, got)
		require.Zero(t, handed)
	})
}
