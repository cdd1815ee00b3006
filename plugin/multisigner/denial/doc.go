// Package denial makes NSEC and NSEC3 chains and finds the records in them that
// prove a name or type absent. It never signs: that is package sign's work.
package denial
