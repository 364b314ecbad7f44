package callbus

import (
	"net"
	"os/exec"
	"testing"
	"testing/quick"
)

// Bug: a shell put a variable of its own in the place of $x.
func TestAShellReadsAPastedPathAsItIs(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	same := func(path string) bool {
		out, err := exec.Command("sh", "-c", "printf %s "+pasted(path, "linux")).Output()
		if err != nil || string(out) != path {
			t.Errorf("%q: got %q, %v from %s", path, out, err, pasted(path, "linux"))
		}
		return err == nil && string(out) == path
	}
	for _, path := range []string{"/a/d%d$x", "/a b", "/it's", "/a`id`", `/a\b`, "~/a", `/"q"`, "/a;b", "/d*"} {
		same(path)
	}
	const signs = " !\"#$%&'()*;<>?[\\]^`{|}~aя/"
	letters := []rune(signs)
	if err := quick.Check(func(picks []uint8) bool {
		path := "/"
		for _, n := range picks {
			path += string(letters[int(n)%len(letters)])
		}
		return same(path)
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestAPastedPathOfWindows(t *testing.T) {
	for path, want := range map[string]string{`C:\callbus\a.yaml`: `C:\callbus\a.yaml`, `C:\Program Files (x86)\a`: `"C:\Program Files (x86)\a"`} {
		if got := pasted(path, "windows"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

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
