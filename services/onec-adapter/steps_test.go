package onecadapter_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// examine goes the steps to one target, and calls it once.
func examine(t *testing.T, target onecadapter.Target) onecadapter.Checked {
	t.Helper()
	target.Name = "main"
	q := onecadapter.Inquiry{
		Options: onecadapter.Options{Single: target},
		Call:    &call.Event{ID: "1", Type: call.Ended, Line: "000", Time: time.Now(), Remote: call.Party{URI: "+74951230000", Number: "+74951230000"}},
	}
	got, err := q.Examine(context.Background())
	if err != nil || len(got) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	return got[0]
}

func TestATestCallShowsWhatWasSaid(t *testing.T) {
	s := standinWithLogin(t)
	got := examine(t, onecadapter.Target{URL: s.URL(), User: "callbus", Password: "Пароль 1"})
	if diff := cmp.Diff("+dns +tcp +http +login +wsdl +operation +mapping +call", gone(got)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got.Reply.Answer != "OK" || !strings.Contains(got.Reply.Sent, "moi_nomer: 000") || len(s.Calls()) != 1 {
		t.Errorf("got %+v, and %d calls of 1C", got.Reply, len(s.Calls()))
	}
	s.Behave(onectest.Always(onectest.Fault("{WebСервис.TelData.Модуль(25)}: Деление на 0")))
	got = examine(t, onecadapter.Target{URL: s.URL(), User: "callbus", Password: "Пароль 1"})
	if got.Trouble == nil || got.Trouble.Step != onecadapter.Trial || !strings.Contains(got.Trouble.Why, "1C refused: {WebСервис.TelData.Модуль(25)}: Деление на 0") {
		t.Errorf("a call that 1C refuses: got %+v", got.Trouble)
	}
}

func TestBehindAFailureNothingIsTried(t *testing.T) {
	s := standinWithLogin(t)
	for _, c := range []struct {
		what   string
		target onecadapter.Target
		steps  string
	}{
		{"no such host", onecadapter.Target{URL: "https://no.such.invalid/ws"}, "-dns ?tcp ?tls ?http ?login ?wsdl ?operation ?mapping ?call"},
		{"nobody", onecadapter.Target{URL: "http://127.0.0.1:1/ws"}, "+dns -tcp ?http ?login ?wsdl ?operation ?mapping ?call"},
		{"plain behind https", onecadapter.Target{URL: "https" + s.URL()[len("http"):]}, "+dns +tcp -tls ?http ?login ?wsdl ?operation ?mapping ?call"},
		{"a wrong path", onecadapter.Target{URL: s.URL() + "x"}, "+dns +tcp -http ?login ?wsdl ?operation ?mapping ?call"},
		{"a wrong password", onecadapter.Target{URL: s.URL(), User: "callbus", Password: "wrong"}, "+dns +tcp +http -login ?wsdl ?operation ?mapping ?call"},
		{"no such operation", onecadapter.Target{URL: s.URL(), User: "callbus", Password: "Пароль 1", Operation: "Zvonok"}, "+dns +tcp +http +login +wsdl -operation ?mapping ?call"},
		{"no such parameter", onecadapter.Target{URL: s.URL(), User: "callbus", Password: "Пароль 1", Parameters: map[string]string{"X": "event"}},
			"+dns +tcp +http +login +wsdl +operation -mapping ?call"},
	} {
		if diff := cmp.Diff(c.steps, gone(examine(t, c.target))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	if len(s.Calls()) != 0 {
		t.Errorf("1C was called %d times", len(s.Calls()))
	}
}

func TestACheckOfOneTargetLeavesTheOthersAlone(t *testing.T) {
	q := onecadapter.Inquiry{Options: onecadapter.Options{Single: onecadapter.Target{Name: "main", URL: "http://127.0.0.1:1/ws"}}, Target: "crm"}
	if got, err := q.Examine(context.Background()); !errors.Is(err, onecadapter.ErrNoTarget) {
		t.Errorf("got %+v, %v, want ErrNoTarget", got, err)
	}
}

// A webhook takes whatever is said to it for an event.
func TestAWebhookIsOnlyConnectedTo(t *testing.T) {
	var said atomic.Int32
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { said.Add(1) }))
	defer hook.Close()
	target := onecadapter.Target{Name: "crm", Protocol: onecadapter.ProtocolHTTP, URL: hook.URL + "/calls"}
	if diff := cmp.Diff("+dns +tcp +mapping", gone(checkOne(t, target))); diff != "" || said.Load() != 0 {
		t.Errorf("%d requests; steps (-want +got):\n%s", said.Load(), diff)
	}
	if diff := cmp.Diff("+dns +tcp +mapping +call", gone(examine(t, target))); diff != "" || said.Load() != 1 {
		t.Errorf("with a call: %d requests; steps (-want +got):\n%s", said.Load(), diff)
	}
	nobody := httptest.NewServer(http.NotFoundHandler())
	defer nobody.Close()
	target.URL = nobody.URL
	if got := examine(t, target); got.Trouble == nil || got.Trouble.Step != onecadapter.Trial {
		t.Errorf("a webhook that is not there: %+v", got.Trouble)
	}
}
