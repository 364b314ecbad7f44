package lang

import (
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
)

// Flag adds --lang to a flag set; without it the language is the environment's. The set's help is in that language.
func Flag(fs *flag.FlagSet) *Lang {
	l := Environment()
	fs.Var(&l, "lang", "language of the answers, ru or en; default from LANG")
	Usage(fs, &l)
	return &l
}

// Usage makes a flag set say in a language, and on standard output, what its flags are for. Of a mistake the set says
// nothing: the command does, once.
func Usage(fs *flag.FlagSet, l *Lang) {
	mistake := &written{}
	fs.SetOutput(mistake)
	fs.Usage = func() {
		if !mistake.any {
			l.usage(os.Stdout, fs)
		}
	}
}

// written drops what is written, and notes that something was: the flag package tells of a mistake before it asks for help.
type written struct{ any bool }

func (w *written) Write(p []byte) (int, error) {
	w.any = true
	return len(p), nil
}

// usage writes the flags with what each is for.
func (l Lang) usage(w io.Writer, fs *flag.FlagSet) {
	var b strings.Builder
	said := flag.NewFlagSet(fs.Name(), flag.ContinueOnError)
	said.SetOutput(&b)
	fs.VisitAll(func(f *flag.Flag) {
		said.Var(f.Value, f.Name, l.Help(f.Usage))
		said.Lookup(f.Name).DefValue = f.DefValue
	})
	said.PrintDefaults()
	io.WriteString(w, l.Say("Flags:\n", "Флаги:\n")+l.typed(fs, b.String())) //nolint:errcheck // there is nobody to tell
}

// kinds are the words of the flag package for what a flag takes.
var kinds = map[string]string{"string": "ТЕКСТ", "value": "ЗНАЧЕНИЕ", "int": "ЧИСЛО", "uint": "ЧИСЛО", "duration": "ВРЕМЯ"}

// things are what texts may be, by the beginning of what a flag is for.
var things = []struct {
	begins *regexp.Regexp
	kind   Text
}{
	{regexp.MustCompile(`^(add: |the |CSV |YAML )?file\b`), Text{"FILE", "ФАЙЛ"}},
	{regexp.MustCompile(`^folder\b`), Text{"FOLDER", "ПАПКА"}},
	{regexp.MustCompile(`^(address|URL|where phones)\b`), Text{"ADDRESS", "АДРЕС"}},
}

var flagLine = regexp.MustCompile(`(?m)^  -([a-z0-9-]+)(?: (\S+))?$`)

// typed writes the flags as they are given, --name THING, and puts the flag package's own words into the language.
func (l Lang) typed(fs *flag.FlagSet, usage string) string {
	usage = flagLine.ReplaceAllStringFunc(usage, func(line string) string {
		m := flagLine.FindStringSubmatch(line)
		hyphens := "--"
		if len(m[1]) == 1 {
			hyphens = "-"
		}
		return strings.TrimRight("  "+hyphens+m[1]+" "+l.kind(fs.Lookup(m[1]), m[2]), " ")
	})
	return strings.ReplaceAll(usage, "(default ", l.Say("(default ", "(по умолчанию "))
}

// kind is what a flag takes; the flag package has a word for it, or the flag has one of its own.
func (l Lang) kind(f *flag.Flag, word string) string {
	ru, known := kinds[word]
	for _, t := range things {
		if known && t.begins.MatchString(f.Usage) {
			return l.Of(t.kind)
		}
	}
	if known {
		return l.Say(word, ru)
	}
	return word
}

// Help is what a flag is for.
func (l Lang) Help(usage string) string {
	if ru, ok := flags[usage]; ok {
		return l.Say(usage, ru)
	}
	return usage
}
