package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/telemetry"
)

func TestAPipeGetsJSONWithMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock stands at 2000-01-01 00:00 UTC
		var out bytes.Buffer
		log := telemetry.New(&out, telemetry.Options{})
		log.Info().Str("line", "101").Msg("call.accepted")
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%q is not JSON: %v", out.String(), err)
		}
		want := map[string]any{"time": "2000-01-01T00:00:00.000Z", "level": "info", "message": "call.accepted", "line": "101"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTextIsOneLineForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := telemetry.New(&out, telemetry.Options{Format: telemetry.Text})
		log.Warn().Str("name", "ООО \"Ромашка\"").Int("tries", 2).Err(errors.New("no\nroute")).
			Interface("password", config.Secret("hunter2")).Msg("call\x1b[31m\nlater")
		clock, rest, _ := strings.Cut(out.String(), " ")
		if len(clock) != len("00:00:00.000") || !strings.HasSuffix(clock, ":00.000") {
			t.Errorf("the time is %q, want HH:MM:SS.mmm", clock)
		}
		want := `WRN call [31m later error="no\nroute" name="ООО \"Ромашка\"" password=*** tries=2` + "\n"
		if diff := cmp.Diff(want, rest); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOnlyATerminalGetsColours(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log := telemetry.New(file, telemetry.Options{Format: telemetry.Text})
	log.Error().Str("a", "b").Msg("x")
	got, err := os.ReadFile(file.Name())
	if err != nil || len(got) == 0 || bytes.ContainsRune(got, '\x1b') {
		t.Errorf("the file has %q, %v; want a line without escape sequences", got, err)
	}
}

func TestTheLevelHolds(t *testing.T) {
	for level, want := range map[telemetry.Level]int{"": 2, "error": 1, "debug": 3, "trace": 3} {
		var out bytes.Buffer
		log := telemetry.New(&out, telemetry.Options{Level: level})
		log.Debug().Msg("d")
		log.Info().Msg("i")
		log.Error().Msg("e")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("level %q let %d of 3 lines through, want %d", level, got, want)
		}
	}
}

func TestFlagsTakeOnlyWhatTheyName(t *testing.T) {
	parse := func(args ...string) (telemetry.Options, error) {
		var opts telemetry.Options
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		opts.Flags(fs)
		return opts, fs.Parse(args)
	}
	got, err := parse("--log-format", "JSON", "--log-level=Warn")
	if want := (telemetry.Options{Format: telemetry.JSON, Level: "warn"}); err != nil || got != want {
		t.Errorf("options = %+v, %v; want %+v", got, err, want)
	}
	for _, args := range [][]string{{"--log-format", "xml"}, {"--log-level", "loud"}, {"--log-level", "7"}, {"--log-level", ""}} {
		if got, err := parse(args...); err == nil {
			t.Errorf("%q gave %+v, want an error", args, got)
		}
	}
}

func TestLinesOfManyGoroutinesStayWhole(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.New(&out, telemetry.Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				log.Info().Str("k", "v").Msg("m")
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not one JSON object: %q", line)
		}
	}
	if len(lines) != 400 {
		t.Errorf("%d lines, want 400", len(lines))
	}
}
