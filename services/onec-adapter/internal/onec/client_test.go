package onec_test

import (
	"testing"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// start gives a stand-in 1C on a free port and a client of it.
func start(t *testing.T, o onectest.Options, change func(*onec.Config)) (*onectest.Server, *onec.Client) {
	t.Helper()
	server := onectest.New(o)
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	config := onec.Config{URL: server.URL()}
	if change != nil {
		change(&config)
	}
	return server, newClient(t, config)
}

func newClient(t *testing.T, config onec.Config) *onec.Client {
	t.Helper()
	client, err := onec.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func ring() call.Event {
	return call.Event{
		Type: call.Incoming, Line: "101", Source: "yealink",
		Local:  call.Party{URI: "sip:101@pbx"},
		Remote: call.Party{URI: "sip:74951230001@operatorsip.ru"},
	}
}

func TestACallArrivesAsTheOriginalServiceExpectsIt(t *testing.T) {
	server, client := start(t, onectest.Options{}, nil)
	answer, err := client.Call(t.Context(), ring())
	if err != nil || answer != "OK" {
		t.Fatalf("Call gave %q, %v; want OK", answer, err)
	}
	calls := server.Calls()
	if len(calls) != 1 {
		t.Fatalf("1C was called %d times, want once", len(calls))
	}
	got := [3]string{calls[0].Number, calls[0].Remote, calls[0].Line}
	if want := [3]string{"1", "sip:74951230001@operatorsip.ru", "101"}; got != want {
		t.Errorf("1C got %q, want %q", got, want)
	}
}
