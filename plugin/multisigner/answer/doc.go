// Package answer turns a question and a version of a zone into a response: one
// planner chooses the RRsets (RFC 1034 4.3.2, RFC 4035 3.1), two renderers write
// them, as wire and as dns.Msg. Finding the zone, EDNS and transfers are the caller's.
package answer
