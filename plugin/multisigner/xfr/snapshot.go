package xfr

import (
	"io"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Write writes v for Read: a header with a format number, AXFR messages in wire
// form, each with a checksum, and a trailer.
func Write(w io.Writer, v *zone.Version) error { return nil }

// Read reads what Write wrote. Its errors say at which octet it went wrong. It
// reads no further than the snapshot's end.
func Read(r io.Reader) (*zone.Version, error) { return nil, nil }

// WriteDiff writes d for ReadDiff, as IXFR messages that replace whole RRsets.
func WriteDiff(w io.Writer, d zone.Diff) error { return nil }

// ReadDiff reads what WriteDiff wrote. At the end of r it gives io.EOF; for a
// difference that r ends in the middle of, an error that is io.ErrUnexpectedEOF:
// a journal that was being appended to when the power failed.
func ReadDiff(r io.Reader) (zone.Diff, error) { return zone.Diff{}, io.EOF }
