package dialect

import "unicode/utf8"

// Limits, in bytes unless it says otherwise. What is longer is cut between two runes, not refused: a name that is
// too long must not cost the call. They are far above what phones send: a Yealink's whole URL has at most 511
// characters (Administrator's Guide, action URL).
const (
	maxQuery  = 64 << 10 // of a query; the front refuses longer bodies (docs/wire.md §1)
	maxPairs  = 64       // parameters of a query, not bytes
	maxLine   = 128
	maxName   = 256
	maxURI    = 512
	maxCallID = 128
	maxDevice = 64 // model, firmware
	maxAgent  = 512
	maxRaw    = 2048
)

// cut shortens s to at most n bytes without breaking a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
