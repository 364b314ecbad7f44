package webhook

import (
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

// ours are headers that the transport or other keys of the target write.
var ours = []string{
	"Authorization", "Connection", "Content-Encoding", "Content-Length", "Cookie", "Expect", "Host", "Ibsession", "Keep-Alive",
	"Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// token are the characters of a header's name (RFC 9110, section 5.6.2).
const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func checkHeaderName(name string) error {
	switch {
	case name == "" || strings.Trim(name, token) != "":
		return fmt.Errorf("%q is no name of a header", name)
	case slices.Contains(ours, textproto.CanonicalMIMEHeaderKey(name)):
		return fmt.Errorf("%s is not to be set here (a login is user and password_file, or bearer_file)", name)
	}
	return nil
}

func readHeaders(texts map[string]string) (pairs, error) {
	all, err := readPairs(texts)
	for _, p := range all {
		if err := checkHeaderName(p.name); err != nil {
			return nil, err
		}
		for _, text := range p.value.Texts() {
			if headerValue(text) != text {
				return nil, fmt.Errorf("%s: a header holds printable ASCII only", p.name)
			}
		}
	}
	return all, err
}
