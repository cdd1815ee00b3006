package xfr

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

var errCut = errors.New("the message is cut short")

// message gives the records of a message that Packed or write made: only owner
// names are compressed. The first one names the zone.
func (d *deframer) message(m []byte, do func(zone.Record) error) error {
	if len(m) < headerSize {
		return errCut
	}
	questions, answers := binary.BigEndian.Uint16(m[4:]), int(binary.BigEndian.Uint16(m[6:]))
	at := headerSize
	switch {
	case questions == 1 && d.apex == "":
		apex, end, err := d.name(m, at)
		if err == nil {
			d.apex, _, err = zone.NameFromWire(apex)
		}
		if err != nil {
			return fmt.Errorf("question: %w", err)
		}
		at = end + 4
	case questions != 0 || d.apex == "":
		return fmt.Errorf("it has %d questions", questions)
	}
	for i := range answers {
		r, end, err := d.readRecord(m, at)
		if err == nil {
			err = check(r, d.apex)
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

func (d *deframer) readRecord(m []byte, at int) (r zone.Record, end int, err error) {
	owner, at, err := d.name(m, at)
	if err != nil {
		return r, 0, err
	}
	if at+10 > len(m) {
		return r, 0, errCut
	}
	t := zone.Type(binary.BigEndian.Uint16(m[at:]))
	class := binary.BigEndian.Uint16(m[at+2:])
	ttl := binary.BigEndian.Uint32(m[at+4:])
	end = at + 10 + int(binary.BigEndian.Uint16(m[at+8:]))
	switch {
	case class != 1:
		return r, 0, fmt.Errorf("%s %s is of class %d", zone.Name(owner), t, class)
	case end > len(m):
		return r, 0, errCut
	}
	if r, err = zone.NewRecord(owner, t, ttl, m[at+10:end]); err != nil {
		err = fmt.Errorf("%s %s: %w", zone.Name(owner), t, err)
	}
	return r, end, err
}

// name reads a name that may end in a pointer to an earlier one, in uncompressed
// wire form. It is good until the next.
func (d *deframer) name(m []byte, at int) (n []byte, end int, err error) {
	wire := &d.owner
	size := 0
	before := at // pointers lead backwards only, so that they come to an end
	for {
		if at >= len(m) {
			return nil, 0, errCut
		}
		switch c := int(m[at]); {
		case c >= 0xc0:
			if at+1 >= len(m) {
				return nil, 0, errCut
			}
			if end == 0 {
				end = at + 2
			}
			to := (c&0x3f)<<8 | int(m[at+1])
			if to >= before {
				return nil, 0, errors.New("a name points forward")
			}
			at, before = to, to
		case c > zone.MaxLabel:
			return nil, 0, zone.ErrBadWire
		case size+1+c > len(wire) || at+1+c > len(m):
			return nil, 0, zone.ErrBadWire
		default:
			size += copy(wire[size:], m[at:at+1+c])
			at += 1 + c
			if c > 0 {
				continue
			}
			if end == 0 {
				end = at
			}
			return wire[:size], end, nil
		}
	}
}

// check keeps out of a version what those who read it do not expect there, beyond
// what zone.NewRecord refuses.
func check(r zone.Record, apex zone.Name) error {
	if !r.Name.Under(apex) {
		return fmt.Errorf("%s is not in %s", r.Name, apex)
	}
	switch r.Type {
	case zone.TypeRRSIG:
		if err := zone.RRSIG(r.Rdata).Valid(); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	case zone.TypeSVCB, zone.TypeHTTPS:
		if len(r.Rdata) < 2 {
			return fmt.Errorf("%s %s is too short", r.Name, r.Type)
		}
		if _, _, err := zone.NameFromWire([]byte(r.Rdata[2:])); err != nil {
			return fmt.Errorf("%s %s: %w", r.Name, r.Type, err)
		}
	}
	return nil
}

// grouper joins records that follow each other into RRsets, as full and
// incremental put them: in canonical order, and signatures after what they cover.
type grouper struct {
	set        zone.RRset
	owner      string // as it is written
	data, sigs []byte
	written    []byte // data as it is written
	last       string
	inSigs     bool
}

func (g *grouper) add(r zone.Record, put func(zone.RRset) error) error {
	of := func(t zone.Type) bool { return g.set.Name == r.Name && g.set.Type == t && g.set.TTL == r.TTL }
	ascending := g.last < r.Rdata
	switch {
	case of(r.Type) && !g.inSigs && ascending && r.Type != zone.TypeSOA:
		// One more of the same, or one more RRSIG that covers nothing. Of SOAs there is
		// one in a set: those that mark the parts of a difference follow each other.
	case r.Type == zone.TypeRRSIG && of(zone.RRSIG(r.Rdata).Covered()) && (!g.inSigs || ascending):
		g.inSigs = true
	default:
		if err := g.flush(put); err != nil {
			return err
		}
		g.set, g.owner = zone.RRset{Name: r.Name, Type: r.Type, TTL: r.TTL}, r.Owner
	}
	if g.last = r.Rdata; g.inSigs {
		g.sigs = appendPacked(g.sigs, r.Rdata)
		return nil
	}
	g.data, g.written = appendPacked(g.data, r.Rdata), appendPacked(g.written, r.Written)
	return nil
}

func appendPacked(dst []byte, rdata string) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(rdata))), rdata...)
}

// flush hands over the RRset at hand, if there is one.
func (g *grouper) flush(put func(zone.RRset) error) error {
	if g.set.Name == "" {
		return nil
	}
	s := g.set
	s.Rdata, s.Sigs = zone.Packed(g.data), zone.Packed(g.sigs)
	s = s.Spell(g.owner, zone.Packed(g.written))
	*g = grouper{data: g.data[:0], sigs: g.sigs[:0], written: g.written[:0]}
	return put(s)
}
