package soap

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// The namespaces of the two envelopes.
const (
	nsEnvelope11 = "http://schemas.xmlsoap.org/soap/envelope/"
	nsEnvelope12 = "http://www.w3.org/2003/05/soap-envelope"
	nsInstance   = "http://www.w3.org/2001/XMLSchema-instance"
)

// Envelope writes a call: document/literal wrapped, every parameter in the operation's namespace and in the declared
// order, none left out. A parameter without a value becomes xsi:nil="true" where that is allowed, else the emptiest
// structure of its type, else an empty element: 1C takes a parameter that is missing for an error, nillable or not.
func Envelope(v Version, op Operation, values map[string]string) []byte {
	b := make([]byte, 0, 1024)
	b = append(b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<soap:Envelope xmlns:soap="`...)
	if v == V12 {
		b = append(b, nsEnvelope12...)
	} else {
		b = append(b, nsEnvelope11...)
	}
	b = append(b, `" xmlns:xsi="`+nsInstance+`"><soap:Body><m:`...)
	b = append(b, op.Name...)
	b = append(b, ` xmlns:m="`...)
	b = appendEscaped(b, op.Namespace)
	b = append(b, `">`...)
	for _, p := range op.Parameters {
		b = appendParameter(b, p, values)
	}
	b = append(b, `</m:`...)
	b = append(b, op.Name...)
	return append(b, `></soap:Body></soap:Envelope>`...)
}

func appendParameter(b []byte, p Parameter, values map[string]string) []byte {
	value, mapped := values[p.Name]
	if value == "" && p.Empty != "" {
		return append(b, p.Empty...)
	}
	tag := "m:" + p.Name
	if p.Unqualified {
		tag = p.Name
	}
	b = append(b, "<"+tag...)
	if !mapped && p.Nillable {
		return append(b, ` xsi:nil="true"/>`...)
	}
	b = append(b, '>')
	b = appendEscaped(b, value)
	return append(b, "</"+tag+">"...)
}

// appendEscaped drops what XML 1.0 cannot carry even escaped (control characters, bytes that are no UTF-8): phones send
// such bytes in display names, and one of them would make the whole call unreadable for 1C.
// A carriage return is escaped because a reader of XML turns a raw one into a line feed.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\r':
			b = append(b, "&#13;"...)
		case legal(r, size):
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}

// legal is the production Char of XML 1.0, §2.2.
func legal(r rune, size int) bool {
	if r == utf8.RuneError && size == 1 {
		return false
	}
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// Header gives the headers of a call: both versions need Content-Type, SOAP 1.1 also SOAPAction.
func Header(v Version, action string) http.Header {
	header := http.Header{"Content-Type": {contentType(v, action)}}
	if v == V11 {
		header["SOAPAction"] = []string{`"` + headerSafe(action) + `"`}
	}
	return header
}

// contentType gives the header that tells the versions apart, and in SOAP 1.2 carries the action too.
func contentType(v Version, action string) string {
	if v == V12 {
		return `application/soap+xml;charset=utf-8;action="` + headerSafe(action) + `"`
	}
	return "text/xml; charset=utf-8"
}

// headerSafe keeps an action of the WSDL from breaking out of its quotes or of the header. Cyrillic service names go
// as UTF-8: 1C ignores the action (MIKO's modules never send one).
func headerSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '"' || r == '\\' || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}
