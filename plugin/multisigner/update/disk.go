package update

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// stored is an Entry as it is saved, names and rdata in wire form.
type stored struct {
	Format  int       `json:"format"`
	Name    []byte    `json:"name"`
	Type    uint16    `json:"type"`
	Owner   []byte    `json:"owner,omitempty"` // as it was written
	Added   [][]byte  `json:"added,omitempty"` // as they were written
	Removed [][]byte  `json:"removed,omitempty"`
	TTL     uint32    `json:"ttl"`
	TTLSet  bool      `json:"ttlSet,omitempty"`
	By      string    `json:"by"`
	Since   time.Time `json:"since"`
}

// entryFormat is the number of the layout. An older one is read, a newer one refused.
const entryFormat = 1

// Encode gives what Decode reads.
func (e Entry) Encode() []byte {
	s := stored{Format: entryFormat, Name: []byte(e.Name), Type: uint16(e.Type), TTL: e.TTL, TTLSet: e.TTLSet, By: e.By, Since: e.Since}
	for _, r := range records(e.Added) {
		s.Owner = []byte(r.Owner)
		s.Added = append(s.Added, []byte(r.Written))
	}
	for rdata := range e.Removed.All() {
		s.Removed = append(s.Removed, []byte(rdata))
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // there is nothing in it that JSON does not have
	}
	return text
}

// Decode reads an entry of the zone apex.
func Decode(text []byte, apex zone.Name) (Entry, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return Entry{}, err
	}
	if s.Format > entryFormat {
		return Entry{}, fmt.Errorf("it has format %d, this program reads up to %d: run the newer program", s.Format, entryFormat)
	}
	name, size, err := zone.NameFromWire(s.Name)
	if err != nil || size != len(s.Name) || !name.Under(apex) {
		return Entry{}, fmt.Errorf("the name is none of %s", apex)
	}
	e := Entry{Key: Key{name, zone.Type(s.Type)}, TTL: s.TTL, TTLSet: s.TTLSet, By: s.By, Since: s.Since}
	if e.Type.SignerMade() || isMeta(e.Type) {
		return Entry{}, fmt.Errorf("%s %s is nothing that updates change", e.Name, e.Type)
	}
	var added zone.Gathering
	for _, written := range s.Added {
		r, err := zone.NewRecord(s.Owner, e.Type, 0, written)
		if err != nil || r.Name != e.Name {
			return Entry{}, fmt.Errorf("%s %s: a record is not in the form of its type", e.Name, e.Type)
		}
		added.Add(r)
	}
	e.Added = some(added.RRset(e.Name, e.Type, 0))
	var removed []string
	for _, rdata := range s.Removed {
		removed = append(removed, string(rdata))
	}
	e.Removed = zone.Pack(removed...)
	return e, nil
}
