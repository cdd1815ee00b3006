// Package update reads UPDATEs (RFC 2136), judges them against a zone's unsigned
// content, and keeps what they change as an overlay: a file and updates may both
// say what a zone holds, and neither destroys the other. It takes values and
// returns values; to save, to sign and to answer is others' work.
package update
