package doctor

import (
	"net/url"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

// mended is when a phone that was refused was let in again; zero: not yet. Hits are of one trouble, oldest first.
//
// Where others of the phone's hits came through meanwhile, only some of its URLs were wrong: then each must have come
// through since. A URL that makes no sense says nothing of the others. Who calls too often is let in by turns anyway.
func (x exam) mended(k refusal, hits []stream.Rejection) (since time.Time) {
	if k.id == "too-many-hits" {
		return time.Time{}
	}
	begin, end := hits[0].Time, hits[len(hits)-1]
	some, good := k.id == "hits-unusable", map[call.EventType]time.Time{}
	for _, e := range x.taken {
		if !k.isOf(e, end) {
			continue
		}
		good[e.Type] = e.Time
		some = some || e.Time.After(begin) && e.Time.Before(end.Time)
		if since.IsZero() && e.Time.After(end.Time) {
			since = e.Time
		}
	}
	for _, h := range hits {
		if some && !good[call.EventType(h.Event)].After(h.Time) {
			return time.Time{}
		}
	}
	return since
}

// isOf reports whether an event is of the phone that was refused: by its MAC, or where the hit names none, by line and address.
func (k refusal) isOf(e call.Event, hit stream.Rejection) bool {
	switch {
	case e.Phone.Trial() != k.trial:
		return false
	case k.mac != "":
		return e.Phone.MAC == k.mac
	}
	return e.Phone.IP == k.addr && e.Line == lineOf(hit) && e.Line != ""
}

// lineOf is the line that a refused hit names.
func lineOf(r stream.Rejection) call.Line {
	query, _ := url.ParseQuery(r.Query) // what can be read of it
	for name, values := range query {
		switch strings.ToLower(name) {
		case "line", "acc", "local":
			user, _, _ := strings.Cut(strings.TrimPrefix(values[0], "sip:"), "@")
			return call.Line(user)
		}
	}
	return ""
}

// past makes a note of what was mended.
func (x exam) past(f Finding, since time.Time) Finding {
	at := since.Local().Format("2006-01-02 15:04")
	f.Level = Note
	f.What = x.Sayf("Mended, accepted since %s: %s", "Уже исправлено, принимается с %s: %s", at, f.What)
	f.Do = x.Say("Nothing to do", "Делать ничего не нужно")
	return f
}
