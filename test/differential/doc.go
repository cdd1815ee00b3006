// Package differential asks our answers and those of NSD, Knot and BIND, over the
// same signed zones, the same questions, and explains every difference. It is all
// tests, behind the build tag interop, and skips the servers that are not installed.
package differential
