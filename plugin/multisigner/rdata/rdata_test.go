package rdata_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multisigner/multisigner/plugin/multisigner/rdata"
)

var origin = []byte("\x07example\x03org\x00")

func words(text string) (all []rdata.Word) {
	for i, line := range strings.Split(text, "\n") {
		for _, word := range strings.Fields(line) {
			all = append(all, rdata.Word{Text: []byte(word), Line: i})
		}
	}
	return all
}

// Names are below the origin unless they end with a dot, and keep their letters.
func TestAppendName(t *testing.T) {
	for text, want := range map[string]string{
		"@": "\x07example\x03org\x00", ".": "\x00", "Www": "\x03Www\x07example\x03org\x00", "A.b.": "\x01A\x01b\x00",
		`a\.b\046\032.`: "\x05a.b. \x00", `a\\.`: "\x02a\\\x00",
	} {
		got, err := rdata.AppendName([]byte("before"), []byte(text), origin)
		require.NoError(t, err, text)
		require.Equal(t, "before"+want, string(got), text)
	}
	long := strings.Repeat("x", 63)
	for text, want := range map[string]string{
		"": "a label is empty", "..": "a label is empty", "a..b": "a label is empty", ".a": "a label is empty", `\256`: "bad escape", `\1`: "bad escape",
		`a\`: "bad escape", long + "x": "more than 63 octets", strings.Repeat(long+".", 4): "more than 255 octets",
		strings.Repeat(long+".", 3) + strings.Repeat("x", 51): "more than 255 octets",
	} {
		_, err := rdata.AppendName(nil, []byte(text), origin)
		require.ErrorContains(t, err, want, text)
	}
}

// A mistake is told with the line of the word that it is in.
func TestErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"10\nx..y":      "1 the exchange: \"x..y\" is no name: a label is empty",
		"ten\nx":        "0 the preference: \"ten\" is no number from 0 to 65535",
		"10\nx\n\nmore": "3 there is more than the record's data: \"more\" is too much; if it is part of a name or text, quote or escape it",
		"10":            "0 the exchange: is missing: the record ends before it",
		"\\# 3 000a":    "0 the data has 2 octets, and 3 are said before it",
	} {
		_, err := rdata.Parse(15, words(text), origin)
		var at *rdata.Error
		require.True(t, errors.As(err, &at), text)
		require.Equal(t, want, fmt.Sprint(at.Line, " ", err))
	}
}

// What is read passes the check of octets, and reads as the same from the form of
// unknown types; and nothing brings either down.
func FuzzParse(f *testing.F) {
	for _, seed := range []struct {
		t    uint16
		text string
	}{
		{1, "192.0.2.1"}, {6, "ns admin 1 2h 3 4w 5"}, {11, "192.0.2.1 tcp smtp"}, {16, "a b"}, {22, "0x47.0005"}, {27, "-32.6 116.8 10.0"},
		{29, "52 22 23 N 4 53 E -2m 1m 2m 3m"}, {30, "a MX"}, {34, "+123"}, {35, "1 1 u x y ."}, {37, "PGP 0 0 AAAA"}, {38, "64 ::1 a"},
		{42, "1:192.0.2.0/24 !2:2001:db8::/32"}, {45, "10 3 2 a AAAA"}, {50, "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A"}, {55, "2 AA AAAA a"},
		{62, "1 3 A NS TYPE1234"}, {64, "1 . alpn=h2,h3 mandatory=alpn,port port=1 ipv4hint=192.0.2.1 ipv6hint=::1 key7={?dns} ech=AAAA key9"},
		{104, "1 0:1:2:3"}, {108, "00-00-5e-00-53-2a"}, {257, "0 issue ca"}, {259, "1 2 3 a AAAA"}, {260, "0 1 3 a"}, {65, `\# 3 000100`},
	} {
		f.Add(seed.t, seed.text, []byte(seed.text))
	}
	f.Fuzz(func(t *testing.T, typ uint16, text string, octets []byte) {
		_ = rdata.Check(typ, octets)
		data, err := rdata.Parse(typ, words(text), origin)
		if err != nil {
			return
		}
		require.NoError(t, rdata.Check(typ, data))
		again, err := rdata.Parse(typ, words(fmt.Sprintf(`\# %d %s`, len(data), hex.EncodeToString(data))), origin)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, again))
	})
}
