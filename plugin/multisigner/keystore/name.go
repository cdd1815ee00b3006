package keystore

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// DirName is the name of a zone's directory: the zone's in lower case without the
// final dot, octets other than a-z, 0-9, '-', '_' and the dots between labels as
// %XX, and the root as %2E. It is one for each zone, on any file system.
func DirName(zone string) (string, error) {
	wire, err := wireName(zone)
	if err != nil {
		return "", err
	}
	return fileName(wire), nil
}

// wireName reads presentation form into wire form with letters in lower case.
func wireName(zone string) (string, error) {
	var buf [255]byte
	end, err := dns.PackDomainName(dns.Fqdn(zone), buf[:], 0, nil, false)
	if err != nil || zone == "" {
		return "", fmt.Errorf("%q is no name of a zone", zone)
	}
	for i, c := range buf[:end] {
		if 'A' <= c && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	return string(buf[:end]), nil
}

func textName(wire string) string {
	text, _, err := dns.UnpackDomainName([]byte(wire), 0)
	if err != nil {
		panic("keystore: " + err.Error()) // it came from wireName
	}
	return text
}

func fileName(wire string) string {
	if wire == "\x00" {
		return "%2E"
	}
	return escape(wire)
}

// escape gives a name as BIND writes it in the names of key files, without the final dot.
func escape(wire string) string {
	var b strings.Builder
	for len(wire) > 1 {
		label := wire[1 : 1+wire[0]]
		for _, c := range []byte(label) {
			if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		if wire = wire[1+len(label):]; len(wire) > 1 {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// baseName is what BIND calls a key's files, without their ending.
func baseName(zone, rdata string) string {
	return fmt.Sprintf("K%s.+%03d+%05d", escape(zone), rdata[3], keyTag(rdata))
}
