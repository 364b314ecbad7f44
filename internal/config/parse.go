package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/peterbourgon/ff/v3"
	"go.yaml.in/yaml/v3"
)

// configFlag is the flag that names the file. Parse adds it.
const configFlag = "config"

// Parse sets the flags of fs from args, from the environment and from the YAML file that --config names: file < env < flag.
// The variable of --store-max with the prefix INGEST is INGEST_STORE_MAX; its key in the file is store-max.
// For -h the error is flag.ErrHelp; arguments that are left over are an error.
//
// The file may be another program's too: what also knows, and fs does not, is set there.
//
// An unknown variable INGEST_… is no error: Kubernetes itself sets INGEST_PORT and others for a service named ingest.
func Parse(fs *flag.FlagSet, args []string, envPrefix string, also ...*flag.FlagSet) error {
	words, err := ParseWords(fs, args, envPrefix, also...)
	if err == nil && len(words) > 0 {
		err = fmt.Errorf("unexpected argument: %s", strings.Join(words, " "))
	}
	return err
}

// ParseWords is Parse for a command that takes words too. They stand before, between and behind the flags; behind "--" all
// is words.
func ParseWords(fs *flag.FlagSet, args []string, envPrefix string, also ...*flag.FlagSet) (words []string, err error) {
	if fs.Lookup(configFlag) == nil {
		fs.String(configFlag, "", "YAML `FILE` with the same names as these flags; the environment and flags win over it")
	}
	words, flags := part(fs, args)
	err = ff.Parse(fs, flags,
		ff.WithEnvVarPrefix(envPrefix),
		ff.WithConfigFileFlag(configFlag),
		ff.WithConfigFileParser(func(r io.Reader, set func(name, value string) error) error {
			all := union(fs, also)
			err := parseFile(all, r, func(name, value string) error {
				if fs.Lookup(name) == nil {
					return all.Set(name, value)
				}
				return set(name, value)
			})
			if err != nil {
				return &fileError{err}
			}
			return nil
		}))
	if errors.Is(err, flag.ErrHelp) {
		return nil, flag.ErrHelp
	}
	if err != nil {
		return nil, clearer(fs, err)
	}
	return words, nil
}

// part parts the words from the flags and their values. What is no flag of fs is left for it to refuse.
func part(fs *flag.FlagSet, args []string) (words, flags []string) {
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			return append(words, args[i+1:]...), flags
		case len(arg) < 2 || arg[0] != '-':
			words = append(words, arg)
		case wantsValue(fs, arg) && i+1 < len(args):
			i++
			flags = append(flags, arg, args[i])
		default:
			flags = append(flags, arg)
		}
	}
	return words, flags
}

// wantsValue reports whether the value of a flag is the next argument.
func wantsValue(fs *flag.FlagSet, arg string) bool {
	f := fs.Lookup(strings.TrimPrefix(arg[1:], "-"))
	if f == nil {
		return false
	}
	yesNo, ok := f.Value.(interface{ IsBoolFlag() bool })
	return !ok || !yesNo.IsBoolFlag()
}

// union knows the flags of all, those of the first before those of the others.
func union(fs *flag.FlagSet, also []*flag.FlagSet) *flag.FlagSet {
	all := flag.NewFlagSet(fs.Name(), flag.ContinueOnError)
	for _, each := range append([]*flag.FlagSet{fs}, also...) {
		each.VisitAll(func(f *flag.Flag) {
			if all.Lookup(f.Name) == nil {
				all.Var(f.Value, f.Name, f.Usage)
			}
		})
	}
	return all
}

// fileError marks an error in what the file says, as opposed to in a flag or a variable.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

func atLine(n *yaml.Node, err error) error { return fmt.Errorf("line %d: %w", n.Line, err) }

// clearer names the file, and drops the words "error parsing …" that ff puts in front of an error that is clear without them.
func clearer(fs *flag.FlagSet, err error) error {
	if in, ok := errors.AsType[*fileError](err); ok {
		return fmt.Errorf("%s: %w", fs.Lookup(configFlag).Value, in)
	}
	if strings.HasPrefix(err.Error(), "error parsing ") {
		return bare(err)
	}
	return err
}

// parseFile is ff's ConfigFileParser. It is our own because ffyaml reads YAML 1.1, where `nats-listen: off` is false, takes the
// last of two equal keys and the first of two documents in silence, and names no lines.
func parseFile(fs *flag.FlagSet, r io.Reader, set func(name, value string) error) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) && !bytes.HasPrefix(text, []byte("\xFF\xFE")) && !bytes.HasPrefix(text, []byte("\xFE\xFF")) { // YAML may be UTF-16
		return ErrNotUTF8
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil // nothing but comments
	} else if err != nil {
		return err
	}
	if err := onlyOne(dec); err != nil {
		return err
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return atLine(top, errors.New("want lines of the form name: value"))
	}
	return setAll(fs, top.Content, set)
}

// setAll sets the pairs of a YAML mapping: key, value, key, value.
func setAll(fs *flag.FlagSet, pairs []*yaml.Node, set func(name, value string) error) error {
	seen := map[string]bool{}
	for pair := range slices.Chunk(pairs, 2) {
		key, value := pair[0], pair[1]
		if seen[key.Value] {
			return atLine(key, fmt.Errorf("%s is given twice", key.Value))
		}
		seen[key.Value] = true
		if err := setFromFile(fs, key.Value, value, set); err != nil {
			return atLine(key, err)
		}
	}
	return nil
}

func setFromFile(fs *flag.FlagSet, name string, value *yaml.Node, set func(name, value string) error) error {
	f := fs.Lookup(name)
	if f == nil || name == configFlag {
		return fmt.Errorf("unknown setting %q; known are %s", name, strings.Join(settings(fs), ", "))
	}
	items := []*yaml.Node{value}
	if _, ok := f.Value.(interface{ Repeatable() }); ok && value.Kind == yaml.SequenceNode {
		items = value.Content
	}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s takes one plain value", name)
		}
		if item.Tag == "!!null" {
			return fmt.Errorf(`%s has no value; write "" for an empty one, or take the line out`, name)
		}
		// The text as written: yes, off, 007 and 12:30 stay what they are.
		if err := set(name, item.Value); err != nil {
			return fmt.Errorf("%s: %w", name, bare(err))
		}
	}
	return nil
}

// bare drops the words around an error.
func bare(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

func settings(fs *flag.FlagSet) (names []string) {
	fs.VisitAll(func(f *flag.Flag) {
		if f.Name != configFlag {
			names = append(names, f.Name)
		}
	})
	return names
}
