package rdata

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Fields whose form depends on what stands before them in the same data.

// services are a protocol and the ports of a WKS record (RFC 1035 3.4.2): numbers, or
// the names that were in use when it was.
var services = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		protocol, err := strconv.ParseUint(string(w.Text), 10, 8)
		if named, ok := map[string]uint64{"icmp": 1, "igmp": 2, "ggp": 3, "tcp": 6, "egp": 8, "udp": 17}[strings.ToLower(string(w.Text))]; ok {
			protocol, err = named, nil
		}
		if err != nil {
			return fmt.Errorf("%s is no protocol: write its number", w)
		}
		r.out = append(r.out, byte(protocol))
		start := len(r.out)
		for len(r.words) > 0 {
			w, _ := r.next()
			port, err := strconv.ParseUint(string(w.Text), 10, 16)
			if named, ok := ports[strings.ToLower(string(w.Text))]; ok {
				port, err = named, nil
			}
			if err != nil {
				return fmt.Errorf("%s is no port: write its number", w)
			}
			for len(r.out) <= start+int(port/8) {
				r.out = append(r.out, 0)
			}
			r.out[start+int(port/8)] |= 0x80 >> (port % 8)
		}
		return nil
	},
	func(data []byte) (int, error) {
		if len(data) < 1 || len(data) > 1+8192 {
			return 0, errors.New("it has not the length of a protocol and its ports")
		}
		if len(data) > 1 && data[len(data)-1] == 0 {
			return 0, errors.New("the ports end with an octet without any")
		}
		return len(data), nil
	},
}

var ports = map[string]uint64{
	"echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "qotd": 17, "chargen": 19, "ftp-data": 20,
	"ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "nameserver": 42, "whois": 43, "nicname": 43,
	"domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "www": 80, "kerberos": 88,
	"hostname": 101, "hostnames": 101, "rtelnet": 107, "pop2": 109, "pop3": 110, "sunrpc": 111, "auth": 113, "sftp": 115,
	"nntp": 119, "ntp": 123, "imap": 143, "imap2": 143, "snmp": 161, "snmp-trap": 162, "bgp": 179, "irc": 194, "https": 443,
}

// nsap is 0x and hexadecimal digits, with dots where they please (RFC 1706 7).
var nsap = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		digits, ok := strings.CutPrefix(strings.ToLower(string(w.Text)), "0x")
		octets, err := hexOf([]byte(strings.ReplaceAll(digits, ".", "")))
		if !ok || err != nil || len(octets) == 0 {
			return fmt.Errorf("%s is not 0x and hexadecimal digits", w)
		}
		r.out = append(r.out, octets...)
		return nil
	},
	some,
}

// atma is an ATM address: digits after a +, or hexadecimal digits.
var atma = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		text := string(w.Text)
		if digits, ok := strings.CutPrefix(text, "+"); ok {
			digits = strings.ReplaceAll(digits, ".", "")
			if digits == "" || strings.Trim(digits, "0123456789") != "" {
				return fmt.Errorf("%s is not + and digits", w)
			}
			r.out = append(append(r.out, 1), digits...)
			return nil
		}
		octets, err := hexOf([]byte(strings.ReplaceAll(text, ".", "")))
		if err != nil || len(octets) == 0 {
			return fmt.Errorf("%s is neither + and digits nor hexadecimal", w)
		}
		r.out = append(append(r.out, 0), octets...)
		return nil
	},
	func(data []byte) (int, error) {
		if len(data) < 2 {
			return 0, errShort
		}
		if data[0] == 1 && strings.Trim(string(data[1:]), "0123456789") != "" {
			return 0, fmt.Errorf("%q has something else than digits", data[1:])
		}
		return len(data), nil
	},
}

// digitsOf wants a character-string of digits only, at least so many (RFC 1183 3.1).
func digitsOf(least int) func([]byte) error {
	return func(data []byte) error {
		if text := string(data[1:]); len(text) < least || strings.Trim(text, "0123456789") != "" {
			return fmt.Errorf("the address must be %d digits or more", least)
		}
		return nil
	}
}

// fingerprint wants a hash as long as its type's (RFC 4255 3.1.2, RFC 6594 3.1): BIND
// refuses others in transfers.
func fingerprint(data []byte) error {
	if want := map[byte]int{1: 20, 2: 32}[data[1]]; want != 0 && len(data)-2 != want {
		return fmt.Errorf("the fingerprint has %d octets, type %d has %d: was it copied whole?", len(data)-2, data[1], want)
	}
	return nil
}

// oldBitmap is a list of types up to 127 (RFC 2535 5.2).
var oldBitmap = kind{
	func(r *reader) error {
		var bits [16]byte
		used := 0
		for len(r.words) > 0 {
			w, _ := r.next()
			t, ok := Type(string(w.Text))
			if !ok || t == 0 || t > 127 {
				return fmt.Errorf("%s is no type from 1 to 127", w)
			}
			bits[t/8] |= 0x80 >> (t % 8)
			used = max(used, int(t/8)+1)
		}
		r.out = append(r.out, bits[:used]...)
		return nil
	},
	func(data []byte) (int, error) {
		switch {
		case len(data) > 0 && data[0]&0x80 != 0:
			return 0, errors.New("the first bit says that the types are written otherwise, which nobody reads")
		case len(data) > 16:
			return 0, errors.New("the types have more than 16 octets")
		case len(data) > 0 && data[len(data)-1] == 0:
			return 0, errors.New("the types end with an octet without any")
		}
		return len(data), nil
	},
}

// a6 is the length of a prefix, what follows the prefix in the address, and the name of
// the prefix (RFC 2874 3.1).
var a6 = kind{
	func(r *reader) error {
		if err := u8.read(r); err != nil {
			return err
		}
		prefix := int(r.out[len(r.out)-1])
		if prefix > 128 {
			return errors.New("its length is above 128")
		}
		if prefix < 128 {
			at := len(r.out)
			if err := ipv6.read(r); err != nil {
				return err
			}
			suffix := r.out[at+prefix/8:]
			suffix[0] &= 0xff >> (prefix % 8)
			r.out = append(r.out[:at], suffix...)
		}
		if prefix > 0 {
			return name.read(r)
		}
		return nil
	},
	func(data []byte) (int, error) {
		if len(data) == 0 || data[0] > 128 {
			return 0, errors.New("its length is above 128")
		}
		size := 1 + (128-int(data[0])+7)/8
		if size > 1 && len(data) > 1 && data[1]&^(0xff>>(data[0]%8)) != 0 {
			return 0, errors.New("it has bits of the prefix, which must be 0 (RFC 2874 3.1)")
		}
		if data[0] == 0 || size > len(data) {
			return size, nil
		}
		more, err := nameSize(data[size:])
		return size + more, err
	},
}

// prefixes are those of an APL record (RFC 3123 4, 5).
var prefixes = kind{
	func(r *reader) error {
		for len(r.words) > 0 {
			w, _ := r.next()
			bad := fmt.Errorf("%s is no prefix like 1:192.0.2.0/24 or !2:2001:db8::/32", w)
			text, negated := strings.CutPrefix(string(w.Text), "!")
			family, rest, ok := strings.Cut(text, ":")
			address, length, slash := strings.Cut(rest, "/")
			at, err := netip.ParseAddr(address)
			n, lengthErr := strconv.ParseUint(length, 10, 8)
			if !ok || !slash || err != nil || at.Zone() != "" || lengthErr != nil || int(n) > at.BitLen() ||
				family != map[bool]string{true: "1", false: "2"}[at.Is4()] {
				return bad
			}
			octets := at.AsSlice()
			for len(octets) > 0 && octets[len(octets)-1] == 0 {
				octets = octets[:len(octets)-1]
			}
			size := byte(len(octets))
			if negated {
				size |= 0x80
			}
			r.out = append(append(r.out, 0, family[0]-'0', byte(n), size), octets...)
		}
		return nil
	},
	func(data []byte) (int, error) {
		for rest := data; len(rest) > 0; {
			if len(rest) < 4 || len(rest) < 4+int(rest[3]&0x7f) {
				return 0, errShort
			}
			size := int(rest[3] & 0x7f)
			limit := map[int]int{1: 4, 2: 16}[int(rest[0])<<8|int(rest[1])]
			if limit > 0 && (size > limit || int(rest[2]) > 8*limit) {
				return 0, errors.New("a prefix is longer than addresses of its family")
			}
			if size > 0 && rest[3+size] == 0 {
				return 0, errors.New("a prefix ends with an octet of 0, which must be left out (RFC 3123 4)")
			}
			rest = rest[4+size:]
		}
		return len(data), nil
	},
}

// gateway is the rest of an IPSECKEY record (RFC 4025 2).
var gateway = kind{
	func(r *reader) error {
		if err := u8.read(r); err != nil {
			return err
		}
		kind := r.out[len(r.out)-1]
		if err := u8.read(r); err != nil {
			return err
		}
		if err := r.place(kind); err != nil {
			return err
		}
		return base64s.read(r)
	},
	func(data []byte) (int, error) {
		if len(data) < 2 {
			return 0, errShort
		}
		if data[0] > 3 {
			return 0, fmt.Errorf("its type is %d, and can be 0 to 3", data[0])
		}
		size, err := placeSize(data[0], data[2:])
		if err != nil || 2+size > len(data) {
			return 2 + size, err
		}
		if len(data) == 2+size {
			return 0, errors.New("there is no key, without which secondaries refuse it")
		}
		return len(data), nil
	},
}

// relay is the rest of an AMTRELAY record (RFC 8777 4.2).
var relay = kind{
	func(r *reader) error {
		w, err := r.next()
		if err != nil {
			return err
		}
		if string(w.Text) != "0" && string(w.Text) != "1" {
			return fmt.Errorf("%s is not 0 or 1, as the discovery bit is", w)
		}
		at := len(r.out)
		if err := u8.read(r); err != nil {
			return err
		}
		kind := r.out[at]
		if kind > 127 {
			return fmt.Errorf("its type %d is above 127", kind)
		}
		r.out[at] |= (w.Text[0] - '0') << 7
		return r.place(kind)
	},
	func(data []byte) (int, error) {
		if len(data) < 1 {
			return 0, errShort
		}
		size, err := placeSize(data[0]&0x7f, data[1:])
		return 1 + size, err
	},
}

// place is where something is: nowhere, at an address, or at a name.
func (r *reader) place(kind byte) error {
	switch kind {
	case 0:
		w, err := r.next()
		if err == nil && string(w.Text) != "." {
			err = fmt.Errorf("%s stands where a dot says that there is none", w)
		}
		return err
	case 1:
		return ipv4.read(r)
	case 2:
		return ipv6.read(r)
	case 3:
		return name.read(r)
	}
	return fmt.Errorf("its type is %d, and can be 0 to 3", kind)
}

func placeSize(kind byte, data []byte) (int, error) {
	switch kind {
	case 0:
		return 0, nil
	case 1:
		return 4, nil
	case 2:
		return 16, nil
	case 3:
		return nameSize(data)
	}
	return len(data), nil // of other types nothing is known
}

// hip is a HIP record: an algorithm, a tag, a key, and servers (RFC 8005 5).
var hip = kind{
	func(r *reader) error {
		at := len(r.out)
		r.out = append(r.out, 0)
		if err := u8.read(r); err != nil {
			return err
		}
		r.out = append(r.out, 0, 0)
		w, err := r.next()
		if err != nil {
			return err
		}
		tag, err := hexOf(w.Text)
		if err != nil {
			return err
		}
		r.out = append(r.out, tag...)
		if w, err = r.next(); err != nil {
			return err
		}
		key := len(r.out)
		if err = r.base64(w.Text); err != nil {
			return err
		}
		if key = len(r.out) - key; len(tag) > 255 || key > Max {
			return errors.New("it is too long")
		}
		r.out[at], r.out[at+2], r.out[at+3] = byte(len(tag)), byte(key>>8), byte(key)
		return names.read(r)
	},
	func(data []byte) (int, error) {
		if len(data) < 4 {
			return 0, errShort
		}
		size := 4 + int(data[0]) + int(data[2])<<8 + int(data[3])
		switch {
		case data[0] == 0 || data[2] == 0 && data[3] == 0:
			return 0, errors.New("the tag or the key is empty")
		case size > len(data):
			return size, nil
		}
		more, err := names.size(data[size:])
		return size + more, err
	},
}

// tag is that of a CAA record: letters and digits (RFC 8659 4.1).
var tag = kind{
	str.read,
	func(data []byte) (int, error) {
		size, err := str.size(data)
		if err != nil || size > len(data) {
			return size, err
		}
		if size == 1 {
			return 0, errors.New("it is empty")
		}
		for _, c := range data[1:size] {
			if c|0x20 < 'a' || c|0x20 > 'z' {
				if c < '0' || c > '9' {
					return 0, fmt.Errorf("%q has something else than letters and digits", data[1:size])
				}
			}
		}
		return size, nil
	},
}
