package catalog

import (
	"encoding/base32"
	"encoding/binary"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Product is a zone in a catalog that is made here.
type Product struct {
	ID    string // a label, in lower case, and no other zone's
	Group string // at most 255 octets; "": none
}

// IDOctets is how many random octets an ID is made of: no two zones ever get the same.
const IDOctets = 16

// ID makes a label of random octets.
func ID(random [IDOctets]byte) string { return ids.EncodeToString(random[:]) }

var ids = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Make is the catalog zone with these members (RFC 9432 4): TTLs are 0, and it has no
// nameserver, for nobody asks it for names. ok is false where its name is so long that
// what belongs below does not fit.
func Make(name zone.Name, serial uint32, members map[zone.Name]Product) (v *zone.Version, ok bool) {
	zones, fits := below("zones", name)
	if !fits || len(zones)+len("group")+1+1+len(ID([IDOctets]byte{})) > zone.MaxName {
		return nil, false
	}
	version, _ := below("version", name)
	b := zone.NewBuilder(name)
	put := func(at zone.Name, t zone.Type, rdata string) {
		b.Put(zone.RRset{Name: at, Type: t, Rdata: zone.Pack(rdata)})
	}
	put(name, zone.TypeSOA, soa(serial))
	put(name, zone.TypeNS, string(nobody))
	put(version, zone.TypeTXT, text("2"))
	for member, p := range members {
		at, _ := below(p.ID, zones)
		put(at, typePTR, string(member))
		if p.Group != "" {
			group, _ := below("group", at)
			put(group, zone.TypeTXT, text(p.Group))
		}
	}
	return b.Version(), true
}

// nobody is the name that stands where a nameserver's would (RFC 9432 4).
var nobody = zone.MustName("invalid.")

// soa has the times of an ordinary zone, and the longest expire: members must not go
// because a catalog could not be fetched.
func soa(serial uint32) string {
	rdata := []byte(nobody + nobody)
	for _, n := range []uint32{serial, 3600, 600, 1<<31 - 2, 0} {
		rdata = binary.BigEndian.AppendUint32(rdata, n)
	}
	return string(rdata)
}

func text(s string) string { return string([]byte{byte(len(s))}) + s }
