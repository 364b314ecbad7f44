// Package soap is the door to a 1C web service: its WSDL, the envelope, and the four shapes of its answers.
//
// It knows how 1C speaks, not what is said: which parameter is the caller's number, and whose failure a failure is,
// is for package onec. It promises that hostile input costs bounded memory: every document has a limit of size,
// depth and number of elements, and every text that leaves it for a log is short.
//
// XML is read by namespace and local name, never by prefix: 1C 8.3 writes "soap:" and "m:", other releases and proxies
// may not. A namespace is free text in 1C ("neo-fly", "crmnewrequest"), so nothing here takes it for a URL.
package soap
