package zone

import "encoding/binary"

// soaNumbers gives the five numbers that end SOA rdata.
func soaNumbers(rdata string) string { return rdata[len(rdata)-20:] }

// SOAMName is the name of the primary.
func SOAMName(rdata string) Name { return Name(rdata[:nameSize([]byte(rdata))]) }

// SOASerial reads the serial of SOA rdata.
func SOASerial(rdata string) uint32 { return u32(soaNumbers(rdata)) }

// Serial is that of an SOA RRset's rdata; 0: there is none.
func (p Packed) Serial() uint32 {
	for rdata := range p.All() {
		return SOASerial(rdata)
	}
	return 0
}

// SOARefresh is in seconds.
func SOARefresh(rdata string) uint32 { return u32(soaNumbers(rdata)[4:]) }

// SOARetry is in seconds.
func SOARetry(rdata string) uint32 { return u32(soaNumbers(rdata)[8:]) }

// SOAExpire is in seconds.
func SOAExpire(rdata string) uint32 { return u32(soaNumbers(rdata)[12:]) }

// SOAMinimum is in seconds: with the SOA's TTL it bounds how long absence is
// cached (RFC 2308 4).
func SOAMinimum(rdata string) uint32 { return u32(soaNumbers(rdata)[16:]) }

// SOAWithSerial is the same rdata with another serial.
func SOAWithSerial(rdata string, serial uint32) string {
	at := len(rdata) - 20
	return rdata[:at] + string(binary.BigEndian.AppendUint32(nil, serial)) + rdata[at+4:]
}

// WithSerial is the same SOA RRset with another serial, and without signatures.
func (s RRset) WithSerial(serial uint32) RRset {
	for rdata := range s.Rdata.All() {
		owner, written := s.Written()
		s.Rdata = Pack(SOAWithSerial(rdata, serial))
		s = s.Spell(owner, Packed(SOAWithSerial(string(written[:2+len(rdata)]), serial)))
		break
	}
	return s.WithSigs("")
}

// SerialAfter reports whether a comes after b (RFC 1982 3.2). Two that are 2^31
// apart are not in order: neither is after the other.
func SerialAfter(a, b uint32) bool { return a != b && a-b < 1<<31 }

func u16(s string) uint16 { return uint16(s[0])<<8 | uint16(s[1]) }

func u32(s string) uint32 {
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}
