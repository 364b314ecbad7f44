package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Strict reads one YAML document into a struct. An unknown key, a key given twice and a second document are errors with their
// lines. An empty file leaves into as it is: whether that is enough is for the caller to say.
//
// A type with its own UnmarshalYAML that calls node.Decode is not strict below that call: yaml.v3 forgets it there.
func Strict(data []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return inOurWords(err)
	}
	return onlyOne(dec)
}

// onlyOne refuses a second document: half a file that is not read would be a setting that silently does not apply.
func onlyOne(dec *yaml.Decoder) error {
	var second yaml.Node
	err := dec.Decode(&second)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("line %d: a second document begins here; only one is allowed", second.Line)
}

var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// inOurWords names the key, not the Go type that lacks it.
func inOurWords(err error) error {
	typed, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	all := make([]error, 0, len(typed.Errors))
	for _, text := range typed.Errors {
		all = append(all, errors.New(unknownField.ReplaceAllString(text, `unknown key "$1"`)))
	}
	return errors.Join(all...)
}
