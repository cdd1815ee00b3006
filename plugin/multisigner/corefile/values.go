package corefile

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
)

// ParseDuration reads Go's notation and d and w besides. It is never negative.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	bad := fmt.Errorf("%q is no duration: write 90m, 1h30m, 14d or 2w", s)
	var sum time.Duration
	rest := s
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number := rest[:digits]
		rest = rest[digits:]
		letters := strings.IndexAny(rest, "0123456789.")
		if letters < 0 {
			letters = len(rest)
		}
		unit := rest[:letters]
		rest = rest[letters:]
		part, err := parseUnit(number, unit)
		if err != nil || part > math.MaxInt64-sum {
			return 0, bad
		}
		sum += part
	}
	if s == "" {
		return 0, bad
	}
	return sum, nil
}

func parseUnit(number, unit string) (time.Duration, error) {
	const day = 24 * time.Hour
	scale := map[string]time.Duration{"d": day, "w": 7 * day}[unit]
	if scale == 0 {
		return time.ParseDuration(number + unit)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err == nil && n*float64(scale) >= math.MaxInt64 {
		err = errors.New("too long")
	}
	return time.Duration(n * float64(scale)), err
}

// parseAddress reads an IP address with or without a port; 53 if without. A name
// is refused: what it meant could change under us.
func parseAddress(s string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), 53), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil || ap.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address: write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353", s)
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

// parsePrefix reads a prefix or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no prefix: write 192.0.2.0/24 or 192.0.2.1", s)
	}
	return p.Masked(), nil
}

// parseTags reads a class of key tags: I/N, or LO-HI.
func parseTags(s string) (engine.Tags, error) {
	bad := fmt.Errorf("%q is no class of key tags: write 1/3 (remainder 1 by 3) or 0-32767", s)
	sep := strings.IndexAny(s, "/-")
	if sep < 0 {
		return engine.Tags{}, bad
	}
	first, err1 := strconv.ParseUint(s[:sep], 10, 16)
	second, err2 := strconv.ParseUint(s[sep+1:], 10, 16)
	if err1 != nil || err2 != nil || second == 0 || first > second {
		return engine.Tags{}, bad
	}
	if s[sep] == '-' {
		return engine.Tags{Lo: uint16(first), Hi: uint16(second)}, nil
	}
	return engine.Tags{Residue: uint16(first % second), Mod: uint16(second)}, nil
}

var hmacs = map[string]string{
	"hmac-sha1":   dns.HmacSHA1,
	"hmac-sha224": dns.HmacSHA224,
	"hmac-sha256": dns.HmacSHA256,
	"hmac-sha384": dns.HmacSHA384,
	"hmac-sha512": dns.HmacSHA512,
}

// parseHMAC reads the algorithm of a TSIG key.
func parseHMAC(s string) (string, error) {
	if h, ok := hmacs[strings.TrimSuffix(strings.ToLower(s), ".")]; ok {
		return h, nil
	}
	return "", fmt.Errorf("%q is no TSIG algorithm: hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or hmac-sha1", s)
}

// parseDS reads the fields of a DS record: TAG ALGORITHM TYPE DIGEST.
func parseDS(apex string, fields []string) (*dns.DS, error) {
	rr, err := dns.NewRR(apex + " 0 IN DS " + strings.Join(fields, " "))
	if err != nil {
		return nil, fmt.Errorf("%q is no DS record: write TAG ALGORITHM TYPE DIGEST", strings.Join(fields, " "))
	}
	ds := rr.(*dns.DS)
	if want := map[uint8]int{dns.SHA256: 64, dns.SHA384: 96}[ds.DigestType]; len(ds.Digest) != want {
		return nil, fmt.Errorf("digest type %d with %d hexadecimal digits: SHA-256 (2) has 64, SHA-384 (4) has 96, and no other is taken", ds.DigestType, len(ds.Digest))
	}
	return ds, nil
}
