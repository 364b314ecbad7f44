// Package docs holds the documents against the code: what a program can be told, says and speaks must stand where an
// operator looks for it, and what the documents name must be there.
//
// Each check takes texts and returns a line for each fault, so that its test can plant some. It never ships.
package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Flag is one flag as -h prints it.
type Flag struct{ Name, Default string }

// Program is a command, the prefix of its environment variables, and its flags.
type Program struct {
	Name, Env string
	Flags     []Flag
}

var usageFlag = regexp.MustCompile(`(?m)^  --?([a-z0-9-]+).*\n\s+\t(.*)$`)
var usageDefault = regexp.MustCompile(`\(default "?(.*?)"?\)$`)

// ParseUsage reads what the standard flag package prints for -h.
func ParseUsage(usage string) (flags []Flag) {
	for _, m := range usageFlag.FindAllStringSubmatch(usage, -1) {
		f := Flag{Name: m[1]}
		if d := usageDefault.FindStringSubmatch(m[2]); d != nil {
			f.Default = d[1]
		}
		flags = append(flags, f)
	}
	return flags
}

var usageCommand = regexp.MustCompile(`(?m)^  (\S+(?: \S+)*)  +\S`)

// ParseCommands reads the list of commands that a program prints: "dead list|show N" gives "dead list" and "dead show N".
func ParseCommands(usage string) (commands []string) {
	for _, m := range usageCommand.FindAllStringSubmatch(usage, -1) {
		name, args, _ := strings.Cut(m[1], " ")
		for verb := range strings.SplitSeq(args, "|") {
			commands = append(commands, strings.TrimSpace(name+" "+verb))
		}
	}
	return commands
}

// Flags finds the flags without a row in the section of their program. A row names flag, variable and default.
func Flags(doc string, programs []Program) (faults []string) {
	for _, p := range programs {
		rows := rowsOf(section(doc, p.Name))
		for _, f := range p.Flags {
			row, ok := rows["--"+f.Name]
			switch variable := p.Env + "_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")); {
			case !ok:
				faults = append(faults, fmt.Sprintf("%s: --%s has no row", p.Name, f.Name))
			case f.Name != "version" && !strings.Contains(row, "`"+variable+"`"):
				faults = append(faults, fmt.Sprintf("%s: the row of --%s does not name %s", p.Name, f.Name, variable))
			case f.Default != "" && !strings.Contains(row, "`"+f.Default+"`"):
				faults = append(faults, fmt.Sprintf("%s: the row of --%s does not name its default %s", p.Name, f.Name, f.Default))
			}
		}
	}
	return faults
}

// StaleFlags finds the rows of flags that the program does not have.
func StaleFlags(doc string, programs []Program) (faults []string) {
	for _, p := range programs {
		for name := range rowsOf(section(doc, p.Name)) {
			if !p.has(strings.TrimLeft(name, "-")) {
				faults = append(faults, fmt.Sprintf("%s has no %s", p.Name, name))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

func (p Program) has(flag string) bool {
	return slices.ContainsFunc(p.Flags, func(f Flag) bool { return f.Name == flag })
}

// section is what stands below the heading that names a program in backticks, up to the next heading.
func section(doc, name string) string {
	for part := range strings.SplitSeq(doc, "\n#") {
		if heading, body, _ := strings.Cut(part, "\n"); strings.Contains(heading, "`"+name+"`") {
			return body
		}
	}
	return ""
}

var flagRow = regexp.MustCompile("(?m)^\\| `(--[a-z0-9-]+)` .*$")

func rowsOf(section string) map[string]string {
	rows := map[string]string{}
	for _, m := range flagRow.FindAllStringSubmatch(section, -1) {
		rows[m[1]] = m[0]
	}
	return rows
}

// Missing finds the names that a document does not say in backticks, alone or as part of something longer.
func Missing(doc string, names []string) (faults []string) {
	quoted := strings.Join(backticked.FindAllString(doc, -1), "\n")
	for _, name := range names {
		whole := regexp.MustCompile(`(^|[^A-Za-z0-9_.-])` + regexp.QuoteMeta(name) + `($|[^A-Za-z0-9_-])`)
		if !whole.MatchString(quoted) {
			faults = append(faults, name+" is not mentioned")
		}
	}
	return faults
}

var backticked = regexp.MustCompile("`[^`\n]+`")

// Block is a fenced block of code.
type Block struct{ Kind, Text string }

// Blocks reads the fenced blocks of a document.
func Blocks(doc string) (blocks []Block) {
	var open *Block
	for line := range strings.SplitSeq(doc, "\n") {
		kind, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &Block{Kind: kind}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += line + "\n"
		}
	}
	return blocks
}

// Commands are the lines that a reader would type or paste: of blocks with a language, without comments.
func Commands(doc string) (lines []string) {
	for _, b := range Blocks(doc) {
		if b.Kind == "" {
			continue
		}
		for line := range strings.SplitSeq(b.Text, "\n") {
			if line = strings.TrimSpace(comment.ReplaceAllString(line, "")); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

var comment = regexp.MustCompile(`(^|\s)#.*$`)

// Different compares two lists of commands and tells the first place where they part.
func Different(a, b []string) (faults []string) {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return []string{"only the second has: " + b[i]}
		case i >= len(b):
			return []string{"only the first has: " + a[i]}
		case a[i] != b[i]:
			return []string{fmt.Sprintf("the first has %q where the second has %q", a[i], b[i])}
		}
	}
	return nil
}

// Misused finds command lines of our programs with flags that they do not have.
func Misused(commands []string, programs []Program) (faults []string) {
	for _, line := range commands {
		p, ours := programOf(line, programs)
		if !ours {
			continue
		}
		for _, m := range flagInUse.FindAllStringSubmatch(line, -1) {
			if !p.has(m[1]) {
				faults = append(faults, fmt.Sprintf("%s has no --%s: %s", p.Name, m[1], line))
			}
		}
	}
	return faults
}

var flagInUse = regexp.MustCompile(`\s--?([a-z][a-z0-9-]*)`)

func programOf(line string, programs []Program) (Program, bool) {
	line = strings.TrimPrefix(line, "./") + " "
	i := slices.IndexFunc(programs, func(p Program) bool { return strings.HasPrefix(line, p.Name+" ") })
	if i < 0 {
		return Program{}, false
	}
	return programs[i], true
}
