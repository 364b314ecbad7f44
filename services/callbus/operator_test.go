package callbus

import (
	"os"
	"path/filepath"
	"testing"
)

// Bug: after callbus init no command but up could read callbus.yaml, the office's only file.
func TestTheCommandsReadTheFileOfCallbusUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "callbus.yaml")
	text := "data: /var/lib/callbus\nnats-listen: 0.0.0.0:4333\nhttp: :8080\nonec-url: http://server/base/ws/teldata.1cws\nlog-level: debug\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLine("phones")
	if err := l.parse([]string{"--config", file}); err != nil || l.folder != "/var/lib/callbus" || l.url != "nats://127.0.0.1:4333" {
		t.Errorf("folder %q, url %q, %v", l.folder, l.url, err)
	}
	l = newLine("phones")
	if err := l.parse([]string{"--config", file, "--nats", "nats://hub:4222", "--data", "here"}); err != nil || l.folder != "here" || l.url != "nats://hub:4222" {
		t.Errorf("with flags: folder %q, url %q, %v", l.folder, l.url, err)
	}
}
