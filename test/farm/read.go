package farm

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
)

// Fetch fills the phone's table with what stands in the files that a provisioning server has for it, as this make of phone
// reads them. Nothing of it knows how the files came to be: each reader is written after the vendor's format (phones.yaml,
// provisioning). What is longer than the phone keeps is cut off, as a phone does: silently.
func (p *Phone) Fetch(server fs.FS) error {
	if p.Make.Reads == nil {
		return fmt.Errorf("%s: how it reads its file is not known", p.Make.Name)
	}
	name := strings.NewReplacer("{mac}", p.MAC, "{MAC}", strings.ToUpper(p.MAC)).Replace(p.Make.fileName())
	text, err := fs.ReadFile(server, name)
	if err != nil {
		return err
	}
	table, err := p.Make.Reads(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for key, value := range table {
		if limit := p.Make.Vendor.MaxURL; limit > 0 && len(value) > limit {
			table[key] = value[:limit]
		}
	}
	p.Table = table
	return p.findURLs(server)
}

// findURLs is for a phone whose table has programs instead of URLs: what they open.
func (p *Phone) findURLs(server fs.FS) error {
	if p.Make.Opens == nil {
		return nil
	}
	folder, err := fs.Sub(server, p.MAC)
	if err != nil {
		return err
	}
	for key, hook := range p.Table {
		if p.Table[key], err = p.Make.Opens(folder, hook); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (m Make) fileName() string {
	if m.File != "" {
		return m.File
	}
	name, _ := m.Vendor.Provisioning["file"].(string)
	return name
}

// Opens is the request by which the phone opens the URL of a key, whatever its firmware says when.
func (p *Phone) Opens(key string, call *Call) Hit {
	return p.hit(Says{Key: key}, p.Table[key], Rings, call)
}

// linesWith reads "key SIGN value" on each line, up to the first sign; a line that begins with a hash is a comment.
// The text must begin as the phone wants it to.
func linesWith(sign, first string) func(text string) (map[string]string, error) {
	return func(text string) (map[string]string, error) {
		if !strings.HasPrefix(text, first) {
			return nil, fmt.Errorf("does not begin with %s", first)
		}
		table := map[string]string{}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			key, value, ok := strings.Cut(line, sign)
			if !ok {
				return nil, fmt.Errorf("%q is no setting", line)
			}
			table[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		return table, nil
	}
}

// elementsIn reads the elements right below a path of XML, by name.
func elementsIn(path ...string) func(text string) (map[string]string, error) {
	return func(text string) (map[string]string, error) {
		table := map[string]string{}
		err := walk(text, func(at []string, _ []xml.Attr, value string) {
			if len(at) == len(path)+1 && slices.Equal(at[:len(path)], path) {
				table[at[len(path)]] = value
			}
		})
		return table, err
	}
}

// attributesOf reads the attributes of the element at a path.
func attributesOf(path ...string) func(text string) (map[string]string, error) {
	return func(text string) (map[string]string, error) {
		table := map[string]string{}
		err := walk(text, func(at []string, attributes []xml.Attr, _ string) {
			for _, a := range attributes {
				if slices.Equal(at, path) {
					table[a.Name.Local] = a.Value
				}
			}
		})
		return table, err
	}
}

// namedValues reads the attributes name and value of the elements at a path.
func namedValues(path ...string) func(text string) (map[string]string, error) {
	return func(text string) (map[string]string, error) {
		table := map[string]string{}
		err := walk(text, func(at []string, attributes []xml.Attr, _ string) {
			if !slices.Equal(at, path) {
				return
			}
			pair := map[string]string{}
			for _, a := range attributes {
				pair[a.Name.Local] = a.Value
			}
			table[pair["name"]] = pair["value"]
		})
		return table, err
	}
}

// walk calls visit at the end of each element, with what stands in it. The XML must be right to the letter.
func walk(text string, visit func(at []string, attributes []xml.Attr, value string)) error {
	type open struct {
		xml.StartElement
		text strings.Builder
	}
	var path []string
	var stack []*open
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			stack = append(stack, &open{StartElement: token.Copy()})
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(token)
			}
		case xml.EndElement:
			top := stack[len(stack)-1]
			visit(path, top.Attr, top.text.String())
			path, stack = path[:len(path)-1], stack[:len(stack)-1]
		}
	}
}

// microsipINI reads the section [Settings]: the program of each hook, with its options.
func microsipINI(text string) (map[string]string, error) {
	table, section := map[string]string{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		key, value, ok := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "["):
			section = line
		case ok && section == "[Settings]" && !strings.HasPrefix(line, ";"):
			if len(value) > microsipValue {
				return nil, fmt.Errorf("%s has %d characters", key, len(value))
			}
			table[key] = value
		}
	}
	return table, nil
}

// microsipValue is what MicroSIP keeps of a value.
const microsipValue = 255

// microsipNumber stands for the number in the farm's templates.
const microsipNumber = "argv1"

// Runs is what Windows starts at a hook of MicroSIP: the number is appended to the line behind a blank, as the caller sent
// it and without quotes (MSIP::RunCmd), and the program splits the whole.
func Runs(hook, number string) (argv []string) { return arguments(hook + " " + number) }

// arguments splits a command line as Windows programs do (Microsoft, "Parsing C command-line arguments"): at blanks outside
// of quotes; backslashes before a quote count in pairs, and an odd one makes the quote a letter; in quotes, two of them are one.
func arguments(line string) (list []string) {
	var word strings.Builder
	open, quoted := false, false // a word has begun; it is inside quotes
	for i := 0; i < len(line); i++ {
		slashes := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
		switch next := i + slashes; {
		case slashes > 0 && next < len(line) && line[next] == '"':
			word.WriteString(strings.Repeat(`\`, slashes/2))
			open, i = true, next-1 // the quote comes next
			if slashes%2 == 1 {
				word.WriteByte('"')
				i = next
			}
		case line[i] == '"' && quoted && strings.HasPrefix(line[i:], `""`):
			word.WriteByte('"')
			i++
		case line[i] == '"':
			open, quoted = true, !quoted
		case (line[i] == ' ' || line[i] == '\t') && !quoted:
			if open {
				list = append(list, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteByte(line[i])
			open = true
		}
	}
	if open {
		list = append(list, word.String())
	}
	return list
}

// microsipOpens is the URL that the program of a hook opens, whose token stands in a file of the phone's folder. The line
// must end where everything behind is the number.
func microsipOpens(folder fs.FS, hook string) (string, error) {
	argv := Runs(hook, microsipNumber)
	if len(argv) < 3 || argv[0] != CallbusOnWindows || argv[1] != "send" || !strings.HasSuffix(hook, " --") {
		return "", fmt.Errorf("%q is not the line of callbus send that docs/wire.md has", hook)
	}
	flags := flag.NewFlagSet(argv[1], flag.ContinueOnError)
	to, vendor, line, file := flags.String("to", "", ""), flags.String("vendor", "", ""), flags.String("line", "", ""), flags.String("token-file", "", "")
	if err := flags.Parse(argv[3:]); err != nil || flags.NArg() != 1 {
		return "", fmt.Errorf("%q: one word is the number: %v", argv, err)
	}
	base := *to
	if *file == TokenOnWindows {
		text, err := fs.ReadFile(folder, "token.txt")
		if err != nil {
			return "", err
		}
		comment, token, _ := strings.Cut(string(text), "\n")
		if !strings.HasPrefix(comment, "# ") {
			return "", fmt.Errorf("%q is no comment", comment)
		}
		base += "/p/" + strings.TrimSpace(token)
	}
	return fmt.Sprintf("%s/%s/%s?line=%s&remote=%s", base, *vendor, argv[2], url.QueryEscape(*line), flags.Arg(0)), nil
}

// Where a hook of MicroSIP looks for Callbus and for the phone's token.
const (
	CallbusOnWindows = `C:\callbus\callbus.exe`
	TokenOnWindows   = `C:\callbus\token.txt`
)
