package provision

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

// format is how a file of settings is written: forms of fmt, one line each; what is empty is left out.
type format struct {
	first   string // before any comment
	comment string // of the text
	open    string
	setting string // of key and value
	named   string // of key, value and name, for URLs that have a name on the web page
	close   string
	eol     string // empty: \n

	escape func(string) string              // of values in the file
	beside func(p *page, dir string) []File // more files
}

var (
	xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

	keyIsValue = format{comment: "# %s", setting: "%[1]s = %[2]s"}

	xmlElements = format{
		first:   `<?xml version="1.0" encoding="UTF-8"?>`,
		comment: "<!-- %s -->",
		setting: "  <%[1]s>%[2]s</%[1]s>",
		escape:  xmlEscaper.Replace,
	}
)

// inside is the format with something around its settings.
func (f format) inside(open, closing string) format {
	f.open, f.close = open, closing
	return f
}

func (f format) escaped(value string) string {
	if f.escape == nil {
		return value
	}
	return f.escape(value)
}

// line is a setting with its name on the web page.
type line struct {
	setting
	web string
}

// page is a file in the making.
type page struct {
	*Vendor
	Office
	Phone
	urls []line
}

// advice stands in every file as a comment; what is in it must fit into a comment of XML (no double hyphen) and of an INI.
// A phone has one provisioning server, and a file that replaces what it gets from there would take its account away.
const advice = "A phone has one provisioning server: merge these keys into the file that the phone gets already."

func (p *page) text() string {
	f := p.format
	var b strings.Builder
	write := func(form string, args ...any) {
		if form != "" {
			fmt.Fprintf(&b, form+"\n", args...)
		}
	}
	write(f.first)
	write(f.comment, unsigned)
	write(f.comment, advice)
	write(f.open)
	for _, s := range p.enable {
		write(f.setting, s.key, f.escaped(s.value))
	}
	for _, u := range p.urls {
		if f.named != "" && u.web != "" {
			write(f.named, u.key, f.escaped(u.value), u.web)
			continue
		}
		write(f.setting, u.key, f.escaped(u.value))
	}
	if p.DialFrom.IsValid() {
		for _, s := range p.allow {
			write(f.setting, s.key, f.escaped(strings.ReplaceAll(s.value, "{ip}", p.DialFrom.String())))
		}
	}
	write(f.close)
	if f.eol != "" {
		return strings.ReplaceAll(b.String(), "\n", f.eol)
	}
	return b.String()
}

// unsigned is the comment by which a file is known as ours: its number is a checksum of the file, in which it is zero. So
// a file that somebody has merged something into is not ours any more, and is not overwritten.
const unsigned = "Written by callbus provision, 00000000. Once it has been changed by hand it is not overwritten."

var signature = regexp.MustCompile(`Written by callbus provision, ([0-9a-f]{8})\.`)

func signed(text string) string { return strings.Replace(text, "00000000.", checksum(text)+".", 1) }

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x", sum[:4])
}

// Ours reports whether a file was written here, and has not been changed since.
func Ours(content string) bool {
	at := signature.FindStringSubmatchIndex(content)
	return at != nil && checksum(content[:at[2]]+"00000000"+content[at[3]:]) == content[at[2]:at[3]]
}
