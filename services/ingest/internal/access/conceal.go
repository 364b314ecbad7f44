package access

import (
	"slices"
	"strings"
)

const (
	stars = "***"

	// LeastShared is the length of the shortest token that any setting accepts. A shorter one is no secret of ours.
	LeastShared = 16
)

// Conceal cuts tokens out of what a phone has sent, whatever its place in the URL, and however often it is
// percent-encoded: the one presented behind /p/, right or wrong; those that the guard knows to be right; and what stands
// behind a /p/ that is itself in the wrong place. Where any token will do, a short one may be the phone's own line
// (/p/101/…?line=101), and stays.
func (g *Guard) Conceal(text, presented string) string {
	if g.open() && len(presented) < LeastShared {
		presented = ""
	}
	f := finder{words: []string{presented, string(first(unescape(presented)))}}
	if g.opts.Shared != nil {
		f.words = append(f.words, g.opts.Shared())
	}
	if g.opts.Secrets != nil {
		f.secrets = g.opts.Secrets()
	}
	text = blot(text, f.find(text))
	if !strings.Contains(text, "%") {
		return text
	}
	plain, at := unescape(text)
	found := f.find(string(plain))
	for i, s := range found {
		found[i] = span{at[s.start], at[s.end]}
	}
	return blot(text, found)
}

func first(plain []byte, _ []int) []byte { return plain }

// span is a part of a text.
type span struct{ start, end int }

// blot puts stars in place of what was found.
func blot(text string, found []span) string {
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.start - b.start })
	var b strings.Builder
	from := 0
	for _, s := range found {
		if s.start >= from {
			b.WriteString(text[from:s.start] + stars)
		}
		from = max(from, s.end)
	}
	return b.String() + text[from:]
}

// maxMade is how many words of the form of a token are tried for one text. No phone sends as many; of more, all are cut out.
const maxMade = 32

// finder finds tokens.
type finder struct {
	words   []string // known ones
	secrets Secrets  // of those that are known by their form
	tried   int      // of maxMade
}

func (f *finder) find(s string) (found []span) {
	f.tried = 0
	for _, word := range f.words {
		if len(word) < LeastShared {
			continue // only where it is a whole run, below: a short one may be a part of anything
		}
		for from := 0; ; {
			i := strings.Index(s[from:], word)
			if i < 0 {
				break
			}
			found = append(found, span{from + i, from + i + len(word)})
			from += i + len(word)
		}
	}
	var before span
	for r := range runs(s) {
		switch run := s[r.start:r.end]; {
		case len(run) >= LeastShared && behindP(s, before, r), slices.Contains(f.words, run):
			found = append(found, r)
		default:
			found = append(found, f.made(s, r)...)
		}
		before = r
	}
	return found
}

// runs yields the longest parts of s that consist of what tokens consist of.
func runs(s string) func(yield func(span) bool) {
	return func(yield func(span) bool) {
		for i := 0; i < len(s); i++ {
			start := i
			for i < len(s) && tokenByte(s[i]) {
				i++
			}
			if i > start && !yield(span{start, i}) {
				return
			}
		}
	}
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// behindP reports whether r follows the run before as in "/p/r", or "p/r" at the beginning.
func behindP(s string, before, r span) bool {
	return strings.EqualFold(s[before.start:before.end], "p") && strings.Trim(s[before.end:r.start], "/") == "" &&
		(before.start == 0 || s[before.start-1] == '/')
}

// made finds the tokens of ours in a run: two neighbours between dots, of which the second is the mac of the first.
func (f *finder) made(s string, r span) (found []span) {
	id := span{r.start, r.start}
	for start := r.start; start <= r.end; {
		end := start + lengthUpToDot(s[start:r.end])
		if n := id.end - id.start; end-start == macChars && n > 0 && n <= maxID && len(f.secrets) > 0 && f.isMade(s[id.start:id.end], s[start:end]) {
			found = append(found, span{id.start, end})
		}
		id, start = span{start, end}, end+1
	}
	return found
}

// isMade tries one.
func (f *finder) isMade(id, mac string) bool {
	f.tried++
	return f.tried > maxMade || f.secrets.made(id, mac)
}

func lengthUpToDot(s string) int {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return i
	}
	return len(s)
}

// unescape undoes percent-encoding, also of what was encoded before, and tells where in s each byte begins.
func unescape(s string) (plain []byte, at []int) {
	for i := range len(s) {
		plain, at = append(plain, s[i]), append(at, i)
		for n := len(plain) - 3; n >= 0 && plain[n] == '%' && hex(plain[n+1]) >= 0 && hex(plain[n+2]) >= 0; n = len(plain) - 3 {
			plain = append(plain[:n], byte(hex(plain[n+1])<<4|hex(plain[n+2])))
			at = at[:n+1]
		}
	}
	return plain, append(at, len(s))
}

// hex is the value of a hex digit, -1 for anything else.
func hex(c byte) int {
	if c >= 'A' && c <= 'F' {
		c |= 0x20
	}
	return strings.IndexByte("0123456789abcdef", c)
}
