package xfr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// deframer reads messages and checks what protects them.
type deframer struct {
	r        io.Reader
	at       int // octets read, up to the message at hand
	sum      uint32
	apex     zone.Name
	messages int
	records  int
	owner    [zone.MaxName]byte // room for the name at hand
}

func (d *deframer) get(b []byte) error {
	n, err := io.ReadFull(d.r, b)
	d.at += n
	d.sum = crc32.Update(d.sum, castagnoli, b[:n])
	return err
}

// begin reads the head. io.EOF, bare, means that there is nothing.
func (d *deframer) begin(kind uint16) error {
	head := make([]byte, len(magic)+4)
	if err := d.get(head); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("its head is cut short: %w", err)
	}
	got, version := string(head[:len(magic)]), binary.BigEndian.Uint16(head[len(magic):])
	switch {
	case got != magic:
		return fmt.Errorf("it begins with %q, not with %q", got, magic)
	case version != canonicalFormat && version != writtenFormat:
		return fmt.Errorf("it has format %d, this program reads %d and %d", version, canonicalFormat, writtenFormat)
	case binary.BigEndian.Uint16(head[len(magic)+2:]) != kind:
		return errors.New("it holds something else: snapshots and differences were mixed up")
	}
	return nil
}

// each gives the records of all messages, up to the end.
func (d *deframer) each(do func(zone.Record) error) error {
	for {
		var head [8]byte
		if err := d.get(head[:]); err != nil {
			return missing(err)
		}
		size, sum := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
		if size == 0 {
			return d.finish(int(sum))
		}
		d.messages++
		if size > maxMessage {
			return fmt.Errorf("its length of %d octets is more than a message can have", size)
		}
		at := d.at
		message := make([]byte, size)
		if err := d.get(message); err != nil {
			return missing(err)
		}
		if crc32.Checksum(message, castagnoli) != sum {
			d.at = at
			return errors.New("its checksum is wrong: the file is damaged here")
		}
		if err := d.message(message, do); err != nil {
			d.at = at
			return err
		}
	}
}

// finish reads the rest of the end.
func (d *deframer) finish(records int) error {
	sum := d.sum
	var last [4]byte
	if err := d.get(last[:]); err != nil {
		return missing(err)
	}
	switch {
	case binary.BigEndian.Uint32(last[:]) != sum:
		return errors.New("the checksum over all is wrong: messages are missing, or not in order")
	case records != d.records:
		return fmt.Errorf("%d records, where its end says %d", d.records, records)
	}
	return nil
}

// missing is the error for an end that did not come.
func missing(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it is cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}
