package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// block is a table, or a line of text where it has no head.
type block struct {
	head []string
	rows [][]string
	note string
}

func note(format string, args ...any) block { return block{note: fmt.Sprintf(format, args...)} }

func (t *block) row(cells ...string) { t.rows = append(t.rows, cells) }

// text is Markdown.
func text(blocks []block) string {
	var s strings.Builder
	for i, t := range blocks {
		if i > 0 {
			s.WriteByte('\n')
		}
		if t.note != "" {
			s.WriteString(t.note + "\n")
			continue
		}
		s.WriteString("| " + strings.Join(t.head, " | ") + " |\n|" + strings.Repeat("---|", len(t.head)) + "\n")
		for _, row := range t.rows {
			s.WriteString("| " + strings.Join(row, " | ") + " |\n")
		}
	}
	return s.String()
}

// marked finds what stands between the markers of a point.
func marked(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?s)(<!-- bench ` + name + ` -->\n).*?(<!-- end ` + name + ` -->\n)`)
}

// fill puts what was measured between the markers of a document.
func fill(path string, measured map[string]string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	doc := string(data)
	for name, tables := range measured {
		place := marked(name)
		if !place.MatchString(doc) {
			return fmt.Errorf("%s has no place for %s", path, name)
		}
		doc = place.ReplaceAllStringFunc(doc, func(old string) string {
			parts := place.FindStringSubmatch(old)
			return parts[1] + "\n" + tables + "\n" + parts[2]
		})
	}
	return os.WriteFile(path, []byte(doc), 0o644)
}

// ms is a time in milliseconds, with as many digits as it deserves.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v >= 100:
		return grouped(v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("**%.2f**", a/b)
}

// grouped writes 12345 as 12,345.
func grouped(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
