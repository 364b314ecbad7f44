// Package phone knows telephone numbers: it reads what phones send, normalises, and masks when printing.
package phone

// Number is a telephone number: E.164 with "+" where it was recognised, else the digits as dialled (internal
// numbers have up to 6), empty where the caller withheld it. Convert with string(n) to get the digits; printing
// shows only the last four.
type Number string

// Region is an ISO 3166-1 alpha-2 country code that national numbers are read in ("RU").
type Region string
