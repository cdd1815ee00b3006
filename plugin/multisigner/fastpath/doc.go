// Package fastpath answers over UDP and TCP without CoreDNS: it reads datagrams in batches
// from sockets of its own beside CoreDNS's, and of each connection all that has come,
// and writes what package answer makes of them, octets in and octets out. Which zones
// there are, and what they answer with, it is told; it knows no configuration. Every
// query that is not an ordinary one for such a zone it hands over to CoreDNS, whose
// answer leaves by the same socket.
package fastpath
