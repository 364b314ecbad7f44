// Package callsv1 is the contract of Callbus: the messages that travel between ingest, the stream and its readers.
// calls.pb.go is generated from calls.proto by `make generate`; docs/wire.md explains the fields.
package callsv1
