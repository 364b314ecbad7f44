// Package onec knows how a TelData service of 1C:Enterprise behaves: what its parameters mean, what its answers mean,
// and whose failure a failed call is.
//
// TelData is a private contract, published nowhere: namespace, parameter names, types and their order belong to the
// installation. So the client reads them from ?wsdl and works out where an event's values go (Plan).
//
// Every error of a call is a *Failure, which carries its own consequences: it is built from one table of
// status × body × text (failure.go), and a test walks that table row by row.
package onec
