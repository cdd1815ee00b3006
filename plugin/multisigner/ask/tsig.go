package ask

// TSIG is a key that both sides of an exchange sign with (RFC 8945).
type TSIG struct {
	Name      string // with the final dot, lower case
	Algorithm string // as dns.HmacSHA256 has it
	Secret    string // base64
}
