package status

import "time"

// AlarmName is what an alarm of one kind is called, for ever: scripts look for it, and
// docs/ALARMS.md says under it what to do. Those of the rules are package roll's.
type AlarmName string

// The alarms of everything but the rules.
const (
	AlarmInternal        AlarmName = "internal-error"
	AlarmStateUnreadable AlarmName = "state-unreadable"
	AlarmClock           AlarmName = "clock-wrong"
	AlarmNotSaved        AlarmName = "state-not-saved"
	AlarmSnapshot        AlarmName = "snapshot-not-written"
	AlarmHome            AlarmName = "state-directory-damaged"
	AlarmHomeMended      AlarmName = "state-directory-mended"
	AlarmKeyFileGone     AlarmName = "key-file-gone"
	AlarmKeyFileMended   AlarmName = "key-file-mended"
	AlarmKeyFile         AlarmName = "key-file-unusable"
	AlarmKeyNotRetired   AlarmName = "key-not-retired"
	AlarmFile            AlarmName = "zone-file-refused"
	AlarmRestless        AlarmName = "zone-file-restless"
	AlarmPrimary         AlarmName = "primary-failing"
	AlarmExpired         AlarmName = "content-expired"
	AlarmPrimaryBack     AlarmName = "primary-went-back"
	AlarmRejected        AlarmName = "content-refused"
	AlarmReview          AlarmName = "review-held"
	AlarmNotKept         AlarmName = "content-not-kept"
	AlarmLost            AlarmName = "content-lost"
	AlarmParked          AlarmName = "updates-not-served"
	AlarmSignature       AlarmName = "signature-bad"
	AlarmGuard           AlarmName = "guard-objects"
	AlarmRefusedNotKept  AlarmName = "refused-version-not-kept"
	AlarmTurn            AlarmName = "zone-not-updated"
	AlarmOverdue         AlarmName = "signatures-overdue"
	AlarmResolver        AlarmName = "resolver-unreachable"
	AlarmNotTold         AlarmName = "parent-not-told"
	AlarmUnfound         AlarmName = "nameserver-address-unknown"
	AlarmUnrouted        AlarmName = "no-route"
	AlarmOwnAddress      AlarmName = "own-address-taken"
	AlarmMatrix          AlarmName = "answers-bogus"
	AlarmContent         AlarmName = "content-differs"
	AlarmClockAhead      AlarmName = "clock-ahead"
	AlarmSize            AlarmName = "dnskey-too-long"

	// Those of a catalog, whose name stands where a zone's does.
	AlarmCatalogNotSaved  AlarmName = "catalog-not-saved"
	AlarmCatalogBroken    AlarmName = "catalog-broken"
	AlarmCatalogBack      AlarmName = "catalog-went-back"
	AlarmCatalogFailing   AlarmName = "catalog-not-fetched"
	AlarmCatalogMass      AlarmName = "catalog-removes-many"
	AlarmCatalogHeld      AlarmName = "catalog-member-held"
	AlarmRemovedDelegated AlarmName = "removed-zone-delegated"
)

// Alarm is something that a person must see to. Name and About together tell it from
// every other of its zone.
type Alarm struct {
	Name   AlarmName `json:"name"`
	About  string    `json:"about,omitempty"` // which peer, address, key or step, where there may be several
	What   string    `json:"what"`            // is wrong
	Since  time.Time `json:"since,omitzero"`  // as far as it is known; after a restart, since that at the earliest
	Cure   string    `json:"cure"`            // who has to do what
	Breaks string    `json:"breaks,omitempty"`
	By     time.Time `json:"by,omitzero"`     // when that breaks, where it has a date
	Under  AlarmName `json:"under,omitempty"` // it follows from the alarm of that name, which stands above it
}
