package trace_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/trace"
)

var update = flag.Bool("update", false, "write the golden stories anew")

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.Local)

func at(ms int) time.Time { return noon.Add(time.Duration(ms) * time.Millisecond) }

func ring() stream.Life {
	return stream.Life{
		Event: call.Event{
			ID: "01a2027d-619f-7aa9-8f57-1f18cf0a920d", Type: call.Incoming, Time: at(0), Line: "101", CallID: "33093",
			Remote: call.Party{URI: "sip:74951234567@operatorsip.ru", Number: "+74951234567", Name: "ООО Ромашка"},
			Phone:  call.Phone{MAC: "001565aabbcc", IP: "192.168.10.10", Model: "SIP-T46U", Firmware: "108.86.0.45"},
			Source: "yealink", Raw: "mac=00:15:65:aa:bb:cc&acc=101&remote=sip:74951234567@operatorsip.ru",
		},
		Stream: stream.Calls, Subject: "calls.incoming", Sequence: 17, Stored: at(2),
	}
}

func ended(target string, v verdict.Verdict, after int, tries ...verdict.Try) *stream.Ended {
	return &stream.Ended{
		Ending: verdict.Ending{Verdict: v, Attempts: len(tries), Tries: tries}, Target: target, Lane: "1-0", Sequence: 17,
		Time: at(after), Number: 9,
	}
}

func try(begin, took, status int, why string) verdict.Try {
	return verdict.Try{Time: at(begin), Took: time.Duration(took) * time.Millisecond, Status: status, Why: why}
}

const refusal = "1C refused: Деление на 0 (HTTP 500, SOAP Fault)"

// stories are one for each thing that may have become of an event.
func stories() map[string][]stream.Life {
	with := func(change func(*stream.Life)) []stream.Life {
		l := ring()
		change(&l)
		return []stream.Life{l}
	}
	return map[string][]stream.Life{
		"delivered": with(func(l *stream.Life) {
			e := ended("main", verdict.Done(), 40, try(6, 31, 0, ""))
			e.Reply = verdict.Reply{Sent: "TelData(Nomer_Sobitia: 1, Nomer_sip: sip:74951234567@pbx, moi_nomer: 101)", Answer: "OK"}
			l.Passages = []stream.Passage{{Target: "main", Sequence: 17, Ending: e}}
		}),
		"late_and_unsure": with(func(l *stream.Life) {
			e := ended("main", verdict.Done(), 86_400_000, try(6, 10_000, 0, "no answer in time; 1C may have processed the call"),
				try(86_399_000, 28, 503, "1C is not available behind the web server (HTTP 503, HTML page)"), try(86_399_950, 50, 0, ""))
			e.Attempts, e.Unsure = 5, true
			l.Passages = []stream.Passage{{Target: "main", Sequence: 17, Ending: e}}
		}),
		"dead": with(func(l *stream.Life) {
			l.Passages = []stream.Passage{{Target: "main", Sequence: 17, Ending: ended("main", verdict.Never(refusal), 1060,
				try(6, 12, 500, refusal), try(1030, 11, 500, refusal))}}
		}),
		"sent_again": with(func(l *stream.Life) {
			l.Passages = []stream.Passage{
				{Target: "main", Sequence: 17},
				{Target: "main", Sequence: 19, Again: at(30_000), Retry: true},
				{Target: "main", Sequence: 21, Again: at(60_000), Ending: ended("main", verdict.Done(), 60_030, try(60_005, 20, 0, ""))},
			}
		}),
		"skipped_and_too_early": with(func(l *stream.Life) {
			l.Event.Type, l.Subject, l.Event.Remote = call.Held, "calls.held", call.Party{}
			l.Event.Site, l.Event.CallID, l.Event.Raw = "spb", "", ""
			l.Passages = []stream.Passage{
				{Target: "crm", Sequence: 17, Before: true},
				{Target: "main", Sequence: 17, Ending: ended("main", verdict.Skip("not for this target: event"), 5)},
			}
		}),
		"waiting": {
			waiting(stream.Wait{Lane: "1-0", Owned: true, InHand: at(30_000), Took: at(-500_000)}),
			waiting(stream.Wait{Lane: "1-0", Owned: true, Ahead: 3}),
			waiting(stream.Wait{Lane: "1-1"}),
		},
		"away": {
			waiting(stream.Wait{Lane: "1-0", Owned: true, InHand: at(30_000), Took: at(-500_000)}),
			waiting(stream.Wait{Lane: "1-0", Owned: true, InHand: at(30_000), Took: at(-500_000), Ahead: 3}),
			waiting(stream.Wait{Lane: "1-1"}),
		},
		"line_and_number": append(with(func(*stream.Life) {}), with(func(l *stream.Life) {
			l.Event.Line, l.Event.Remote, l.Remote = "102", call.Party{Number: "101"}, true
		})...),
		"stopped": {waiting(stream.Wait{Lane: "1-0", InHand: at(30_000), Ahead: 2})},
		"nobody_and_a_phone": append(with(func(*stream.Life) {}), stream.Life{
			Event:  call.Event{ID: "01a2027d-0000-7aa9-8f57-1f18cf0a920d", Type: call.Boot, Time: at(9), Line: "101", Source: "yealink"},
			Stream: stream.Phones, Subject: "phones.boot", Sequence: 2, Stored: at(11),
		}),
	}
}

// around is what is known besides each story.
func around(story string) trace.Around {
	a := trace.Around{Word: "101", Stopped: story == "stopped"}
	if story == "away" {
		a.Away = map[string]string{"main": "nobody listens at this address (127.0.0.1:8090)"}
	}
	return a
}

func waiting(w stream.Wait) stream.Life {
	l := ring()
	l.Passages = []stream.Passage{{Target: "main", Sequence: 17, Wait: &w}}
	return l
}

func TestTheStoriesAreToldInBothLanguages(t *testing.T) {
	for name, lives := range stories() {
		for _, l := range []lang.Lang{lang.English, lang.Russian} {
			var got strings.Builder
			if err := trace.Tell(&got, l, lives, around(name)); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+"."+string(l)+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		}
	}
}
