// Package lang chooses the language that the operator's commands speak: Russian or English. A text stands in both where
// it is said, so that nobody mends one of them alone.
package lang

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Lang is a language.
type Lang string

// The languages.
const (
	English Lang = "en"
	Russian Lang = "ru"
)

// Environment is the environment's language.
func Environment() Lang { return environment(os.Getenv, runtime.GOOS) }

// environment is the language of CALLBUS_LANG, LC_ALL, LC_MESSAGES or LANG, the first that is set. Windows sets none, and our
// users there read Russian first.
func environment(getenv func(string) string, system string) Lang {
	for _, name := range []string{"CALLBUS_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			if strings.HasPrefix(strings.ToLower(value), "ru") {
				return Russian
			}
			return English
		}
	}
	if system == "windows" {
		return Russian
	}
	return English
}

// String implements flag.Value.
func (l *Lang) String() string {
	if l == nil {
		return ""
	}
	return string(*l)
}

// Set implements flag.Value.
func (l *Lang) Set(s string) error {
	switch Lang(strings.ToLower(s)) {
	case English:
		*l = English
	case Russian:
		*l = Russian
	default:
		return fmt.Errorf("want ru or en")
	}
	return nil
}

// Say is the text of this language.
func (l Lang) Say(en, ru string) string {
	if l == Russian {
		return ru
	}
	return en
}

// Sayf formats the text of this language; both take the same arguments, in the order that suits them (%[2]s).
func (l Lang) Sayf(en, ru string, args ...any) string { return fmt.Sprintf(l.Say(en, ru), args...) }

// Text is a text in both languages, where it is data.
type Text struct{ En, Ru string }

// Of is the text in this language.
func (l Lang) Of(t Text) string { return l.Say(t.En, t.Ru) }
