package onecadapter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

func standinWithLogin(t *testing.T, parameters ...string) *onectest.Server {
	t.Helper()
	s := onectest.New(onectest.Options{User: "callbus", Password: "Пароль 1", Parameters: parameters})
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func checkOne(t *testing.T, target onecadapter.Target) onecadapter.Checked {
	t.Helper()
	target.Name = "main"
	got, err := onecadapter.Check(context.Background(), onecadapter.Options{Single: target})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	return got[0]
}

// gone are the steps of a check: passed, failed, or not tried.
func gone(c onecadapter.Checked) string {
	var all []string
	for _, s := range c.Steps {
		all = append(all, map[onecadapter.State]string{onecadapter.Passed: "+", onecadapter.Failed: "-", onecadapter.NotTried: "?"}[s.State]+string(s.Step))
	}
	return strings.Join(all, " ")
}

func TestACheckShowsThePlanAndCallsNothing(t *testing.T) {
	s := standinWithLogin(t)
	got := checkOne(t, onecadapter.Target{URL: s.URL() + "?wsdl", User: "callbus", Password: "Пароль 1"})
	want := onecadapter.Checked{
		Target: "main", URL: s.URL(), Service: onectest.DefaultService, Namespace: onectest.DefaultNamespace,
		Operation: "TelData", Version: "SOAP 1.1",
		Parameters: []onecadapter.Parameter{{Name: "Nomer_Sobitia", From: "event"}, {Name: "Nomer_sip", From: "remote"}, {Name: "moi_nomer", From: "line"}},
	}
	if diff := cmp.Diff("+dns +tcp +http +login +wsdl +operation +mapping", gone(got)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	got.Steps = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls := s.Calls(); len(calls) != 0 {
		t.Errorf("the check has called 1C: %+v", calls)
	}
}

func TestACheckNamesWhatIsToBeMended(t *testing.T) {
	s := standinWithLogin(t)
	foreign := standinWithLogin(t, "Odin", "Dva", "Tri")
	locked := standinWithLogin(t)
	locked.Behave(onectest.Always(onectest.Absent()))
	right := onecadapter.Target{URL: s.URL(), User: "callbus", Password: "Пароль 1"}
	for _, c := range []struct {
		what   string
		change func(*onecadapter.Target)
		cause  onecadapter.Cause
		why    string
	}{
		{"a wrong password", func(t *onecadapter.Target) { t.Password = "wrong" }, onecadapter.Login, "1C does not accept the user or the password"},
		{"no user", func(t *onecadapter.Target) { t.User = "" }, onecadapter.Login, "1C does not accept the user or the password"},
		{"not published", func(t *onecadapter.Target) { t.URL += "x" }, onecadapter.Address, "no web service is published at this URL"},
		{"nobody there", func(t *onecadapter.Target) { t.URL = "http://127.0.0.1:1/ws" }, onecadapter.Address, "nobody listens at this address"},
		{"no such server", func(t *onecadapter.Target) { t.URL = "http://no.such.invalid/ws" }, onecadapter.Address, ""},
		{"another operation", func(t *onecadapter.Target) { t.Operation = "Zvonok" }, onecadapter.Operation, `the service has no operation "Zvonok"; it has TelData`},
		{"foreign parameters", func(t *onecadapter.Target) {
			t.URL = foreign.URL()
			t.Parameters = map[string]string{"Chetyre": "event"}
		}, onecadapter.Parameters, "the operation TelData has no parameter Chetyre"},
		{"1C away", func(t *onecadapter.Target) { t.URL = locked.URL() }, onecadapter.Elsewhere, "1C is not available"},
	} {
		target := right
		c.change(&target)
		trouble := checkOne(t, target).Trouble
		if trouble == nil || trouble.Cause != c.cause || !strings.HasPrefix(trouble.Why, c.why) {
			t.Errorf("%s: got %+v, want %s, %q", c.what, trouble, c.cause, c.why)
			continue
		}
		if (trouble.Cause == onecadapter.Parameters) != strings.HasPrefix(trouble.Targets, "targets: [{name: main") {
			t.Errorf("%s: the targets file is %q", c.what, trouble.Targets)
		}
		if strings.Contains(trouble.Error(), "Пароль") || strings.Contains(trouble.Error(), "wrong") {
			t.Errorf("%s: the password stands in %q", c.what, trouble)
		}
	}
}

func TestACheckOfWhatCannotBeAskedIsAnError(t *testing.T) {
	for what, target := range map[string]onecadapter.Target{
		"no URL":           {},
		"a secret URL":     {URL: "http://user:hidden@server/ws"},
		"no URL at all":    {URL: "server/base"},
		"no password file": {URL: "http://server/ws", PasswordFile: "no/such/file"},
	} {
		target.Name = "main"
		if got, err := onecadapter.Check(context.Background(), onecadapter.Options{Single: target}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %+v, %v", what, got, err)
		}
	}
}
