package farm

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// microsipINI reads the section [Settings] and takes the URL out of each line of curl, as MicroSIP and curl would: the line
// is split at its blanks, and the number is appended behind the last of its words.
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
			url, err := curled(append(strings.Fields(value), microsipNumber))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			table[key] = url
		}
	}
	return table, nil
}

// microsipValue is what MicroSIP keeps of a value.
const microsipValue = 255

// microsipNumber stands for the program's last argument in the farm's templates.
const microsipNumber = "argv1"

// CMD takes the URL out of a .cmd file for older MicroSIPs, as Windows and curl would: %~1 is the number, two percent signs
// are one.
func CMD(text string) (url string, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "@")
		if line == "" || strings.HasPrefix(line, "rem ") {
			continue
		}
		const double = "\x00"
		line = strings.ReplaceAll(line, "%%", double)
		line = strings.ReplaceAll(line, "%~1", microsipNumber)
		if strings.Contains(line, "%") {
			return "", fmt.Errorf("%q has a variable of Windows'", line)
		}
		return curled(words(strings.ReplaceAll(line, double, "%")))
	}
	return "", errors.New("there is no command")
}

// words splits a command line at the blanks outside of quotes.
func words(line string) (list []string) {
	quoted, word := false, ""
	for _, r := range line + " " {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			if word != "" {
				list = append(list, word)
			}
			word = ""
		default:
			word += string(r)
		}
	}
	return list
}

// curled is the URL that curl would GET with these arguments.
func curled(words []string) (string, error) {
	if len(words) != 6 || !strings.HasPrefix(words[0], "curl") || words[1] != "-sGm" || words[2] != "5" || words[4] != "--data-urlencode" {
		return "", fmt.Errorf("%q is not the line of curl that docs/wire.md has", words)
	}
	if strings.Contains(words[3], "?") {
		return words[3] + "&" + words[5], nil
	}
	return words[3] + "?" + words[5], nil
}
