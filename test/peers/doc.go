// Package peers holds Callbus against software that is not ours: PHP's SoapServer in the place of 1C, xmllint on what
// we send there, the JavaScript client of NATS as a tap, strace on what reaches the disk before a phone is answered, curl
// as a phone that speaks HTTPS.
//
// A test whose peer is missing is skipped with a line that says so; with CALLBUS_PEERS=require it fails, and with
// CALLBUS_PEERS=skip no peer is asked.
package peers
