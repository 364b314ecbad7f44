package httpfront

import "net/http"

// A refusal is a request that never becomes one: its head is broken, ambiguous or too large.
//
// Repair cannot answer it: the connection may still be busy with the answer to the request before. So it hands
// net/http a request of our own making, whose method is refusedMethod and whose path names the refusal, as the last
// one of the connection; Front answers that like any other, in its turn, with one line of text. A client that sends
// this method itself gets the refusal that it asked for and nothing else.
type refusal struct {
	name   string // the path of the made-up request
	status int
	text   string // for the phone's owner and the log
}

// refusedMethod marks the made-up request. No phone has a reason to send it.
const refusedMethod = "CALLBUS-REFUSED"

var (
	refuseNoise = &refusal{"noise", http.StatusBadRequest,
		"this is not HTTP"}
	refusePlain = &refusal{"plain", http.StatusBadRequest,
		"this port speaks HTTPS: the address begins with https://, or has the port of plain HTTP"}
	refuseLine = &refusal{"line", http.StatusBadRequest,
		"the request line is not METHOD TARGET HTTP/1.1"}
	refuseLongLine = &refusal{"long-line", http.StatusRequestURITooLong,
		"the request line is above 8 KiB"}
	refuseVersion = &refusal{"version", http.StatusHTTPVersionNotSupported,
		"only HTTP/1.0 and HTTP/1.1 are spoken here"}
	refuseHeader = &refusal{"header", http.StatusBadRequest,
		"a header line is not NAME: VALUE"}
	refuseLargeHead = &refusal{"large-head", http.StatusRequestHeaderFieldsTooLarge,
		"the headers are above 16 KiB"}
	refuseHosts = &refusal{"hosts", http.StatusBadRequest,
		"more than one Host header"}
	refuseLength = &refusal{"length", http.StatusBadRequest,
		"the Content-Length is not one number, or comes together with a Transfer-Encoding"}
	refuseChunked = &refusal{"chunked", http.StatusLengthRequired,
		"a body needs a Content-Length, Transfer-Encoding is not spoken here"}
	refuseBody = &refusal{"body", http.StatusRequestEntityTooLarge,
		"the body is above 64 KiB"}
	refuseCrowd = &refusal{"crowd", http.StatusServiceUnavailable,
		"too many connections"}
)

var refusals = byName(refuseNoise, refusePlain, refuseLine, refuseLongLine, refuseVersion, refuseHeader, refuseLargeHead,
	refuseHosts, refuseLength, refuseChunked, refuseBody, refuseCrowd)

func byName(all ...*refusal) map[string]*refusal {
	m := make(map[string]*refusal, len(all))
	for _, r := range all {
		m[r.name] = r
	}
	return m
}

// appendRequest writes the made-up request.
func (r *refusal) appendRequest(dst []byte) []byte {
	dst = append(dst, refusedMethod+" /"...)
	dst = append(dst, r.name...)
	return append(dst, " HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n"...)
}
