package webhook

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
)

// address is a URL with places in its path and in its query.
type address struct {
	server string // scheme and host, without places
	path   mapping.Template
	query  mapping.Template
	added  pairs
}

const wantURL = "want https://server/path"

// readAddress never repeats the URL in an error.
func readAddress(raw string, query map[string]string) (a address, err error) {
	raw = strings.TrimSpace(raw)
	scheme, rest, _ := strings.Cut(raw, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	a.server = scheme + "://" + rest[:end]
	if err := checkServer(a.server); err != nil {
		return a, err
	}
	if strings.Contains(rest, "#") {
		return a, errors.New("url: what stands behind a # is never sent")
	}
	path, own, _ := strings.Cut(rest[end:], "?")
	if path == "" {
		path = "/"
	}
	if a.path, err = mapping.ParseTemplate(visible(path)); err != nil {
		return a, fmt.Errorf("url: %w", err)
	}
	if a.query, err = mapping.ParseTemplate(visible(own)); err != nil {
		return a, fmt.Errorf("url: %w", err)
	}
	if a.added, err = readPairs(query); err != nil {
		return a, fmt.Errorf("query: %w", err)
	}
	return a, a.check()
}

func checkServer(server string) error {
	u, err := url.Parse(server)
	switch {
	case strings.ContainsAny(server, "{}"):
		return errors.New("url: scheme and server are fixed; braces may stand behind them only")
	case err != nil:
		return errors.New("url: it cannot be read; " + wantURL)
	case u.User != nil:
		return errors.New("url: no user or password in it, because URLs go into logs; give them as user and password_file")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("url: it must begin with http:// or https:// and name a server; " + wantURL)
	}
	return nil
}

// check tries the URL with something harmless in all places.
func (a address) check() error {
	u, err := url.Parse(a.server + strings.Join(a.path.Texts(), "x") + "?" + strings.Join(a.query.Texts(), "x"))
	if err != nil || slices.ContainsFunc(strings.Split(u.Path, "/"), dots) {
		return errors.New("url: it cannot be read; " + wantURL)
	}
	return nil
}

func dots(segment string) bool { return segment == "." || segment == ".." }

// visible escapes in an operator's text what may not stand in a request line: blanks, control characters, Cyrillic.
func visible(s string) string {
	return escapeUnless(s, func(c byte) bool { return c > ' ' && c < 0x7f })
}

// headerValue escapes what may not stand in a header. A line break would begin the next one.
func headerValue(s string) string {
	return escapeUnless(s, func(c byte) bool { return c >= ' ' && c < 0x7f })
}

func escapeUnless(s string, fine func(byte) bool) string {
	var b strings.Builder
	for i := range len(s) {
		if fine(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}

// queryValue escapes for a query. 1C and others do not read a plus as a blank there, so a blank is %20.
func queryValue(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// ErrElsewhere says that a value is "." or "..", alone between two slashes of the URL: servers go one step up for it, escaped
// or not.
var ErrElsewhere = errors.New("a value of this event would lead the URL to another place")

func (a address) write(told *mapping.Told) (string, error) {
	path := a.path.Write(told, url.PathEscape)
	if slices.ContainsFunc(strings.Split(path, "/"), dots) {
		return "", ErrElsewhere
	}
	query := []string{a.query.Write(told, queryValue), a.added.write(told, queryValue)}
	joined := strings.Join(slices.DeleteFunc(query, func(s string) bool { return s == "" }), "&")
	if joined == "" {
		return a.server + path, nil
	}
	return a.server + path + "?" + joined, nil
}

// each tells the fields of path and query one by one: what stands around them there may be a key.
func (a address) each(do func(string, mapping.Template)) {
	for _, place := range slices.Concat(a.path.Places(), a.query.Places()) {
		do(strings.Trim(place.String(), "{}"), place)
	}
	a.added.each(do)
}
