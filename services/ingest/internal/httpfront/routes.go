package httpfront

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"
)

// checkphone is the dialect of the original PHP script's form. Its event is in the query.
const checkphone = "checkphone"

// routes is the table of docs/wire.md §1. It matches the path as it was sent, since a dialect's path style holds
// escapes that decoding would take for separators; and it never redirects, since phones do not follow.
func (f *Front) routes() *mux.Router {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.NotFoundHandler = http.HandlerFunc(f.nowhere)

	// Whatever begins with /p/ stays here: a token must never be taken for a dialect, a folder or an event.
	behind := r.PathPrefix("/{p:[pP]}/{token:[^/]*}").Subrouter()
	f.forms(behind)
	r.PathPrefix("/{p:[pP]}/").HandlerFunc(f.nowhere)

	f.forms(r)
	return r
}

func (f *Front) forms(r *mux.Router) {
	r.HandleFunc(`/{script:(?i:checkphone\.php)}`, f.article)
	r.HandleFunc(`/{folder:.+}/{script:(?i:checkphone\.php)}`, f.article)
	r.HandleFunc("/{dialect:(?i:polycom)}", f.named) // its event is in the body
	r.HandleFunc("/{dialect:[^/]+}/{event:[^/]+}", f.named)
	r.HandleFunc("/{dialect:[^/]+}/{event:[^/]+}/{query:.*}", f.named) // Grandstream's path style
}

// serve decides by method and hands the rest to the routes.
func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	h := f.newHit(w, r)
	defer h.survive()
	switch r.Method {
	case http.MethodGet, http.MethodPost:
		f.router.ServeHTTP(w, tidy(r, h))
	case http.MethodHead:
		h.answer(http.StatusOK, "", "")
		h.observe(OutcomeHead)
	case refusedMethod:
		h.refuse(refusedHead(r.URL.Path))
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		h.refuse(&refused{status: http.StatusMethodNotAllowed, outcome: OutcomeUnknown, text: "only GET, HEAD and POST"})
	}
}

// tidy takes doubled slashes out of the path: a base URL that ends in a slash and a path that begins with one are the
// commonest slip in a phone's template, and it would find no route. What follows a "=" is a value and stays.
func tidy(r *http.Request, h *hit) *http.Request {
	r = r.WithContext(h.into(r.Context()))
	path := r.URL.EscapedPath()
	if !strings.Contains(path, "//") {
		return r
	}
	names, values := path, ""
	if i := strings.IndexByte(path, '='); i >= 0 {
		names, values = path[:i], path[i:]
	}
	for strings.Contains(names, "//") {
		names = strings.ReplaceAll(names, "//", "/")
	}
	u := *r.URL
	u.RawPath = names + values
	u.Path = decoded(u.RawPath)
	r.URL = &u
	return r
}

// article answers the form of the original PHP script.
func (f *Front) article(_ http.ResponseWriter, r *http.Request) {
	h := hitOf(r)
	h.token, h.spoken = decoded(mux.Vars(r)["token"]), checkphone
	h.query = r.URL.RawQuery
	f.take(h)
}

// named answers /<dialect>/<event>.
func (f *Front) named(_ http.ResponseWriter, r *http.Request) {
	h, vars := hitOf(r), mux.Vars(r)
	h.token = decoded(vars["token"])
	h.spoken = strings.ToLower(decoded(vars["dialect"]))
	h.event = decoded(vars["event"])
	h.query = joinQueries(vars["query"], r.URL.RawQuery)
	f.take(h)
}

// nowhere answers paths of no known form. It repeats nothing of the path: there may be a token in it.
func (f *Front) nowhere(_ http.ResponseWriter, r *http.Request) {
	hitOf(r).refuse(&refused{status: http.StatusNotFound, outcome: OutcomeUnknown, text: "no such address: it is " +
		"/checkphone.php?event=1&p1=REMOTE&p2=LINE or /DIALECT/EVENT?remote=REMOTE&line=LINE, or /p/TOKEN in front of either"})
}

// decoded undoes percent-escapes, all or none.
func decoded(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

func joinQueries(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}
