package callbus

import (
	"net"
	"testing"
)

// Bug: callbus init told phones to call http://<nil>:8080.
func TestAnAddressWithoutAHostIsAllOfThisMachine(t *testing.T) {
	for addr, want := range map[string]string{":8080": "ours", "0.0.0.0:8080": "ours", "[::]:8080": "ours", "192.168.10.5:8080": "192.168.10.5"} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := boundTo(tcp, func() string { return "ours" }); got != want {
			t.Errorf("%s: phones are to call %q, want %q", addr, got, want)
		}
	}
}
