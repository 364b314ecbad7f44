// Package onectest is a stand-in for 1C:Enterprise with a published TelData service, for tests, for the demo and for
// callbus fake1c.
//
// It serves a WSDL in 1C's style, takes calls over real HTTP, checks them more strictly than 1C does, and records them; an
// HTTP service takes JSON and forms. It keeps sessions as a publication says (dontuse, use, autouse), and gives them so many
// licences. Whoever runs it can change all this while it runs:
//
//	one call       Behave: Faults, locks and deadlocks, megabytes, pages, broken connections, no answer
//	all of 1C      Shut: updating, absent, a login page; SetPassword
//	sessions       Lock, KillSessions, SetLicences, SetLogin (how long a start takes), Publish
//
// The shapes and texts of its answers follow what public projects recorded of real ones (docs/adr/0004). Where that is not
// known the stand-in is the less pleasant of what it could be.
//
// It knows nothing of the adapter's insides, so that it can find its mistakes.
package onectest
