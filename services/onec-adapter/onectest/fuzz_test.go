package onectest_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// Whatever comes, the stand-in answers, and it worked exactly where it said 200.
func FuzzTheStandInAnswers(f *testing.F) {
	f.Add(true, "text/xml; charset=utf-8", envelope(good))
	f.Add(true, "application/soap+xml; charset=utf-8", strings.Replace(envelope(good), "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", 1))
	f.Add(false, "application/json", event)
	f.Add(false, "application/x-www-form-urlencoded", "line=101&a=%20")
	f.Add(false, "", "")
	f.Fuzz(func(t *testing.T, soap bool, kind, body string) {
		server := onectest.New(onectest.Options{})
		path, refused := onectest.DefaultHTTPPath, 400
		if soap {
			path, refused = onectest.DefaultPath, 500
		}
		r, w := httptest.NewRequest("POST", path, strings.NewReader(body)), httptest.NewRecorder()
		r.Header.Set("Content-Type", kind)
		server.ServeHTTP(w, r)
		calls := server.Calls()
		switch {
		case w.Code == 200 && len(calls) == 1 && calls[0].Worked && string(calls[0].Raw) == body:
		case w.Code == refused && len(calls) == 0:
		default:
			t.Errorf("status %d, calls %+v", w.Code, calls)
		}
		if s := server.Sessions(); s.Alive != 0 || s.Logins != 1 {
			t.Errorf("sessions %+v, want one that has ended", s)
		}
	})
}
