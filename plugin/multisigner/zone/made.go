package zone

// SignerMade reports whether records of type t are the signer's to make, so that nobody
// else's count as content. A ZONEMD is true of the unsigned zone only (RFC 8976 2).
func (t Type) SignerMade() bool {
	switch t {
	case TypeDNSKEY, TypeRRSIG, TypeNSEC, TypeNSEC3, TypeNSEC3PARAM, TypeCDS, TypeCDNSKEY, TypeZONEMD:
		return true
	}
	return false
}
