package docs

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Documents reads every document of the repository.
func Documents(root fs.FS) (map[string]string, error) {
	docs := map[string]string{}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(p) != ".md":
			return nil
		}
		text, err := fs.ReadFile(root, p)
		docs[p] = string(text)
		return err
	})
	return docs, err
}

var (
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	elsewhere = regexp.MustCompile(`^[a-z]+:`)
	fenced    = regexp.MustCompile("(?ms)^```.*?^```")
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// DeadLinks finds relative links to files that are not there, or to headings that are not in them.
func DeadLinks(root fs.FS, docs map[string]string) (faults []string) {
	for from, text := range docs {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if elsewhere.MatchString(m[1]) {
				continue
			}
			if why := follow(root, docs, from, m[1]); why != "" {
				faults = append(faults, fmt.Sprintf("%s: (%s) %s", from, m[1], why))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

func follow(root fs.FS, docs map[string]string, from, target string) (why string) {
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	if _, err := fs.Stat(root, to); err != nil {
		return "is not there"
	}
	if anchor != "" && !slices.Contains(anchors(docs[to]), anchor) {
		return "has no such heading"
	}
	return ""
}

// anchors are the headings as links name them: lower case, blanks to dashes, punctuation dropped.
func anchors(doc string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(doc, ""), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return names
}

var treeLine = regexp.MustCompile(`^( *)(\S+)/(?:\s|$)`)

// Tree reads the folders of a tree that is drawn with two blanks a level: the first fenced block below "## The tree".
func Tree(doc string) (folders []string) {
	_, below, _ := strings.Cut(doc, "\n## The tree\n")
	blocks := Blocks(below)
	if len(blocks) == 0 {
		return nil
	}
	var above []string
	for line := range strings.SplitSeq(blocks[0].Text, "\n") {
		m := treeLine.FindStringSubmatch(line)
		if m == nil || len(m[1])/2 > len(above) {
			continue
		}
		above = append(above[:len(m[1])/2], m[2])
		folders = append(folders, path.Join(above...))
	}
	return folders
}

// NotIn lists what of wanted is not in have.
func NotIn(have, wanted []string) (faults []string) {
	for _, w := range wanted {
		if !slices.Contains(have, w) {
			faults = append(faults, w)
		}
	}
	return faults
}
