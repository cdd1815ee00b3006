package sign

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// signers are the keys that sign the same RRsets.
type signers []signerKey

type signerKey struct {
	Key
	algorithm
	tag uint16
	// known says that algorithm and tag name this key in the last version: its
	// DNSKEY RRset has the key and no other of that tag.
	known bool
}

// newSigners checks keys, and drops those that stand there twice.
func newSigners(keys []Key, old *zone.Version) (signers, error) {
	list := make(signers, 0, len(keys))
	seen := map[zone.DNSKEY]bool{}
	var published zone.RRset
	if old != nil {
		published, _ = old.Top().Get(zone.TypeDNSKEY)
	}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return nil, err
		}
		if !seen[k.Record] {
			seen[k.Record] = true
			list = append(list, signerKey{Key: k, algorithm: algorithms[k.Record.Algorithm()], tag: k.Record.Tag(), known: known(k.Record, published)})
		}
	}
	for i := range list {
		for j := range list {
			if i != j && list[i].tag == list[j].tag {
				list[i].known = false
			}
		}
	}
	return list, nil
}

func known(record zone.DNSKEY, published zone.RRset) bool {
	has := false
	for rdata := range published.Rdata.All() {
		switch k := zone.DNSKEY(rdata); {
		case k == record:
			has = true
		case len(k) >= 4 && k.Algorithm() == record.Algorithm() && k.Tag() == record.Tag():
			return false
		}
	}
	return has
}

// maker gives the index of the key that made sig over s; -1 when it is none of
// them. Where algorithm and tag are not enough to know, the signature is verified.
func (list signers) maker(sig zone.RRSIG, s zone.RRset) int {
	for i := range list {
		k := &list[i]
		if k.Record.Algorithm() == sig.Algorithm() && k.tag == sig.KeyTag() && (k.known || k.made(sig, s)) {
			return i
		}
	}
	return -1
}

func (k *signerKey) made(sig zone.RRSIG, s zone.RRset) bool {
	var digest []byte
	message := k.digest(&digest, zone.AppendSigned(nil, sig.Header(), s))
	signature := []byte(sig.Signature())
	switch public := k.Signer.Public().(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, k.hash, message, signature) == nil
	case *ecdsa.PublicKey:
		r, s := new(big.Int), new(big.Int)
		if len(signature) != 2*k.size {
			return false
		}
		return ecdsa.Verify(public, message, r.SetBytes(signature[:k.size]), s.SetBytes(signature[k.size:]))
	case ed25519.PublicKey:
		return ed25519.Verify(public, message, signature)
	}
	return false
}
