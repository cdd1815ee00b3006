package engine

import (
	"fmt"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// udpAtMost is what fits a UDP answer that no path cuts into fragments.
const udpAtMost = 1232

// dnskeyOctets is how long the answer with the planned DNSKEY RRset is (RFC 8901 10).
func (w *work) dnskeyOctets(cfg *Config) int {
	if w.plan.Unsigned || len(w.plan.DNSKEY) == 0 {
		return 0
	}
	const header, question, record, rrsig, opt = 12, 4, 12, 18, 11 // owners are compressed, a signer's name is not
	octets := header + len(cfg.Apex) + question + opt
	for _, id := range w.plan.DNSKEY {
		k, _ := w.known.record(id)
		octets += record + len(k)
	}
	for _, id := range w.plan.SignDNSKEY {
		k, _ := w.known.record(id)
		octets += record + rrsig + len(cfg.Apex) + signatureOctets(k)
	}
	return octets
}

// signatureOctets is the length of a signature by k.
func signatureOctets(k zone.DNSKEY) int {
	if len(k) < 5 {
		return 0
	}
	switch k.Algorithm() {
	case 13, 15:
		return 64
	case 14:
		return 96
	}
	return modulus(k.PublicKey())
}

// modulus is the length of an RSA key's modulus (RFC 3110 2): its signatures have it, too.
func modulus(key string) int {
	switch {
	case len(key) > 0 && key[0] != 0:
		return max(len(key)-1-int(key[0]), 0)
	case len(key) > 2:
		return max(len(key)-3-int(key[1])<<8-int(key[2]), 0)
	}
	return 0
}

// alarmOfSize speaks of a DNSKEY RRset that a rollover makes too long for UDP. When
// it always is, looks have shown that TCP works everywhere.
func (w *work) alarmOfSize(cfg *Config) []alarm {
	octets, passing := w.dnskeyOctets(cfg), false
	for _, k := range w.plan.Keys {
		passing = passing || k.Ours && k.Published && k.State != "active" && k.State != "standby"
	}
	if octets <= udpAtMost || !passing {
		return nil
	}
	return []alarm{newAlarm(status.AlarmSize, "",
		fmt.Sprintf("the DNSKEY answer takes %d octets while keys are rolled, and %d fit UDP: resolvers ask for it by TCP", octets, udpAtMost),
		"see that TCP port 53 is open at every nameserver of every signer; keys of ECDSA and EdDSA algorithms are a quarter as long (`roll algorithm`)")}
}
