package soap

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shorten makes a text fit for a log line: one line, single blanks, no control characters, valid UTF-8 and at most limit
// runes, the last of them "…" where something was cut.
func Shorten(s string, limit int) string {
	var b strings.Builder
	count, blank := 0, false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			blank = count > 0
			continue
		}
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			continue
		}
		need := 1
		if blank {
			need = 2
		}
		if count+need > limit-1 && !restFits(s, count, limit) {
			b.WriteRune('…')
			return b.String()
		}
		if blank {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		count, blank = count+need, false
	}
	return b.String()
}

// restFits reports that the whole text is short enough; asked only near the limit.
func restFits(s string, count, limit int) bool {
	return utf8.RuneCountInString(s) <= limit && count < limit
}

// looksLikeHTML looks at the beginning only: a SOAP answer may carry a page as its text.
func looksLikeHTML(text string) bool {
	head := strings.ToLower(text[:min(len(text), 2048)])
	// Not "<body" nor "<head": a broken envelope without prefixes has those too.
	for _, mark := range []string{"<html", "<!doctype html", "<title", "<h1", "<h2"} {
		if strings.Contains(head, mark) {
			return true
		}
	}
	return false
}

// pageText gives what a person would read on a page: the body's text, or the title if there is no other.
func pageText(page string) string {
	if text := Shorten(html.UnescapeString(stripTags(page, true)), maxPage); text != "" {
		return text
	}
	return Shorten(html.UnescapeString(stripTags(page, false)), maxPage)
}

// stripTags replaces every tag by a blank and drops scripts, styles and, if asked, the title, which on error pages
// repeats the heading.
func stripTags(page string, dropTitle bool) string {
	var b strings.Builder
	for len(page) > 0 && b.Len() < 64<<10 {
		text, rest, found := strings.Cut(page, "<")
		b.WriteString(text)
		if !found {
			break
		}
		b.WriteByte(' ')
		page = afterTag(rest, dropTitle)
	}
	return b.String()
}

// afterTag is what follows the tag that rest begins with, its hidden content included.
func afterTag(rest string, dropTitle bool) string {
	if strings.HasPrefix(rest, "!--") {
		_, rest, _ = strings.Cut(rest, "-->")
		return rest
	}
	tag, rest, _ := strings.Cut(rest, ">")
	name := strings.ToLower(tag[:min(len(tag), 8)])
	for _, hidden := range []string{"script", "style", "title"} {
		if strings.HasPrefix(name, hidden) && (hidden != "title" || dropTitle) {
			return afterEnd(rest, hidden)
		}
	}
	return rest
}

// afterEnd looks for the end tag in any case. A page is at most MaxAnswer, and each byte is passed once.
func afterEnd(rest, name string) string {
	for {
		_, after, found := strings.Cut(rest, "</")
		if !found {
			return ""
		}
		if len(after) >= len(name) && strings.EqualFold(after[:len(name)], name) {
			_, after, _ = strings.Cut(after, ">")
			return after
		}
		rest = after
	}
}
