package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callbus/callbus/internal/config"
)

func TestAFileIsReadAgainWithinASecondOfItsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, reads := write(t, "one"), 0
		var told []error
		f, err := config.NewFresh(func() (string, error) {
			reads++
			data, err := os.ReadFile(path)
			if string(data) == "bad" {
				err = errors.New("bad")
			}
			return string(data), err
		}, func(err error) { told = append(told, err) }, path)
		if err != nil {
			t.Fatal(err)
		}
		step := func(want string, wantReads int) {
			t.Helper()
			for range 3 {
				if got := f.Get(); got != want || reads != wantReads {
					t.Errorf("got %q after %d reads, want %q after %d", got, reads, want, wantReads)
				}
			}
			time.Sleep(time.Second)
		}
		replace := func(content string) {
			next := path + ".new" // as careful programs renew files: beside it, then renamed
			if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(next, path); err != nil {
				t.Fatal(err)
			}
		}
		step("one", 1)
		step("one", 1) // unchanged: not read
		replace("two")
		step("two", 2)
		replace("bad")
		step("two", 3) // kept, and tried once a second
		step("two", 4)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		step("two", 5)
		replace("three")
		step("three", 6)
		step("three", 6)
		if len(told) != 4 || told[0] != nil || told[1] == nil || !errors.Is(told[2], os.ErrNotExist) || told[3] != nil {
			t.Errorf("told %v, want new, bad once, missing, well again", told)
		}
	})
}

func TestAFileThatCannotBeReadAtTheStartIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	_, err := config.NewFresh(func() ([]byte, error) { return os.ReadFile(path) }, nil, path)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}
