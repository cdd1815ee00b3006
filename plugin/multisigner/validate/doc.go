// Package validate answers what a resolver would make of records: one RRset, one
// response, or what has changed in a zone. It shares no code with what signs and
// denies, so that a mistake there is seen here.
package validate
