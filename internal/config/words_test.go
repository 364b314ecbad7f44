package config_test

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/config"
)

// traceFlags are those of a command that takes words.
func traceFlags() (fs *flag.FlagSet, n *int, all *bool) {
	fs = flag.NewFlagSet("trace", flag.ContinueOnError)
	fs.SetOutput(&strings.Builder{})
	return fs, fs.Int("n", 20, ""), fs.Bool("all", false, "")
}

// Bug: callbus trace -n 1 101 was refused: the word had to stand before the flags.
func TestWordsStandBeforeBetweenAndBehindFlags(t *testing.T) {
	for _, c := range []struct {
		args  string
		words []string
		n     int
		all   bool
	}{
		{"101 -n 1", []string{"101"}, 1, false},
		{"-n 1 101", []string{"101"}, 1, false},
		{"--n=1 --all 101", []string{"101"}, 1, true},
		{"show --all 7 -n 3", []string{"show", "7"}, 3, true},
		{"--all=false 101 102", []string{"101", "102"}, 20, false},
		{"--all -- -n 1", []string{"-n", "1"}, 20, true},
		{"-n 1 -", []string{"-"}, 1, false},
		{"-n -1 101", []string{"101"}, -1, false},
		{"--config /dev/null 101", []string{"101"}, 20, false},
		{"", nil, 20, false},
	} {
		fs, n, all := traceFlags()
		words, err := config.ParseWords(fs, strings.Fields(c.args), "NOBODY_SETS_THIS")
		if diff := cmp.Diff(c.words, words); diff != "" || err != nil || *n != c.n || *all != c.all {
			t.Errorf("%s: n %d, all %v, %v; words (-want +got):\n%s", c.args, *n, *all, err, diff)
		}
	}
}

func TestWordsHideNoWrongFlag(t *testing.T) {
	for _, args := range []string{"101 --bogus", "--bogus 101", "101 -n", "-n x 101", "-n= 101"} {
		fs, _, _ := traceFlags()
		if words, err := config.ParseWords(fs, strings.Fields(args), "NOBODY_SETS_THIS"); err == nil {
			t.Errorf("%s: got %q and no error", args, words)
		}
	}
	fs, _, _ := traceFlags()
	if _, err := config.ParseWords(fs, []string{"101", "-h"}, "NOBODY_SETS_THIS"); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h behind a word: %v", err)
	}
}

// Wherever the flags stand, the words are the same and in their order.
func FuzzWordsKeepTheirOrder(f *testing.F) {
	f.Add("a b c", uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, text string, first, second uint8) {
		words := strings.Fields(text)
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") }) {
			t.Skip()
		}
		args := slices.Insert(slices.Clone(words), int(first)%(len(words)+1), "-n", "5")
		if at := int(second) % (len(args) + 1); at == 0 || args[at-1] != "-n" {
			args = slices.Insert(args, at, "--all")
		}
		fs, n, _ := traceFlags()
		got, err := config.ParseWords(fs, args, "NOBODY_SETS_THIS")
		if err != nil || *n != 5 || !slices.Equal(got, words) {
			t.Errorf("%q: n %d, words %q, %v; want %q", args, *n, got, err, words)
		}
	})
}
