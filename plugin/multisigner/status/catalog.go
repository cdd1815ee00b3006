package status

import "time"

// Catalog is all that an operator may ask about a catalog zone (RFC 9432): one that is
// consumed, or one that is made here.
type Catalog struct {
	Catalog string    `json:"catalog"`
	Role    string    `json:"role"` // consumer or producer
	Signer  string    `json:"signer"`
	At      time.Time `json:"at"`
	Where   string    `json:"where,omitempty"` // where it is configured
	Serial  uint32    `json:"serial"`          // of what is acted upon, or given; 0: there is none yet

	Primary   string    `json:"primary,omitempty"` // that gave it
	Refreshed time.Time `json:"refreshed,omitzero"`
	Next      time.Time `json:"next,omitzero"` // when it is asked for
	Why       string    `json:"why,omitempty"` // no primary gives it

	Named   int     `json:"named"`             // members that the catalog names
	Served  int     `json:"served"`            // zones that are served because of it
	Held    int     `json:"held"`              // members that wait for somebody
	Waiting int     `json:"waiting,omitempty"` // removals and resets that wait for `catalog accept`
	Alarms  []Alarm `json:"alarms"`

	Members []CatalogMember `json:"members,omitempty"` // by name
}

// CatalogMember is a zone that a catalog names, or has named.
type CatalogMember struct {
	Zone   string    `json:"zone"`
	ID     string    `json:"id"`
	Groups []string  `json:"groups,omitempty"` // as the catalog has them
	Group  string    `json:"group,omitempty"`  // the block whose settings it has
	State  string    `json:"state"`            // served, beginning, held, ignored, waiting, leaving or removed
	Why    string    `json:"why,omitempty"`
	Since  time.Time `json:"since,omitzero"` // it is a member, or was removed
}
