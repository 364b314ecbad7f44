package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	number "github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

var now = time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// well is what a healthy office looks like: nothing planted.
func well() Seen {
	return Seen{
		Now: now, Since: ago(24 * time.Hour), NATS: "nats://127.0.0.1:4222",
		Store: stream.Store{Clock: now, Calls: stream.Fullness{Used: 1 << 20, Room: 16 << 20}, Last: 7,
			Targets: []stream.Progress{{Target: "main", Worked: true}}},
		Phones: []stream.KnownPhone{aPhone("001565aabb01", "101", 9)},
		Admins: []Admin{{Addr: "127.0.0.1:9080", Answers: true, Ingest: true, Away: map[string]string{}, Certificate: now.AddDate(0, 2, 0)}, {Addr: "127.0.0.1:9081"}},
	}
}

// aPhone has told of n incoming calls, half of them answered.
func aPhone(mac string, line call.Line, n int) stream.KnownPhone {
	at := ago(time.Minute)
	return stream.KnownPhone{MAC: mac, Line: line, Vendor: "yealink", Model: "T46S", First: ago(72 * time.Hour), Last: at,
		Addrs: map[string]time.Time{"192.168.10.10": at},
		Events: map[call.EventType]stream.SeenEvent{
			call.Incoming: {Count: n, Last: at}, call.Answered: {Count: n / 2, Last: at}, call.Ended: {Count: n, Last: at}}}
}

// with changes the only phone's events.
func with(change func(p *stream.KnownPhone)) func(*Seen) {
	return func(s *Seen) { change(&s.Phones[0]) }
}

func counts(n map[call.EventType]int) func(*Seen) {
	return with(func(p *stream.KnownPhone) {
		p.Events = map[call.EventType]stream.SeenEvent{}
		for t, c := range n {
			p.Events[t] = stream.SeenEvent{Count: c, Last: p.Last}
		}
	})
}

// happened adds events, each "before now: type line mac address number".
func happened(lines ...string) func(*Seen) {
	return func(s *Seen) {
		for _, text := range lines {
			w := strings.Fields(text)
			before, err := time.ParseDuration(w[0])
			if err != nil {
				panic(err)
			}
			s.Calls = append(s.Calls, call.Event{Time: ago(before), Type: call.EventType(w[1]), Line: call.Line(w[2]),
				Phone: call.Phone{MAC: w[3], IP: w[4]}, Remote: call.Party{Number: number.Number("+7495123000" + w[5])}})
		}
	}
}

func refusedHits(status int, reason string, n int) func(*Seen) {
	return func(s *Seen) {
		for range n {
			s.Rejected = append(s.Rejected, stream.Rejection{Time: ago(time.Hour), Status: status, Reason: reason, Addr: "192.168.10.66"})
		}
	}
}

func TestEachFaultIsNamedAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		why   string
		plant func(*Seen)
		want  string // ids with a blank between
	}{
		{"nothing", func(*Seen) {}, ""},

		{"calls, and no end", counts(map[call.EventType]int{call.Incoming: 9, call.Answered: 4}), "no-end"},
		{"calls, and no end: only a few so far", counts(map[call.EventType]int{call.Incoming: 4}), ""},
		{"calls, and no end any more", lastEnd(9, 9, time.Hour, 10), "no-end"},
		{"an end that is not in the book yet", both(lastEnd(9, 9, time.Hour, 10), happened("9m ended 101 001565aabb01 192.168.10.10 1")), ""},
		{"no end any more: only a few so far", lastEnd(9, 9, time.Hour, 9), ""},
		{"500 calls and one end, long ago", lastEnd(500, 1, 60*24*time.Hour, 499), "no-end"},
		{"500 calls and one end, yesterday", lastEnd(500, 1, 24*time.Hour, 0), ""},
		{"the first call after a long holiday", lastEnd(500, 499, 60*24*time.Hour, 1), ""},
		{"a desk that transfers all calls", both(lastEnd(9, 9, time.Hour, 10), with(func(p *stream.KnownPhone) {
			p.Events[call.Transferred] = stream.SeenEvent{Count: 10, Last: p.Last}
		})), ""},
		{"missed is an end", counts(map[call.EventType]int{call.Incoming: 9, call.Missed: 1, call.Answered: 1}), ""},
		{"only its own events", counts(map[call.EventType]int{call.Boot: 30, call.Registered: 30}), ""},
		{"holds what it never answered", counts(map[call.EventType]int{call.Incoming: 9, call.Held: 1, call.Ended: 9}), "no-answer"},
		{"ten dialled, none answered", counts(map[call.EventType]int{call.Outgoing: 10, call.Ended: 9}), "no-answer"},
		{"a phone of a ring group that loses each race", counts(map[call.EventType]int{call.Incoming: 90, call.Ended: 90, call.Outgoing: 3}), ""},
		{"talked for ten minutes and never answered", both(counts(map[call.EventType]int{call.Incoming: 9, call.Ended: 9}),
			happened("20m incoming 101 001565aabb01 10.0.0.1 1", "10m ended 101 001565aabb01 10.0.0.1 1")), "no-answer"},
		{"talks, and no answer any more", answeredLast(20*time.Hour, talks(3)), "no-answer"},
		{"dials in vain thirty times, after it was heard to talk", answeredLast(20*time.Hour, dials(30)), "no-answer"},
		{"dials in vain ten times", answeredLast(20*time.Hour, dials(10)), ""},
		{"holds one call while another rings", answeredLast(20*time.Hour, talks(2)), ""},
		{"mended: an answer after the talks", answeredLast(time.Minute, talks(9)), ""},
		{"mended: the book does not know of the answer yet", both(answeredLast(20*time.Hour, talks(9)), happened("1m answered 101 001565aabb01 10.0.0.1 1")), ""},
		{"never an answer, and put away a month ago", both(counts(map[call.EventType]int{call.Incoming: 9}), with(func(p *stream.KnownPhone) { p.Last = ago(30 * 24 * time.Hour) })), ""},
		{"the number comes unfilled", with(func(p *stream.KnownPhone) {
			p.Events[call.Incoming] = stream.SeenEvent{Count: 9, Last: p.Last, Unfilled: []string{"remote", "cid"}}
		}), "unfilled"},
		{"what a model lacks, or a boot", with(func(p *stream.KnownPhone) {
			p.Events[call.Incoming] = stream.SeenEvent{Count: 9, Last: p.Last, Unfilled: []string{"cid", "callerid"}}
			p.Events[call.Boot] = stream.SeenEvent{Count: 1, Last: p.Last, Unfilled: []string{"remote"}}
			p.Events[call.Ended] = stream.SeenEvent{Count: 9, Last: p.Last, Unfilled: []string{"remote"}}
		}), ""},
		{"a call without a line", happened("1m incoming 001565aabb01 001565aabb01 10.0.0.1 1"), "no-line"},
		{"a boot without a line", with(func(p *stream.KnownPhone) { p.Line = "001565aabb01" }), ""},

		{"silent for a working day", both(heardLast(30*time.Hour, 40), office(20*time.Hour)), "silent"},
		{"silent over a weekend", both(heardLast(63*time.Hour, 40), office(time.Hour)), ""},
		{"silent, and never used much", both(heardLast(30*time.Hour, 5), office(20*time.Hour)), ""},
		{"silent for a month: put away", both(heardLast(30*24*time.Hour, 40), office(20*time.Hour)), ""},

		{"two on a line", happened("50m incoming 102 aa 10.0.0.1 1", "40m incoming 102 bb 10.0.0.2 2", "30m incoming 102 aa 10.0.0.1 3", "20m incoming 102 bb 10.0.0.2 4"), "line-twice"},
		{"one of them yesterday", happened("50h incoming 102 aa 10.0.0.1 1", "40h incoming 102 bb 10.0.0.2 2", "30m incoming 102 aa 10.0.0.1 3", "20m incoming 102 bb 10.0.0.2 4"), ""},
		{"two that ring together", happened("50m incoming 102 aa 10.0.0.1 1", "50m incoming 102 bb 10.0.0.2 1", "30m incoming 102 aa 10.0.0.1 3", "30m incoming 102 bb 10.0.0.2 3"), "line-shared"},
		{"a phone was replaced", happened("50m incoming 102 aa 10.0.0.1 1", "40m incoming 102 aa 10.0.0.1 2", "30m incoming 102 bb 10.0.0.2 3", "20m incoming 102 bb 10.0.0.2 4"), ""},
		{"two phones dial on a line", happened("50m outgoing 102 aa 10.0.0.1 1", "40m outgoing 102 bb 10.0.0.2 2", "30m outgoing 102 aa 10.0.0.1 3", "20m outgoing 102 bb 10.0.0.2 4"), ""},
		{"a MAC from two addresses", happened("50m incoming 102 aa 10.0.0.1 1", "40m incoming 102 aa 10.0.0.2 2", "30m incoming 102 aa 10.0.0.1 3", "20m incoming 102 aa 10.0.0.2 4"), "mac-twice"},
		{"a MAC got another address", happened("50m incoming 102 aa 10.0.0.1 1", "40m incoming 102 aa 10.0.0.1 2", "30m incoming 102 aa 10.0.0.2 3", "20m incoming 102 aa 10.0.0.2 4"), ""},
		{"one URL has ip=, the other has not", happened("50m incoming 102 aa 10.0.0.1 1", "40m ended 102 aa 10.0.0.2 1", "30m incoming 102 aa 10.0.0.1 3", "20m ended 102 aa 10.0.0.2 3"), ""},

		{"no token", refusedHits(401, "a token is needed: /p/TOKEN in front of the path", 1), "token-missing"},
		{"a wrong token", refusedHits(403, "wrong token", 3), "token-wrong"},
		{"another's token", refusedHits(403, "this token may not speak for this line", 3), "token-foreign"},
		{"a foreign address", refusedHits(403, "this address is not allowed", 3), "address-refused"},
		{"too many", refusedHits(429, "too many requests", 3), "too-many-hits"},
		{"nothing usable", refusedHits(400, "no line: one of line, acc, local or mac is needed", 3), "hits-unusable"},
		{"two reasons", both(refusedHits(400, "no line", 3), refusedHits(404, "no such dialect", 1)), "hits-unusable hits-unusable"},
		{"long ago", func(s *Seen) {
			refusedHits(403, "wrong token", 3)(s)
			s.Since = ago(time.Minute)
		}, ""},

		{"nobody there", func(s *Seen) {
			*s = Seen{Now: now, Since: now, NATSAway: true, Admins: []Admin{{Addr: "127.0.0.1:9080"}}}
		}, "nats-away"},
		{"NATS without ingest", func(s *Seen) { *s = Seen{Now: now, NoCalls: true, Admins: s.Admins} }, "no-calls-stream"},
		{"no admin port", func(s *Seen) { s.Admins = s.Admins[1:] }, "admin-silent"},
		{"ingest does not answer, the adapter does", func(s *Seen) { s.Admins[0].Ingest = false }, "ingest-silent"},
		{"the adapter alone answers, and NATS is that of an ingest", func(s *Seen) { s.Admins[0].Ingest, s.Embedded = false, true }, ""},
		{"ingest is the second", func(s *Seen) { s.Admins[0].Ingest, s.Admins[1] = false, Admin{Answers: true, Ingest: true} }, ""},
		{"a frozen store", func(s *Seen) {
			s.Admins[0].Failing = []string{"store: JetStream stream '$G > CALLS' write error: write /data/nats/1.blk: no space left on device"}
		}, "store-frozen"},
		{"an adapter without NATS", func(s *Seen) { s.Admins[0].Failing = []string{"nats: NATS is away"} }, "not-ready"},
		{"a full store", func(s *Seen) { s.Store.Calls.Used = 15 << 20 }, "store-full"},
		{"full of endings", func(s *Seen) { s.Store.Endings = stream.Fullness{Used: 15 << 20, Room: 16 << 20} }, "store-full"},
		{"80 per cent, before the janitor", func(s *Seen) { s.Store.Calls.Used = 13 << 20 }, ""},
		{"no limit", func(s *Seen) { s.Store.Calls.Room = -1 }, ""},
		{"another clock", func(s *Seen) { s.Store.Clock = now.Add(3 * time.Minute) }, "clock"},
		{"a call of tomorrow", happened("-24h incoming 101 001565aabb01 10.0.0.1 1"), "clock"},
		{"a certificate that ends", func(s *Seen) { s.Admins[0].Certificate = now.AddDate(0, 0, 10) }, "certificate"},
		{"a certificate that has ended", func(s *Seen) { s.Admins[0].Certificate = now.AddDate(0, 0, -10) }, "certificate"},

		{"a password of Notepad", func(s *Seen) {
			s.Files = []File{{"onec-password-file", "/etc/callbus/password.txt", fmt.Errorf("read the secret: %w", config.ErrNotUTF8)}}
		}, "file-not-utf8"},
		{"a list of phones with a mistake", func(s *Seen) { s.Files = []File{{"phones", "phones.csv", errors.New("line 3: mac")}} }, "file-broken"},
		{"1C is away", func(s *Seen) {
			s.Admins[0].Away["main"] = "nobody listens at this address"
			s.Store.Targets[0] = stream.Progress{Target: "main", Waiting: 70, Oldest: ago(time.Hour)}
		}, "onec-away"},
		{"a forgotten target's 1C is away", func(s *Seen) { s.Admins[0].Away["dead"] = "no answer in time" }, "target-forgotten"},
		{"1C and NATS are away", func(s *Seen) {
			*s = Seen{Now: now, Since: now, NATSAway: true, Admins: []Admin{{Answers: true, Away: map[string]string{"main": "no answer in time"}}}}
		}, "nats-away onec-away"},
		{"1C works, and an event waits", func(s *Seen) {
			s.Store.Targets[0] = stream.Progress{Target: "main", Waiting: 70, Oldest: ago(6 * time.Minute), Worked: true}
		}, "waiting"},
		{"it has just come", func(s *Seen) {
			s.Store.Targets[0] = stream.Progress{Target: "main", Waiting: 70, Oldest: ago(time.Minute), Worked: true}
		}, ""},
		{"a target is paused", func(s *Seen) {
			s.Admins[0].Away["main"] = "paused since 2026-11-22T12:00:00Z"
			s.Store.Targets[0] = stream.Progress{Target: "main", Waiting: 70, Oldest: ago(time.Hour), Paused: &stream.Pause{Since: ago(2 * time.Hour)}}
		}, "target-paused"},
		{"a change of lanes that nobody finishes", func(s *Seen) {
			s.Store.Targets[0] = stream.Progress{Target: "main", Change: &stream.Change{Lanes: 4, Since: ago(time.Hour)}}
		}, "lanes-changing"},
		{"a change of lanes that has just begun", func(s *Seen) {
			s.Store.Targets[0] = stream.Progress{Target: "main", Change: &stream.Change{Lanes: 4, Since: ago(time.Minute)}}
		}, ""},
		{"a target without an adapter", func(s *Seen) {
			s.Store.Targets = append(s.Store.Targets, stream.Progress{Target: "old", Waiting: 70, Oldest: ago(time.Hour)})
		}, "target-idle"},
		{"no target", func(s *Seen) { s.Store.Targets = nil }, "no-target"},
		{"no target, and nothing for one yet", func(s *Seen) { s.Store.Targets, s.Store.Last = nil, 0 }, ""},
		{"a branch without a target of its own", func(s *Seen) { s.Store.Targets, s.Hub = nil, &stream.Backlog{} }, ""},
		{"a branch without its hub", func(s *Seen) {
			s.Hub = &stream.Backlog{Waiting: 17, Oldest: ago(time.Hour)}
			s.Admins[0].Away["the hub"] = "NATS is away; 17 calls wait, since 2026-11-24T14:00:00Z"
		}, "hub-away"},
		{"a branch whose ingest is not asked", func(s *Seen) { s.Hub = &stream.Backlog{Waiting: 17, Oldest: ago(time.Hour)} }, "hub-backlog"},
		{"a call that has just come to a branch", func(s *Seen) { s.Hub = &stream.Backlog{Waiting: 1, Oldest: ago(time.Second)} }, ""},
		{"dead letters", func(s *Seen) {
			for range 3 {
				d := stream.DeadLetter{}
				d.Target, d.Why, d.Time = "main", "1C refused: деление на 0", ago(time.Hour)
				s.Dead = append(s.Dead, d)
			}
		}, "dead-letters"},
	} {
		s := well()
		c.plant(&s)
		for _, l := range []lang.Lang{lang.English, lang.Russian} {
			found := Examine(s, l)
			var ids []string
			for _, f := range found {
				ids = append(ids, f.ID)
				if f.What == "" || f.Do == "" || strings.Contains(f.What+f.Do, "%!") || rank[f.Level] == 0 && f.Level != Fault {
					t.Errorf("%s, %s: %+v", c.why, l, f)
				}
				if l == lang.Russian && !strings.ContainsAny(f.What, "абвеиор") {
					t.Errorf("%s: no Russian: %s", c.why, f.What)
				}
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("%s, %s: got %q, want %q", c.why, l, got, c.want)
			}
			onlyNotes := !slices.ContainsFunc(found, func(f Finding) bool { return f.Level != Note })
			if Healthy(found) != onlyNotes {
				t.Errorf("%s: healthy %v", c.why, Healthy(found))
			}
		}
	}
}

func TestOnlyWhatIsInTheStoreIsSaidToWait(t *testing.T) {
	waits := "wait in the store: 70"
	for _, c := range []struct {
		why   string
		plant func(*Seen)
		says  bool
	}{
		{"in the store", func(*Seen) {}, true},
		{"forgotten", func(s *Seen) { s.Store.Targets = nil }, false},
		{"NATS is away", func(s *Seen) { s.NATSAway, s.Store = true, stream.Store{} }, false},
	} {
		s := well()
		s.Admins[0].Away["main"] = "no answer in time"
		s.Store.Targets[0] = stream.Progress{Target: "main", Waiting: 70}
		c.plant(&s)
		for _, f := range Examine(s, lang.English) {
			if f.Target == "main" && (strings.Contains(f.What, waits) != c.says || strings.Contains(f.Do, "Nothing is lost") != c.says || !c.says && strings.Contains(f.What, "wait")) {
				t.Errorf("%s: got %s → %s", c.why, f.What, f.Do)
			}
		}
	}
}

func TestWhatAProcessLacksIsSaidInTheReadersLanguage(t *testing.T) {
	for failing, want := range map[string]string{
		"store: NATS is away":                     "Звонки не сохраняются, телефоны получают 503: NATS недоступен",
		"store: the streams are not declared yet": "Звонки не сохраняются, телефоны получают 503: потоки в NATS ещё не созданы",
		"store: JetStream stream '$G > CALLS' write error: write 1.blk: no space left on device": "Звонки не сохраняются, телефоны получают 503: поток '$G > CALLS' ошибка записи: write 1.blk: на диске нет места",
		"nats: NATS is away": "Процесс на 127.0.0.1:9080 не может работать: nats: NATS недоступен",
	} {
		s := well()
		s.Admins[0].Failing = []string{failing}
		if got := Examine(s, lang.Russian)[0].What; got != want {
			t.Errorf("%s: got %s, want %s", failing, got, want)
		}
		if _, why, _ := strings.Cut(failing, ": "); !strings.HasSuffix(Examine(s, lang.English)[0].What, ": "+why) {
			t.Errorf("%s in English: got %s", failing, Examine(s, lang.English)[0].What)
		}
	}
}

// Advice names only what an admin with nothing but the program has.
func TestAdviceIsWhatTheAdminCanDo(t *testing.T) {
	hit := func(status int, why, query string) func(*Seen) {
		return func(s *Seen) {
			s.Rejected = []stream.Rejection{{Time: now, Status: status, Reason: why, Addr: "192.168.10.66", Query: query}}
		}
	}
	noBody := func(s *Seen) {
		*s = Seen{Now: now, Since: now, NATSAway: true, Admins: []Admin{{Addr: "127.0.0.1:9080"}}}
	}
	for _, c := range []struct {
		why    string
		plant  func(*Seen)
		en, ru string
	}{
		{"no token", hit(401, "a token is needed", "mac=00:15:65:aa:bb:77"), "callbus token new 001565aabb77 prints it", "печатает callbus token new 001565aabb77,"},
		{"a wrong token", hit(403, "wrong token", "mac=001565aabb77"), "callbus token new 001565aabb77 prints it", "печатает callbus token new 001565aabb77,"},
		{"a wrong token of who knows whom", hit(403, "wrong token", ""), "callbus token new MAC prints it", "печатает callbus token new MAC,"},
		{"of a phone that is known by its address", func(s *Seen) {
			hit(403, "wrong token", "")(s)
			s.Rejected[0].Addr = "192.168.10.10"
		}, "callbus token new 001565aabb01", "callbus token new 001565aabb01"},
		{"another's token", hit(403, "this token is another phone's: the URL has another mac", "mac=001565aabb77"), "copied from another phone", "скопирован с другого телефона"},
		{"another line", hit(403, "this token may not speak for this line", ""), "the column line of the file", "столбец line в файле"},
		{"another address", hit(403, "this token is not for this address", ""), "the column allow of the file", "столбец allow в файле"},
		{"no line", hit(400, "no line: one of line, acc, local or mac is needed", ""), "line=101", "line=101"},
		{"no such event", hit(404, "no such dialect or event", ""), "/yealink/incoming", "/yealink/incoming"},
		{"a slip", hit(404, "no such dialect: yealnik; did you mean yealink?", ""), "yealink instead of yealnik", "yealink вместо yealnik"},
		{"something else", hit(400, "a body must be a form", ""), "callbus provision VENDOR --print", "callbus provision ПРОИЗВОДИТЕЛЬ --print"},
		{"an unfilled number", with(func(p *stream.KnownPhone) {
			p.Events[call.Incoming] = stream.SeenEvent{Count: 9, Last: p.Last, Unfilled: []string{"remote"}}
		}), "callbus provision yealink --print", "callbus provision yealink --print"},
		{"nobody there", noBody, "callbus up --config callbus.yaml", "callbus up --config callbus.yaml"},
		{"NATS is away from a process that runs", both(noBody, func(s *Seen) { s.Admins[0].Answers = true }), "Start NATS.", "Запустите NATS."},
	} {
		s := well()
		c.plant(&s)
		for l, want := range map[lang.Lang]string{lang.English: c.en, lang.Russian: c.ru} {
			if found := Examine(s, l); len(found) != 1 || !strings.Contains(found[0].Do, want) {
				t.Errorf("%s, %s: got %+v, want %s", c.why, l, found, want)
			}
		}
	}
	for l, want := range map[lang.Lang]string{lang.English: "even 404, means that Callbus is reached", lang.Russian: "даже 404, значит, что связь есть"} {
		if got := Unheard("103", Seen{}, l); len(got) != 1 || !strings.Contains(got[0].Do, want) {
			t.Errorf("a line that was never heard, %s: got %+v, want %s", l, got, want)
		}
	}
}

func TestAnIngestThatNobodySeesMayBeDead(t *testing.T) {
	adapterOnly := func(s *Seen) { s.Admins[0].Ingest = false }
	nobody := func(s *Seen) { s.Admins = s.Admins[1:] }
	lately := happened("1m incoming 101 001565aabb01 192.168.10.10 1")
	for _, c := range []struct {
		why   string
		plant func(*Seen)
		want  Level
	}{
		{"the adapter answers alone", adapterOnly, Fault},
		{"the adapter answers alone, an hour after the last call", both(adapterOnly, happened("1h incoming 101 001565aabb01 192.168.10.10 1")), Fault},
		{"a call has just come", both(adapterOnly, lately), Note},
		{"a hit has just been refused", both(adapterOnly, func(s *Seen) {
			s.Rejected = []stream.Rejection{{Time: ago(time.Minute), Status: 429, Addr: "192.168.10.66"}}
		}), Note},
		{"nobody answers", nobody, Warning},
		{"nobody answers, a call has just come", both(nobody, lately), Note},
		{"nobody answers, NATS is that of an ingest", both(nobody, func(s *Seen) { s.Embedded = true }), Note},
	} {
		s := well()
		c.plant(&s)
		found := Examine(s, lang.Russian)
		i := slices.IndexFunc(found, func(f Finding) bool { return strings.HasSuffix(f.ID, "-silent") })
		if i < 0 || found[i].Level != c.want {
			t.Errorf("%s: got %+v, want %s", c.why, found, c.want)
		}
	}
}

func TestAPhoneThatHasJustCalledIsNotSaidToBeUnknown(t *testing.T) {
	s := well()
	happened("1s incoming 101 001565aabb01 192.168.10.10 1")(&s)
	s.Phones = nil // the book is written every two seconds
	for l, want := range map[lang.Lang]string{
		lang.English: "All is well. The phone book has no entry yet: a phone that calls is in it within some seconds\n",
		lang.Russian: "Всё в порядке. В книге телефонов пока пусто: позвонивший телефон появится в ней через несколько секунд\n",
	} {
		var out strings.Builder
		Print(&out, Examine(s, l), s, l)
		if got := out.String(); got != want {
			t.Errorf("%s: got %s, want %s", l, got, want)
		}
	}
}

func TestADayOffIsANote(t *testing.T) {
	s := well()
	both(heardLast(30*time.Hour, 40), office(20*time.Hour))(&s)
	if found := Examine(s, lang.English); len(found) != 1 || found[0].Level != Note {
		t.Errorf("got %+v, want a note", found)
	}
}

func TestOldDeadLettersAreANote(t *testing.T) {
	s := well()
	d := stream.DeadLetter{}
	d.Target, d.Time = "main", ago(48*time.Hour)
	s.Dead = append(s.Dead, d)
	if found := Examine(s, lang.English); len(found) != 1 || found[0].Level != Note {
		t.Errorf("got %+v, want a note", found)
	}
}

func both(a, b func(*Seen)) func(*Seen) { return func(s *Seen) { a(s); b(s) } }

// lastEnd is a phone with n calls in its book and some ends, the last of them so long ago; since then some calls came.
func lastEnd(n, ends int, before time.Duration, since int) func(*Seen) {
	return func(s *Seen) {
		s.Phones[0].Events[call.Incoming] = stream.SeenEvent{Count: n, Last: s.Phones[0].Last}
		s.Phones[0].Events[call.Ended] = stream.SeenEvent{Count: ends, Last: ago(before), CallsSince: since}
	}
}

// answeredLast is a phone that told of an answer so long ago, and of other things since.
func answeredLast(before time.Duration, since func(*Seen)) func(*Seen) {
	return both(with(func(p *stream.KnownPhone) {
		p.Events[call.Answered] = stream.SeenEvent{Count: 400, Last: ago(before)}
	}), since)
}

// talks are calls of an hour in the last hours, whose answer nobody told of.
func talks(n int) func(*Seen) {
	return func(s *Seen) {
		for ; n > 0; n-- {
			happened(fmt.Sprintf("%dm incoming 101 001565aabb01 10.0.0.1 1", 100*n), fmt.Sprintf("%dm held 101 001565aabb01 10.0.0.1 1", 100*n-10),
				fmt.Sprintf("%dm resumed 101 001565aabb01 10.0.0.1 1", 100*n-20), fmt.Sprintf("%dm ended 101 001565aabb01 10.0.0.1 1", 100*n-60))(s)
		}
	}
}

func dials(n int) func(*Seen) {
	return func(s *Seen) {
		for ; n > 0; n-- {
			happened(fmt.Sprintf("%dm outgoing 101 001565aabb01 10.0.0.1 1", 10*n), fmt.Sprintf("%dm ended 101 001565aabb01 10.0.0.1 1", 10*n-1))(s)
		}
	}
}

// heardLast is when the phone said its last, of n events.
func heardLast(before time.Duration, n int) func(*Seen) {
	return with(func(p *stream.KnownPhone) {
		*p = aPhone(p.MAC, p.Line, n)
		p.Last = ago(before)
	})
}

// office is another phone that was at work every hour since.
func office(since time.Duration) func(*Seen) {
	return func(s *Seen) {
		for at := since; at > 0; at -= time.Hour {
			happened(fmt.Sprintf("%v incoming 110 001565aabb10 10.0.0.10 1", at))(s)
		}
	}
}

func TestOnlySomePhonesAreNamedOfManyWithOneTrouble(t *testing.T) {
	s := well()
	for i := range 50 {
		s.Rejected = append(s.Rejected, stream.Rejection{Time: now, Status: 401, Addr: fmt.Sprint("10.0.0.", i)})
	}
	if got := len(Examine(s, lang.English)); got != mostRefused {
		t.Errorf("got %d findings, want %d", got, mostRefused)
	}
}

func TestARefusedPhoneIsNamedAsItsOwnerKnowsIt(t *testing.T) {
	s := well()
	s.Rejected = []stream.Rejection{{Time: now, Status: 403, Reason: "wrong token", Addr: "192.168.10.10"}}
	if got := Examine(s, lang.Russian)[0].What; !strings.HasPrefix(got, "Телефон 101 (001565aabb01, yealink T46S), 192.168.10.10 шлёт неверный токен") {
		t.Errorf("got %s", got)
	}
}

func TestARefusedPhoneBehindARouterIsNotTakenForAnother(t *testing.T) {
	const router = "192.168.10.1"
	alone, office := well(), well()
	alone.Phones[0].Addrs = map[string]time.Time{router: now}
	other := aPhone("001565aabb02", "102", 9)
	other.Addrs = alone.Phones[0].Addrs
	office.Phones = append(slices.Clone(alone.Phones), other)
	for _, c := range []struct {
		why          string
		book         Seen
		query, agent string
		want         string
	}{
		{"by the MAC of its query", office, "mac=00%3A15%3A65%3AAA%3ABB%3A02&acc=102", "", "Phone 102 (001565aabb02, yealink T46S), " + router},
		{"by that of its agent", office, "acc=102", "Yealink SIP-T46S 66.86.5.20 00:15:65:aa:bb:02", "Phone 102 (001565aabb02, yealink T46S), " + router},
		{"the query first", office, "MAC=001565aabb02", "Yealink SIP-T46S 66.86.5.20 00:15:65:aa:bb:01", "Phone 102 (001565aabb02, yealink T46S), " + router},
		{"a placeholder is no MAC", office, "mac=$mac", "Yealink SIP-T46S 66.86.5.20 00:15:65:aa:bb:01", "Phone 101 (001565aabb01, yealink T46S), " + router},
		{"a MAC that nobody knows", alone, "mac=001565aabb77", "curl/8", "The phone at " + router + " (001565aabb77, curl/8)"},
		{"no MAC, two phones there", office, "acc=102", "curl/8", "The phone at " + router + " (curl/8)"},
		{"no MAC, one phone there", alone, "acc=102", "curl/8", "Phone 101 (001565aabb01, yealink T46S), " + router},
		{"nothing at all", office, "", "", "The phone at " + router},
	} {
		c.book.Rejected = []stream.Rejection{{Time: now, Status: 403, Reason: "wrong token", Addr: router, Query: c.query, UserAgent: c.agent}}
		if got := Examine(c.book, lang.English)[0].What; !strings.HasPrefix(got, c.want+" sends a wrong token") {
			t.Errorf("%s: got %s, want %s", c.why, got, c.want)
		}
	}
}

func TestEachRefusedPhoneBehindARouterIsNamed(t *testing.T) {
	s := well()
	for _, mac := range []string{"001565aabb01", "001565aabb02", "001565aabb01"} {
		s.Rejected = append(s.Rejected, stream.Rejection{Time: now, Status: 401, Addr: "192.168.10.1", Query: "mac=" + mac})
	}
	found := Examine(s, lang.Russian)
	if len(found) != 2 || found[0].MAC != "001565aabb01" || !strings.Contains(found[0].What, "обращений 2") || found[1].MAC != "001565aabb02" {
		t.Errorf("got %+v, want one of each phone", found)
	}
	if only := About(found, "102", []stream.KnownPhone{{MAC: "001565aabb02", Line: "102", Addrs: map[string]time.Time{"192.168.10.1": now}}}); len(only) != 1 || only[0].MAC != "001565aabb02" {
		t.Errorf("102: got %+v", only)
	}
}

func TestALineIsToldWhatConcernsIt(t *testing.T) {
	s := well()
	other := aPhone("001565aabb02", "102", 9)
	other.Events[call.Incoming] = stream.SeenEvent{Count: 9, Unfilled: []string{"remote"}}
	other.Addrs = map[string]time.Time{"192.168.10.12": now}
	s.Phones = append(s.Phones, other)
	s.Store.Calls.Used = 15 << 20
	s.Rejected = []stream.Rejection{{Time: now, Status: 401, Addr: "192.168.10.10"}, {Time: now, Status: 401, Addr: "192.168.10.12"}}
	ids := func(line call.Line, phones ...stream.KnownPhone) (ids []string) {
		for _, f := range About(Examine(s, lang.English), line, phones) {
			ids = append(ids, f.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"store-full", "token-missing"}, ids("101", s.Phones[0])); diff != "" {
		t.Errorf("101 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"store-full", "token-missing", "unfilled"}, ids("102", other)); diff != "" {
		t.Errorf("102 (-want +got):\n%s", diff)
	}
	s.Phones = nil
	if got := Unheard("103", s, lang.English); len(got) != 1 || Healthy(got) {
		t.Errorf("103: got %+v, want that it was never heard", got)
	}
}

func TestAPhoneIsAskedForByItsMACInAnySpelling(t *testing.T) {
	for _, word := range []string{"00:15:65:aa:bb:01", "001565AABB01", "00-15-65-AA-BB-01", "0015.65aa.bb01", "001565aabb01"} {
		if got := Asked(word); got != "001565aabb01" {
			t.Errorf("%s: got %s", word, got)
		}
	}
	for _, line := range []call.Line{"101", "hall", "000000000000", "ivan.petrov", "sip-01"} {
		if got := Asked(string(line)); got != line {
			t.Errorf("line %s: got %s", line, got)
		}
	}
	s := well()
	happened("1m incoming 101 001565aabb01 192.168.10.10 1")(&s)
	s.Phones[0].Events[call.Incoming] = stream.SeenEvent{Count: 9, Unfilled: []string{"remote"}}
	if found := About(Examine(s, lang.English), "001565aabb01", s.Phones); len(found) != 1 || found[0].ID != "unfilled" {
		t.Errorf("got %+v, want what concerns it", found)
	}
	s.Phones = nil // it is not in the book yet, or any more
	if found := Unheard("001565aabb01", s, lang.English); found != nil {
		t.Errorf("got %+v of a phone that has called", found)
	}
	if found := Unheard("001565aabb02", s, lang.Russian); len(found) != 1 || found[0].MAC != "001565aabb02" || !strings.Contains(found[0].What, "с MAC 001565aabb02 ещё ни разу") {
		t.Errorf("got %+v, want that it was never heard", found)
	}
}

func TestALineTellsWhatOneCAnswered(t *testing.T) {
	end := stream.Ended{Target: "main"}
	end.Verdict, end.Answer = verdict.Done(), "ok"
	refused := stream.Ended{Target: "crm"}
	refused.Verdict = verdict.Never("деление на 0")
	told := []Told{{Event: call.Event{Time: now, Type: call.Incoming, Remote: call.Party{URI: "sip:102@pbx"}}, Endings: []stream.Ended{end, refused}}, {Event: call.Event{Time: now, Type: call.Ended}}}
	var out strings.Builder
	PrintLine(&out, "101", told, lang.Russian)
	for _, want := range []string{"Линия 101", "sip:102@pbx", "main: передано ok; crm: отвергнуто: деление на 0", "ещё не передано"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, &out)
		}
	}
}

func TestAnEventThatWasSentAgainIsToldOnce(t *testing.T) {
	end := func(v verdict.Verdict, minutes int) stream.Ended {
		e := stream.Ended{Target: "main", Time: now.Add(time.Duration(minutes) * time.Minute)}
		e.Verdict, e.Answer = v, "ok"
		return e
	}
	at := func(minutes int) string { return now.Add(time.Duration(minutes) * time.Minute).Local().Format("15:04") }
	for want, told := range map[string]Told{
		"main: передано ok, повторно " + at(2):                        {Endings: []stream.Ended{end(verdict.Done(), 1), end(verdict.Done(), 2)}},
		"main: отвергнуто: деление на 0, в " + at(2) + " передано ok": {Endings: []stream.Ended{end(verdict.Never("деление на 0"), 1), end(verdict.Done(), 2)}},
		"main: отвергнуто: деление на 0, повторно " + at(2) + ", в " + at(3) + " передано ok": {Endings: []stream.Ended{
			end(verdict.Never("деление на 0"), 1), end(verdict.Never("деление на 0"), 2), end(verdict.Done(), 3)}},
	} {
		if got := told.answer(lang.Russian); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestALineThatOnlyCallbusSendHasTriedIsNoFault(t *testing.T) {
	s := well()
	s.Phones = nil
	s.Calls = []call.Event{{Type: call.Incoming, Line: "101", Time: now, Phone: call.Phone{Model: call.Trial}}}
	found := Unheard("101", s, lang.Russian)
	if len(found) != 1 || !Healthy(found) || !strings.Contains(found[0].What, "только callbus send") {
		t.Errorf("got %+v, want a note", found)
	}
	if found := Unheard("102", s, lang.Russian); Healthy(found) {
		t.Errorf("102: got %+v, want a fault", found)
	}
}

func TestWhoHasMendedARefusalIsToldHowToSeeIt(t *testing.T) {
	s := well()
	s.Rejected = []stream.Rejection{{Time: ago(time.Hour), Status: http.StatusForbidden, Reason: "wrong token", Addr: "192.168.10.10"}}
	if got := Examine(s, lang.Russian); len(got) == 0 || !strings.Contains(got[0].Do, "callbus doctor --since 10m") {
		t.Errorf("got %+v", got)
	}
}

func TestTheAdminPortIsRead(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "nats: NATS is away\nstore: frozen\n")
	})
	mux.HandleFunc("/targets", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "main: nobody listens: refused\n")
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# HELP callbus_certificate_expires_seconds x\ncallbus_certificate_expires_seconds 1.7956e+09\n# HELP callbus_store_room_bytes x\ncallbus_store_room_bytes 1e+09\n")
	})
	server, older, stranger := httptest.NewServer(mux), httptest.NewServer(http.NotFoundHandler()), "127.0.0.1:1"
	defer server.Close()
	defer older.Close()
	addr := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	want := []Admin{
		{Addr: addr(server), Answers: true, Failing: []string{"nats: NATS is away", "store: frozen"},
			Away: map[string]string{"main": "nobody listens: refused"}, Certificate: time.Unix(1795600000, 0), Ingest: true},
		{Addr: addr(older), Away: map[string]string{}},
		{Addr: stranger, Away: map[string]string{}},
	}
	if diff := cmp.Diff(want, CollectAdmins(t.Context(), []string{addr(server), addr(older), stranger})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
