package config

import "strings"

// List is a flag that may be given several times, or with commas; in the file it may be a YAML list.
// The first value that is set replaces the default.
type List struct {
	Values []string
	set    bool
}

// String writes the values as Set reads them.
func (l *List) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(l.Values, ",")
}

// Set adds the values of s, split at commas. Empty parts are left out.
func (l *List) Set(s string) error {
	if !l.set {
		l.Values, l.set = nil, true
	}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			l.Values = append(l.Values, part)
		}
	}
	return nil
}

// Repeatable says that a YAML list is welcome. A flag value without this method takes one value.
func (*List) Repeatable() {}
