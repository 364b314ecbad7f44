package httpfront

import (
	"bytes"
	"strconv"
)

// Limits of a request (docs/wire.md §1).
const (
	maxLine    = 8 << 10
	maxHeaders = 16 << 10
	maxBody    = 64 << 10
)

// scan finds the end of a head in bytes that arrive piece by piece, looking at each byte once.
type scan struct {
	line int // length of the request line with its LF, 0 until it is complete
	seen int // bytes looked at
}

// head returns the length of the head at the start of b, or 0 while it is not complete.
// A request line without a version is a whole head: HTTP/0.9 has no headers, and its sender waits for the answer.
func (s *scan) head(b []byte) (int, *refusal) {
	if !tokenBytes[b[0]] {
		return 0, refuseNoise // a TLS greeting, say: better told at once than timed out
	}
	if s.line == 0 {
		if no := s.findLine(b); no != nil || s.line == 0 {
			return 0, no
		}
		if _, _, version := splitLine(b[:s.line]); ancient(version) {
			return s.line, nil
		}
	}
	n := s.findBlank(b)
	if n == 0 && len(b)-s.line > maxHeaders || n-s.line > maxHeaders {
		return 0, refuseLargeHead
	}
	return n, nil
}

func (s *scan) findLine(b []byte) *refusal {
	i := bytes.IndexByte(b[s.seen:], '\n')
	if i < 0 {
		s.seen = len(b)
	} else {
		s.line = s.seen + i + 1
		s.seen = s.line - 1
	}
	if max(s.line, s.seen) > maxLine {
		return refuseLongLine
	}
	return nil
}

// findBlank returns where the blank line ends that closes the head.
func (s *scan) findBlank(b []byte) int {
	for {
		i := bytes.IndexByte(b[s.seen:], '\n')
		if i < 0 {
			s.seen = len(b)
			return 0
		}
		next := b[s.seen+i+1:]
		switch {
		case bytes.HasPrefix(next, []byte("\n")):
			return s.seen + i + 2
		case bytes.HasPrefix(next, []byte("\r\n")):
			return s.seen + i + 3
		case len(next) == 0 || len(next) == 1 && next[0] == '\r':
			s.seen += i // this LF again, when more has come
			return 0
		}
		s.seen += i + 1
	}
}

// repaired is a head that net/http takes, and what follows it.
type repaired struct {
	head []byte
	body int64 // bytes of the body
	last bool  // nothing after it on this connection
}

// repairHead rewrites a complete head. Where two readers could disagree about where the request ends, it refuses:
//
//	Content-Length twice, the same            one
//	Content-Length twice, different; a list   400
//	Content-Length and Transfer-Encoding      400
//	Transfer-Encoding                         411: no phone sends chunks, and a body of 64 KiB has a length
//	a folded header line, a blank before ":"  400
//	a bare CR, a NUL in a header's value      a space (RFC 9112 §2.2)
func repairHead(dst, head []byte) (repaired, *refusal) {
	line, rest := cutLine(head)
	method, target, version := splitLine(line)
	if len(method) == 0 || len(target) == 0 || !allIn(method, &tokenBytes) {
		return repaired{}, refuseLine
	}
	dst = append(append(dst, method...), ' ')
	dst = append(appendTarget(dst, target), ' ')
	switch {
	case ancient(version):
		return finishAncient(dst, method)
	case equalFold(version, "http/1.0"):
		return repairFields(append(dst, "HTTP/1.0\r\n"...), rest, false)
	case equalFold(version, "http/1.1"):
		return repairFields(append(dst, "HTTP/1.1\r\n"...), rest, true)
	}
	return repaired{}, refuseVersion
}

// finishAncient answers HTTP/0.9 as HTTP/1.0 does: one request, then the connection closes.
func finishAncient(dst, method []byte) (repaired, *refusal) {
	if !equalFold(method, "get") && !equalFold(method, "head") {
		return repaired{}, refuseLine
	}
	return repaired{head: append(dst, "HTTP/1.0\r\n\r\n"...), last: true}, nil
}

func ancient(version []byte) bool { return len(version) == 0 || equalFold(version, "http/0.9") }

// splitLine splits a request line. The target is all between the method and the version, blanks inside it included.
func splitLine(line []byte) (method, target, version []byte) {
	line = bytes.TrimRight(line, " \t\r\n")
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil, nil
	}
	method, target = line[:i], bytes.TrimLeft(line[i:], " \t")
	i = bytes.LastIndexAny(target, " \t") + 1
	if word := target[i:]; len(word) >= 5 && equalFold(word[:5], "http/") {
		return method, bytes.TrimRight(target[:i], " \t"), word
	}
	return method, target, nil
}

// cutLine takes one line off b, and its LF or CR LF.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte{'\n'})
	return bytes.TrimSuffix(line, []byte{'\r'}), rest
}

// fields is what the header lines of one request have said so far.
type fields struct {
	dst     []byte
	host    bool
	chunked bool
	length  int64 // -1: none
}

func repairFields(dst, rest []byte, needsHost bool) (repaired, *refusal) {
	f := fields{dst: dst, length: -1}
	for {
		var line []byte
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		if no := f.add(line); no != nil {
			return repaired{}, no
		}
	}
	if no := f.conflict(); no != nil {
		return repaired{}, no
	}
	if needsHost && !f.host {
		f.put([]byte("Host"), nil)
	}
	return repaired{head: append(f.dst, '\r', '\n'), body: max(f.length, 0)}, nil
}

func (f *fields) conflict() *refusal {
	switch {
	case f.chunked && f.length >= 0:
		return refuseLength
	case f.chunked:
		return refuseChunked
	case f.length > maxBody:
		return refuseBody
	}
	return nil
}

func (f *fields) add(line []byte) *refusal {
	name, value, found := bytes.Cut(line, []byte{':'})
	if !found || len(name) == 0 || !allIn(name, &tokenBytes) {
		return refuseHeader
	}
	value = bytes.Trim(value, " \t\r")
	switch {
	case equalFold(name, "host"):
		return f.addHost(name, value)
	case equalFold(name, "content-length"):
		return f.addLength(name, value)
	case equalFold(name, "transfer-encoding"):
		f.chunked = true
	case equalFold(name, "expect") && !equalFold(value, "100-continue"):
		// net/http would answer 417; ignoring it is allowed (RFC 9110 §10.1.1).
	default:
		f.put(name, value)
	}
	return nil
}

// addHost blanks a host that net/http would refuse the request for. Nothing here depends on it.
func (f *fields) addHost(name, value []byte) *refusal {
	if f.host {
		return refuseHosts
	}
	f.host = true
	if !allIn(value, &hostBytes) {
		value = nil
	}
	f.put(name, value)
	return nil
}

func (f *fields) addLength(name, value []byte) *refusal {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil || f.length >= 0 && f.length != int64(n) {
		return refuseLength
	}
	if f.length < 0 {
		f.put(name, strconv.AppendUint(nil, n, 10))
	}
	f.length = int64(n)
	return nil
}

func (f *fields) put(name, value []byte) {
	f.dst = append(append(f.dst, name...), ':', ' ')
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			c = ' '
		}
		f.dst = append(f.dst, c)
	}
	f.dst = append(f.dst, '\r', '\n')
}
