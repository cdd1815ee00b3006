//go:build !linux

package source

import "errors"

type system struct{}

// NewNotices gives errors.ErrUnsupported: this system tells of nothing here.
func NewNotices() (*Notices, error) { return nil, errors.ErrUnsupported }

// Close ends it.
func (n *Notices) Close() error { return nil }

func (system) add(string) error   { return errors.ErrUnsupported }
func (system) isGone(string) bool { return false }
func isLocal(string) bool         { return false }
