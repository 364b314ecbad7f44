// Package onectest is a stand-in for 1C:Enterprise with a published TelData service, for tests and for the demo.
//
// It serves a WSDL in 1C's style, takes calls over real HTTP, checks them more strictly than 1C does, and records them.
// It can be told to be slow, wrong, full, locked, updating, absent, hanging, or to break the connection before or after
// the work. The shapes of its answers follow what public projects recorded of real ones (docs/adr/0004).
//
// It knows nothing of the adapter's insides, so that it can find its mistakes.
package onectest
