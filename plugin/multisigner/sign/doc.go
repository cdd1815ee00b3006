// Package sign gives a zone's content its apex key records, its chain of denial
// and its signatures, and renews only what has to be. Which keys sign what, and
// when, is decided by others; the private keys are crypto.Signers.
package sign
