package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
)

// document is a JSON document in the making. Its texts are templates; everything else is as the operator wrote it. It is
// built as values and encoded as a whole, so no text of a phone can end a string in it.
type document interface {
	of(*mapping.Told) any
	each(name string, do func(string, mapping.Template))
}

type (
	wholeEvent struct{}
	text       mapping.Template
	object     map[string]document
	list       []document
	constant   struct{ value any }
)

// maxDepth bounds how deep a document is nested.
const maxDepth = 20

func readDocument(value any) (document, error) {
	switch value.(type) {
	case map[string]any, []any:
		return readNode(value, 0)
	}
	if value == "{json}" {
		return wholeEvent{}, nil
	}
	return nil, fmt.Errorf("want a table or a list that becomes the JSON document, got %v", value)
}

func readNode(value any, depth int) (document, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	switch v := value.(type) {
	case map[string]any:
		return readObject(v, depth)
	case []any:
		all := list{}
		for i, one := range v {
			d, err := readNode(one, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", i+1, err)
			}
			all = append(all, d)
		}
		return all, nil
	case string:
		return readText(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("JSON has no number %v", v)
		}
		return constant{v}, nil
	case nil, bool, int, int64, uint64:
		return constant{v}, nil
	}
	return nil, fmt.Errorf("%v is nothing that JSON has; put it in quotes", value)
}

func readObject(v map[string]any, depth int) (document, error) {
	all := object{}
	for name, one := range v {
		d, err := readNode(one, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = d
	}
	return all, nil
}

func readText(s string) (document, error) {
	t, err := mapping.ParseTemplate(s)
	if err != nil {
		return nil, err
	}
	if t.Is("json") {
		return wholeEvent{}, nil
	}
	return text(t), nil
}

func (wholeEvent) of(told *mapping.Told) any { return json.RawMessage(told.JSON()) }

func (t text) of(told *mapping.Told) any {
	return mapping.Template(t).Write(told, func(s string) string { return s })
}

func (o object) of(told *mapping.Told) any {
	values := make(map[string]any, len(o))
	for name, d := range o {
		values[name] = d.of(told)
	}
	return values
}

func (l list) of(told *mapping.Told) any {
	values := make([]any, 0, len(l))
	for _, d := range l {
		values = append(values, d.of(told))
	}
	return values
}

func (c constant) of(*mapping.Told) any { return c.value }

var theWholeEvent, _ = mapping.ParseTemplate("{json}")

func (wholeEvent) each(name string, do func(string, mapping.Template)) { do(name, theWholeEvent) }

func (t text) each(name string, do func(string, mapping.Template)) { do(name, mapping.Template(t)) }

func (o object) each(_ string, do func(string, mapping.Template)) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		o[name].each(name, do)
	}
}

func (l list) each(name string, do func(string, mapping.Template)) {
	for _, d := range l {
		d.each(name, do)
	}
}

func (constant) each(string, func(string, mapping.Template)) {}
