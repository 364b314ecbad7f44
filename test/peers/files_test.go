package peers

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// Bug, found by cutting the power (test/faults -scenario power): phone files were renamed into place without fsync, and were empty
// afterwards; and none of the folders was fsynced, so that callbus.yaml and the phones' secrets were the old ones again, after the
// command had said that it was done.
func TestWhatACommandHasWrittenSurvivesAPowerCut(t *testing.T) {
	peer(t, "strace")
	onec := httptest.NewServer(onectest.New(onectest.Options{}))
	defer onec.Close()
	callbus := rig.Build(t, "./services/callbus/cmd/callbus")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		file string
		args []string
	}{
		{in("new/phones.secret"), []string{"token", "new", "101", "--token-secret", in("new/phones.secret")}},
		{in("new/phones.secret"), []string{"token", "rotate", "--yes", "--token-secret", in("new/phones.secret")}},
		{in("shared"), []string{"token", "new", "--shared", in("shared")}},
		{in("office/callbus.yaml"), []string{"init", "--yes", "--dir", in("office"), "--onec-url", onec.URL + onectest.DefaultPath}},
		{in("phones/001565123456.cfg"), []string{"provision", "yealink", "--url", "http://192.168.10.5:8080", "--phone", "001565123456=101", "--out", in("phones")}},
	} {
		trace := in("trace")
		said, err := exec.Command("strace", append(tracing(trace), append([]string{callbus}, c.args...)...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("callbus %s: %v\n%s", c.args, err, said)
		}
		if wrong := kept(t, trace, c.file); wrong != "" {
			t.Errorf("callbus %s: %s", c.args[:2], wrong)
		}
	}
}

func TestTheKeyOfANewStoreSurvivesAPowerCut(t *testing.T) {
	peer(t, "strace")
	store, trace := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "trace")
	args := append(tracing(trace), rig.Build(t, "./services/ingest/cmd/ingest"), "--store", store, "--http", rig.FreeAddr(t), "--admin", "")
	ingest := rig.Start(t, "strace", args...)
	ingest.Says("phones.welcome")
	ingest.Signal(syscall.SIGTERM)
	if err := ingest.Wait(); err != nil {
		t.Fatal(err)
	}
	if wrong := kept(t, trace, filepath.Join(store, "nats.creds")); wrong != "" {
		t.Error(wrong)
	}
}

func tracing(trace string) []string {
	return []string{"-f", "-y", "-e", "signal=none", "-o", trace, "-e", "trace=fsync,rename,renameat,renameat2,link,linkat"}
}

// kept says what is wrong with how a file came to its place: its text must be fsynced before, and the folder after.
func kept(t *testing.T, trace, file string) string {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	quoted, folder := regexp.QuoteMeta(file), regexp.QuoteMeta(filepath.Dir(file))
	placed := regexp.MustCompile(`(?m)^.*(?:rename|link)\w*\(.*"([^"]+)",.*"` + quoted + `".*$`).FindStringSubmatchIndex(string(text))
	if placed == nil {
		return fmt.Sprintf("nothing was put at %s:\n%s", file, text)
	}
	draft := regexp.QuoteMeta(string(text[placed[2]:placed[3]]))
	before, after := string(text[:placed[0]]), string(text[placed[1]:])
	if !regexp.MustCompile(`fsync\(\d+<` + draft + `>`).MatchString(before) {
		return "not fsynced before it was put in its place"
	}
	if !regexp.MustCompile(`fsync\(\d+<` + folder + `>`).MatchString(after) {
		return "its folder was not fsynced afterwards"
	}
	return ""
}
