package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// refusedAt adds refused hits, each "before now: event".
func refusedAt(status int, reason, query string, hits ...string) func(*Seen) {
	return func(s *Seen) {
		for _, h := range hits {
			before, event, _ := strings.Cut(h, " ")
			d, err := time.ParseDuration(before)
			if err != nil {
				panic(err)
			}
			s.Rejected = append(s.Rejected, stream.Rejection{Time: ago(d), Status: status, Reason: reason, Addr: "192.168.10.66", Event: event, Query: query})
		}
	}
}

func TestWhatIsMendedIsANote(t *testing.T) {
	const mac, wrong = "mac=001565aabb77&acc=107", "wrong token"
	good := func(before, event string) string { return before + " " + event + " 107 001565aabb77 192.168.10.66 1" }
	for _, c := range []struct {
		why    string
		plant  func(*Seen)
		mended bool
	}{
		{"refused still", refusedAt(403, wrong, mac, "20m incoming", "10m ended"), false},
		{"accepted since", both(refusedAt(403, wrong, mac, "20m incoming", "10m ended"), happened(good("5m", "incoming"))), true},
		{"accepted before", both(refusedAt(403, wrong, mac, "20m incoming", "10m ended"), happened(good("30m", "incoming"))), false},
		{"another phone was accepted", both(refusedAt(403, wrong, mac, "20m incoming"), happened("5m incoming 107 001565aabb78 192.168.10.66 1")), false},
		{"one URL is wrong still", both(refusedAt(403, wrong, mac, "20m ended", "10m ended"), happened(good("15m", "incoming"), good("5m", "incoming"))), false},
		{"the last URL was mended", both(refusedAt(403, wrong, mac, "20m ended", "10m ended"), happened(good("15m", "incoming"), good("5m", "ended"))), true},
		{"known by line and address", both(refusedAt(401, "", "acc=107", "20m incoming"), happened(good("5m", "incoming"))), true},
		{"another line at that address", both(refusedAt(401, "", "acc=108", "20m incoming"), happened(good("5m", "incoming"))), false},
		{"nobody knows who it was", both(refusedAt(401, "", "", "20m incoming"), happened(good("5m", "incoming"))), false},
		{"an unusable URL, another is good", both(refusedAt(404, "no such dialect or event", mac, "20m sneezed"), happened(good("5m", "incoming"))), false},
		{"an unusable URL was mended", both(refusedAt(400, "a body must be a form", mac, "20m incoming"), happened(good("5m", "incoming"))), true},
		{"too many, by turns", both(refusedAt(429, "too many requests", mac, "20m incoming"), happened(good("5m", "incoming"))), false},
	} {
		for l, says := range map[lang.Lang]string{
			lang.English: "Mended, accepted since " + ago(5*time.Minute).Local().Format("2006-01-02 15:04"),
			lang.Russian: "Уже исправлено, принимается с " + ago(5*time.Minute).Local().Format("2006-01-02 15:04"),
		} {
			s := well()
			c.plant(&s)
			found := Examine(s, l)
			if len(found) != 1 || Healthy(found) != c.mended || strings.HasPrefix(found[0].What, says) != c.mended {
				t.Errorf("%s, %s: got %+v, want mended %v", c.why, l, found, c.mended)
			}
		}
	}
}
