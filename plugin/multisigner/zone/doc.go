// Package zone holds a zone's content at one serial: immutable, in canonical
// order, as packed wire. It says what is there; what absence means is package
// denial's, what to answer package answer's.
package zone
