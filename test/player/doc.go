// Package player plays groups of signers in virtual time: whole engines with their
// stores, keys and looks, behind the plugin that answers for them, with secondaries and
// a parent, in one process and on a network that is made up. Its oracle is every
// resolver that there may be, and knows none of our rules: see docs/PROOF.md.
package player
