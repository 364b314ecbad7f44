package peers

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/test/rig"
)

// curl stands for a phone whose TLS is not Go's: it trusts an authority that was put into it, and nobody else.
func TestCurlIsServedByHTTPSAndOnlyWhereItTrustsUs(t *testing.T) {
	peer(t, "curl")
	c := rig.NewCertificate(t)
	dir, phones, nats := t.TempDir(), rig.FreeAddr(t), rig.FreeAddr(t)
	ingest := rig.Start(t, rig.Build(t, "./services/ingest/cmd/ingest"), "--store", dir, "--store-max", "16MiB", "--admin", "",
		"--http", "127.0.0.1:0", "--https", phones, "--tls-cert", c.Chain, "--tls-key", c.Key, "--nats-listen", nats)
	ingest.Says("phones.welcome")

	const raw = "/phone/incoming?line=101&remote=74951230000&name=John Doe" // as a phone writes it, and no URL may hold it
	for _, try := range []struct {
		name string
		args []string
		want string
	}{
		{"as phones do", []string{"--cacert", c.Authority, "--request-target", raw, "https://" + phones}, "200"},
		{"TLS 1.2", []string{"--cacert", c.Authority, "--tls-max", "1.2", "--request-target", raw, "https://" + phones}, "200"},
		{"TLS 1.1", []string{"--cacert", c.Authority, "--tls-max", "1.1", "--request-target", raw, "https://" + phones}, "000"},
		{"without trust", []string{"--request-target", raw, "https://" + phones}, "000"},
		{"plain HTTP", []string{"--request-target", raw, "http://" + phones}, "400"},
	} {
		args := append([]string{"--silent", "--max-time", "20", "--output", filepath.Join(dir, "answer"), "--write-out", "%{http_code}"}, try.args...)
		got, _ := exec.Command("curl", args...).Output() // where TLS fails curl fails too, and the code is 000
		if string(got) != try.want {
			t.Errorf("%s: curl got %q, want %s", try.name, got, try.want)
		}
	}
	var names []string
	for _, e := range rig.Stored(t, rig.Connect(t, "nats://"+nats, filepath.Join(dir, broker.CredsFile))) {
		names = append(names, e.Remote.Name)
	}
	if diff := cmp.Diff([]string{"John Doe", "John Doe"}, names); diff != "" {
		t.Errorf("names in CALLS (-want +got):\n%s", diff)
	}
	if log := ingest.Log.String(); strings.Contains(log, "tls.handshake") {
		t.Errorf("handshakes that fail are for those who debug, the log says:\n%s", log)
	}
}
