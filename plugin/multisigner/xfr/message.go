package xfr

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var errCut = errors.New("the message is cut short")

// message gives the records of a message that Packed or write made: only owner
// names are compressed, rdata is in canonical form. The first one names the zone.
func (d *deframer) message(m []byte, do func(record) error) error {
	if len(m) < headerSize {
		return errCut
	}
	questions, answers := binary.BigEndian.Uint16(m[4:]), int(binary.BigEndian.Uint16(m[6:]))
	at := headerSize
	switch {
	case questions == 1 && d.apex == "":
		apex, end, err := name(m, at)
		if err != nil {
			return fmt.Errorf("question: %w", err)
		}
		d.apex, at = apex, end+4
	case questions != 0 || d.apex == "":
		return fmt.Errorf("it has %d questions", questions)
	}
	for i := range answers {
		r, end, err := readRecord(m, at)
		if err == nil {
			err = r.check(d.apex)
		}
		if err == nil {
			err = do(r)
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", i+1, err)
		}
		at = end
	}
	if at != len(m) {
		return errors.New("there is more in the message than its records")
	}
	d.records += answers
	return nil
}

func readRecord(m []byte, at int) (r record, end int, err error) {
	if r.name, at, err = name(m, at); err != nil {
		return r, 0, err
	}
	if at+10 > len(m) {
		return r, 0, errCut
	}
	r.t = zone.Type(binary.BigEndian.Uint16(m[at:]))
	class := binary.BigEndian.Uint16(m[at+2:])
	r.ttl = binary.BigEndian.Uint32(m[at+4:])
	end = at + 10 + int(binary.BigEndian.Uint16(m[at+8:]))
	switch {
	case class != 1:
		return r, 0, fmt.Errorf("%s %s is of class %d", r.name, r.t, class)
	case end > len(m):
		return r, 0, errCut
	}
	r.rdata = string(m[at+10 : end])
	return r, end, nil
}

// name reads a name that may end in a pointer to an earlier one, in lower case.
func name(m []byte, at int) (n zone.Name, end int, err error) {
	var wire [zone.MaxName]byte
	size := 0
	before := at // pointers lead backwards only, so that they come to an end
	for {
		if at >= len(m) {
			return "", 0, errCut
		}
		switch c := int(m[at]); {
		case c >= 0xc0:
			if at+1 >= len(m) {
				return "", 0, errCut
			}
			if end == 0 {
				end = at + 2
			}
			to := (c&0x3f)<<8 | int(m[at+1])
			if to >= before {
				return "", 0, errors.New("a name points forward")
			}
			at, before = to, to
		case c > zone.MaxLabel:
			return "", 0, zone.ErrBadWire
		case size+1+c > len(wire) || at+1+c > len(m):
			return "", 0, zone.ErrBadWire
		default:
			size += copy(wire[size:], m[at:at+1+c])
			at += 1 + c
			if c > 0 {
				continue
			}
			if end == 0 {
				end = at
			}
			n, _, err = zone.NameFromWire(wire[:size])
			return n, end, err
		}
	}
}

// check keeps out of a version what those who read it do not expect there.
func (r record) check(apex zone.Name) error {
	if !r.name.Under(apex) {
		return fmt.Errorf("%s is not in %s", r.name, apex)
	}
	if r.t == zone.TypeRRSIG {
		if err := zone.RRSIG(r.rdata).Valid(); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	at, has := nameAt[r.t]
	if !has {
		return nil
	}
	if len(r.rdata) < at {
		return fmt.Errorf("%s %s is too short", r.name, r.t)
	}
	_, n, err := zone.NameFromWire([]byte(r.rdata[at:]))
	if err == nil && r.t == zone.TypeSOA {
		at += n
		_, n, err = zone.NameFromWire([]byte(r.rdata[at:]))
		if err == nil && len(r.rdata) != at+n+20 {
			err = errors.New("it has not the length of a SOA")
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.name, r.t, err)
	}
	return nil
}

// nameAt says where a name stands in rdata that others read without checking it.
var nameAt = map[zone.Type]int{
	zone.TypeNS: 0, zone.TypeCNAME: 0, zone.TypeSOA: 0, zone.TypeDNAME: 0, zone.TypeNSEC: 0,
	zone.TypeMX: 2, zone.TypeSRV: 6, zone.TypeSVCB: 2, zone.TypeHTTPS: 2,
}

// grouper joins records that follow each other into RRsets, as full and
// incremental put them: in canonical order, and signatures after what they cover.
type grouper struct {
	set        zone.RRset
	data, sigs []byte
	last       string
	inSigs     bool
}

func (g *grouper) add(r record, put func(zone.RRset) error) error {
	of := func(t zone.Type) bool { return g.set.Name == r.name && g.set.Type == t && g.set.TTL == r.ttl }
	ascending := g.last < r.rdata
	switch {
	case of(r.t) && !g.inSigs && ascending && r.t != zone.TypeSOA:
		// One more of the same, or one more RRSIG that covers nothing. Of SOAs there is
		// one in a set: those that mark the parts of a difference follow each other.
	case r.t == zone.TypeRRSIG && of(zone.RRSIG(r.rdata).Covered()) && (!g.inSigs || ascending):
		g.inSigs = true
	default:
		if err := g.flush(put); err != nil {
			return err
		}
		g.set = zone.RRset{Name: r.name, Type: r.t, TTL: r.ttl}
	}
	to := &g.data
	if g.inSigs {
		to = &g.sigs
	}
	*to = append(binary.BigEndian.AppendUint16(*to, uint16(len(r.rdata))), r.rdata...)
	g.last = r.rdata
	return nil
}

// flush hands over the RRset at hand, if there is one.
func (g *grouper) flush(put func(zone.RRset) error) error {
	if g.set.Name == "" {
		return nil
	}
	s := g.set
	s.Rdata, s.Sigs = zone.Packed(g.data), zone.Packed(g.sigs)
	*g = grouper{data: g.data[:0], sigs: g.sigs[:0]}
	return put(s)
}
