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
	text := b.String()
	if l == Russian {
		text = inRussian(text)
	}
	io.WriteString(w, l.Say("Flags:\n", "Флаги:\n")+text) //nolint:errcheck // there is nobody to tell
}

// kinds are the words of the flag package for what a flag takes.
var kinds = map[string]string{"string": "ТЕКСТ", "value": "ЗНАЧЕНИЕ", "int": "ЧИСЛО", "uint": "ЧИСЛО", "duration": "ВРЕМЯ"}

var flagLine = regexp.MustCompile(`(?m)^(  -[a-z0-9-]+) ([a-z]+)$`)

// inRussian puts the flag package's own words into Russian.
func inRussian(usage string) string {
	usage = flagLine.ReplaceAllStringFunc(usage, func(line string) string {
		m := flagLine.FindStringSubmatch(line)
		if kind, ok := kinds[m[2]]; ok {
			return m[1] + " " + kind
		}
		return line
	})
	return strings.ReplaceAll(usage, "(default ", "(по умолчанию ")
}

// Help is what a flag is for.
func (l Lang) Help(usage string) string {
	if ru, ok := flags[usage]; ok {
		return l.Say(usage, ru)
	}
	return usage
}

// Wrong says what is wrong with a command's flags or file.
func (l Lang) Wrong(err error) string {
	if l != Russian {
		return err.Error()
	}
	text := err.Error()
	for _, m := range mistakes {
		text = m.en.ReplaceAllString(text, m.ru)
	}
	return text
}

// mistakes are the words of the flag package and of ours for what cannot be read.
var mistakes = []struct {
	en *regexp.Regexp
	ru string
}{
	{regexp.MustCompile(`^flag provided but not defined: `), "нет такого флага: "},
	{regexp.MustCompile(`^flag needs an argument: (\S+)$`), "после флага $1 нужно значение"},
	{regexp.MustCompile(`^bad flag syntax: `), "флаг написан неправильно: "},
	{regexp.MustCompile(`^invalid (?:boolean )?value (".*?") for (?:flag )?(-\S+):`), "значение $1 флага $2 не подходит:"},
	{regexp.MustCompile(`^unexpected argument: `), "лишнее слово: "},
	{regexp.MustCompile(`: parse error$`), ": не удалось прочитать"},
	{regexp.MustCompile(`value out of range$`), "число слишком велико"},
	{regexp.MustCompile(`\bwant ru or en$`), "нужно ru или en"},
	{regexp.MustCompile(`\bwant a time such as `), "нужно время, например "},
	{regexp.MustCompile(`90m, 24h or 7d$`), "90m, 24h или 7d"},
	{regexp.MustCompile(`\bwant a point in time such as 3h or 7d \(ago\), 03:00 \(today\) or `), "нужен момент времени, например 3h или 7d (назад), 03:00 (сегодня) или "},
	{regexp.MustCompile(`\bunknown setting (".*?"); known are `), "неизвестная настройка $1; есть такие: "},
	{regexp.MustCompile(`\bline (\d+): `), "строка $1: "},
	{regexp.MustCompile(`(\S+) is given twice$`), "$1 задано дважды"},
}
