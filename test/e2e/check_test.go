package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// checkReport is what callbus check --json prints.
type checkReport struct {
	Healthy bool
	Targets []struct {
		Target, URL, Failed, Why, Do, Sent, Answer string
		Operations                                 []string
		Targets                                    string
		Steps                                      []struct{ Step, State, Found string }
	}
}

// checks runs callbus check, and reads what it has found.
func checks(t *testing.T, args ...string) (report checkReport, code int) {
	t.Helper()
	cmd := exec.CommandContext(rig.Context(t), callbusProgram(t), append([]string{"check", "--json", "--lang", "en", "--data", t.TempDir()}, args...)...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("callbus check %v: %v\n%s%s", args, err, out, exit.Stderr)
	}
	return report, code
}

// speaks listens, and says something to whoever comes; nothing: it waits.
func speaks(t *testing.T, text string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			fmt.Fprint(c, text)
		}
	}()
	return l.Addr().String()
}

// webSite is a web server that is no 1C.
func webSite(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + onectest.DefaultPath
}

// secured is a web server with a certificate.
func secured(t *testing.T, c rig.Certificate) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: onectest.New(onectest.Options{}), ErrorLog: log.New(io.Discard, "", 0)}
	go s.ServeTLS(l, c.Chain, c.Key) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { s.Close() })
	return "https://" + l.Addr().String() + onectest.DefaultPath
}

// withLogin are the flags of a 1C that wants a login.
func withLogin(t *testing.T, s *onectest.Server, password string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password.txt")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--onec-url", s.URL(), "--onec-user", "callbus", "--onec-password-file", file}
}

func TestCheckNamesTheCauseInEachBrokenSetup(t *testing.T) {
	t.Parallel()
	at := func(url string) []string { return []string{"--onec-url", url} }
	login := onectest.Options{User: "callbus", Password: "Пароль 1"}
	for _, c := range []struct {
		what            string
		flags           func(*testing.T) []string
		step, why, todo string
	}{
		{"no such host", func(*testing.T) []string { return at("http://no.such.invalid/base/ws/teldata.1cws") },
			"dns", "the name of the server cannot be found", "DNS"},
		{"a closed port", func(t *testing.T) []string { return at("http://" + rig.FreeAddr(t) + "/base/ws/teldata.1cws") },
			"tcp", "nobody listens at this address", "Start 1C's web server"},
		{"a port that speaks no HTTP", func(t *testing.T) []string { return at("http://" + speaks(t, "SSH-2.0-OpenSSH_9.2p1\r\n") + "/") },
			"http", "somebody answers at this address, and does not speak HTTP", "Some other program has this port"},
		{"a certificate of nobody", func(t *testing.T) []string { return at(secured(t, rig.NewCertificate(t))) },
			"tls", "nobody here knows who has signed the certificate", "certificate of the authority"},
		{"an expired certificate", func(t *testing.T) []string {
			return at(secured(t, rig.CertificateUntil(t, time.Now().Add(-time.Hour))))
		},
			"tls", "the certificate has expired", "Renew the certificate"},
		{"a certificate for another name", func(t *testing.T) []string {
			return at(strings.Replace(secured(t, rig.NewCertificate(t)), "127.0.0.1", "localhost", 1))
		}, "tls", "the certificate is for another name", "Write the name into the URL"},
		{"http to a port of https", func(t *testing.T) []string {
			return at(strings.Replace(secured(t, rig.NewCertificate(t)), "https", "http", 1))
		},
			"http", "this port speaks TLS", "https://"},
		{"https to a port of http", func(t *testing.T) []string {
			return at(strings.Replace(standin(t, onectest.Options{}).URL(), "http", "https", 1))
		},
			"tls", "this port does not speak TLS", "http://"},
		{"a wrong password", func(t *testing.T) []string { return withLogin(t, standin(t, login), "hunter2") },
			"login", "1C does not accept the user or the password", "Correct the user, or the password"},
		{"a locked base", func(t *testing.T) []string {
			s := standin(t, onectest.Options{})
			s.Shut(onectest.Locked())
			return at(s.URL())
		}, "login", "Начало сеанса с информационной базой запрещено. Ведутся технические работы", "Wait until"},
		{"no licence", func(t *testing.T) []string {
			s := standin(t, onectest.Options{Licences: 1})
			s.Behave(onectest.First(1, onectest.Hang()))
			rig.Start(t, callbusProgram(t), "check", "--call", "--onec-url", s.URL()) // has the only one
			called := func() (any, bool) { return s.Calls(), len(s.Calls()) > 0 }
			rig.Until(t, "1C to be called", called)
			return append(at(s.URL()), "--call")
		}, "call", "1C has no free licence", "Free a licence"},
		{"a wrong path", func(t *testing.T) []string { return at(standin(t, onectest.Options{}).URL() + "x") },
			"http", "no web service is published at this URL", "Publish the web service"},
		{"a login page", func(t *testing.T) []string {
			return at(webSite(t, func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, "<!DOCTYPE html><html><title>Портал</title><body>Войдите в систему</body></html>")
			}))
		}, "wsdl", "a web page instead of an answer: Войдите в систему", "a login page"},
		{"another service", func(t *testing.T) []string { return at(standin(t, onectest.Options{Operation: "Zvonok"}).URL()) },
			"operation", `the service has no operation "TelData"; it has Zvonok`, "Name one of its operations"},
		{"unknown parameters", func(t *testing.T) []string {
			return at(standin(t, onectest.Options{Parameters: []string{"Odin", "Dva", "Tri"}, Further: []onectest.Parameter{{Name: "Chetyre", Type: "xs:string"}}}).URL())
		}, "mapping", "the operation TelData", "Say in a targets file"},
		{"an exception in 1C's code", func(t *testing.T) []string {
			s := standin(t, onectest.Options{})
			s.Behave(onectest.Always(onectest.Exception("Деление на 0")))
			return append(at(s.URL()), "--call")
		}, "call", "Деление на 0", "The code of 1C"},
		{"a 1C that does not answer", func(t *testing.T) []string { return append(at("http://"+speaks(t, "")+"/"), "--onec-timeout", "1s") },
			"http", "no answer in time", "overloaded or hanging"},
		{"a 1C that is slow in the call", func(t *testing.T) []string {
			s := standin(t, onectest.Options{})
			s.Behave(onectest.First(1, onectest.Hang()))
			return append(at(s.URL()), "--call", "--onec-timeout", "1s")
		}, "call", "no answer in time; 1C may have processed the call", "overloaded or hanging"},
		{"a redirect to https", func(t *testing.T) []string {
			return at(webSite(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://server.office"+r.URL.Path, http.StatusMovedPermanently)
			}))
		}, "http", "a redirect, which is not followed; is the URL right: https://server.office/base/ws/teldata.1cws", "Write the address that it points to"},
		{"the web server has lost 1C", func(t *testing.T) []string {
			s := standin(t, onectest.Options{})
			s.Shut(onectest.Absent())
			return at(s.URL())
		}, "http", "1C is not available behind the web server", "is the 1C server running"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			report, code := checks(t, c.flags(t)...)
			if code != 1 || report.Healthy || len(report.Targets) != 1 {
				t.Fatalf("code %d, %+v; want one target that is ill", code, report)
			}
			got := report.Targets[0]
			if got.Failed != c.step || !strings.Contains(got.Why, c.why) || !strings.Contains(got.Do, c.todo) {
				t.Errorf("failed at %s: %s\n%s\nwant %s: %s\n%s", got.Failed, got.Why, got.Do, c.step, c.why, c.todo)
			}
			failed := false
			for _, s := range got.Steps {
				want := "passed"
				if failed {
					want = "not tried"
				} else if s.Step == c.step {
					want, failed = "failed", true
				}
				if s.State != want {
					t.Errorf("step %s: %s, want %s", s.Step, s.State, want)
				}
			}
			if strings.Contains(fmt.Sprint(report), "hunter2") {
				t.Errorf("the password stands in %+v", report)
			}
		})
	}
}

func TestCheckOfAHealthy1C(t *testing.T) {
	t.Parallel()
	s := standin(t, onectest.Options{User: "callbus", Password: "Пароль 1"})
	report, code := checks(t, append(withLogin(t, s, "Пароль 1"), "--call", "--event", "incoming", "--line", "101", "--remote", "+74951230000")...)
	if code != 0 || !report.Healthy || report.Targets[0].Answer != "OK" || report.Targets[0].Sent != "TelData(Nomer_Sobitia: 1, Nomer_sip: +74951230000, moi_nomer: 101)" {
		t.Errorf("code %d, %+v", code, report)
	}
	if got := called(t, s, 1); got[0] != "1 +74951230000 101" {
		t.Errorf("1C was called with %q", got)
	}
}

// What an operator sees in his own terminal, of the 1C that callbus.yaml describes, while Callbus runs.
func TestCheckSpeaksRussianAndReadsTheFileOfCallbusUp(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	file := filepath.Join(t.TempDir(), "callbus.yaml")
	if err := os.WriteFile(file, []byte("data: "+o.data+"\nnats-listen: "+o.nats+"\nonec-url: "+o.onec.URL()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rig.Until(t, "the adapter to know its target", func() (any, bool) {
		known := o.says("targets")
		return known, strings.Contains(known, "main")
	})
	out, err := inRussian(t, o.executable, "check", "--config", file)
	rig.Claim(t, "callbus check", out, "Получатель main  "+o.onec.URL(), "  ✓ DNS", "  ✓ TCP", "  ✓ HTTP", "  ✓ вход", "  ✓ WSDL", "  ✓ операция", "  ✓ параметры",
		"Что куда передаётся: Nomer_Sobitia ← событие, ", "В работающем Callbus для него ничего не ждёт", "Всё в порядке")
	if err != nil || len(o.onec.Calls()) != 0 {
		t.Errorf("%v, %d calls of 1C; want none", err, len(o.onec.Calls()))
	}
	o.onec.Shut(onectest.Locked())
	out, err = inRussian(t, o.executable, "check", "main", "--config", file)
	rig.Claim(t, "callbus check of a locked base", out, "  ✗ вход", "база заблокирована для обслуживания", "Ведутся технические работы", "  · WSDL           не проверялось", "Что делать: Дождитесь")
	if err == nil {
		t.Error("a locked base: exit code 0")
	}
	out, _ = inRussian(t, o.executable, "check", "crm", "--config", file)
	rig.Claim(t, "callbus check of nobody", out, "в настройках нет получателя crm")
	out, _ = inRussian(t, o.executable, "check")
	rig.Claim(t, "callbus check of nothing", out, "какую 1С?", "--config callbus.yaml")
}

// inRussian runs a command in a Russian terminal.
func inRussian(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(rig.Context(t), program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=ru_RU.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
